# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what was registered on all hosts into tables and sentences, on the control machine."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.glanceops.image_service.plugins.plugin_utils import status


class ActionModule(ActionBase):
    """Action plugin; nothing of it runs on the host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the tables of the services that the play has hosts of, and what is wrong on each host."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        hosts = task_vars["ansible_play_hosts_all"]
        variables = {host: task_vars["hostvars"][host] for host in hosts}
        found = {
            host: {name: of_host[name] for name in status.REGISTERED if name in of_host}
            for host, of_host in variables.items()
        }
        members = {
            service: [h for h in hosts if h in task_vars["groups"].get(f"glance_{service}", ())]
            for service in status.TABLES
        }
        result.update(
            changed=False,
            tables=[status.table(names, found, service) for service, names in members.items() if names],
            faults={host: list(status.faults(host, results)) for host, results in found.items()},
        )
        return result
