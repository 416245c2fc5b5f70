# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the limits of images and projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 2**63 - 1
"""Bytes that Glance can count (glance/common/config.py, image_size_cap)."""


def faults(limits: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each thing that is wrong with glance_image_max_bytes and glance_project_max_bytes."""
    sentences = []
    image, project = (int(limits[name]) for name in ("glance_image_max_bytes", "glance_project_max_bytes"))
    if not 1 <= image <= LARGEST:
        sentences.append(f"glance_image_max_bytes should be from 1 to {LARGEST}, found {image}: give it in bytes")
    if project < 0:
        sentences.append(f"glance_project_max_bytes should be 0 (no limit) or more, found {project}: give it in bytes")
    elif 0 < project < image:
        sentences.append(
            f"glance_project_max_bytes should be 0 (no limit) or at least glance_image_max_bytes ({image}), "
            f"found {project}: raise it, or lower glance_image_max_bytes"
        )
    return sentences
