# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the directories of a host, as far as the variables tell."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    FILES,
    entries,
    gather,
    is_dict,
    kind_of,
    printable,
    sections,
)

STORE, STAGING, CACHE, BACKUP, LOCK, WORK, SHARED, MOUNT, OWN, FILE = (
    "store",
    "staging area",
    "image cache",
    "backups",
    "lock files",
    "working directory",
    "shared directory",
    "mount",
    "the collection",
    "a file that Glance reads",
)
# Options of stores and services that name a file; a relative one is looked for beside the configuration.
_READ = re.compile(
    r"(swift_store_config_file|(s3|swift|cinder)_store_cacert|vmware_ca_file|https_ca_certificates_file|"
    r"filesystem_store_metadata_file|rbd_store_ceph_conf|property_protection_file|policy_file|config_file|cafile|"
    r"log_config_append|schema_image_file|location_strategy_file)\Z"
)
# No blank, quote or backslash, which units take for something else, no % of systemd, no $ of oslo.config.
_PLAIN = re.compile(r"(/(?!\.{1,2}(/|$))[^/\s%$\\\"'~*?\[\]]+)+\Z")
_PRIORITY = re.compile(r":\d+\Z")
# Where nothing else may lie; the first is named in a sentence about two.
_DATA_KINDS = (CACHE, STAGING, STORE)
# What the units of Glance don't see, or what is empty after the next start of the host.
_HIDDEN = {
    "/home": "which ProtectHome hides from Glance",
    "/root": "which ProtectHome hides from Glance",
    "/run": "which is empty after each start of the host",
    "/var/run": "which is empty after each start of the host",
    "/var/lock": "which is empty after each start of the host",
    "/tmp": "of which Glance has a private one (PrivateTmp)",
    "/var/tmp": "of which Glance has a private one (PrivateTmp)",
    "/dev": "which is no place for files",
    "/proc": "which is no place for files",
    "/sys": "which is no place for files",
}
_UNREAD = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
# Folders of the system, with all below them; and those that others use, by themselves.
_SYSTEM = (
    *("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr"),
    *("/opt/glance", "/var/lib/dpkg", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/systemd", "/var/lib/apt"),
)
_COMMON = (
    *("/", "/opt", "/srv", "/mnt", "/media", "/var", "/var/lib", "/var/lib/glance", "/var/log", "/var/cache"),
    *("/var/spool", "/var/backups", "/var/mail", "/var/local", "/var/opt"),
)
# What a mount would hide.
_NO_MOUNT = re.compile(r"/(var(/lib(/glance)?)?|(etc|opt)(/glance(/.*)?)?)\Z")
_DATA = "/var/lib/glance"
# Folders in /var/log of what may run beside Glance: they would belong to the user glance from then on.
_LOGS = (
    *("apache2", "apt", "audit", "ceph", "chrony", "dist-upgrade", "exim4", "haproxy", "installer", "journal"),
    *("keystone", "mysql", "nginx", "postgresql", "private", "rabbitmq", "runit", "samba", "swift", "sysstat"),
    "unattended-upgrades",
)


@dataclasses.dataclass(frozen=True)
class Directory:
    """A directory of a I(kind), at I(path), that the I(variable) names; I(label) says where in it."""

    kind: str
    variable: str
    label: str
    path: str


def plain(path: str) -> str:
    """Return *path* without slashes at its end and without two in a row."""
    return re.sub("/+", "/", path).rstrip("/") or "/"


def log_directory(config: Mapping[str, Any]) -> str:
    """Return the directory of log files that the options of a service name, by section; empty for none."""
    default = config.get("DEFAULT", {})
    directory, file = default.get("log_dir") or "", default.get("log_file") or ""
    # As oslo.log joins them (oslo_log/log.py, _get_log_file_path).
    return posixpath.dirname(posixpath.join(directory, file)) if file else directory


def _texts(value: Any) -> list[str]:
    return [str(entry) for entry in entries(value) if kind_of(entry) == "a text" and str(entry)]


# Options of stores that name directories.
_STORE_KINDS = {
    "filesystem_store_datadir": STORE,
    "filesystem_store_datadirs": STORE,
    "swift_upload_buffer_dir": WORK,
}


def _options(given: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Give (kind, variable, label, value) of each option that names a path, in stores and in files."""
    stores = given.get("glance_stores")
    for name, store in stores.items() if is_dict(stores) else ():
        for option, value in (store.get("options") or {}).items():
            if kind := _STORE_KINDS.get(option, FILE if _READ.match(str(option)) else ""):
                yield kind, "glance_stores", f"{option} of the store {name} in glance_stores", value
    kinds = {
        ("oslo_concurrency", "lock_path"): LOCK,
        ("DEFAULT", "lock_path"): LOCK,
        ("task", "work_dir"): WORK,
        ("os_glance_staging_store", "filesystem_store_datadir"): STAGING,
        ("os_glance_tasks_store", "filesystem_store_datadir"): STAGING,
    }
    for name in FILES:
        for section, option, value in sections(given.get(name)):
            if kind := kinds.get((section, option), FILE if _READ.match(option) else ""):
                yield kind, name, f"[{section}] {option} of {name}", value


def _of_options(given: Mapping[str, Any]) -> Iterator[Directory]:
    for kind, variable, label, value in _options(given):
        for path in _texts(value):
            cut = _PRIORITY.sub("", path) if label.startswith("filesystem_store_datadirs ") else path
            yield Directory(kind, variable, label, cut)


def _of_types(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give a sentence for each option that names a path and is no text, or an empty one where that is no choice."""
    for kind, variable, label, value in _options(given):
        # A file store without its directory is told elsewhere.
        empty = kind != FILE and not label.startswith("filesystem_store_datadir ")
        for each in entries(value):
            found = "nothing" if each == "" and empty else kind_of(each)
            if (each == "" and empty) or found in ("a number", "a boolean", "a date"):
                what = "a file" if kind == FILE else "a folder of its own"
                yield variable, f"{label} should be the path of {what}, found {found}: name one, in quotes"


def store_directories(given: Mapping[str, Any]) -> list[str]:
    """Return the directories of all file stores in *given*, each once."""
    return list(dict.fromkeys(each.path for each in _of_options(given) if each.kind == STORE))


def _of_variables(given: Mapping[str, Any]) -> Iterator[Directory]:
    kinds = {"glance_backup_directory": BACKUP, "glance_shared_directories": SHARED}
    if _number(given.get("glance_cache_max_bytes")) > 0:
        kinds["glance_cache_directory"] = CACHE
    kinds["glance_keystone_ca_file"] = FILE
    for name, kind in kinds.items():
        for path in _texts(given.get(name)):
            yield Directory(kind, name, name, path)
    for mount in given.get("glance_mounts") or ():
        for path in _texts(mount.get("path")):
            yield Directory(MOUNT, "glance_mounts", "a path of glance_mounts", path)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _own(found: list[Directory]) -> Iterator[Directory]:
    """Give what the collection has on a host, where the variables name nothing else."""
    yield Directory(OWN, "", "the configuration", "/etc/glance")
    yield Directory(OWN, "", "the configuration of HAProxy", "/etc/glance-proxy")
    yield Directory(OWN, "", "the programs", "/opt/glance")
    yield Directory(LOCK, "", "the lock files", f"{_DATA}/locks")
    for store, folder in (("os_glance_staging_store", "staging"), ("os_glance_tasks_store", "tasks")):
        if not any(f"[{store}]" in each.label for each in found):
            yield Directory(STAGING, "", f"the directory of {store}", f"{_DATA}/{folder}")


def _below(path: str, places: Any) -> str:
    """Return the one of *places* that *path* is, or is below; nothing if there is none."""
    return next((place for place in places if path == place or path.startswith(f"{place}/")), "")


def _of_form(each: Directory) -> str:
    """Return the sentence about a directory that is no plain absolute path, or that is in no place for it."""
    path = plain(each.path)
    if each.kind == FILE:
        hidden = "~" if path.startswith("~") else _below(path, _UNREAD)
        if hidden or (each.variable == "glance_keystone_ca_file" and not path.startswith("/")):
            place = f" below {hidden}, which Glance does not see" if hidden else ""
            wanted = f"{each.label} should be an absolute path of a file that Glance can read"
            return f"{wanted}, found {printable(each.path)}{place}: put it into /etc/glance"
        if each.path.endswith("/"):
            return (
                f"{each.label} should be the path of a file, found the folder {printable(each.path)}: name a file in it"
            )
        return ""
    wanted = f"{each.label} should be a plain absolute path of a folder of its own"
    if (
        not _PLAIN.match(path)
        or not path.isprintable()
        or (each.kind == STORE and "datadirs" in each.label and ":" in path)
    ):
        return (
            f"{wanted}, such as {_DATA}/images, found {printable(each.path)}: it may have no blank, %, $, quote or .."
        )
    if each.kind in (BACKUP, OWN):
        return ""
    hidden = _below(path, _HIDDEN)
    if hidden and not (each.kind == LOCK and hidden in ("/run", "/var/run", "/var/lock")):
        return f"{wanted}, found {each.path} below {hidden}, {_HIDDEN[hidden]}: name another one"
    if each.kind == MOUNT:
        if plain(each.path) != each.path or _NO_MOUNT.match(path):
            return (
                "the paths of glance_mounts should be plain absolute paths, each once, none a folder with other files "
                f"of Glance, found {each.path}: mount at a folder of its own, such as {_DATA}/images"
            )
        return ""
    if each.kind != SHARED and (_below(path, _SYSTEM) or path in _COMMON):
        return f"{wanted}, found {each.path}, where the system or others have files: name another one"
    return ""


def _of_pairs(found: list[Directory]) -> Iterator[tuple[str, str]]:
    """Give a sentence for each directory with data that holds another one of ours, or is in one."""
    data = sorted((each for each in found if each.kind in _DATA_KINDS), key=lambda each: _DATA_KINDS.index(each.kind))
    others = [each for each in (*found, *_own(found)) if each not in data]
    for number, first in enumerate(data):
        for second in (*data[number + 1 :], *others):
            here, there = plain(first.path), plain(second.path)
            # Shared folders and mounts are where stores lie.
            if second.kind in (SHARED, MOUNT) and first.kind != CACHE:
                continue
            if _below(here, [there]) or _below(there, [here]):
                relation = f"which is {second.label}, too" if here == there else f"beside {there}, {second.label}"
                yield (
                    first.variable,
                    f"{first.label} should be a folder for it alone, found {first.path}, {relation}: name another one",
                )


def _of_mounts(mounts: Any) -> Iterator[str]:
    paths = [str(mount.get("path")) for mount in mounts]
    for path in dict.fromkeys(path for path in paths if paths.count(path) > 1):
        yield (
            "the paths of glance_mounts should be plain absolute paths, each once, found "
            f"{path} {paths.count(path)} times: keep one"
        )
    for mount in mounts:
        for key in ("src", "fstype"):
            if key in mount and not str(mount[key]).strip():
                yield f"{key} of {mount.get('path')} in glance_mounts should be a word, found a blank: correct it"


def _of_logs(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give a sentence for each variable that has a service write its logs where it can't, or where others do."""
    common = _log_options(given.get("glance_config"))
    for name in FILES:
        own = _log_options(given.get(name))
        options = {**common, **own}
        if (
            not own
            or not any(options.values())
            or any(kind_of(value) != "a text" for value in options.values() if value)
        ):
            continue
        path = log_directory({"DEFAULT": options})
        first = path.removeprefix("/var/log/").split("/")[0]
        if not path.startswith("/var/log/") or not _PLAIN.match(plain(path)) or first in ("", *_LOGS):
            yield (
                name,
                "log files should lie in a folder of their own below /var/log, such as /var/log/glance, found "
                f"{printable(path) or 'none'}: change {' and '.join(sorted(own))} of {name}",
            )


def _log_options(config: Any) -> dict[str, Any]:
    """Return what *config* says of log files, by the names of today."""
    names = {"log_dir": "log_dir", "logdir": "log_dir", "log_file": "log_file", "logfile": "log_file"}
    return {
        names[option]: value for section, option, value in sections(config) if section == "DEFAULT" and option in names
    }


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about directories that *given*, variables by name, ask for; by variable.

    Slashes at the end and two in a row are let through: who uses a path does without them.
    """
    found = [*_of_options(given), *_of_variables(given)]
    told = [*_of_types(given)]
    told += [(each.variable, sentence) for each in found if (sentence := _of_form(each))]
    wrong = {(each.variable, each.path) for each in found if _of_form(each)}
    told += _of_pairs([each for each in found if (each.variable, each.path) not in wrong])
    told += _of_logs(given)
    told += [("glance_mounts", sentence) for sentence in _of_mounts(given.get("glance_mounts") or ())]
    return gather(told)
