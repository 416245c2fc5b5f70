# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the servers of balanced services that a load balancer knows already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: known_servers
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The servers of balanced services that a load balancer knows already
description:
  - Leaves of each service the servers whose name, address and port the configuration has in its backend. A service of
    which it has none keeps all.
  - HAProxy sends requests to a new server until a check fails. When several do not run yet, a request is sent from one
    to the other of them, since none has less to do, and is refused in the end.
options:
  _input:
    description: Services by name, as in C(glance_loadbalancer_services).
    type: dict
    required: true
  servers:
    description:
      - Names of the servers in each backend with their address and port, as M(glanceops.image_service.host_check)
        tells them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the servers
  ansible.builtin.debug:
    msg: "{{ services | glanceops.image_service.known_servers({'glance_api': ['api1 192.0.2.11:9292']}) }}"
  vars:
    services:
      glance_api: {port: 9292, servers: {api1: 192.0.2.11, api2: 192.0.2.12}}
"""

RETURN = r"""
_value:
  description: The services, with the servers that are known.
  type: dict
  sample: {glance_api: {port: 9292, servers: {api1: 192.0.2.11}}}
"""


def known_servers(
    services: Mapping[str, Mapping[str, Any]], servers: Mapping[str, Sequence[str]]
) -> dict[str, Mapping[str, Any]]:
    """Return *services* with those of their servers that are among *servers*, or with all where none is."""
    found = {}
    for name, service in services.items():
        ports, port = service.get("server_ports", {}), service.get("server_port", service["port"])
        known = {
            server: address
            for server, address in service["servers"].items()
            if f"{server} {address}:{ports.get(server, port)}" in servers.get(name, ())
        }
        found[name] = {**service, "servers": known or service["servers"]}
    return found


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Mapping[str, Any]]]]:
        """Return the filter by its name."""
        return {"known_servers": known_servers}
