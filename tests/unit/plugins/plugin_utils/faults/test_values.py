import datetime

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import values as v


def store(**options):
    return {"glance_stores": {"s": {"driver": "s3", "options": options}}}


WRONG = [
    ({"glance_config": {"DEFAULT": "hidden"}}, "section [DEFAULT] of glance_config should hold options, found a text"),
    ({"glance_api_config": {"DEFAULT": None}}, "found nothing: a null removes an option, not a section"),
    ({"glance_api_config": {"DEFAULT": ["hidden"]}}, "found a list"),
    ({"glance_api_unit": {"Service": 1}}, "section [Service] of glance_api_unit should hold options, found a number"),
    ({"glance_config": {"a\nb": {}}}, 'found "a?b"'),
    ({"glance_config": {"a]b": {}}}, 'found "a]b"'),
    ({"glance_config": {"": {}}}, 'found ""'),
    ({"glance_config": {True: {}}}, "found a boolean"),
    (
        {"glance_config": {"DEFAULT": {"a=b": 1}}},
        "an option of [DEFAULT] in glance_config should have a name of letters",
    ),
    ({"glance_config": {"DEFAULT": {" a": 1}}}, 'found " a"'),
    ({"glance_config": {"DEFAULT": {1: 1}}}, "found a number"),
    (
        {"glance_config": {"DEFAULT": {"a": {"b": 1}}}},
        "[DEFAULT] a of glance_config should be a value or a list of values",
    ),
    ({"glance_config": {"DEFAULT": {"a": ["x", None]}}}, "found nothing in a list"),
    ({"glance_config": {"DEFAULT": {"a": [["hidden"]]}}}, "found a list in a list"),
    ({"glance_config": {"DEFAULT": {"a": "hid\nden"}}}, "found a line break in it"),
    ({"glance_config": {"DEFAULT": {"a": ["x", "hid\rden"]}}}, "found a line break in it"),
    ({"glance_config": {"DEFAULT": {"a": "hid\0den"}}}, "found a NUL in it"),
    ({"glance_config": {"x": {"password": 83}}}, "[x] password of glance_config should be a text, found a number"),
    ({"glance_config": {"x": {"password": True}}}, "found a boolean: put it in quotes"),
    ({"glance_config": {"x": {"username": datetime.date(2026, 1, 1)}}}, "found a date: put it in quotes"),
    ({"glance_config": {"x": {"password": ["a", "b"]}}}, "found a list: give it one value"),
    (
        {"glance_scrubber_unit": {"Service": {"UMask": 23}}},
        "should be a text, found a number: put its digits in quotes",
    ),
    ({"glance_registry_unit": {"Unit": {"After": "a\nb"}}}, "found a line break in it"),
    (
        {"glance_api_unit": {"Unit": {"Description": "hidden\\"}}},
        "[Unit] Description of glance_api_unit should end with another character, found a backslash",
    ),
    ({"glance_registry_unit": {"Service": {"Environment": ["A=1", "B=hidden\\ "]}}}, "found a backslash"),
    ({"glance_api_uwsgi": {"uwsgi": {"processes": 1}}}, "found a dict: glance_api_uwsgi has no sections"),
    ({"glance_api_uwsgi": {"a b": 1}}, 'found "a b"'),
    ({"glance_api_uwsgi": {"a": "x\ny"}}, "a of glance_api_uwsgi should be one line of text"),
    ({"glance_api_policy": {"get_image": None}}, 'found nothing: write "@" to let everybody, "!" to let nobody'),
    ({"glance_api_policy": {"get_image": True}}, "found a boolean: put it in quotes"),
    (
        {"glance_api_policy": {"get_image": ["a"]}},
        "get_image of glance_api_policy should be a rule in one text, found a li",
    ),
    ({"glance_api_policy": {"": "@"}}, 'found ""'),
    (
        {"glance_stores": {"s": None}},
        "the store s of glance_stores should be a dict with driver and options, found nothing",
    ),
    ({"glance_stores": {"s": "file"}}, "found a text"),
    ({"glance_stores": {1: {}}}, "found a number"),
    (
        {"glance_stores": {"s": {"driver": 3}}},
        "the driver of the store s in glance_stores should be a text, found a number",
    ),
    ({"glance_stores": {"s": {"driver": "file", "options": None}}}, "found nothing: take the line away"),
    (
        {"glance_stores": {"s": {"driver": "file", "options": ["a"]}}},
        "options of the store s in glance_stores should be a d",
    ),
    ({"glance_stores": {"s": {"driver": "file", "option": {}}}}, 'found "option": put it below options'),
    (
        store(s3_store_secret_key=83),
        "s3_store_secret_key of the store s in glance_stores should be a text, found a number",
    ),
    (store(s3_store_access_key=False), "found a boolean"),
    (store(s3_store_bucket=83), "s3_store_bucket of the store s in glance_stores should be a text"),
    (store(s3_store_host=["h1", "h2"]), "found a list: give it one value"),
    (store(s3_store_secret_key="hid\\$den"), "should hold no backslash before a dollar sign"),
    (store(filesystem_store_file_perm=416), "found a number: put its digits in quotes"),
    (store(**{"a b": 1}), 'found "a b"'),
    (
        {"glance_database_url": "mysql://g:hid\\$den@h/g"},
        "glance_database_url should hold no backslash before a dollar",
    ),
]
RIGHT = [
    {"glance_config": {}, "glance_api_unit": {}, "glance_stores": {}, "glance_api_policy": {}, "glance_api_uwsgi": {}},
    {"glance_config": {"DEFAULT": {"a": None, "b": True, "c": 1.5, "d": ["x", 2], "e": "$c", "f": ""}}},
    {"glance_config": {"cors": {"allow_credentials": True}, "X-Glance": {"a": 1}, "oslo.x": {"a-b": 1}}},
    {"glance_api_unit": {"Service": {"LoadCredential": ["a:/b", "c:/d"], "Environment": None, "UMask": "0027"}}},
    {"glance_api_policy": {"get_image": "role:a or\n role:b", "x": "@"}},
    {"glance_api_uwsgi": {"add-header": ["a", "b"], "thunder-lock": None}},
    {"glance_stores": {"s": {"driver": "http"}, "t": {"driver": "file", "options": {}}}},
    store(
        s3_store_secret_key="$a", filesystem_store_datadirs=["/a:1", "/b"], s3_store_create_bucket_on_put=True, weight=1
    ),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[said for _given, said in WRONG])
def test_what_no_file_can_hold_is_told_without_its_value(given, said):
    found = v.faults(given)
    assert list(found) == list(given)
    (sentence,) = next(iter(found.values()))
    assert said in sentence
    assert "hid" not in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize("given", RIGHT)
def test_what_a_file_can_hold_is_let_through(given):
    assert v.faults(given) == {}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("glance_keystone_password", "a\n", True),
        ("glance_keystone_password", "a b", False),
        ("glance_tls_key", "a\nb\n", False),
        ("glance_tls_key", "a\0b", True),
        ("glance_database_password", "a\nb", False),
        ("password of a in glance_basic_users", "a\nb", True),
    ],
)
def test_a_text_of_several_lines_is_refused_where_one_is_wanted(name, value, told):
    assert bool(list(v.lone_lines(name, value))) is told
