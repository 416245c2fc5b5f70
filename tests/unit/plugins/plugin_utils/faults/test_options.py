import pathlib
import re

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import options as o
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import FILES, UNITS

PROJECT = pathlib.Path(__file__).parents[5]
STORES = {"file": {"driver": "file"}, "attic": {"driver": "file"}}
CONNECTION = "mysql+pymysql://glance:hidden@h/glance"
# (variable, section, option, value): words that say what to do instead.
OWNED = [
    ("glance_config", "DEFAULT", "bind_host", "0.0.0.0", "set by glance_api_bind_address"),
    ("glance_api_config", "DEFAULT", "bind_host", None, "set by glance_api_bind_address"),
    ("glance_registry_config", "DEFAULT", "bind_host", "0.0.0.0", "set by glance_registry_bind_address"),
    ("glance_api_config", "DEFAULT", "bind_port", 1, "set by glance_api_port"),
    ("glance_registry_config", "DEFAULT", "bind_port", 1, "set by glance_registry_port"),
    ("glance_api_config", "DEFAULT", "workers", 1, "set by glance_api_processes"),
    ("glance_registry_config", "DEFAULT", "workers", 1, "set by glance_registry_processes"),
    ("glance_api_config", "DEFAULT", "cert_file", "/x", "set by glance_tls_certificate"),
    ("glance_api_config", "DEFAULT", "key_file", "/x", "set by glance_tls_key"),
    ("glance_api_config", "DEFAULT", "ca_file", "/x", "set by glance_tls_ca"),
    ("glance_api_config", "oslo_middleware", "enable_proxy_headers_parsing", False, "set by the role"),
    ("glance_config", "oslo_middleware", "enable_proxy_headers_parsing", None, "set by the role"),
    ("glance_api_config", "DEFAULT", "enabled_backends", "a:file", "set by glance_stores"),
    ("glance_scrubber_config", "glance_store", "default_backend", "a", "set by glance_default_store"),
    ("glance_config", "GLANCE_STORE", "default_backend", "a", "set by glance_default_store"),
    ("glance_config", "glance_store", "stores", "file,http", "set by glance_stores,"),
    ("glance_config", "glance_store", "default_store", "file", "set by glance_default_store,"),
    ("glance_config", "glance_store", "filesystem_store_datadir", "/x", "set by options of a store in glance_stores"),
    ("glance_api_config", "DEFAULT", "filesystem_store_datadir", "/x", "set by options of a store in glance_stores"),
    ("glance_api_config", "DEFAULT", "default_store", "file", "set by glance_default_store,"),
    ("glance_api_config", "DEFAULT", "known_stores", "x", "set by glance_stores,"),
    ("glance_api_config", "fast", "rbd_store_pool", "p", "set by options of a store fast in glance_stores"),
    ("glance_api_config", "attic", "filesystem_store_datadir", "/x", "set by options of attic in glance_stores"),
    ("glance_api_config", "DEFAULT", "node_staging_uri", "file:///x", "[os_glance_staging_store] in glance_api_config"),
    ("glance_api_config", "DEFAULT", "metadata_encryption_key", "hidden", "set by glance_config"),
    ("glance_scrubber_config", "DEFAULT", "metadata_encryption_key", "hidden", "set by glance_config"),
    ("glance_config", "DEFAULT", "delayed_delete", True, "set by glance_delayed_delete"),
    ("glance_scrubber_config", "DEFAULT", "scrub_time", 1, "set by glance_scrub_time"),
    ("glance_scrubber_config", "DEFAULT", "daemon", True, "set by glance_scrubber_mode"),
    ("glance_scrubber_config", "DEFAULT", "wakeup_time", 1, "set by glance_scrubber_wakeup_time"),
    ("glance_api_config", "DEFAULT", "scrub_pool_size", 1, "set by glance_scrubber_pool_size"),
    ("glance_api_config", "DEFAULT", "image_size_cap", 1, "set by glance_image_max_bytes"),
    ("glance_config", "DEFAULT", "user_storage_quota", "1GB", "set by glance_project_max_bytes"),
    ("glance_api_config", "DEFAULT", "enabled_import_methods", None, "set by glance_api_import_methods"),
    ("glance_config", "DEFAULT", "image_cache_dir", "/srv", "set by glance_cache_directory"),
    ("glance_cache_config", "DEFAULT", "image_cache_max_size", 1, "set by glance_cache_max_bytes"),
    ("glance_api_config", "DEFAULT", "image_cache_stall_time", 1, "set by glance_cache_stall_time"),
    ("glance_api_config", "DEFAULT", "image_cache_driver", "sqlite", "set by the role"),
    ("glance_config", "database", "connection", CONNECTION, "set by glance_database_url"),
    ("glance_api_config", "database", "connection", CONNECTION, "set by glance_database_url"),
    ("glance_scrubber_config", "Database", "connection", CONNECTION, "set by glance_database_url"),
    ("glance_purge_config", "DEFAULT", "sql_connection", CONNECTION, "set by glance_database_url"),
    ("glance_api_config", "DEFAULT", "registry_host", "h", "set by glance_registry_host"),
    ("glance_api_config", "DEFAULT", "registry_port", 1, "set by glance_registry_port"),
    ("glance_config", "DEFAULT", "data_api", "glance.db.registry.api", "set by glance_registry_host"),
    ("glance_scrubber_config", "DEFAULT", "data_api", "glance.db.registry.api", "which tells the API alone"),
    ("glance_config", "keystone_authtoken", "auth_url", "http://h", "set by glance_keystone_url"),
    ("glance_config", "keystone_authtoken", "auth_uri", "http://h", "set by glance_keystone_public_url"),
    ("glance_config", "keystone_authtoken", "password", "hidden", "set by glance_keystone_password"),
    ("glance_api_config", "keystone_authtoken", "username", "g", "set by glance_keystone_user"),
    ("glance_api_config", "keystone_authtoken", "memcached_servers", "g", "set by glance_keystone_memcached_servers"),
    ("glance_api_config", "keystone_authtoken", "auth_host", "h", "set by glance_keystone_url"),
    ("glance_api_config", "keystone_authtoken", "identity_uri", "http://h", "set by glance_keystone_url"),
    ("glance_api_config", "keystone_authtoken", "admin_user", "g", "set by glance_keystone_user"),
    ("glance_api_config", "keystone_authtoken", "admin_password", "hidden", "set by glance_keystone_password"),
    ("glance_api_config", "keystone_authtoken", "admin_tenant_name", "s", "set by glance_keystone_project"),
    ("glance_api_config", "keystone_authtoken", "tenant_name", "s", "set by glance_keystone_project"),
    ("glance_api_config", "image_import_opts", "image_import_plugins", "[no_op]", "set by glance_import_plugins"),
    ("glance_api_config", "image_conversion", "output_format", "raw", "set by glance_import_format"),
    ("glance_config", "inject_metadata_properties", "inject", "a:b", "set by glance_import_properties"),
    (
        "glance_api_config",
        "inject_metadata_properties",
        "ignore_user_roles",
        "admin",
        "set by glance_import_properties_exempt_roles",
    ),
    ("glance_config", "paste_deploy", "flavor", "keystone", "set by glance_auth"),
    ("glance_api_config", "paste_deploy", "flavor", None, "set by glance_auth and glance_cache_max_bytes"),
    ("glance_registry_config", "paste_deploy", "flavor", "trusted-auth", "set by glance_auth, found"),
    ("glance_config", "paste_deploy", "config_file", "/x", "set in glance_api_config or glance_registry_config"),
    ("glance_api_config", "paste_deploy", "config_file", None, "should be an absolute path of a paste file"),
    ("glance_api_config", "paste_deploy", "config_file", "x.ini", "found x.ini"),
    ("glance_config", "os_glance_staging_store", "filesystem_store_datadir", "/x", "set in glance_api_config"),
    ("glance_scrubber_config", "os_glance_tasks_store", "filesystem_store_datadir", "/x", "set in glance_api_config"),
    ("glance_api_config", "os_glance_tasks_store", "filesystem_store_datadir", None, "found nothing"),
    (
        "glance_api_config",
        "os_glance_staging_store",
        "filesystem_store_datadirs",
        "/x",
        "one of filesystem_store_datad",
    ),
    ("glance_api_config", "pipeline:glance-api", "pipeline", "x", "should be in a paste file of your own"),
    ("glance_api_config", "Service", "User", "x", "should be in the variable of the unit"),
    ("glance_api_config", "uwsgi", "threads", 1, "should be in glance_api_uwsgi"),
]
# What is an opinion of ours, or none at all: any option of Glance can be set.
FREE = {
    "glance_config": {
        "DEFAULT": {"debug": True, "metadata_encryption_key": "x", "transport_url": "rabbit://u:p@h/"},
        "database": {"max_overflow": None, "connection_recycle_time": 1},
        "keystone_authtoken": {
            "token_cache_time": 60,
            "memcache_secret_key": "x",
            "auth_type": "v3applicationcredential",
            "username": None,
            "password": None,
        },
        "oslo_middleware": {"enable_proxy_headers_parsing": True, "max_request_body_size": 1},
        "oslo_policy": {"policy_file": "/etc/glance/own.yaml"},
        "oslo_concurrency": {"lock_path": "/var/lib/glance/locks/other"},
        "cors": {"allowed_origin": "https://h"},
    },
    "glance_api_config": {
        "DEFAULT": {"worker_self_reference_url": "https://h", "public_endpoint": "https://h", "limit_param_default": 1},
        "os_glance_staging_store": {"filesystem_store_datadir": "/srv/staging"},
        "image_format": {"disk_formats": "qcow2,raw"},
        "paste_deploy": {"config_file": "/etc/glance/own-paste.ini", "flavor": "own"},
        "import_filtering_opts": {"allowed_hosts": "[h]"},
        "backend_defaults": {"filesystem_store_chunk_size": 65536},
    },
    "glance_scrubber_config": {
        "DEFAULT": {"registry_host": "h", "data_api": "glance.db.sqlalchemy.api", "default_log_levels": "x=WARN"}
    },
    "glance_api_uwsgi": {
        "chunked-input-limit": 1,
        "buffer-size": 1,
        "socket-timeout": 1,
        "thunder-lock": None,
        "max-requests": 1,
        "env": "https_proxy=http://h",
    },
    "glance_api_unit": {
        "Unit": {"After": None, "BindsTo": ["x.mount"]},
        "Service": {
            "Environment": ["https_proxy=http://h"],
            "MemoryHigh": None,
            "Restart": "always",
            "ExecStartPre": "/bin/true",
            "ExecReload": "/bin/true",
            "RuntimeDirectory": "other",
            "ReadWritePaths": ["/srv/a", "/srv/b"],
            "TimeoutStartSec": 600,
            "UMask": "0022",
        },
    },
    "glance_scrubber_unit": {"Service": {"TimeoutStopSec": 10, "SuccessExitStatus": None}},
}
# (variable, section, option, value): words that say what to do instead.
OWNED_OF_UNITS = [
    *(
        (name, "Service", option, value, "belongs to the user glance")
        for name in UNITS
        for option in ("User", "Group", "DynamicUser", "RootDirectory", "RootImage")
        for value in ("x", None)
    ),
    *((name, "Service", "ExecStart", "/bin/x", "starts with its own release") for name in UNITS),
    *(
        (name, "Service", option, "x", "starts with its own release")
        for name in UNITS
        for option in ("Type", "PIDFile")
    ),
    *(
        ("glance_api_unit", "Service", option, "x", "so that a restart cuts no request")
        for option in (
            "ExecStop",
            "KillMode",
            "KillSignal",
            "RestartKillSignal",
            "SendSIGKILL",
            "RuntimeDirectoryPreserve",
        )
    ),
    ("glance_api_unit", "Service", "TimeoutStopSec", 1, "set by glance_api_drain_timeout"),
    ("glance_api_unit", "Service", "TimeoutSec", 1, "set by glance_api_drain_timeout"),
    ("glance_registry_unit", "Service", "TimeoutStopSec", 1, "so that a restart cuts no request"),
    ("glance_scrubber_unit", "Service", "Restart", "on-failure", "set by glance_scrubber_mode"),
    *(
        (name, "Service", "ReadWritePaths", value, "found what takes")
        for name in UNITS
        for value in (None, "", ["", "/x"])
    ),
    *(
        ("glance_api_unit", "Service", option, None, "leave out the null")
        for option in ("RuntimeDirectory", "ExecStartPre", "ExecStartPost", "SuccessExitStatus")
    ),
    ("glance_scrubber_unit", "Unit", "BindsTo", None, "leave out the null"),
    ("glance_registry_unit", "Install", "WantedBy", None, "leave out the null"),
]


