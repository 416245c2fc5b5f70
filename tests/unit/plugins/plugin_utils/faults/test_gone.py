import pathlib
import re

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import gone as g
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import options
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import FILES
from ansible_collections.glanceops.image_service.plugins.plugin_utils.renamed import RENAMED

PROJECT = pathlib.Path(__file__).parents[5]
VARS = PROJECT / "roles/common/vars/main"
RELEASES = yaml.safe_load((VARS / "releases.yml").read_text())["__glance_releases"]


def told(section, option, value="x", release="2026.2", name="glance_api_config"):
    return g.faults({"glance_release": release, name: {section: {option: value}}})


@pytest.mark.parametrize(
    ("section", "option", "said"),
    [
        ("DEFAULT", "verbose", "gone since Pike; set debug"),
        ("DEFAULT", "scrubber_datadir", "gone since Liberty"),
        ("DEFAULT", "registry_client_timeout", "gone since Victoria; every service asks the database"),
        ("DEFAULT", "admin_role", "gone since Wallaby; glance_api_policy"),
        ("DEFAULT", "qpid_tcp_nodelay", "gone since Mitaka; set transport_url"),
        ("oslo_messaging_rabbit", "rabbit_password", "gone since Stein; say it in transport_url"),
        ("OSLO_messaging_rabbit", "rabbit_password", "gone since Stein; say it in transport_url"),
        ("DEFAULT", "use_forwarded_for", "no release of Glance had it; glance_api_trusted_proxies"),
        ("DEFAULT", "backlog", "gone since 2026.2; uWSGI serves Glance"),
        ("oslo_messaging_amqp", "sasl_mechanisms", "gone since 2025.1"),
        ("sheep", "sheepdog_store_port", "gone since Ussuri"),
    ],
)
@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_gone_is_named_with_what_to_do_instead(section, option, said, name):
    assert list(told(section, option, "hidden", name=name)) == [name]
    (sentence,) = told(section, option, "hidden", name=name)[name]
    assert sentence.startswith(f"[{section}] {option} should be taken away, found it in {name}: ")
    assert said in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize(
    ("section", "option"),
    [("DEFAULT", "debug"), ("default", "verbose"), ("fast", "verbose"), ("DEFAULT", "verbosely"), ("database", "host")],
)
def test_any_other_option_is_free(section, option):
    assert told(section, option) == {}


@pytest.mark.parametrize("value", [False, "", 0, [], "x"])
def test_some_value_is_there_all_the_same(value):
    assert told("DEFAULT", "verbose", value)


def test_a_null_takes_it_away_as_it_should_be():
    assert told("DEFAULT", "verbose", None) == {}


@pytest.mark.parametrize(
    ("option", "releases"),
    [
        ("registry_host", ["2026.2", "2026.1", "2025.2", "2025.1"]),
        ("backlog", ["2026.2"]),
        ("watch_log_file", ["2026.2", "2026.1"]),
        ("verbose", list(RELEASES)),
        ("use_forwarded_for", list(RELEASES)),
    ],
)
def test_a_release_that_has_an_option_takes_it(option, releases):
    assert [release for release in RELEASES if told("DEFAULT", option, release=release)] == releases


def test_a_release_that_nobody_knows_yet_is_the_newest():
    assert told("DEFAULT", "backlog", release="2027.1")


def test_every_release_of_the_table_has_its_place():
    assert {release.lower() for release in RELEASES} <= {name.lower() for name in g.SERIES}
    assert {gone.since for gone in g.GONE} - {""} <= set(g.SERIES)


def test_one_sentence_is_enough_for_an_option_of_a_variable_that_is_gone():
    given = {"glance_release": "2026.2", "glance_api_config": {"DEFAULT": {"registry_host": "h"}}}
    assert options.faults(given) == {}
    assert (
        "set by glance_registry_host" in options.faults({**given, "glance_release": "ussuri"})["glance_api_config"][0]
    )


def test_what_is_written_under_a_new_name_is_not_called_gone():
    found = [each for each in RENAMED if g.find(each.section, each.option, "2026.2")]
    assert found == []


def test_the_advice_is_no_option_that_is_gone_itself():
    for gone in g.GONE:
        for option in re.findall(r"set (\w+) of", gone.instead):
            assert not any(re.fullmatch(other.option, option) for other in g.GONE if other.option != ".*"), gone
