"""All that is said of wrong values, whatever their type: in sentences, without internals and without a secret."""

import datetime
import pathlib
import re

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import judge
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import operator_options
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import SERVICES
from parties import Party

PROJECT = pathlib.Path(__file__).parents[4]
KNOWN = operator_options(
    yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))
)
KEYSTONE = {"glance_auth": "keystone", "glance_keystone_url": "http://h:5000", "glance_cache_max_bytes": 1}
USER = {"name": "a", "project": "p", "password": "hidden-hidden"}
MOUNT = {"path": "/srv/images", "src": "nas:/x"}
IMAGE = {"name": "a", "disk_format": "raw"}
FILE = {"driver": "file", "options": {"filesystem_store_datadir": "/srv/images"}}
# A host with everything.
EVERYTHING = {hosts.SERVICES: SERVICES, hosts.FACTS: {"distribution": "Debian"}, hosts.PLATFORMS: ["Debian 13"]}
# What Python, Jinja2 or Ansible say of themselves.
INTERNAL = re.compile(
    r"<class|NoneType|Traceback|object at|has no [ael]|unhashable|subscript|undefined|Error\b|Exception|\{\{"
    r"|unable to convert|Elements value|is of type|datetime"
)
# Images have an option of that name, which is told among the others.
SECRET = re.compile(r"hid(?!den, protected)")
VALUES = {
    "null": None,
    "list": ["hidden"],
    "empty list": [],
    "text": "hidden",
    "empty text": "",
    "number": 83,
    "fraction": 1.5,
    "endless": float("inf"),
    "no number": float("nan"),
    "boolean": True,
    "date": datetime.date(2026, 1, 1),
    "dict": {"a": "hidden"},
    "nested": {"a": {"b": {"c": ["hidden"]}}},
    "numbers": {1: {2: 3}},
    "nulls": {"a": None},
    "nested list": [["hidden"], {"a": None}, None],
    "lines": "hid\nden",
    "NUL": "hid\0den",
}
# What may stand where, on each level, as a function of the value.
PLACES = {
    **{name: lambda value, name=name: {name: value} for name in KNOWN},
    "store": lambda value: {"glance_stores": {"s": value}},
    "driver": lambda value: {"glance_stores": {"s": {**FILE, "driver": value}}},
    "options of a store": lambda value: {"glance_stores": {"s": {**FILE, "options": value}}},
    "option of a store": lambda value: {
        "glance_stores": {"s": {"driver": "s3", "options": {"s3_store_secret_key": value}}}
    },
    "directory": lambda value: {
        "glance_stores": {"s": {"driver": "file", "options": {"filesystem_store_datadir": value}}}
    },
    "directories": lambda value: {
        "glance_stores": {"s": {"driver": "file", "options": {"filesystem_store_datadirs": value}}}
    },
    "mount": lambda value: {"glance_mounts": [value]},
    "path": lambda value: {"glance_mounts": [{**MOUNT, "path": value}]},
    "user": lambda value: {"glance_basic_users": [value]},
    "name": lambda value: {"glance_basic_users": [{**USER, "name": value}]},
    "password": lambda value: {"glance_basic_users": [{**USER, "password": value}]},
    "roles": lambda value: {"glance_basic_users": [{**USER, "roles": value}]},
    "image": lambda value: {"glance_images": [value]},
    **{
        f"{option} of an image": lambda value, option=option: {"glance_images": [{**IMAGE, option: value}]}
        for option in ("uri", "src", "os_hash_value", "properties", "tags", "keep")
    },
    "property": lambda value: {"glance_images": [{**IMAGE, "properties": {"os_version": value}}]},
    **{
        f"section of {name}": lambda value, name=name: {name: {"DEFAULT": value}}
        for name in KNOWN
        if name.endswith(("_config", "_unit"))
    },
    **{
        f"option of {name}": lambda value, name=name: {
            name: {"DEFAULT": {"x": value}, "os_glance_staging_store": value}
        }
        for name in KNOWN
        if name.endswith(("_config", "_unit"))
    },
    **{
        f"option {option} of [{section}]": lambda value, section=section, option=option: {
            "glance_api_config": {section: {option: value}}
        }
        for section, option in [
            ("DEFAULT", "log_dir"),
            ("oslo_concurrency", "lock_path"),
            ("paste_deploy", "config_file"),
            ("task", "work_dir"),
            ("os_glance_staging_store", "filesystem_store_datadir"),
        ]
    },
    "option of uWSGI": lambda value: {"glance_api_uwsgi": {"env": value}},
    "environment": lambda value: {"glance_api_unit": {"Service": {"Environment": value}}},
    "rule": lambda value: {"glance_api_policy": {"get_image": value}},
}
# A word in place of a number, a choice, an address or a path is shown: it is no secret.
SHOWN = {
    *(name for name, option in KNOWN.items() if "choices" in option or option["type"] in ("int", "bool", "path")),
    *("option config_file of [paste_deploy]", "driver", "directory", "directories", "path"),
    *(place for place in PLACES if place.startswith("option ") and "[" in place),
    *(name for name in KNOWN if name.endswith(("_address", "_directory", "_directories", "_ca_file", "_public_url"))),
    *("glance_keystone_url", "glance_identity_internal_url", "glance_identity_admin_url"),
    *("glance_import_scan_mirror", "glance_import_scan_server", "glance_import_scan_signatures"),
    "glance_api_policy",
    "glance_api_serial",
    "glance_api_trusted_proxies",
    "glance_default_store",
    "keep of an image",
    "rule",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_any_type_is_let_through_or_told_in_a_sentence(place):
    for kind, value in VALUES.items():
        told = judge({**KEYSTONE, **PLACES[place](value)}, KNOWN, beside=EVERYTHING)
        assert [sentence for sentence in told if INTERNAL.search(sentence)] == [], kind
        assert [sentence for sentence in told if not sentence.isprintable() or len(sentence) > 400] == [], kind
        if place not in SHOWN:
            assert [sentence for sentence in told if SECRET.search(sentence)] == [], kind


STRUCTURED = sorted(name for name, option in KNOWN.items() if option["type"] in ("dict", "list"))


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("kind", ["null", "text", "empty text", "number", "boolean", "date"])
def test_a_structured_variable_that_is_none_is_refused_by_its_name(name, kind):
    assert any(name in sentence for sentence in judge({name: VALUES[kind]}, KNOWN))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"glance_keystone_password": 83}, "glance_keystone_password should be a text, found a number: put it in quot"),
        ({"glance_database_password": True}, "glance_database_password should be a text, found a boolean: put it in q"),
        ({"glance_database_user": datetime.date(2026, 1, 1)}, "glance_database_user should be a text, found a date"),
        ({"glance_keystone_password": "hid\nden"}, "glance_keystone_password should be one line of text, found a line"),
        ({"glance_basic_users": [{**USER, "project": "p\n"}]}, "project of a in glance_basic_users should be one line"),
        ({"glance_basic_users": [{**USER, "roles": ["admin\n"]}]}, "an entry of roles of a in glance_basic_users shou"),
        ({"glance_basic_users": [{**USER, "name": 1}]}, "should be a text, found a number: put it in quotes"),
        ({"glance_basic_users": [{**USER, "password": 83}]}, "password of a in glance_basic_users should be a text, f"),
        ({"glance_purge_calendar": "daily\n[Install]"}, "glance_purge_calendar should be one line of text"),
        ({"glance_api_trusted_proxies": [1]}, "an entry of glance_api_trusted_proxies should be a text, found a numbe"),
        ({"glance_api_port": "many"}, "glance_api_port should be an int, found many"),
        ({"glance_api_port": True}, "glance_api_port should be an int, found a boolean"),
        ({"glance_tls_key": "hid\0den"}, "glance_tls_key should be one line of text, found a NUL"),
        (
            {"glance_files": [{"path": "/etc/glance/x\n", "content": ""}]},
            "path of an entry of glance_files should be one",
        ),
        ({"glance_auth": "basik"}, "glance_auth should be one of none, basic, keystone, found basik: correct it"),
        (
            {"glance_api_import_methods": ["hi\nd"]},
            "glance_api_import_methods should be of glance-direct, web-download",
        ),
        ({"glance_basic_users": [{**USER, "roles ": []}]}, "a in glance_basic_users should have name, project, passw"),
        ({"glance_basic_users": [{"name": "a"}]}, "a in glance_basic_users should have project, found none: add it"),
        ({"glance_mounts": [{"path": "/srv/x"}]}, "/srv/x in glance_mounts should have src"),
        (
            {
                "glance_stores": {"cors": FILE},
                "glance_default_store": "cors",
                "glance_config": {"cors": {"max_age": 1}},
            },
            "a store of glance_stores should have a name of letters, digits and _.- that no section of Glance has",
        ),
        ({"glance_identity_admin": {"user": 1}}, "user of glance_identity_admin should be a text, found a number"),
    ],
)
def test_a_value_that_is_not_what_was_written_is_refused(given, said):
    (sentence,) = judge(given, KNOWN)
    assert sentence.startswith(said) or said in sentence
    assert "hid" not in sentence


