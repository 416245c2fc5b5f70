# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What judges take besides variables: the services of a host, what its release and platform say, and its facts.

It stands among the variables, under names that no variable has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERVICES = "__glance_services"
"""Groups of the services that the host has, C(glance_api) ..., and those of timers that a role is called for."""

RELEASES = "__glance_releases"
"""The table of releases."""

PLATFORMS = "__glance_platforms"
"""Platforms that releases are tested on, as C(Debian 13)."""

FACTS = "__glance_facts"
"""Facts of the host; not there before it was asked for them."""

PURGE, CACHE = "glance_purge", "glance_cache"
"""The timers, as services."""


def has(given: Mapping[str, Any], *services: str) -> bool:
    """Whether the host has one of the I(services)."""
    return not set(services).isdisjoint(given.get(SERVICES, ()))


def release_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is special about the release of the host; nothing of one that is not known."""
    return (given.get(RELEASES) or {}).get(str(given.get("glance_release")), {})


def asks_registry(given: Mapping[str, Any]) -> bool:
    """Whether the API of the host asks a registry for its records, in place of the database."""
    return bool(release_of(given).get("registry") and given.get("glance_registry_host"))
