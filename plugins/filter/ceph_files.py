# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the files of a Ceph client as entries of glance_files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.ceph import files

DOCUMENTATION = r"""
name: ceph_files
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The files of a Ceph client as entries of glance_files
description:
  - Gives C(/etc/ceph/ceph.conf) and the keyring of the user, if a store of the driver C(rbd) reads them.
options:
  _input:
    description: Stores, as in C(glance_stores).
    type: dict
    required: true
  monitors:
    description: Addresses of Ceph's monitors, as in C(glance_ceph_monitors). Without any, there are no files.
    type: list
    elements: str
    required: true
  key:
    description: Key of the user, as in C(glance_ceph_key).
    type: str
    required: true
positional: monitors, key
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ glance_stores | glanceops.image_service.ceph_files(['192.0.2.1'], glance_ceph_key) }}"
"""

RETURN = r"""
_value:
  description: Entries of C(glance_files).
  type: list
  elements: dict
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"ceph_files": files}