@pytest.mark.parametrize(
    ("name", "section", "option", "value", "said"), OWNED, ids=[" ".join(map(str, case[:4])) for case in OWNED]
)
def test_an_option_of_the_collection_is_refused_with_its_variable(name, section, option, value, said):
    found = o.faults({name: {section: {option: value}}, "glance_stores": STORES})
    assert list(found) == [name]
    (sentence,) = found[name]
    assert said in sentence
    assert name in sentence
    assert section in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize(
    ("name", "section", "option", "value", "said"),
    OWNED_OF_UNITS,
    ids=[" ".join(map(str, case[:4])) for case in OWNED_OF_UNITS],
)
def test_an_option_of_a_unit_that_the_role_needs_is_refused(name, section, option, value, said):
    (sentence,) = o.faults({name: {section: {option: value}}})[name]
    assert sentence.startswith(f"[{section}] {option} ")
    assert name in sentence
    assert said in sentence


@pytest.mark.parametrize("name", sorted(FREE))
def test_any_other_option_is_free(name):
    assert o.faults({name: FREE[name], "glance_auth": "keystone", "glance_stores": STORES}) == {}


def test_a_paste_file_of_ones_own_is_refused_with_passwords():
    given = {"glance_api_config": {"paste_deploy": {"config_file": "/x"}}, "glance_auth": "basic"}
    (sentence,) = o.faults(given)["glance_api_config"]
    assert "left to the role while glance_auth is basic" in sentence


