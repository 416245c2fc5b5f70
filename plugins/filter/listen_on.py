# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what a load balancer listens on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: listen_on
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What a load balancer listens on
description:
  - Gives the C(listen) of M(glanceops.image_service.host_check) for services that are reached at one address.
options:
  _input:
    description: Services, each with its C(port).
    type: list
    elements: dict
    required: true
  address:
    description: Address that all listen on.
    type: str
    required: true
  variable:
    description: Variable that sets the address.
    type: str
    required: true
positional: address, variable
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ [{'port': 9292}] | glanceops.image_service.listen_on('192.0.2.100', 'glance_loadbalancer_bind_address') }}"
"""

RETURN = r"""
_value:
  description: Address, port and variable of each service, each port once.
  type: list
  elements: dict
"""


def listen_on(services: Iterable[Mapping[str, Any]], address: str, variable: str) -> list[dict[str, Any]]:
    """Return what *services* listen on at *address*, which *variable* sets."""
    ports = dict.fromkeys(service["port"] for service in services)
    return [{"address": address, "port": port, "variable": variable} for port in ports]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"listen_on": listen_on}
