# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the metadata definitions of the operator's own that a service loads."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.operator_files import metadefs

DOCUMENTATION = r"""
name: metadef_files
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The metadata definitions of the operator's own that a service loads
description:
  - Gives the paths of those files of C(glance_files) that lie below C(/etc/glance/metadefs) and that a service reads.
options:
  _input:
    description: The files, as in C(glance_files).
    type: list
    elements: dict
    required: true
  service:
    description: Name of the service, such as V(glance-api).
    type: str
    required: true
positional: service
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ glance_files | glanceops.image_service.metadef_files('glance-api') }}"
"""

RETURN = r"""
_value:
  description: Paths on the host.
  type: list
  elements: str
  sample: [/etc/glance/metadefs/rack.json]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"metadef_files": metadefs}
