# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that nobody has: those of documentation, which an inventory has from an example."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

# RFC 5737, RFC 3849 and RFC 9637.
NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]
# RFC 2606. The name .test is left out: people use it for their tests.
NAMES = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid)$", re.IGNORECASE)
# Variables, and options of stores and mounts, that hold an address, a host name or a URL.
ADDRESSES = re.compile(
    r"(_|^)(address(es)?|clients|endpoints?|hosts?|monitors|proxy|src|urls?|tls_name|certificates_names)$"
)
# Those of our variables that hold such options.
NESTED = ("glance_stores", "glance_mounts")


def host_of(text: str) -> str:
    """Return the host in a URL, in ``host:port``, in ``user@host:/path`` or alone; nothing for anything else."""
    text = text.strip()
    if "://" in text:
        try:
            return urlsplit(text).hostname or ""
        except ValueError:
            return ""
    bare = text.rpartition("@")[2]
    if bare.startswith("["):
        return bare[1:].partition("]")[0]
    # A netmask, a port or a path; an IPv6 address has more colons than one.
    bare = bare.partition("/")[0]
    return bare.partition(":")[0] if bare.count(":") == 1 else bare


def is_placeholder(host: str) -> bool:
    """Whether *host* is an address or a name that is kept for documentation."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(NAMES.search(host.rstrip(".")))
    return any(address in network for network in NETWORKS)


def placeholders(name: str, value: Any) -> Iterator[str]:
    """Give each host of documentation in the *value* of the variable or option *name*."""
    if isinstance(value, str):
        if ADDRESSES.search(name):
            yield from (host for host in map(host_of, value.split(",")) if is_placeholder(host))
    elif isinstance(value, Mapping):
        for inner, part in value.items():
            yield from placeholders(str(inner), part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from placeholders(name, part)


def faults(variables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence that has all placeholders of the *variables* by host, if there are any."""
    found: dict[str, dict[str, list[str]]] = {}
    for host, known in variables.items():
        for name, value in known.items():
            if name in NESTED or ADDRESSES.search(name):
                for placeholder in dict.fromkeys(placeholders(name, value)):
                    found.setdefault(name, {}).setdefault(placeholder, []).append(host)
    if not found:
        return []
    told = []
    for name, hosts_by in found.items():
        # What all hosts have is told without them.
        values = [
            each if hosts == list(variables) else f"{each} ({', '.join(hosts)})" for each, hosts in hosts_by.items()
        ]
        told.append(f"{name}: {', '.join(values)}")
    return [
        f"The inventory should have addresses of your own, found those of documentation in {'; '.join(told)}: replace "
        "them."
    ]
