import pathlib

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import numbers as n
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import operator_options

PROJECT = pathlib.Path(__file__).parents[5]
KNOWN = operator_options(
    yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))
)
# Judged in limits.py, or beside another one.
ELSEWHERE = {
    "glance_cache_stall_time",
    "glance_image_max_bytes",
    "glance_project_max_bytes",
    "glance_scrubber_wakeup_time",
}
CACHE = {"glance_cache_max_bytes": 1}
PURGE = {"glance_purge_images_age_days": 0, "glance_scrub_time": 86400}


def test_every_number_has_a_range():
    assert {name for name, option in KNOWN.items() if option["type"] == "int"} == n.RANGES.keys() | ELSEWHERE


@pytest.mark.parametrize("name", n.RANGES)
def test_a_number_is_refused_below_and_above_its_range_only(name):
    span = n.RANGES[name]
    for value in (span.lowest, span.highest, str(span.lowest)):
        assert name not in n.faults({name: value}), value
    for value in (span.lowest - 1, span.highest + 1, str(span.highest + 1)):
        (sentence,) = n.faults({name: value})[name]
        assert sentence.startswith(f"{name} should be ")
        assert sentence.endswith(f", found {value}")


WRONG = [
    ({"glance_health_timeout": 0}, "glance_health_timeout should be 1 or more, found 0"),
    ({"glance_health_timeout": 1 << 40}, "glance_health_timeout should be 2147483647 or less, found 1099511627776"),
    ({"glance_free_space_percent": 101}, "glance_free_space_percent should be from 0 to 100, found 101"),
    ({"glance_user_id": 65534}, "glance_user_id should be from 1 to 65533, or 0 for the system's choice, found 65534"),
    (
        {"glance_api_port": 9293, "glance_api_backend_port": "9293"},
        "glance_api_port and glance_api_backend_port should be two ports, found 9293 for both",
    ),
    ({**CACHE, "glance_cache_stall_time": 59}, "glance_cache_stall_time should be 60 or more, found 59"),
    ({**CACHE, "glance_cache_calendar": "täglich"}, 'line of text such as hourly, found "t\\u00e4glich"'),
    ({"glance_purge_calendar": ""}, 'glance_purge_calendar should be a line of text such as daily, found ""'),
    (
        {"glance_scrubber_mode": "daemon", "glance_scrubber_wakeup_time": 0},
        "glance_scrubber_wakeup_time should be 1 or more with glance_scrubber_mode daemon, found 0",
    ),
    ({"glance_scrubber_wakeup_time": -1}, "should be 0 or more with glance_scrubber_mode timer, found -1"),
    (
        {**PURGE, "glance_purge_age_days": 1},
        "glance_purge_age_days should be 2 or more with a glance_scrub_time of 86400 s, or 0, found 1",
    ),
    (
        {"glance_purge_age_days": 9, "glance_purge_images_age_days": 10, "glance_scrub_time": 86401},
        "glance_purge_images_age_days should be 12 or more with a glance_purge_age_days of 9, or 0, found 10",
    ),
    (
        {"glance_purge_age_days": 0, "glance_purge_images_age_days": 30, "glance_scrub_time": 0},
        "glance_purge_age_days should be set with glance_purge_images_age_days, found 0",
    ),
]
RIGHT = [
    {"glance_cache_max_bytes": 0, "glance_cache_stall_time": 0, "glance_cache_calendar": "täglich"},
    {**CACHE, "glance_cache_stall_time": 60, "glance_cache_calendar": "*:0/10"},
    {"glance_scrubber_mode": "timer", "glance_scrubber_wakeup_time": 0},
    {"glance_purge_age_days": 9, "glance_purge_images_age_days": 12, "glance_scrub_time": 86401},
    {**PURGE, "glance_purge_age_days": 2},
    # What the others are is not known yet.
    {"glance_purge_age_days": 1},
    {"glance_api_port": 9292},
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[said for _given, said in WRONG])
def test_a_number_that_can_not_be_is_told_with_what_it_should_be(given, said):
    sentences = [sentence for found in n.faults(given).values() for sentence in found]
    assert len(sentences) == 1
    assert said in sentences[0]


@pytest.mark.parametrize("given", RIGHT)
def test_a_number_that_can_be_is_let_through(given):
    assert n.faults(given) == {}
