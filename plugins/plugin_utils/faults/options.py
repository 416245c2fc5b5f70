# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that belong to the collection: refused in the free dicts, with the variable that sets them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import gone
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.stores import RESERVED
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    FILES,
    UNITS,
    entries,
    gather,
    is_dict,
    kind_of,
    printable,
    sections,
)

REGISTRY = "glance_registry_config"
API = "glance_api_config"
ALL = "glance_config"


@dataclasses.dataclass(frozen=True)
class Owned:
    """An option, or several, that operators set by a variable.

    I(section) and I(option) are whole regular expressions; oslo.config takes the name of a section in any case but for
    DEFAULT (oslo_config/cfg.py, _normalize_group_name). I(by) is the variable, or what sets it instead; I(registry) the
    one in the options of the registry. I(files) are the variables in which it is refused. With I(removable), a null is
    let through, which only takes away ours. I(same) is a value that is ours, which nobody is refused.
    """

    section: str
    option: str
    by: str
    registry: str = ""
    files: tuple[str, ...] = tuple(FILES)
    removable: bool = False
    same: str = ""

    def fits(self, section: str, option: str) -> bool:
        """Whether the option of the section is this one."""
        flags = 0 if self.section == "DEFAULT" else re.IGNORECASE
        return bool(re.fullmatch(self.section, section, flags) and re.fullmatch(self.option, option))


_SINGLE = tuple(name for name in FILES if name != ALL)
_SERVERS = (ALL, API)

# What the roles write that is not here is an opinion, which an operator may change: lock_path, default_log_levels,
# max_pool_size, max_overflow, worker_self_reference_url, interface, service_token_roles,
# disallowed_hosts, policy_file (see below) and whatever a release needs.
OWNED = (
    # Where Glance listens: behind HAProxy, which sees to TLS, passwords and limits.
    Owned("DEFAULT", "bind_host", "glance_api_bind_address", "glance_registry_bind_address"),
    Owned("DEFAULT", "bind_port", "glance_api_port", "glance_registry_port"),
    Owned("DEFAULT", "workers", "glance_api_processes", "glance_registry_processes"),
    Owned("DEFAULT", "cert_file", "glance_tls_certificate"),
    Owned("DEFAULT", "key_file", "glance_tls_key"),
    Owned("DEFAULT", "ca_file", "glance_tls_ca"),
    Owned(
        "oslo_middleware",
        "enable_proxy_headers_parsing",
        "the role, since HAProxy stands in front of Glance (glance_api_trusted_proxies says whose word counts)",
        files=_SERVERS,
        same="true",
    ),
    # Stores: scrubber, backup and audit go by the same variables.
    Owned("DEFAULT", "enabled_backends", "glance_stores"),
    Owned("DEFAULT|glance_store", "stores|known_stores", "glance_stores"),
    Owned("DEFAULT|glance_store", "default_backend|default_store", "glance_default_store"),
    Owned("DEFAULT", "node_staging_uri", f"filesystem_store_datadir of [os_glance_staging_store] in {API}"),
    Owned("DEFAULT", "metadata_encryption_key", f"{ALL}, so that the scrubber has the same one", files=_SINGLE),
    # Deleting: the scrubber, the purge and the topology go by the same variables.
    Owned("DEFAULT", "delayed_delete", "glance_delayed_delete"),
    Owned("DEFAULT", "scrub_time", "glance_scrub_time"),
    Owned("DEFAULT", "daemon", "glance_scrubber_mode"),
    Owned("DEFAULT", "wakeup_time", "glance_scrubber_wakeup_time"),
    Owned("DEFAULT", "scrub_pool_size", "glance_scrubber_pool_size"),
    # Limits, imports and cache: each is judged together with other variables.
    Owned("DEFAULT", "image_size_cap", "glance_image_max_bytes"),
    Owned("DEFAULT", "user_storage_quota", "glance_project_max_bytes"),
    Owned("DEFAULT", "enabled_import_methods", "glance_api_import_methods"),
    Owned("image_import_opts", "image_import_plugins", "glance_import_plugins"),
    Owned("image_conversion", "output_format", "glance_import_format"),
    Owned("inject_metadata_properties", "inject", "glance_import_properties"),
    Owned("inject_metadata_properties", "ignore_user_roles", "glance_import_properties_exempt_roles"),
    Owned("DEFAULT", "image_cache_dir", "glance_cache_directory"),
    Owned("DEFAULT", "image_cache_max_size", "glance_cache_max_bytes"),
    Owned("DEFAULT", "image_cache_stall_time", "glance_cache_stall_time"),
    Owned("DEFAULT", "image_cache_driver", "the role, by the release"),
    # Records: one database for all services, which backup, purge and audit go by.
    Owned("database|sql", "connection", "glance_database_url, or by the other variables glance_database_*"),
    Owned("DEFAULT|database", "sql_connection", "glance_database_url, or by the other variables glance_database_*"),
    Owned("DEFAULT", "data_api|registry_client_protocol", "glance_registry_host", files=_SERVERS),
    # glance-scrubber can't log in to a registry, and through one without authentication it can't restore.
    Owned(
        "DEFAULT",
        "data_api",
        "glance_registry_host, which tells the API alone of the registry",
        files=("glance_scrubber_config",),
        same="glance.db.sqlalchemy.api",
    ),
    Owned("DEFAULT", "registry_host", "glance_registry_host", files=_SERVERS),
    Owned("DEFAULT", "registry_port", "glance_registry_port", files=_SERVERS),
    # Who may do what: playbooks log in by the same variables. With another auth_type, a null takes ours away.
    Owned("keystone_authtoken", "auth_url", "glance_keystone_url", removable=True),
    Owned("keystone_authtoken", "www_authenticate_uri|auth_uri", "glance_keystone_public_url", removable=True),
    # Of old, and read only where no auth_type is set.
    Owned("keystone_authtoken", "auth_(host|port|protocol|admin_prefix)|identity_uri", "glance_keystone_url"),
    Owned("keystone_authtoken", "admin_user", "glance_keystone_user"),
    Owned("keystone_authtoken", "admin_password|admin_token", "glance_keystone_password"),
    Owned("keystone_authtoken", "admin_tenant_name", "glance_keystone_project"),
    Owned("keystone_authtoken", "username|user_name|user-name", "glance_keystone_user", removable=True),
    Owned("keystone_authtoken", "password", "glance_keystone_password", removable=True),
    Owned("keystone_authtoken", "user_domain_name", "glance_keystone_user_domain", removable=True),
    Owned("keystone_authtoken", "project_name|tenant_name|tenant-name", "glance_keystone_project", removable=True),
    Owned("keystone_authtoken", "project_domain_name", "glance_keystone_project_domain", removable=True),
    Owned("keystone_authtoken", "region_name", "glance_keystone_region", removable=True),
    Owned("keystone_authtoken", "cafile", "glance_keystone_ca_file", removable=True),
    Owned("keystone_authtoken", "memcached?_servers", "glance_keystone_memcached_servers", removable=True),
)