def test_rules_and_a_policy_file_contradict():
    given = {"glance_config": {"oslo_policy": {"policy_file": "/x"}}, "glance_api_policy": {"get_image": "@"}}
    assert "left out while glance_api_policy has rules" in o.faults(given)["glance_config"][0]
    assert o.faults({**given, "glance_api_policy": {}}) == {}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("processes", 2, "set by glance_api_processes"),
        ("threads", None, "set by glance_api_threads and glance_api_transfers"),
        ("worker-reload-mercy", 1, "set by glance_api_drain_timeout"),
        *(
            (name, "x", "gets past HAProxy")
            for name in ("http", "https", "chmod-socket", "http-socket", "socket", "chdir", "fastrouter")
        ),
        *((name, "x", "gets past HAProxy") for name in ("module", "wsgi-file", "chmod_socket", "uid")),
        *((name, "x", "its own release") for name in ("pythonpath", "virtualenv", "py-executable", "strict")),
        *((name, "x", "knows when all") for name in ("master", "hook-accepting-once", "cheaper", "lazy-apps")),
        *((name, "x", "whoever asks") for name in ("stats", "stats_http", "static-map", "check-static")),
        ("master-fifo", "/run/x", "a restart cuts no request"),
        ("add-header", ["X: y"], "each connection ends with its answer"),
        *((name, 1, "serves requests in threads") for name in ("gevent", "async", "asyncio")),
        ("env", ["a=b", "OS_GLANCE_CONFIG_DIR=/x"], "OS_GLANCE_CONFIG_DIR should be left to the role"),
    ],
)
def test_an_option_of_uwsgi_that_the_role_needs_is_refused(option, value, said):
    (sentence,) = o.faults({"glance_api_uwsgi": {option: value}})["glance_api_uwsgi"]
    assert said in sentence


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("Environment", "OS_GLANCE_CONFIG_DIR=/srv"),
        ("Environment", ["A=b", "PYTHONPATH=/srv"]),
        ("Environment", '"A=b" "OS_GLANCE_CONFIG_FILES=x"'),
        ("UnsetEnvironment", "LANG OS_GLANCE_CONFIG_DIR"),
        ("UnsetEnvironment", ["PYTHONPATH=/srv"]),
    ],
)
@pytest.mark.parametrize("name", UNITS)
def test_the_environment_that_the_server_goes_by_is_refused(name, option, value):
    assert "left to the role" in o.faults({name: {"Service": {option: value}}})[name][0]


