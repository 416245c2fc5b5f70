# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what was found on each host as the lines of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of

DOCUMENTATION = r"""
name: status_table
author: glanceops contributors (@glanceops)
version_added: "0.1.0"
short_description: What was found on each host as the lines of a table
description:
  - Takes what was registered for each host, of the API the results of M(glanceops.image_service.service_info) and
    M(glanceops.image_service.image_status), of the registry that of M(glanceops.image_service.service_info), of the
    scrubber that of M(glanceops.image_service.scrubber_info), of the load balancer that of
    M(glanceops.image_service.loadbalancer_info).
  - Makes one line for the headings and one for each host, in the order of their names.
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
        C(__glance_images), or C(__glance_registry), or C(__glance_scrubber), or C(__glance_balancer).
    type: dict
    required: true
  service:
    description: Service that the table is about.
    type: str
    choices: [api, registry, scrubber, loadbalancer]
    default: api
    version_added: "0.2.0"
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


def image_counts(images: Mapping[str, Any]) -> str:
    """Return "3 (2 active, 1 queued)" for the result of image_status, or "unknown" for a failure."""
    counts = images.get("counts")
    if counts is None or "reason" in images:
        return "unknown"
    parts = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()) if number)
    total = sum(counts.values())
    return f"{total} ({parts})" if total else "0"


def trouble(result: Mapping[str, Any]) -> str:
    """Return why a host has no result."""
    return str(result.get("msg", "failed")) if result.get("failed") else "not reached"


def api_row(host: str, results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one host with the API."""
    service = results.get("__glance_service") or {}
    if "state" not in service:
        return (host, "unknown", "unknown", "unknown", trouble(service), "unknown")
    # A skipped question has no result: the API does not answer, or there is nobody to ask as.
    images = results.get("__glance_images") or {}
    nobody = images.get("skipped") and service.get("healthy")
    shown = "not counted: no user has the role admin and a password" if nobody else image_counts(images)
    return (host, service["release"], service["state"], service["address"], service["health"], shown)


def registry_row(host: str, results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one host with the registry."""
    registry = results.get("__glance_registry") or {}
    if registry.get("skipped"):
        return (host, "none", "not-found", "none", "this release has no registry")
    if "state" not in registry:
        return (host, "unknown", "unknown", "unknown", trouble(registry))
    return (host, registry["release"], registry["state"], registry["address"], registry["health"])


def backlog(found: Mapping[str, Any]) -> str:
    """Return "2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z" for the images that wait."""
    if not found:
        return "unknown"
    if not found["count"]:
        return "none"
    number, size = count_of(found["count"], "image"), size_of(found["bytes"])
    return f"{number}, {size}, {found['due']} due, oldest deleted {found['oldest']}"


def scrubber_row(host: str, results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one host that scrubs."""
    scrubber = results.get("__glance_scrubber") or {}
    if "state" not in scrubber:
        return (host, "unknown", trouble(scrubber), "unknown", "unknown")
    return (host, scrubber["mode"], scrubber["state"], scrubber["last_run"], backlog(scrubber["backlog"]))


def loadbalancer_row(host: str, results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one host that balances."""
    balancer = results.get("__glance_balancer") or {}
    if "servers" not in balancer:
        return (host, trouble(balancer), "unknown", "unknown")
    shown = [f"{server} {'/'.join(dict.fromkeys(of.values()))}" for server, of in sorted(balancer["servers"].items())]
    address = "here" if balancer["has_virtual_address"] else "not here"
    return (host, balancer["health"], address, ", ".join(shown) or "none")


_TABLES = {
    "api": (("HOST", "RELEASE", "UNIT", "ADDRESS", "HEALTH", "IMAGES"), api_row),
    "registry": (("HOST", "REGISTRY", "UNIT", "ADDRESS", "HEALTH"), registry_row),
    "scrubber": (("HOST", "SCRUBBER", "STATE", "LAST RUN", "WAITING TO BE SCRUBBED"), scrubber_row),
    "loadbalancer": (("HOST", "BALANCER", "VIRTUAL ADDRESS", "SERVERS"), loadbalancer_row),
}


def status_table(hosts: Iterable[str], found: Mapping[str, Any], service: str = "api") -> list[str]:
    """Return the lines of the table, its columns as wide as their widest cell."""
    headings, row = _TABLES[service]
    rows = [headings, *(row(host, found[host]) for host in sorted(hosts))]
    widths = [max(len(line[column]) for line in rows) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"status_table": status_table}
