# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what is wrong with a host's certificate and key."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.certificates import faults

DOCUMENTATION = r"""
name: certificate_faults
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What is wrong with a host's certificate and key
description:
  - Gives one sentence for each thing that can't be right, such as a key of another certificate, an issuer that is not
    among the authorities, or a certificate that is over or is for another host. None of them holds anything of the key.
  - Looks at the texts alone, on the control machine.
options:
  _input:
    description:
      - The certificate and those of its issuers below an authority, as PEM.
      - Nothing is wrong when it and O(key) are empty.
    type: str
    required: true
  key:
    description: Private key of the certificate, as PEM, without a passphrase.
    type: str
    required: true
  authorities:
    description: Certificates of the authorities that others go by, as PEM. When empty, nothing is said of the issuer.
    type: str
    default: ""
  name:
    description: Host name or address by which others reach the host. When empty, nothing is said of the names.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ glance_tls_certificate | glanceops.image_service.certificate_faults(glance_tls_key) }}"
"""

RETURN = r"""
_value:
  description: Sentences; none when all is well.
  type: list
  elements: str
  sample: [glance_tls_key should be the key of glance_tls_certificate, found another one]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"certificate_faults": faults}
