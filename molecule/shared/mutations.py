"""Valid inventories for all stores and ways to log in, and mutations of them that a seed draws: always the same ones.

A mutation changes one thing as a hurried person does: a misspelt name, an option in another section, a value of another
type or one that no file can hold, a path that is none, a line that is gone. `SECRET` is in all texts that are secret.
"""

from __future__ import annotations

import copy
import datetime
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SEED = 20
COUNT = 300
SECRET = "xyzzy"

STORES: dict[str, dict[str, Any]] = {
    "file": {
        "glance_stores": {
            "fast": {
                "driver": "file",
                "options": {"filesystem_store_datadir": "/srv/fast", "filesystem_store_chunk_size": 65536, "weight": 2},
            }
        },
        "glance_default_store": "fast",
    },
    "files": {
        "glance_stores": {
            "fast": {
                "driver": "file",
                "options": {
                    "filesystem_store_datadir": "/srv/fast/images",
                    "store_description": "quick disks: few of them",
                    "filesystem_store_file_perm": "640",
                    "weight": 10,
                },
            },
            "slow": {
                "driver": "file",
                "options": {"filesystem_store_datadirs": ["/srv/slow1:200", "/srv/slow2:100"], "weight": 1},
            },
            "web": {"driver": "http", "options": {"https_insecure": False}},
        },
        "glance_default_store": "fast",
    },
    "s3": {
        "glance_stores": {
            "objects": {
                "driver": "s3",
                "options": {
                    "s3_store_host": "http://objects.lab.test:8080",
                    "s3_store_access_key": "test:tester",
                    "s3_store_secret_key": f"{SECRET}-of-s3",
                    "s3_store_bucket": "images",
                    "s3_store_create_bucket_on_put": True,
                    "s3_store_bucket_url_format": "path",
                    "s3_store_large_object_size": 100,
                },
            }
        },
        "glance_default_store": "objects",
    },
    "swift": {
        "glance_stores": {
            "objects": {
                "driver": "swift",
                "options": {
                    "swift_store_auth_address": "http://keystone.lab.test:5000/v3",
                    "swift_store_auth_version": "3",
                    "swift_store_user": "service:images",
                    "swift_store_key": f"{SECRET}-of-swift",
                    "swift_store_container": "images",
                    "swift_store_create_container_on_put": True,
                    "swift_upload_buffer_dir": "/srv/buffer",
                },
            }
        },
        "glance_default_store": "objects",
    },
}
AUTHS: dict[str, dict[str, Any]] = {
    "none": {"glance_auth": "none"},
    "basic": {
        "glance_auth": "basic",
        "glance_basic_users": [
            {"name": "admin", "project": "admin", "roles": ["admin"], "password": f"{SECRET}-of-admin"},
            {"name": "alice", "project": "research", "password": f"{SECRET}-of-alice"},
        ],
    },
    "keystone": {
        "glance_auth": "keystone",
        "glance_keystone_url": "http://keystone.lab.test:5000",
        "glance_keystone_user": "glance",
        "glance_keystone_password": f"{SECRET}-of-keystone",
        "glance_keystone_region": "RegionOne",
        "glance_keystone_memcached_servers": ["127.0.0.1:11211"],
    },
}
COMMON: dict[str, Any] = {
    "glance_api_processes": 1,
    "glance_api_threads": 4,
    "glance_api_transfers": 64,
    "glance_api_drain_timeout": 10,
    "glance_health_timeout": 60,
    "glance_image_max_bytes": 1 << 30,
    "glance_project_max_bytes": 1 << 34,
    "glance_api_import_methods": ["glance-direct", "web-download"],
    "glance_import_plugins": ["image_decompression", "inject_image_metadata"],
    "glance_import_properties": {"origin": "lab"},
    "glance_delayed_delete": True,
    "glance_scrub_time": 60,
    "glance_scrubber_wakeup_time": 3600,
    "glance_scrubber_pool_size": 2,
    "glance_config": {"DEFAULT": {"debug": False}, "database": {"max_retries": 5}},
    "glance_api_config": {
        "DEFAULT": {
            "limit_param_default": 50,
            "image_tag_quota": 64,
            "property_protection_file": "/etc/glance/props.conf",
        },
        "cors": {"allowed_origin": "https://dashboard.lab.test"},
        "image_format": {"disk_formats": "raw,qcow2,iso"},
        "os_glance_staging_store": {"filesystem_store_datadir": "/srv/staging"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "task": {"task_time_to_live": 24},
        "taskflow_executor": {"max_workers": 4},
        "wsgi": {"task_pool_threads": 8},
    },
    "glance_scrubber_config": {"DEFAULT": {"max_header_line": None}, "database": {"max_pool_size": 3}},
    "glance_api_policy": {"delete_image": "role:admin or role:member or rule:context_is_admin", "get_task": "@"},
    "glance_api_unit": {"Service": {"MemoryMax": "2G", "LimitNOFILE": 8192, "Environment": ["MARK=1"]}},
    "glance_api_uwsgi": {"listen": 64, "max-requests": 10000},
    "glance_files": [
        {
            "path": "/etc/glance/props.conf",
            "content": "[.*]\ncreate = @\nread = @\nupdate = @\ndelete = @\n",
            "mode": "0640",
            "services": ["api"],
        }
    ],
}

# ---------------------------------------------------------------------------------------------------------------- draws

CONFIGS = ("glance_config", "glance_api_config", "glance_scrubber_config")
OTHER_TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    83,
    -7,
    2.5,
    "words of a text",
    "",
    [],
    {},
    ["a", "b"],
    {"a": "b"},
    [["a"]],
    [None],
    {"a": {"b": None}},
    {1: 2},
    datetime.date(2026, 1, 31),
)
# What is done to a text.
TEXTS: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text}\nx = 1",
    lambda text: f"{text}\r",
    lambda text: f"{text}\0",
    lambda text: f"{text[:4]}$x{text[4:]}",
    lambda text: f"{text[:4]}$${text[4:]}",
    lambda text: f"{text}$",
    lambda text: f"{text}%n",
    lambda text: f" {text} ",
    lambda text: f'"{text}"',
    lambda text: f"'{text}'",
    lambda text: f"{text}\t# x",
    lambda text: f"#{text}",
    lambda text: f"[{text}]",
    lambda text: f"{text} = {text}",
    lambda text: f"{text}é€",
    lambda text: text * 90,
    lambda text: text.upper(),
    lambda text: f"{text},",
    lambda text: f"{text}\\$x",
    lambda text: "",
)
NUMBERS: tuple[Any, ...] = (
    -1,
    0,
    1,
    65536,
    2**31,
    2**63,
    10**30,
    0.5,
    "12x",
    "0x10",
    " 7",
    "1e3",
    "ten",
    "٣",
    True,
    None,
)
NAMES: tuple[Any, ...] = (
    "",
    " ",
    "a b",
    "a\nb",
    "a=b",
    "[x]",
    "#x",
    "a:b",
    "$x",
    "%n",
    "-x",
    "x" * 300,
    83,
    None,
    True,
    "ü",
)
PATHS = (
    *(
        "images",
        "./images",
        "~/images",
        "~glance",
        "",
        "/",
        "/srv/",
        "/srv/new/",
        "/srv//new",
        "/srv/a/../new",
        "/srv/a b",
        "/srv/%n",
    ),
    *(
        "/srv/$x",
        "/srv/new\n",
        "/home/glance",
        "/root/x",
        "/tmp/x",
        "/var/tmp/x",
        "/run/x",
        "/etc/x",
        "/usr/share/x",
        "/proc/x",
    ),
    *(
        "/srv/fast",
        "/srv/fast/x",
        "/srv/cache",
        "/srv/cache/x",
        "/srv/slow1/x",
        "/srv/staging",
        "/var/lib/glance",
        "/opt/glance/x",
    ),
    *("/var/lib/glance/images", "/srv/new", "/srv/new/deep/er", "/var/lib/glance/locks/x", "/srv/é", "file:///srv/new"),
)
RESERVED = (
    "DEFAULT",
    "database",
    "glance_store",
    "os_glance_tasks_store",
    "keystone_authtoken",
    "cors",
    "Fast",
    "paste_deploy",
)
OWNED = (
    *(
        ("DEFAULT", name, value)
        for name, value in (("bind_host", "0.0.0.0"), ("bind_port", 9), ("workers", 9), ("daemon", True))
    ),
    *(
        ("DEFAULT", name, "x")
        for name in ("enabled_backends", "image_cache_dir", "delayed_delete", "sql_connection", "stores")
    ),
    *(("DEFAULT", name, 5) for name in ("image_size_cap", "user_storage_quota", "scrub_time", "wakeup_time")),
    *(("glance_store", name, "x") for name in ("default_backend", "stores", "filesystem_store_datadir")),
    ("database", "connection", f"mysql+pymysql://glance:{SECRET}@db.lab.test/glance"),
    ("paste_deploy", "flavor", "keystone"),
    # The section of a store.
    ("", "filesystem_store_datadir", "/srv/other"),
    ("keystone_authtoken", "password", f"{SECRET}-other"),
)
# Right ones and wrong ones; each has an effect, or is refused.
OPTIONS = (
    *(("DEFAULT", "api_limit_max", value) for value in (500, "500", 0, "many", [1, 2])),
    *(("DEFAULT", "image_member_quota", value) for value in (7, -1, 7.5, "seven")),
    *(("DEFAULT", "hashing_algorithm", value) for value in ("sha256", "sha257", "md5")),
    *(("DEFAULT", "default_log_levels", value) for value in ("a=INFO,b=WARN", "a", ["a=INFO", "b=WARN"])),
    *(
        ("DEFAULT", "metadata_encryption_key", value)
        for value in (f"{SECRET}45678901234", f"{SECRET}-short", 1234567890123456)
    ),
    *(("DEFAULT", "use_stderr", value) for value in (True, "yes", "maybe", 1)),
    *(("DEFAULT", "log_dir", value) for value in ("/var/log/glance", "/var/log", "logs")),
    *(("DEFAULT", "log_file", value) for value in ("api.log", "/var/log/glance/api.log", "/srv/x.log")),
    *(("DEFAULT", "transport_url", value) for value in (f"rabbit://glance:{SECRET}$x@127.0.0.1:5672/", "x", "")),
    *(("DEFAULT", "rate_limit_interval", value) for value in (5, "5s")),
    *(("DEFAULT", "public_endpoint", value) for value in ("https://images.lab.test", "$x", None)),
    *(("cors", "allow_methods", value) for value in ("GET,PUT", ["GET", "PUT"], "")),
    *(("cors", "max_age", value) for value in (60, "60 s")),
    *(("database", "max_overflow", value) for value in (None, 5, -1, "x")),
    *(("image_format", "container_formats", value) for value in ("bare,ova", "bare", "", ["bare", "ova"])),
    *(("image_format", "require_image_format_match", value) for value in (True, "off", "nope")),
    *(("import_filtering_opts", "allowed_schemes", value) for value in ("http,https", "[http,https]", "gopher")),
    *(("import_filtering_opts", "allowed_ports", value) for value in ("[80,443]", "80,443", 80, "[x]")),
    *(("oslo_concurrency", "lock_path", value) for value in ("/srv/locks", "/home/locks", "/srv/fast", "locks")),
    *(("oslo_concurrency", "disable_process_locking", value) for value in (True, "x")),
    *(("oslo_messaging_notifications", "driver", value) for value in ("log", ["log", "noop"], "nosuch", "messagingv2")),
    *(("oslo_messaging_notifications", "retry", value) for value in (3, "x")),
    *(("oslo_policy", "enforce_scope", value) for value in (False, "x")),
    *(("oslo_policy", "policy_file", value) for value in ("policy.yaml", "/etc/glance/mine.yaml", "mine.yaml")),
    *(("profiler", "enabled", value) for value in (False, "x")),
    *(("task", "work_dir", value) for value in ("/srv/work", "/srv/fast/work", "work")),
    *(("task", "eventlet_executor_pool_size", value) for value in (9, 0)),
    *(("healthcheck", "detailed", value) for value in (True, "x")),
    *(("wsgi", "python_interpreter", value) for value in ("/usr/bin/python3", "x")),
)
VARIABLES = (
    *(
        "glance_api_bind_address",
        "glance_api_port",
        "glance_api_backend_port",
        "glance_api_tls_name",
        "glance_api_trusted_proxies",
    ),
    *(
        "glance_database_engine",
        "glance_database_host",
        "glance_database_name",
        "glance_database_user",
        "glance_database_url",
    ),
    *(
        "glance_database_tls",
        "glance_registry_host",
        "glance_registry_port",
        "glance_user_id",
        "glance_free_space_percent",
    ),
    *(
        "glance_shared_directories",
        "glance_mounts",
        "glance_metadefs",
        "glance_purge_images_age_days",
        "glance_cache_calendar",
    ),
    *(
        "glance_cache_stall_time",
        "glance_cache_max_bytes",
        "glance_purge_age_days",
        "glance_cache_config",
        "glance_purge_config",
        "glance_scrubber_unit",
        "glance_scrubber_mode",
    ),
    *(
        "glance_scrubber_timeout",
        "glance_tls_ca",
        "glance_tls_certificate",
        "glance_install_method",
        "glance_abandon_images",
    ),
    *("glance_keystone_ca_file", "glance_keystone_project", "glance_api_upgrade", "glance_allow_older_release"),
)
VALUES = (
    *OTHER_TYPES,
    *NUMBERS,
    "0",
    "x",
    "9393",
    "::1",
    "127.0.0.2",
    "127.0.0.1:9292",
    "[::1]",
    "h.lab.test",
    "/srv/x",
    "hourly",
    "*:0/5 ",
)

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """One mutation: its kind, what was done to which place of which inventory, and all its variables after it."""

    number: int
    kind: str
    stores: str
    auth: str
    what: str
    variables: dict[Any, Any]

    def __str__(self) -> str:
        return f"{self.number} ({self.stores}, {self.auth}): {self.what}"


