# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in how many hosts of the API are changed at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import kind_of, printable
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API, SERIAL, Topology

# Ansible counts to the number, so it has to have an end (ansible/executor/playbook_executor.py).
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_PERCENTAGE = re.compile(r"([1-9][0-9]?|100)%")
_WANTED = f"{SERIAL} should be a number of hosts from 1 to 9999, or a percentage from 1% to 100%"


def batch(value: Any, hosts: int) -> int | None:
    """Return how many of so many *hosts* a *value* of glance_api_serial takes at once; None when it is none.

    As in Ansible's C(serial), a percentage is rounded down to whole hosts, and is one host at least
    (ansible/utils/helpers.py, pct_to_int).
    """
    text = str(value) if kind_of(value) in ("a number", "a text") else ""
    if _NUMBER.fullmatch(text):
        return int(text)
    if percentage := _PERCENTAGE.fullmatch(text):
        return int(percentage[1]) * hosts // 100 or 1
    return None


def _misshapen(value: Any) -> str:
    """Return the sentence about a *value* that is neither; empty when it is one."""
    if batch(value, 1) is not None:
        return ""
    found = f'"{printable(value)}"' if kind_of(value) == "a text" else kind_of(value)
    return f"{_WANTED}, found {value if kind_of(value) == 'a number' else found}"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentence about the shape of glance_api_serial in *given*, variables by name, by variable."""
    sentence = _misshapen(given[SERIAL]) if SERIAL in given else ""
    return {SERIAL: [sentence]} if sentence else {}


def of_all_hosts(topology: Topology) -> Iterator[str]:
    """Give a sentence when the API's hosts can't be changed as glance_api_serial says: they are all in one play."""
    hosts = topology.hosts(API)
    by_value: dict[str, list[str]] = {}
    for host in hosts:
        if SERIAL not in topology.variables.get(host, {}):
            yield f"{host}: {_WANTED}, found one that can't be worked out before hosts are reached: write it as it is."
            return
        by_value.setdefault(str(topology.value(host, SERIAL)), []).append(host)
    if len(by_value) > 1:
        told = " and ".join(f"{value} on {', '.join(of_value)}" for value, of_value in by_value.items())
        yield (
            f"{SERIAL} should be the same on all hosts of the group {API}, which one play changes, found {told}: set "
            "it for the group."
        )
    elif hosts and (sentence := _misshapen(topology.value(hosts[0], SERIAL))):
        yield f"{sentence}: correct it."
    elif hosts:
        value = topology.value(hosts[0], SERIAL)
        alone = all(topology.truth(host, "glance_standalone_hosts") for host in hosts)
        if (batch(value, len(hosts)) or 0) >= len(hosts) > 1 and not alone:
            yield (
                f"{SERIAL} should leave a host of the API that serves, found {value} with {len(hosts)} of them "
                f"({', '.join(hosts)}): take {len(hosts) - 1} or less."
            )
