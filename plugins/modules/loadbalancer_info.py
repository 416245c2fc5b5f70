#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: loadbalancer_info
short_description: Tell which servers a load balancer sends requests to
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Asks HAProxy's statistics socket once, and looks whether this host has the address that clients use.
  - A HAProxy that does not run is a result, not a failure.
options:
  socket:
    description: Path of HAProxy's statistics socket.
    type: path
    default: /run/haproxy/admin.sock
  virtual_address:
    description: Address that clients use, which one of several balancers has.
    type: str
    default: ""
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look at the load balancer
  glanceops.image_service.loadbalancer_info:
    virtual_address: 192.0.2.100
  register: balancer
"""

RETURN = r"""
healthy:
  description: Whether HAProxy answers and each of its backends has a server that takes requests.
  returned: success
  type: bool
health:
  description: V(healthy), or what is not.
  returned: success
  type: str
  sample: no server of glance_api takes requests
servers:
  description: What HAProxy says of each server by backend.
  returned: success
  type: dict
  sample: {"api1": {"glance_api": "UP"}, "api2": {"glance_api": "DOWN"}}
has_virtual_address:
  description: Whether this host has O(virtual_address).
  returned: success
  type: bool
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import haproxy


def judge(servers: dict[str, dict[str, str]]) -> str:
    """Return what is not well with the status of *servers* by backend, "" if all is."""
    backends = dict.fromkeys(backend for status in servers.values() for backend in status)
    idle = [
        backend
        for backend in backends
        if not any(haproxy.takes_requests(status[backend]) for status in servers.values() if backend in status)
    ]
    return f"no server of {', '.join(idle)} takes requests" if idle else ""


def has_address(address: str) -> bool:
    """Whether this host has the IP *address*."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": haproxy.SOCKET},
            "virtual_address": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    servers, address = {}, module.params["virtual_address"]
    try:
        servers = haproxy.servers(haproxy.ask(module.params["socket"], "show stat"))
        wrong = judge(servers)
    except haproxy.HAProxyError as error:
        wrong = str(error)
    module.exit_json(
        changed=False,
        healthy=not wrong,
        health=wrong or "healthy",
        servers=servers,
        has_virtual_address=bool(address) and has_address(address),
    )


if __name__ == "__main__":
    main()
