# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what was found on each host as the lines of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: status_table
author: glanceops contributors (@glanceops)
version_added: "0.1.0"
short_description: What was found on each host as the lines of a table
description:
  - Takes the results of M(glanceops.image_service.service_info) and M(glanceops.image_service.image_status) that were
    registered for each host, and makes one line for the headings and one for each host.
  - A host without results, such as one that was not reached, has a line that says so.
options:
  _input:
    description: Names of the hosts.
    type: list
    elements: str
    required: true
  found:
    description:
      - Variables of each host, such as C(hostvars), with the registered results C(__glance_service) and
        C(__glance_images).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | glanceops.image_service.status_table(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
"""

_HEADINGS = ("HOST", "RELEASE", "UNIT", "ADDRESS", "HEALTH", "IMAGES")


def image_counts(images: Mapping[str, Any]) -> str:
    """Return "3 (2 active, 1 queued)" for the result of image_status, or why there is none."""
    counts = images.get("counts")
    if counts is None:
        return str(images.get("msg", "unknown"))
    parts = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()) if number)
    total = sum(counts.values())
    return f"{total} ({parts})" if total else "0"


def row(host: str, results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one host."""
    service = results.get("__glance_service") or {}
    if "state" not in service:
        return (host, "unknown", "unknown", "unknown", "not reached", "unknown")
    # A skipped question has no result: the API does not answer.
    images = results.get("__glance_images") or {}
    shown = "unknown" if images.get("skipped") or not images else image_counts(images)
    return (host, service["release"], service["state"], service["address"], service["health"], shown)


def status_table(hosts: Iterable[str], found: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table, its columns as wide as their widest cell."""
    rows = [_HEADINGS, *(row(host, found[host]) for host in hosts)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"status_table": status_table}
