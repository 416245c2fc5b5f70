# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: properties of images as one value of a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: property_pairs
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Properties of images as one value of a configuration file
description:
  - Gives C(name:value,name:value), as oslo.config takes a dictionary. A boolean is V(True) or V(False), as Glance
    writes properties.
  - A dollar sign is doubled, since oslo.config takes it for a reference to another option.
options:
  _input:
    description: The properties, by name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "inject = {{ {'origin': 'imported', 'hw_disk_bus': 'scsi'} | glanceops.image_service.property_pairs }}"
"""

RETURN = r"""
_value:
  description: The text of the value.
  type: str
  sample: origin:imported,hw_disk_bus:scsi
"""


def property_pairs(properties: Mapping[str, Any]) -> str:
    """Return *properties* as one text; what can't stand there is refused before (faults/imports.py)."""
    return ",".join(f"{name}:{value}" for name, value in properties.items()).replace("$", "$$")


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"property_pairs": property_pairs}
