# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the variables of a Ceph client, which has a store of the driver rbd."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import ceph
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_server
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_dict, printable

STORES, MONITORS, KEY, FILES = "glance_stores", "glance_ceph_monitors", "glance_ceph_key", "glance_files"
# As librados takes an entry of mon_host: an address or a name, with a port or a protocol, or several of a host.
_MONITOR = re.compile(r"(v[12]:)?(\[(?P<six>[^\[\]\s,]+)\]|(?P<host>[^\[\]:/\s,]+))(:\d{1,5})?\Z")
# A type, a time and a length come before a key (ceph, src/auth/Crypto.cc, CryptoKey::encode); AES-128 has 16 bytes.
_BEFORE, _SHORTEST = 12, 16


def is_monitor(text: str) -> bool:
    """Whether librados takes *text* for one monitor."""
    inner = text[1:-1].split(",") if re.match(r"\[v[12]:.*\]\Z", text) else [text]
    found = [_MONITOR.match(each) for each in inner]
    return all(match and is_server(match["six"] or match["host"]) for match in found)


def is_key(text: str) -> bool:
    """Whether *text* has the form of a key of cephx."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    length = int.from_bytes(raw[_BEFORE - 2 : _BEFORE], "little")
    return len(raw) == _BEFORE + length and length >= _SHORTEST


def _sentences(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    monitors, key = list(given.get(MONITORS) or ()), str(given.get(KEY) or "")
    for each in monitors:
        if not is_monitor(str(each)):
            found = f"found {printable(each)}: write it as 10.0.0.1, ceph1.example.com:6789 or [2001:db8::1]:3300"
            yield MONITORS, f"{MONITORS} should hold addresses of Ceph's monitors, {found}"
    if key and not is_key(key):
        yield KEY, f"{KEY} should be a key as 'ceph auth get-key client.glance' prints it, found another text"
    if bool(monitors) != bool(key):
        name, other = (KEY, MONITORS) if monitors else (MONITORS, KEY)
        hint = f"give both, or neither and Ceph's files in {FILES}"
        yield name, f"{name} should be set beside {other}, found nothing: {hint}"
    stores = given.get(STORES)
    if not monitors or not is_dict(stores):
        return
    users = ceph.users(stores)
    if not users:
        yield MONITORS, f"{MONITORS} should be of use to a store of the driver rbd, found none in {STORES}: add one"
    elif len(users) > 1:
        yield (
            KEY,
            f"{KEY} should be the key of one user of Ceph, found stores of {', '.join(users)}: give all but one "
            f"rbd_store_ceph_conf, and files in {FILES}",
        )


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about C(glance_ceph_monitors) and C(glance_ceph_key) in *given*, by variable."""
    return gather(list(_sentences(given)))