@pytest.mark.parametrize(
    "given",
    [
        {},
        # As -e name=value gives them, and a release as YAML reads it.
        {"glance_api_port": "9292", "glance_delayed_delete": "yes", "glance_release": 2026.2},
        {"glance_database_engine": "postgresql", "glance_database_password": "any\ntext"},
        Party("glance1").variables,
        {"glance_files": [{"path": "/etc/glance/x.conf", "content": "[a]\nb = c\n"}]},
        {"glance_basic_users": [USER], "glance_mounts": [MOUNT]},
        {"glance_files": [{"path": "/etc/glance/own.conf", "content": "[own]\nhidden = 1\n"}]},
    ],
)
def test_what_was_written_is_let_through(given):
    assert judge(given, KNOWN) == []


CACHE = {"glance_cache_max_bytes": 1}
MARIADB = {"glance_database_engine": "mariadb", "glance_database_password": "hidden"}
RELEASES = yaml.safe_load((PROJECT / "roles/common/vars/main/releases.yml").read_text())["__glance_releases"]
# What the variables of a host alone show, with words of the sentence.
ALONE = [
    # What the release says: a fresh host has no package, user or file of it yet.
    *(
        ({"glance_api_config": {section: {option: value}}}, said)
        for section, option, value, said in [
            (
                "DEFAULT",
                "debgu",
                True,
                "[DEFAULT] debgu of glance_api_config is no option of Glance 2026.2: did you mean debug?",
            ),
            (
                "DEFAULT",
                "debug",
                "maybe",
                "[DEFAULT] debug of glance_api_config should be true or false, found 'maybe'",
            ),
            ("keystone_authtoken", "usrname", "x", "is no option of Glance 2026.2: did you mean username?"),
            ("image_conversion", "output_format", "vhdx2", "should be set by glance_import_format"),
            ("image_import_opts", "image_import_plugins", "[no_op]", "should be set by glance_import_plugins"),
            ("oslo_messaging_notifications", "driver", "nosuch", "test, found nosuch"),
        ]
    ),
    (
        {"glance_config": {"DEFAULT": {"metadata_encryption_key": "hidden"}}},
        "[DEFAULT] metadata_encryption_key of glance_config should be 16, 24 or 32 bytes long, found 6",
    ),
    (
        {"glance_release": "ussuri", "glance_api_config": {"DEFAULT": {"use_keystone_limits": True}}},
        "option of Glance ussuri",
    ),
    (
        {"glance_api_policy": {"get_image": "role admin"}},
        "get_image of glance_api_policy should be a rule that oslo.policy",
    ),
    ({"glance_api_policy": {"get_imag": "@"}}, "found neither: did you mean get_image?"),
    ({"glance_database_host": "db host;x"}, "glance_database_host should be an address or a name of a host"),
    (
        {"glance_api_trusted_proxies": ["proxy1"]},
        "an entry of glance_api_trusted_proxies should be an address or a network",
    ),
    ({"glance_release": 2026.2, "glance_health_timeout": 0}, "glance_health_timeout should be 1 or more, found 0"),
    ({"glance_scrub_time": -1}, "glance_scrub_time should be 0 or more, found -1"),
    ({"glance_api_port": 0}, "glance_api_port should be from 1 to 65535, found 0"),
    ({"glance_api_port": 65536}, "glance_api_port should be from 1 to 65535, found 65536"),
    ({"glance_api_backend_port": -1}, "glance_api_backend_port should be from 1 to 65535, found -1"),
    ({"glance_api_backend_port": 9292}, "glance_api_port and glance_api_backend_port should be two ports"),
    (
        {"glance_purge_age_days": -1},
        "glance_purge_age_days should be from 0 to 9999, found -1",
    ),
    ({"glance_purge_images_age_days": 10000}, "glance_purge_images_age_days should be from 0 to 9999, found 10000"),
    (
        {"glance_purge_age_days": 1, "glance_scrub_time": 86400},
        "glance_purge_age_days should be 2 or more with a glance_scrub_time of 86400 s, or 0, found 1",
    ),
    (
        {"glance_purge_age_days": 9, "glance_purge_images_age_days": 10, "glance_scrub_time": 86401},
        "glance_purge_images_age_days should be 12 or more with a glance_purge_age_days of 9, or 0, found 10",
    ),
    ({"glance_purge_images_age_days": 30}, "glance_purge_age_days should be set with glance_purge_images_age_days"),
    ({"glance_purge_timeout": 0}, "glance_purge_timeout should be 1 or more, found 0"),
    ({"glance_purge_calendar": "täglich"}, "glance_purge_calendar should be a line of text"),
    ({"glance_cache_max_bytes": -1}, "glance_cache_max_bytes should be 0 or more, found -1"),
    ({**CACHE, "glance_cache_stall_time": 59}, "glance_cache_stall_time should be 60 or more, found 59"),
    ({**CACHE, "glance_cache_calendar": "täglich"}, "glance_cache_calendar should be a line of text"),
    ({"glance_registry_port": 70000}, "glance_registry_port should be from 1 to 65535, found 70000"),
    ({"glance_api_processes": 0}, "glance_api_processes should be 1 or more, found 0"),
    ({"glance_api_threads": -4}, "glance_api_threads should be 1 or more, found -4"),
    ({"glance_api_transfers": 0}, "glance_api_transfers should be from 1 to 4096, found 0"),
    ({"glance_api_drain_timeout": -1}, "glance_api_drain_timeout should be 0 or more"),
    (
        {"glance_config": {"DEFAULT": {"auth_region": "x"}}},
        "[DEFAULT] auth_region should be taken away, found it in glance_config: gone since Victoria",
    ),
    (
        {"glance_config": {"DEFAULT": {"log_file": "/var/log/glance.log"}}},
        "log files should lie in a folder of their own",
    ),
    ({"glance_user_id": 65534}, "glance_user_id should be from 1 to 65533"),
    ({"glance_basic_users": []}, "glance_basic_users should name who may use the API"),
    (
        {"glance_image_max_bytes": 2, "glance_project_max_bytes": 1},
        "glance_project_max_bytes should be 0 (no limit) or at least glance_image_max_bytes (2), found 1",
    ),
    ({"glance_free_space_percent": 101}, "glance_free_space_percent should be from 0 to 100"),
    ({"glance_basic_users": [{**USER, "name": "a b"}]}, 'found "a b"'),
    ({"glance_basic_users": [{**USER, "name": ""}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "name": "-i"}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "roles": ["admin "]}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "roles": []}]}, "should have a role, found none for a"),
    ({"glance_basic_users": [{**USER, "roles": ["admin,member"]}]}, 'found "admin,member"'),
    ({"glance_basic_users": [USER, USER]}, "should be there once, found a, a"),
    ({"glance_basic_users": [{"name": "a", "project": "p"}]}, "found none or both for a"),
    ({"glance_basic_users": [{**USER, "password_hash": "$6$a$b"}]}, "found none or both for a"),
    ({"glance_basic_users": [{**USER, "password": ""}]}, "found none or both for a"),
    (
        {"glance_basic_users": [{"name": "a", "project": "p", "password_hash": "hidden"}]},
        "should be one that crypt makes",
    ),
    ({"glance_scrubber_pool_size": 0}, "glance_scrubber_pool_size should be 1 or more, found 0"),
    ({"glance_scrubber_timeout": 0}, "glance_scrubber_timeout should be from 1 to 3000, found 0"),
    ({"glance_scrubber_timeout": 3001}, "glance_scrubber_timeout should be from 1 to 3000, found 3001"),
    (
        {"glance_scrubber_mode": "daemon", "glance_scrubber_wakeup_time": 0},
        "glance_scrubber_wakeup_time should be 1",
    ),
    ({"glance_scrubber_wakeup_time": -1}, "glance_scrubber_wakeup_time should be 0 or more"),
    ({**MARIADB, "glance_database_max_connections": 9}, "glance_database_max_connections should be 10 or more"),
]


@pytest.mark.parametrize(("given", "said"), ALONE, ids=[said for _given, said in ALONE])
def test_what_the_variables_of_a_host_alone_show_is_told(given, said):
    basic = {"glance_auth": "basic", "glance_basic_users": [USER], "glance_database_password": "hidden"}
    told = judge({**basic, **given}, KNOWN, (), RELEASES)
    assert any(said in sentence for sentence in told), told
    assert "hidden" not in str(told)
    assert judge(basic, KNOWN, (), RELEASES) == []