# Options of uWSGI, as regular expressions, by what sets them or why they are the role's.
UWSGI = (
    ("processes|workers|p", "set by glance_api_processes"),
    ("threads", "set by glance_api_threads and glance_api_transfers"),
    ("worker-reload-mercy", "set by glance_api_drain_timeout"),
    (
        r".*socket|.*socket-modifier\d|https?|https?-to|ss?|(fast|raw|ssl|http)router.*|subscribe.*|chdir2?|chroot|module|w|"
        r"mount|callable|pyrun|pymodule-alias|wsgi(-file)?|file|eval|uid|gid|daemonize2?",
        "left to the role, so that nobody gets past HAProxy: whoever does is held by no limit, and with glance_auth "
        "basic can be anybody",
    ),
    (
        "pp|python-?path|virtualenv|venv|home|H|py-?home|py-executable|ini|yaml|yml|xml|json|include|inherit|config|"
        "need-app|strict",
        "left to the role, so that Glance starts with its own release, configuration and guards",
    ),
    (
        "master|M|lazy(-apps)?|enable-threads|T|hook-master-start|hook-accepting.*|die-on-term|cheap(er.*)?",
        "left to the role, so that a restart cuts no request and knows when all processes serve",
    ),
    (
        "stats.*",
        "left out, since uWSGI tells whoever asks there the headers of the requests in work, with tokens and passwords",
    ),
    (
        "static.*|check-static.*|docroot|fileserve-mode",
        "left out, since uWSGI gives such a file to whoever asks, whatever Glance thinks of the user",
    ),
    ("(master-)?fifo.*", "left to the role, so that a restart cuts no request"),
    ("add-header", "left to the role, since a client has to be told that each connection ends with its answer"),
    ("gevent.*|async|asyncio|ugreen|greenlet|loop", "left to the role, since Glance serves requests in threads"),
)

