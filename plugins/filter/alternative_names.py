# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: host names and addresses as a certificate has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.certificates import alternative_names

DOCUMENTATION = r"""
name: alternative_names
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Host names and addresses as a certificate has them
description:
  - Puts C(IP:) before an address and C(DNS:) before any other name, as M(community.crypto.openssl_csr_pipe) takes them.
  - An empty name is left out, and so is one that was there before.
options:
  _input:
    description: Host names, IPv4 and IPv6 addresses.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the names
  ansible.builtin.debug:
    msg: "{{ ['images.example.com', '192.0.2.11'] | glanceops.image_service.alternative_names }}"
"""

RETURN = r"""
_value:
  description: The subject alternative names, in the same order.
  type: list
  elements: str
  sample: ["DNS:images.example.com", "IP:192.0.2.11"]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[[Iterable[str]], list[str]]]:
        """Return the filter by its name."""
        return {"alternative_names": alternative_names}
