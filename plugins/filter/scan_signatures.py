# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: signatures of the operator's own for the malware scan of imported images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import scan

DOCUMENTATION = r"""
name: scan_signatures
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Signatures of the operator's own for the malware scan of imported images
description:
  - Gives the items that M(glanceops.image_service.config_files) takes for signatures from the control machine.
options:
  _input:
    description: Files, as in C(glance_import_scan_signatures).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ glance_import_scan_signatures | glanceops.image_service.scan_signatures }}"
"""

RETURN = r"""
_value:
  description: Items of O(glanceops.image_service.config_files#module:files).
  type: list
  elements: dict
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"scan_signatures": scan.items}
