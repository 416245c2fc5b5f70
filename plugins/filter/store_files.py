# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: files that stores need, as entries of glance_files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import ceph, swift

DOCUMENTATION = r"""
name: store_files
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Files that stores need, as entries of glance_files
description:
  - Gives C(/etc/ceph/ceph.conf) and the keyring of the user, if a store of the driver C(rbd) reads them.
  - Gives a file with the account of each store of the driver C(swift) that has it in its options.
options:
  _input:
    description: Stores, as in C(glance_stores).
    type: dict
    required: true
  monitors:
    description: Addresses of Ceph's monitors, as in C(glance_ceph_monitors). Without any, there are no files of Ceph's.
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
    msg: "{{ glance_stores | glanceops.image_service.store_files(['192.0.2.1'], glance_ceph_key) }}"
"""

RETURN = r"""
_value:
  description: Entries of C(glance_files).
  type: list
  elements: dict
"""


def store_files(stores: Mapping[str, Any], monitors: Sequence[str], key: str) -> list[dict[str, Any]]:
    """Return the entries."""
    return [*ceph.files(stores, monitors, key), *swift.files(stores)]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"store_files": store_files}