_SERVERS_UNITS = ("glance_api_unit", "glance_registry_unit")
_OWN_PATHS = (
    "left to the role, since all that a service has on a host belongs to the user glance, at the paths of the host"
)
_OWN_PROGRAM = "left to the role, so that the service starts with its own release, configuration and guards"
_OWN_STOP = "left to the role, so that a restart cuts no request"
# Options of units: section and option as regular expressions, what sets them or why they are the role's, and in which.
UNIT = (
    ("Service", "User|Group|DynamicUser|Root(Directory|Image|Hash)", _OWN_PATHS, UNITS),
    ("Service", "ExecStart", _OWN_PROGRAM, UNITS),
    ("Service", "Type|NotifyAccess|PIDFile|BusName|RemainAfterExit|GuessMainPID", _OWN_PROGRAM, UNITS),
    ("Service", "ExecStop|(|Restart|Final)Kill(Mode|Signal)|SendSIG(KILL|HUP)", _OWN_STOP, UNITS),
    ("Service", "Timeout(Stop)?Sec", "set by glance_api_drain_timeout", ("glance_api_unit",)),
    ("Service", "Timeout(Stop)?Sec", _OWN_STOP, ("glance_registry_unit",)),
    ("Service", "RuntimeDirectoryPreserve", _OWN_STOP, ("glance_api_unit",)),
    (
        "Service",
        "Restart",
        "set by glance_scrubber_mode: the timer begins another run, and a daemon is always started again",
        ("glance_scrubber_unit",),
    ),
)
# Lists of units that are added to, and of which a null or an empty text would take ours away.
UNIT_KEPT = (
    ("Service", "ReadWritePaths", UNITS),
    ("Service", "RuntimeDirectory|ExecStartPre|ExecStartPost", ("glance_api_unit",)),
    ("Service", "SuccessExitStatus", _SERVERS_UNITS),
    ("Unit", "BindsTo|RequiresMountsFor", UNITS),
    ("Install", "WantedBy", _SERVERS_UNITS),
)

# Options of drivers.
NO_EFFECT = "(filesystem|s3|swift|rbd|vmware|cinder)_.*|default_swift_reference|https?_.*"
_LISTS = ("stores", "known_stores", "default_store", "default_backend")
_STAGING = re.compile(r"os_glance_(staging|tasks)_store", re.IGNORECASE)
_STAGING_OPTIONS = (
    "filesystem_store_datadir",
    "filesystem_store_file_perm",
    "filesystem_store_chunk_size",
    "filesystem_thin_provisioning",
)
# Sections of other files, which oslo.config never reads.
_ELSEWHERE = (
    (
        re.compile(r"(composite?|pipeline|filter|app|server|filter-app):.*"),
        "a paste file of your own (docs/authentication.md)",
    ),
    (re.compile(r"Unit|Service|Install|Timer"), "the variable of the unit, such as glance_api_unit"),
    (re.compile(r"uwsgi"), "glance_api_uwsgi"),
)


def _told(name: str, section: str, option: str, should: str, do: str) -> tuple[str, str]:
    return name, f"[{section}] {option} should be {should}, found it in {name}: {do}"


def _of_table(name: str, section: str, option: str, value: Any) -> Iterator[tuple[str, str]]:
    for owned in OWNED:
        if name not in owned.files or not owned.fits(section, option):
            continue
        if (value is None and owned.removable) or (owned.same and str(value).lower() == owned.same):
            continue
        by = owned.registry if name == REGISTRY and owned.registry else owned.by
        yield _told(name, section, option, f"set by {by}", "take it away there")


