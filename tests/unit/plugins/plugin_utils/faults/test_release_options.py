"""What the tables of releases tell without a host; molecule/shared/options holds them against the releases."""

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import options
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import release_options as r

RELEASES = ("ussuri", "2025.1", "2025.2", "2026.1", "2026.2")
FILE = {"fast": {"driver": "file", "options": {"filesystem_store_datadir": "/srv/fast"}}}
# By kind of option, texts that oslo.config reads and texts that it does not.
VALUES = {
    "Boolean": (["true", "No", " on ", "1"], ["maybe", "2", ""]),
    "Port": (["0", "65535"], ["65536", "-1", "x"]),
    "Float": (["0.5", "1"], ["x"]),
}


def told(config, name="glance_api_config", release="2026.2", **more):
    given = {"glance_release": release, name: config, **more}
    return r.faults(given, options.faults(given)).get(name, [])


@pytest.mark.parametrize("release", RELEASES)
def test_every_option_of_a_release_is_known_and_no_misspelling_of_one_is(release):
    sections = r.table(release)["sections"]
    assert sum(map(len, sections.values())) > 400
    known = r._known(r.table(release), {})
    program = r._check_options()
    names = [(section, name) for section in sections for name in sections[section]]
    refused = [pair for pair in names if list(program.unknown(known, {pair[0]: {pair[1]: ["x"]}}, release))]
    assert refused == []
    wrong = [(section, f"{name}z") for section, name in names]
    taken = [pair for pair in wrong if not list(program.unknown(known, {pair[0]: {pair[1]: ["x"]}}, release))]
    assert taken == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"DEFAULT": {"debgu": True}},
            "[DEFAULT] debgu of glance_api_config is no option of Glance 2026.2: did you mean debug?",
        ),
        (
            {"task": {"limit_param_default": 5}},
            "[task] limit_param_default of glance_api_config is no option of Glance 2026.2: limit_param_default "
            "belongs to [DEFAULT]",
        ),
        (
            {"corss": {"allowed_origin": "*", "max_age": 5}},
            "[corss] of glance_api_config is no section of Glance 2026.2: did you mean [cors]?",
        ),
        (
            {"DEFAULT": {"debug": "maybe"}},
            "[DEFAULT] debug of glance_api_config should be true or false, found 'maybe'",
        ),
        (
            {"DEFAULT": {"api_limit_max": 0}},
            "[DEFAULT] api_limit_max of glance_api_config should be a whole number from 1, found '0'",
        ),
        (
            {"taskflow_executor": {"engine_mode": "fast"}},
            "[taskflow_executor] engine_mode of glance_api_config should be one of serial, parallel, found 'fast'",
        ),
        (
            {"cors": {"allow_methods": ["GET", "PUT"]}},
            "[cors] allow_methods of glance_api_config should have one value, found 2: write them as one text, with "
            "commas",
        ),
        (
            {"oslo_messaging_notifications": {"driver": ["log", "pigeon"]}},
            "[oslo_messaging_notifications] driver of glance_api_config should be of log, messaging, messagingv2, "
            "noop, routing, test, found pigeon",
        ),
    ],
)
def test_what_a_release_can_not_take_is_told_with_its_variable(config, sentence):
    assert told(config) == [sentence]


@pytest.mark.parametrize(
    "config",
    [
        {"DEFAULT": {"debug": True, "api_limit_max": "500", "limit_param_default": None}},
        # A reference, and options that other judges tell of or that the role renames.
        {"DEFAULT": {"api_limit_max": "$limit_param_default", "bind_host": "0.0.0.0", "sql_max_pool_size": 3}},
        {"Cors": {"allowed_origin": "https://dashboard.lab.test"}},
        {"keystone_authtoken": {"auth_type": "v3applicationcredential", "application_credential_id": "x"}},
        {"keystone_authtoken": {"auth_section": "mine"}, "mine": {"username": "x"}},
        {"os_glance_staging_store": {"filesystem_store_datadir": "/srv/staging"}},
        {"nowhere": {"gone": None}},
    ],
)
def test_what_it_can_is_let_through(config):
    assert told(config) == []


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_a_type(kind):
    right, wrong = VALUES[kind]
    limits = {"min": 0, "max": 65535} if kind == "Port" else {}
    made = r._kind({"type": kind, **limits})
    for text in right:
        r._read(made, text)
    for text in wrong:
        if text or kind == "Boolean":
            with pytest.raises(ValueError, match=r".*"):
                r._read(made, text)


