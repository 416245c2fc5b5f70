# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the name of the systemd unit that mounts something at a path."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.module_utils.mounts import unit_name

DOCUMENTATION = r"""
name: mount_unit
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The name of the systemd unit that mounts something at a path
description:
  - Gives the name that C(systemd-escape --path --suffix=mount) gives.
options:
  _input:
    description: Absolute path.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the name
  ansible.builtin.debug:
    msg: "{{ '/var/lib/glance/images' | glanceops.image_service.mount_unit }}"
"""

RETURN = r"""
_value:
  description: Full name of the unit.
  type: str
  sample: var-lib-glance-images.mount
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[[str], str]]:
        """Return the filter by its name."""
        return {"mount_unit": unit_name}