def _of_paste(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Own paste files may have own flavors; the flavors of ours go by glance_auth and the cache."""
    parts = [given[each]["paste_deploy"] for each in dict.fromkeys((ALL, name)) if _has_paste(given, each)]
    if not _has_paste(given, name):
        return
    own = given[name]["paste_deploy"]
    file = any(part.get("config_file") is not None for part in parts)
    if "flavor" in own and not file:
        by = "glance_auth" if name == REGISTRY else "glance_auth and glance_cache_max_bytes"
        yield _told(name, "paste_deploy", "flavor", f"set by {by}", "take it away there")
    if "config_file" not in own:
        return
    if name not in (API, REGISTRY):
        where = f"set in {API} or {REGISTRY}, since each server has a paste file of its own"
        yield _told(name, "paste_deploy", "config_file", where, "move it")
    elif kind_of(own["config_file"]) != "a text" or not str(own["config_file"]).startswith("/"):
        kind = kind_of(own["config_file"])
        wanted = "an absolute path of a paste file of your own, with the filter guards (docs/authentication.md)"
        found = printable(own["config_file"]) or "nothing" if kind == "a text" else kind
        yield name, f"[paste_deploy] config_file of {name} should be {wanted}, found {found}"
    elif name == API and given.get("glance_auth") == "basic":
        why = "left to the role while glance_auth is basic, where Glance believes what HAProxy says of a user"
        yield _told(name, "paste_deploy", "config_file", why, "take it away there")


def _has_paste(given: Mapping[str, Any], name: str) -> bool:
    return is_dict(given.get(name)) and is_dict(given[name].get("paste_deploy"))


def _of_stores(name: str, section: str, option: str, value: Any, stores: Any) -> Iterator[tuple[str, str]]:
    if _STAGING.fullmatch(section):
        if name != API:
            yield _told(name, section, option, f"set in {API}, where the scrubber looks for it, too", "move it there")
        elif option not in _STAGING_OPTIONS:
            yield _told(name, section, option, f"one of {', '.join(_STAGING_OPTIONS)}", "take it away")
        elif value is None:
            yield name, f"[{section}] {option} of {name} should have a value, found nothing: take the line away"
    # A store can't have the name of another section, which is told by itself.
    elif section in stores and not RESERVED.match(section):
        yield _told(name, section, option, f"set by options of {section} in glance_stores", "move it there")
    elif (section.lower() == "glance_store" and option not in _LISTS) or (
        section == "DEFAULT" and re.fullmatch(NO_EFFECT, option)
    ):
        why = "Glance does not read it there while stores have names"
        yield _told(name, section, option, "set by options of a store in glance_stores", f"{why}; move it there")
    elif re.fullmatch(NO_EFFECT, option) and not RESERVED.match(section):
        yield _told(name, section, option, f"set by options of a store {section} in glance_stores", "move it there")


def _of_files(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    stores = given.get("glance_stores")
    stores = stores if is_dict(stores) else {}
    release = str(given.get("glance_release") or "")
    for name in FILES:
        for section in given[name] if is_dict(given.get(name)) else ():
            for pattern, place in _ELSEWHERE:
                if pattern.fullmatch(str(section)):
                    yield name, f"[{section}] should be in {place}, found it in {name}: Glance does not read it there"
        for section, option, value in sections(given.get(name)):
            # It is said of such a one that it is gone, and what to do.
            if release and value is not None and gone.find(section, option, release):
                continue
            yield from _of_table(name, section, option, value)
            yield from _of_stores(name, section, option, value, stores)
        yield from _of_paste(name, given)
    if given.get("glance_api_policy"):
        for name in _SERVERS:
            for section, option, _value in sections(given.get(name)):
                if section.lower() == "oslo_policy" and option == "policy_file":
                    yield _told(name, section, option, "left out while glance_api_policy has rules", "keep one of them")


# What the server finds its configuration and its guards by.
_ENVIRONMENT = re.compile(r"""(?:^|[\s"'])(OS_GLANCE_CONFIG_\w+|PYTHONPATH|PYTHONHOME)=""")
# The same names, which a unit may take away without a value.
_UNSET = re.compile(r"\b(OS_GLANCE_CONFIG_\w+|PYTHONPATH|PYTHONHOME)\b")
_NAMES = {"Environment": _ENVIRONMENT, "UnsetEnvironment": _UNSET}


def _owned_environment(value: Any, pattern: re.Pattern[str] = _ENVIRONMENT) -> list[str]:
    """Return the names of variables of the environment in *value* that are the role's."""
    return list(dict.fromkeys(match for entry in entries(value) for match in pattern.findall(str(entry))))


def _of_uwsgi(name: str, options: Any) -> Iterator[tuple[str, str]]:
    for option in options if is_dict(options) else ():
        # uWSGI takes an underscore for a hyphen nowhere, but people write one.
        written = str(option).strip().replace("_", "-")
        for pattern, should in UWSGI:
            if re.fullmatch(pattern, written):
                yield name, f"{option} should be {should}, found it in {name}: take it away there"
                break
        for variable in _owned_environment(options[option]) if written == "env" else ():
            yield name, f"env {variable} should be left to the role, found it in {name}: take it away there"


def _of_unit(name: str, section: str, option: str, value: Any) -> Iterator[tuple[str, str]]:
    pattern = _NAMES.get(option) if section == "Service" else None
    for variable in _owned_environment(value, pattern) if pattern else ():
        yield _told(name, section, f"{option} {variable}", "left to the role", "take it away there")
    for place, pattern, should, units in UNIT:
        if name in units and section == place and re.fullmatch(pattern, option):
            yield _told(name, section, option, should, "take it away there")
    for place, pattern, units in UNIT_KEPT:
        kept = name in units and section == place and re.fullmatch(pattern, option)
        if kept and any(entry in ("", None) for entry in entries(value)):
            should = "added to what the role needs there, found what takes that away"
            yield name, f"[{section}] {option} of {name} should be {should}: leave out the null or the empty text"


def _of_units(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in UNITS:
        for section, option, value in sections(given.get(name)):
            yield from _of_unit(name, section, option, value)


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about options of *given*, variables by name, that the collection sets; by variable.

    None holds a value, which may be a secret.
    """
    return gather([*_of_files(given), *_of_uwsgi("glance_api_uwsgi", given.get("glance_api_uwsgi")), *_of_units(given)])