def test_options_of_a_store_are_those_of_its_driver():
    stores = {"fast": {"driver": "file", "options": {"filesystem_store_datadri": "/x", "weight": "many"}}}
    assert told(stores, "glance_stores") == [
        "filesystem_store_datadri of the store fast in glance_stores should be an option of the driver file, found "
        "none of that name: did you mean filesystem_store_datadir?",
        "weight of the store fast in glance_stores should be a whole number, found 'many'",
    ]
    assert told({**FILE, "far": {"driver": "rbd", "options": {"rbd_store_pool": "p"}}}, "glance_stores") == []


def test_a_value_that_may_be_secret_is_not_shown():
    stores = {"s": {"driver": "s3", "options": {"s3_store_secret_key": ["hidden", "hidden"]}}}
    assert "hidden" not in str(told(stores, "glance_stores"))


@pytest.mark.parametrize("more", [{"glance_install_method": "package"}, {"release": "zed"}])
def test_packages_and_releases_without_a_table_are_left_to_the_host(more):
    assert told({"DEFAULT": {"debgu": True}}, **more) == []


@pytest.mark.parametrize(
    ("facts", "right", "wrong"),
    [
        ({}, ["a,b,", "[a]", "", " , ", "'a'"], []),
        (
            {"bounds": True},
            ["[a,b]", "[a],", "[]", "[ ]", "[a,],,", "['a','b']"],
            ["", ",", "a", "[a", "a]", "[", "[a],b"],
        ),
        ({"item_type": {"type": "Integer", "min": 0}}, ["1,2,", " 1 , 2", "1,,2"], ["1,x", "1,-2"]),
        (
            {"bounds": True, "item_type": {"type": "String", "choices": ["a", "b"]}},
            ["[a,b]", "['a', \"b\"]", "[a],", "[]"],
            ["[c]", "[a,c]", "[a,]"],
        ),
    ],
)
def test_lists_are_read_as_oslo_config_reads_them(facts, right, wrong):
    made = r._kind({"type": "List", "item_type": {"type": "String"}, **facts})
    for text in right:
        r._read(made, text)
    for text in wrong:
        with pytest.raises(ValueError, match=r".*"):
            r._read(made, text)


def test_a_number_of_a_few_is_one_of_them():
    made = r._kind({"type": "Integer", "choices": ["2", "3"]})
    r._read(made, "3")
    with pytest.raises(ValueError, match="4"):
        r._read(made, "4")


@pytest.mark.parametrize("release", RELEASES)
def test_sections_for_further_origins_are_there_up_to_2025_2(release):
    config = {"cors": {"allowed_origin": "https://a"}, "cors.horizon": {"allowed_origin": "https://b", "max_age": 5}}
    if release.startswith("2026"):
        (sentence,) = told(config, release=release)
        assert sentence.startswith(f"[cors.horizon] of glance_api_config is no section of Glance {release}")
    else:
        assert told(config, release=release) == []
        (sentence,) = told({"cors.horizon": {"max_ages": "x"}}, release=release)
        assert sentence.endswith(f"is no option of Glance {release}: did you mean max_age?")
        (sentence,) = told({"corss": {"max_age": 5}}, release=release)
        assert sentence.endswith(": did you mean [cors]?")


@pytest.mark.parametrize("text", ["true\a", "[a\a"])
def test_a_sentence_has_no_control_characters(text):
    (sentence,) = told({"import_filtering_opts": {"allowed_schemes": text}})
    assert sentence.endswith(f"found '{text[:-1]}?': it should begin with [ and end with ]")


@pytest.mark.parametrize("text", ["['http']", '["http", "https"]', "[http],", "[http,]", "[]", "[ ]"])
def test_entries_may_stand_in_quotes_and_before_a_comma(text):
    assert told({"import_filtering_opts": {"allowed_schemes": text}}) == []


@pytest.mark.parametrize("text", ["nosuch", ["log", "nosuch"]])
def test_a_list_of_what_is_installed_is_told_once(text):
    assert len(told({"oslo_messaging_notifications": {"driver": text}})) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_import_plugins_are_those_of_the_release(release):
    plugins = specs.operator_options([yaml.safe_load((specs.ROLES / "api/meta/argument_specs.yml").read_text())])
    assert sorted(plugins["glance_import_plugins"]["choices"]) == sorted(r.table(release)["import_plugins"])


@pytest.mark.parametrize("release", RELEASES)
def test_a_limit_of_zero_is_one(release):
    (sentence,) = told({"database": {"connection_debug": -1}}, release=release)
    assert sentence.endswith("should be a whole number from 0 to 100, found '-1'")
    assert told({"database": {"connection_debug": 0}}, release=release) == []
