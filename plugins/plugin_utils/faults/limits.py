# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the limits of images and projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather

LARGEST = 2**63 - 1
"""Bytes that Glance can count (glance/common/config.py, image_size_cap)."""


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the limits in *given*, variables by name, by variable; both are known, or none is."""
    names = ("glance_image_max_bytes", "glance_project_max_bytes")
    if not given.keys() >= set(names):
        return {}
    found: list[tuple[str, str]] = []
    image, project = (int(given[name]) for name in names)
    if not 1 <= image <= LARGEST:
        found.append((names[0], f"{names[0]} should be from 1 to {LARGEST}, found {image}: give it in bytes"))
    if project < 0:
        found.append((names[1], f"{names[1]} should be 0 (no limit) or more, found {project}: give it in bytes"))
    elif 0 < project < image:
        wanted = f"{names[1]} should be 0 (no limit) or at least {names[0]} ({image})"
        found.append((names[1], f"{wanted}, found {project}: raise it, or lower {names[0]}"))
    return gather(found)
