# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the stores, as far as the variables tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import ceph, swift
from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_dict, printable

STORES = "glance_stores"
DEFAULT = "glance_default_store"
FILES = "glance_files"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
# Sections that Glance and its libraries have for themselves.
RESERVED = re.compile(
    r"(default|glance_store|backend_defaults|database|sql|keystone_authtoken|paste_deploy|task|taskflow_executor|cors|"
    r"image_format|wsgi|glance\.store\..*|profiler.*|healthcheck|barbican.*|vault|key_manager|cache|service_user|"
    r"import_filtering_opts|inject_metadata_properties|image_import_opts|image_conversion|glance_download_opts|"
    r"property_encryption|os_brick|privsep.*|audit_middleware_notifications|(oslo|os_glance)_.*)\Z",
    re.IGNORECASE,
)


def _has(options: Mapping[str, Any], option: str) -> bool:
    # Of those that are asked for, one is a switch.
    return str(options.get(option) or "").lower() not in ("", "false", "no", "off", "0")


def _of_name(name: str, names: Mapping[str, list[str]]) -> Iterator[str]:
    wanted = f"a store of {STORES} should have a name of letters, digits and _.- that no section of Glance has"
    if not _NAME.match(name):
        yield f'{wanted}, found "{printable(name)}": rename it'
    elif RESERVED.match(name):
        yield f"{wanted}, found {name}: rename it"
    if len(names[name.lower()]) > 1:
        # oslo.config takes the name of a section in any case.
        yield (
            f"the stores of {STORES} should differ by more than capital letters, found "
            f"{', '.join(names[name.lower()])}: rename one"
        )


def _of_driver(name: str, driver: str) -> Iterator[str]:
    usable = [known for known, facts in drivers().items() if "refused" not in facts]
    wanted = f"the driver of the store {name} in {STORES} should be one of {', '.join(usable)}"
    if driver not in drivers():
        yield f"{wanted}, found {printable(driver)}: correct it"
    elif reason := drivers()[driver].get("refused"):
        yield f"{wanted}, found {driver}: {reason}"


def _missing(alternatives: Iterable[Iterable[str]], options: Mapping[str, Any]) -> list[str]:
    """Return what *options* lack of that one of the *alternatives* of which they have most."""
    lacking = [[option for option in needed if not _has(options, option)] for needed in alternatives]
    had = [sum(_has(options, option) for option in needed) for needed in alternatives]
    return [] if not all(lacking) else lacking[had.index(max(had))] if lacking else []


def _of_options(name: str, driver: str, options: Mapping[str, Any], unfit: str, release: str) -> Iterator[str]:
    where = f"the store {name} in {STORES}"
    facts = drivers().get(driver, {})
    missing = _missing(facts.get("needed", ()), options)
    if missing:
        yield f"{where} should have {', '.join(missing)} for its driver {driver}, found none: add to its options"
    if driver == "file":
        ways = [option for option in facts["directories"] if _has(options, option)]
        if len(ways) != 1:
            found = "both" if ways else "none"
            yield f"{where} should have {' or '.join(facts['directories'])}, found {found}: keep one"
    for other, others in drivers().items():
        strange = [option for option in options if other != driver and str(option).startswith(tuple(others["options"]))]
        if strange and facts:
            yield f"{where} should have options of {driver} alone, found {', '.join(strange)} of {other}: take away"
    # An upload would succeed, and each download of it fail with 500.
    keys = facts.get("keys", ()) if driver == "s3" else ()
    split = [option for option in keys if set(unfit) & set(str(options.get(option) or ""))]
    if split:
        yield (
            f"{where} should have keys without any of {unfit} for Glance {release}, found one in {', '.join(split)}: "
            "nobody could download what it takes; use other keys, or 2026.2"
        )


def _of_swift(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Give what is wrong with the account of a store in Swift; glance_store says of both that it finds no endpoint."""
    user, address = str(options.get("swift_store_user") or ""), str(options.get("swift_store_auth_address") or "")
    if user and user.count(":") != 1:
        yield (
            f"swift_store_user of the store {name} in {STORES} should be a project and a user of Keystone, such as "
            f"service:glance, found {'no colon' if ':' not in user else 'several colons'}: correct it"
        )
    if address and str(options.get("swift_store_auth_version", "3")) == "3" and not address.rstrip("/").endswith("/v3"):
        yield (
            f"swift_store_auth_address of the store {name} in {STORES} should be Keystone's address with its version, "
            f"such as https://keystone.example.com:5000/v3, found {printable(address)}: correct it"
        )


def _of_references(stores: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence if stores in Swift have one name for their accounts, which glance_store would take for one."""
    names: dict[str, list[str]] = {}
    for name, store in stores.items():
        if swift.has_account(store):
            names.setdefault(swift.reference(store), []).append(str(name))
    for reference, sharing in names.items():
        if len(sharing) > 1:
            yield (
                f"the stores {', '.join(sharing)} of {STORES} should differ in default_swift_reference, found "
                f"{reference} for all: give each a name of its own; one that has images with it keeps it"
            )


def _of_files(given: Mapping[str, Any], stores: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each file of the operator's that a store makes, too."""
    makers = {
        entry["path"]: "glance_ceph_monitors"
        for entry in ceph.files(stores, given.get("glance_ceph_monitors") or (), "")
    }
    makers |= {
        swift.path(name): f"the options of the store {name}" for name in stores if swift.has_account(stores[name])
    }
    for entry in given.get(FILES) or ():
        if path := entry.get("path") if entry.get("path") in makers else None:
            yield f"{FILES} should not have {path} beside {makers[path]}, of which it is made: take one of them away"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about glance_stores and glance_default_store in *given*, by variable.

    C(__glance_releases) in *given* is the table of releases.
    """
    stores, default = given.get(STORES), given.get(DEFAULT)
    if not is_dict(stores):
        return {}
    found: list[tuple[str, str]] = []
    release = str(given.get("glance_release", ""))
    unfit = str((given.get("__glance_releases") or {}).get(release, {}).get("s3_unfit", ""))
    names: dict[str, list[str]] = {}
    for name in map(str, stores):
        names.setdefault(name.lower(), []).append(name)
    if not stores:
        found.append((STORES, f"{STORES} should have at least one store, found none: add one with its driver"))
    for name, store in stores.items():
        found += [(STORES, sentence) for sentence in _of_name(str(name), names)]
        driver = str(store.get("driver") or "")
        if not driver:
            found.append((STORES, f"every store of {STORES} should have a driver, found none for {name}"))
            continue
        found += [(STORES, sentence) for sentence in _of_driver(str(name), driver)]
        options = store.get("options") or {}
        found += [(STORES, sentence) for sentence in _of_options(str(name), driver, options, unfit, release)]
        if swift.has_account(store):
            found += [(STORES, sentence) for sentence in _of_swift(str(name), options)]
    if stores and default is not None and default not in stores:
        found.append(
            (
                DEFAULT,
                f"{DEFAULT} should be one of {STORES} ({', '.join(map(str, stores))}), found {printable(default)}",
            )
        )
    elif default is not None and stores and drivers().get(stores[default].get("driver"), {}).get("read_only"):
        sentence = (
            f"{DEFAULT} should be a store that takes images, found {default}, whose driver "
            f"{stores[default]['driver']} only reads"
        )
        found.append((DEFAULT, f"{sentence}: name another one"))
    found += [(STORES, sentence) for sentence in _of_references(stores)]
    found += [(FILES, sentence) for sentence in _of_files(given, stores)]
    return gather(found)
