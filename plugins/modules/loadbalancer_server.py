#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: loadbalancer_server
short_description: Wait until HAProxy sends requests to a server, or none
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Runs on the host of a load balancer, asks its statistics socket and waits until its own health checks have found the
    server O(server) in the state that is asked for. It does not set that state.
options:
  server:
    description: Name of the server in HAProxy's configuration, in whatever backends it is.
    type: str
    required: true
  state:
    description:
      - With V(down), no new request goes to the server, in no backend that it is in.
      - With V(up), requests go to it in every backend that it is in.
      - A server that HAProxy does not know is not waited for, and no server is while HAProxy does not run.
    type: str
    choices: [up, down]
    required: true
  socket:
    description: Path of HAProxy's statistics socket.
    type: path
    default: /run/haproxy/admin.sock
  timeout:
    description: Seconds to wait.
    type: int
    default: 30
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
    details:
      - Does not wait.
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Wait until no balancer sends requests to this API
  glanceops.image_service.loadbalancer_server:
    server: "{{ inventory_hostname }}"
    state: down
  delegate_to: lb1
"""

RETURN = r"""
status:
  description: What HAProxy says of the server by backend, C(status) of its C(show stat).
  returned: success, and when the time is over
  type: dict
  sample: {"glance_api": "DOWN"}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import haproxy

_POLL_SECONDS = 0.1


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["up", "down"], "required": True},
            "socket": {"type": "path", "default": haproxy.SOCKET},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    server, state, seconds = (module.params[name] for name in ("server", "state", "timeout"))
    deadline = time.monotonic() + seconds
    while True:
        try:
            status = haproxy.servers(haproxy.ask(module.params["socket"], "show stat")).get(server, {})
        except haproxy.NotRunningError:
            status = {}
        except haproxy.HAProxyError as error:
            module.fail_json(msg=f"HAProxy should tell of {server}, found: {error}.")
        if haproxy.arrived(status, state) or module.check_mode:
            module.exit_json(changed=False, status=status)
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    wanted = {"up": "send requests", "down": "send no more requests"}[state]
    found = ", ".join(f"{each} in {backend}" for backend, each in status.items())
    module.fail_json(msg=f"HAProxy should {wanted} to {server} within {seconds} s, found: {found}.", status=status)


if __name__ == "__main__":
    main()