def test_all_variables_with_options_of_files_and_units_are_looked_at():
    specs = [yaml.safe_load(path.read_text()) for path in PROJECT.glob("roles/*/meta/argument_specs.yml")]
    entries = [entry for spec in specs for entry in spec["argument_specs"].values()]
    names = {name for entry in entries for name, option in (entry.get("options") or {}).items()}
    assert {name for name in names if name.endswith("_config")} == set(FILES)
    assert {name for name in names if name.endswith("_unit")} == set(UNITS)
    known = {word for name in names for word in (name,)}
    told = {word.strip(",)") for owned in o.OWNED for word in f"{owned.by} {owned.registry}".split()}
    assert {word for word in told if word.startswith("glance_") and not word.endswith("*")} - known == set()


# What the role works out, and an operator may change.
OPINIONS = {
    ("DEFAULT", "worker_self_reference_url"),
    ("database", "max_pool_size"),
    # Judged together: a paste file of the operator has flavors of its own.
    ("paste_deploy", "config_file"),
    ("paste_deploy", "flavor"),
    ("oslo_concurrency", "lock_path"),
    ("os_glance_staging_store", "filesystem_store_datadir"),
    ("os_glance_tasks_store", "filesystem_store_datadir"),
}


def from_variables(path):
    """Give section and option of each line of a template whose value comes from a variable."""
    section = "DEFAULT"
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[(.+)\]", line):
            section = heading[1]
        elif option := re.match(r"(\w+) = .*\{\{.*glance_", line):
            yield section, option[1]


@pytest.mark.parametrize("path", sorted(PROJECT.glob("roles/*/templates/*.conf.j2")), ids=lambda path: path.name)
def test_an_option_that_a_variable_sets_is_refused_elsewhere(path):
    assert {pair for pair in from_variables(path) if not any(each.fits(*pair) for each in o.OWNED)} <= OPINIONS
