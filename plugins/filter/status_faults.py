# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what is wrong on a host, by what was found there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

DOCUMENTATION = r"""
name: status_faults
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What is wrong on a host, by what was found there
description:
  - Takes what was registered for a host, as P(glanceops.image_service.status_table#filter) does, and returns one
    sentence for each fault. A service that the host does not have was not looked at, and has none.
options:
  _input:
    description: Name of the host.
    type: str
    required: true
  found:
    description: Variables of each host, such as C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | glanceops.image_service.status_faults(hostvars) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each fault.
  type: list
  elements: str
"""

# Registered variable, service, what it should do, units whose journal has the reason.
_SERVICES = (
    ("__glance_balancer", "haproxy", "be well", ("haproxy",)),
    ("__glance_registry", "glance-registry", "answer", ("glance-registry",)),
    ("__glance_service", "glance-api", "answer", ("glance-api", "glance-proxy")),
    ("__glance_scrubber", "glance-scrubber", "be well", ("glance-scrubber", "glance-scrubber-check")),
)


def journal(units: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return where to look for the reason."""
    return f"See 'journalctl {' '.join(f'-u {unit}' for unit in units)}' there."


def faults(host: str, results: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each fault in the *results* that are registered for *host*."""
    jobs: dict[str, str] = {}
    full: dict[str, None] = {}
    for variable, service, should, units in _SERVICES:
        result = results.get(variable) or {}
        if not result.get("healthy", True):
            yield f"{service} on {host} should {should}, found: {result.get('health', '')}. {journal(units)}"
        # A host with two services has said the same of its jobs and disks twice.
        jobs |= result.get("failed_jobs") or {}
        full |= dict.fromkeys(result.get("full_directories") or ())
    images = results.get("__glance_images") or {}
    if images and not images.get("skipped") and ("reason" in images or "counts" not in images):
        yield f"glance-api on {host} should tell its images, found: {images.get('msg', '')}"
    if full:
        where = " and ".join(full)
        yield f"{host} should have room for images, found none in {where}: delete images, or give it more space."
    if jobs:
        names, reasons = " and ".join(jobs), "; ".join(jobs.values())
        yield f"{names} on {host} should have ended well, found: {reasons}. {journal(jobs)}"


def status_faults(host: str, found: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each fault of *host*."""
    return list(faults(host, found[host]))


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"status_faults": status_faults}
