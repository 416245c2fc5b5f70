# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the malware scan of imported images."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_server, is_url, shown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.numbers import PORTS
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import entries, gather, is_true, printable
from ansible_collections.glanceops.image_service.plugins.plugin_utils.scan import FORMATS, name_of

SCAN, UPDATE, SIGNATURES = "glance_import_scan", "glance_import_scan_update", "glance_import_scan_signatures"
SERVER, TLS = "glance_import_scan_server", "glance_import_scan_server_tls"
MIRROR, AGE, CHECKS = "glance_import_scan_mirror", "glance_import_scan_max_age_days", "glance_import_checks"
CHECK = "malware-scan"
"""Name of the scan among the checks of imports."""
_SERVER = re.compile(r"(?P<host>.+):(?P<port>[0-9]{1,5})")
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,99}}\.(?:{'|'.join(FORMATS)})")
# Of ClamAV's own.
_OWNED = re.compile(r"(?:main|daily|bytecode|freshclam)\.")


def _of_signatures(sources: list[str]) -> Iterator[tuple[str, str]]:
    names = [name_of(source) for source in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield (
            SIGNATURES,
            f"the files of {SIGNATURES} should have different names, found {', '.join(twice)} twice: rename one",
        )
    for name in names:
        if not _NAME.fullmatch(name):
            yield (
                SIGNATURES,
                f"a file of {SIGNATURES} should have a name of letters, digits and _.- that ends with one of "
                f"{', '.join(FORMATS)}, by which ClamAV knows what is in it, found {printable(name)}: rename it",
            )
        elif _OWNED.match(name):
            yield SIGNATURES, f"a file of {SIGNATURES} should have no name of ClamAV's own, found {name}: rename it"


def _of_sources(given: Mapping[str, Any], sources: list[str]) -> Iterator[tuple[str, str]]:
    """Give what is wrong with where signatures come from."""
    if is_true(given.get(UPDATE, True)):
        return
    if not sources:
        yield (
            SIGNATURES,
            f"{SIGNATURES} should have some without {UPDATE}, found none: add a file, or set {UPDATE} to "
            "true, since ClamAV can't start without any",
        )
    if given.get(MIRROR):
        yield (
            MIRROR,
            f"{MIRROR} should be empty without {UPDATE}, found {shown(given[MIRROR])}: nothing comes from there",
        )
    if str(given.get(AGE, 7)) != "0":
        yield (
            AGE,
            f"{AGE} should be 0 without {UPDATE}, found {printable(given.get(AGE, 7))}: signatures of your own have no "
            "date, and every image would be refused",
        )


def _of_server(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what is wrong with a daemon on another host."""
    server = str(given[SERVER])
    parts = _SERVER.fullmatch(server)
    host = parts["host"] if parts else ""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not parts or not is_server(bare) or (":" in bare and bare == host) or not 1 <= int(parts["port"]) <= PORTS:
        yield (
            SERVER,
            f"{SERVER} should be a name and a port, such as clamav.example.com:3310, found {shown(server)}: correct it",
        )
    elif is_true(given.get(TLS, True)) and not _is_name(bare):
        yield (
            SERVER,
            f"{SERVER} should be the name in its certificate, with {TLS}, found the address {shown(server)}: "
            "HAProxy verifies names alone",
        )
    for name in (SIGNATURES, MIRROR):
        if given.get(name):
            yield (
                name,
                f"{name} should be empty with {SERVER}, which has signatures of its own, found some: take them away",
            )


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the malware scan in *given*, by variable."""
    sources = [str(source) for source in entries(given.get(SIGNATURES) or [])]
    found = list(_of_signatures(sources))
    if given.get(MIRROR) and not is_url(str(given[MIRROR])):
        example = "a URL such as https://clamav.example.com, without a login"
        found.append((MIRROR, f"{MIRROR} should be {example}, found {shown(given[MIRROR])}: correct it"))
    if str(given.get(SCAN, "none")) == "none":
        return gather(found)
    found += _of_server(given) if given.get(SERVER) else _of_sources(given, sources)
    if any(isinstance(check, Mapping) and check.get("name") == CHECK for check in given.get(CHECKS) or []):
        found.append((CHECKS, f"a check of {CHECKS} should not have the name {CHECK}, which is {SCAN}'s: rename it"))
    return gather(found)
