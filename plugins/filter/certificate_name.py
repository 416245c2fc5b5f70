# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the first host name of a certificate."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.certificates import host_name

DOCUMENTATION = r"""
name: certificate_name
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The first host name of a certificate
description:
  - Gives the name that HAProxy holds a server's certificate against, which can't be an address.
options:
  _input:
    description: Certificate as PEM.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the name
  ansible.builtin.debug:
    msg: "{{ glance_tls_certificate | glanceops.image_service.certificate_name }}"
"""

RETURN = r"""
_value:
  description: The name, empty when there is none or when the text is no certificate.
  type: str
  sample: api1.example.com
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[[str], str]]:
        """Return the filter by its name."""
        return {"certificate_name": host_name}
