# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test plugin: whether only programs of the same host can reach an address."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_loopback

DOCUMENTATION = r"""
name: loopback
author: glanceops contributors (@glanceops)
version_added: "0.1.0"
short_description: Whether only programs of the same host can reach an address
description:
  - True for C(localhost), for 127.0.0.0/8 and for C(::1).
  - False for everything else; also for names other than C(localhost), since they may resolve to any address.
options:
  _input:
    description: Address or name to listen on.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse an address that others can reach
  ansible.builtin.assert:
    that: glance_api_bind_address is glanceops.image_service.loopback
"""

RETURN = r"""
_value:
  description: Whether the address is a loopback address.
  type: bool
"""


class TestModule:
    """Makes the test known to Ansible."""

    def tests(self) -> dict[str, Callable[[str], bool]]:
        """Return the test by its name."""
        return {"loopback": is_loopback}
