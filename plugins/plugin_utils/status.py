# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What status.yml shows and refuses, by what its tasks have registered on each host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of

REGISTERED = (
    "__glance_loadbalancer_found",
    "__glance_registry",
    "__glance_api_found",
    "__glance_images",
    "__glance_scrubber",
)
"""Results of loadbalancer_info, service_info (registry and API), image_status and scrubber_info."""


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
    service = results.get("__glance_api_found") or {}
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
    balancer = results.get("__glance_loadbalancer_found") or {}
    if "servers" not in balancer:
        return (host, trouble(balancer), "unknown", "unknown")
    shown = [f"{server} {'/'.join(dict.fromkeys(of.values()))}" for server, of in sorted(balancer["servers"].items())]
    address = "here" if balancer["has_virtual_address"] else "not here"
    return (host, balancer["health"], address, ", ".join(shown) or "none")


TABLES = {
    "registry": (("HOST", "REGISTRY", "UNIT", "ADDRESS", "HEALTH"), registry_row),
    "api": (("HOST", "RELEASE", "UNIT", "ADDRESS", "HEALTH", "IMAGES"), api_row),
    "loadbalancer": (("HOST", "BALANCER", "VIRTUAL ADDRESS", "SERVERS"), loadbalancer_row),
    "scrubber": (("HOST", "SCRUBBER", "STATE", "LAST RUN", "WAITING TO BE SCRUBBED"), scrubber_row),
}


def table(hosts: Iterable[str], found: Mapping[str, Mapping[str, Any]], service: str) -> list[str]:
    """Return the lines of the table of a service, its columns as wide as their widest cell.

    *found* are the results that are registered on each of *hosts*; one without them, such as one that was not reached,
    has a line that says so.
    """
    headings, row = TABLES[service]
    rows = [headings, *(row(host, found[host]) for host in sorted(hosts))]
    widths = [max(len(line[column]) for line in rows) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]


# Registered variable, service, what it should do, units whose journal has the reason.
_SERVICES = (
    ("__glance_loadbalancer_found", "haproxy", "be healthy", ("haproxy",)),
    ("__glance_registry", "glance-registry", "answer", ("glance-registry",)),
    ("__glance_api_found", "glance-api", "answer", ("glance-api", "glance-proxy")),
    ("__glance_scrubber", "glance-scrubber", "be healthy", ("glance-scrubber", "glance-scrubber-check")),
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
        yield f"{names} on {host} should have succeeded, found: {reasons}. {journal(jobs)}"
