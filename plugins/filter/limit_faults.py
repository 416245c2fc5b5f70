# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what can't be right in the limits of images and projects."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.limits import faults

DOCUMENTATION = r"""
name: limit_faults
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What can't be right in the limits of images and projects
description:
  - Gives one sentence for each thing that can't be right, such as a project that may hold less than one image.
options:
  _input:
    description: The variables C(glance_image_max_bytes) and C(glance_project_max_bytes), in bytes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ {'glance_image_max_bytes': 10, 'glance_project_max_bytes': 5} | glanceops.image_service.limit_faults }}"
"""

RETURN = r"""
_value:
  description: Sentences; none when all is well.
  type: list
  elements: str
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"limit_faults": faults}
