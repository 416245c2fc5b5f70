# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup plugin: how many hosts of the API a play changes at a time."""

from __future__ import annotations

DOCUMENTATION = r"""
name: api_serial
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: How many hosts of the API a play changes at a time
description:
  - Gives C(glance_api_serial) for C(serial) of a play. Ansible evaluates that before it looks at a host of the play, so
    that no variable of a host is there.
  - The topology has the value, which an earlier play has registered on every host.
options:
  _terms:
    description: Nothing.
"""

EXAMPLES = r"""
- name: Restart the image API, batch after batch
  hosts: glance_api
  serial: "{{ lookup('glanceops.image_service.api_serial') }}"
"""

RETURN = r"""
_raw:
  description: A number of hosts or a percentage; 1 when the play has no host, or no play has registered the topology.
  type: list
  elements: raw
"""

from typing import Any

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """The lookup of one value."""

    def run(self, terms: Any, variables: Any = None, **kwargs: Any) -> list[Any]:
        """Return the value of the first host of the play, which all of them have."""
        known = variables or {}
        first = next(iter(known.get("ansible_play_hosts_all") or ()), None)
        # A syntax check has no variables of hosts.
        told = known["hostvars"][first].get("__glance_topology") if first and "hostvars" in known else None
        return [(told or {}).get("api_serial", 1)]