def inventory(stores: str, auth: str) -> dict[str, Any]:
    """Return the variables of a valid inventory."""
    return copy.deepcopy({**COMMON, **STORES[stores], **AUTHS[auth]})


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Give the path of all that is in *value*, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def at(value: Any, path: Path) -> Any:
    """Return what is at a path in *value*."""
    for key in path:
        value = value[key]
    return value


def with_at(variables: Any, path: Path, value: Any) -> Any:
    """Return *variables* with another value at a path, whose last part may be new."""
    changed = copy.deepcopy(variables)
    at(changed, path[:-1])[path[-1]] = copy.deepcopy(value)
    return changed


def renamed(variables: Any, path: Path, name: Any) -> Any:
    """Return *variables* with another name for the key at a path, at its place among the others."""
    changed = copy.deepcopy(variables)
    parent = at(changed, path[:-1])
    pairs = [(name if key == path[-1] else key, value) for key, value in parent.items()]
    parent.clear()
    parent.update(pairs)
    return changed


def misspelt(word: str, rng: random.Random) -> str:
    """Return *word* with one slip of the hand."""
    spot = rng.randrange(1, max(len(word) - 1, 2))
    return rng.choice(
        [
            word[:spot] + word[spot + 1 :],
            word[:spot] + word[spot : spot + 1] * 2 + word[spot + 1 :],
            word[: spot - 1] + word[spot - 1 : spot + 1][::-1] + word[spot + 1 :],
            word[:spot] + rng.choice(string.ascii_lowercase) + word[spot:],
            word.replace("_", "-") if "_" in word else word + "s",
            word.replace("_", "", 1) if "_" in word else word.capitalize(),
            word + " ",
        ]
    )


def shown(path: Path) -> str:
    return " ".join(map(str, path))


def _named(variables: Any) -> list[Path]:
    return [path for path in places(variables) if isinstance(at(variables, path[:-1]), dict)]


def _leaves(variables: Any, *kinds: type) -> list[Path]:
    return [path for path in places(variables) if type(at(variables, path)) in kinds]


def _misspell(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path = rng.choice(_named(variables))
    name = misspelt(str(path[-1]), rng)
    return f"{shown(path)} misspelt as {name!r}", renamed(variables, path, name)


def _name(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path = rng.choice([path for path in _named(variables) if len(path) > 1])
    name = rng.choice(NAMES)
    return f"{shown(path)} named {name!r}", renamed(variables, path, name)


def _move(variables: Any, rng: random.Random) -> tuple[str, Any]:
    options = [path for path in _named(variables) if len(path) == 3 and path[0] in CONFIGS]
    path, other = rng.choice(options), rng.choice(options)
    changed = copy.deepcopy(variables)
    at(changed, path[:-1]).pop(path[-1])
    return f"{shown(path)} moved to {shown(other[:-1])}", with_at(changed, (*other[:-1], path[-1]), at(variables, path))


def _type(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path, value = rng.choice(list(places(variables))), rng.choice(OTHER_TYPES)
    return f"{shown(path)} = {value!r}", with_at(variables, path, value)


def _text(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path = rng.choice(_leaves(variables, str))
    value = rng.choice(TEXTS)(at(variables, path))
    return f"{shown(path)} = {value[:60]!r}", with_at(variables, path, value)


def _number(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path, value = rng.choice(_leaves(variables, int, bool)), rng.choice(NUMBERS)
    return f"{shown(path)} = {value!r}", with_at(variables, path, value)


def _choice(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path = rng.choice([path for path in _leaves(variables, str) if " " not in at(variables, path)])
    value = misspelt(at(variables, path), rng)
    return f"{shown(path)} = {value!r}", with_at(variables, path, value)


def _path(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path, value = (
        rng.choice([path for path in _leaves(variables, str) if at(variables, path)[0] == "/"]),
        rng.choice(PATHS),
    )
    return f"{shown(path)} = {value!r}", with_at(variables, path, value)


def _remove(variables: Any, rng: random.Random) -> tuple[str, Any]:
    path = rng.choice(_named(variables))
    changed = copy.deepcopy(variables)
    at(changed, path[:-1]).pop(path[-1])
    return f"{shown(path)} taken away", changed


def _owned(variables: Any, rng: random.Random) -> tuple[str, Any]:
    name, (section, option, value) = rng.choice(CONFIGS), rng.choice(OWNED)
    return _added(variables, name, section or next(iter(variables["glance_stores"])), option, value)


def _option(variables: Any, rng: random.Random) -> tuple[str, Any]:
    name, (section, option, value) = rng.choice(CONFIGS), rng.choice(OPTIONS)
    return _added(variables, name, section, option, value)


def _added(variables: Any, name: str, section: str, option: str, value: Any) -> tuple[str, Any]:
    changed = copy.deepcopy(variables)
    changed[name].setdefault(section, {})[option] = copy.deepcopy(value)
    return f"{name} [{section}] {option} = {value!r}", changed


def _reserved(variables: Any, rng: random.Random) -> tuple[str, Any]:
    store, name = rng.choice(list(variables["glance_stores"])), rng.choice(RESERVED)
    changed = renamed(variables, ("glance_stores", store), name)
    if changed["glance_default_store"] == store:
        changed["glance_default_store"] = name
    return f"the store {store} called {name}", changed


def _variable(variables: Any, rng: random.Random) -> tuple[str, Any]:
    name, value = rng.choice(VARIABLES), rng.choice(VALUES)
    return f"{name} = {value!r}", with_at(variables, (name,), value)


def _strange(variables: Any, rng: random.Random) -> tuple[str, Any]:
    name = misspelt(rng.choice(VARIABLES), rng)
    return f"{name} = 1", with_at(variables, (name,), 1)


KINDS = (
    *(
        _misspell,
        _name,
        _move,
        _type,
        _text,
        _number,
        _choice,
        _path,
        _remove,
        _owned,
        _option,
        _reserved,
        _variable,
        _strange,
    ),
    # Of which there are most in files of others.
    *(_option, _misspell, _text, _variable),
)


def cases(seed: int = SEED, count: int = COUNT) -> list[Case]:
    """Return the mutations that *seed* draws, no two with the same variables, and none that changes nothing."""
    rng = random.Random(seed)
    drawn: list[Case] = []
    while len(drawn) < count:
        stores, auth = rng.choice(list(STORES)), rng.choice(list(AUTHS))
        before = inventory(stores, auth)
        mutate = rng.choice(KINDS)
        what, after = mutate(before, rng)
        if repr(after) != repr(before) and all(repr(each.variables) != repr(after) for each in drawn):
            drawn.append(Case(len(drawn), mutate.__name__.strip("_"), stores, auth, what, after))
    return drawn
