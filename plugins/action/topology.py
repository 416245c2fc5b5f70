# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the inventory on the control machine, and tell who talks to whom."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import IGNORED
from ansible.plugins.action import ActionBase
from ansible.vars.hostvars import HostVarsVars
from ansible_collections.glanceops.image_service.plugins.plugin_utils import inputs, rotation, specs, topology, upgrade
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import placeholders, rolling

# Ansible's own inventory, which need not be there.
DEFAULT_SOURCE = "/etc/ansible/hosts"


def inventory_files(source: str) -> Iterator[str]:
    """Give the files that Ansible reads hosts from in *source*, a file or a folder (ansible/inventory/manager.py)."""
    if not os.path.isdir(source):
        yield source
        return
    for name in sorted(os.listdir(source)):
        if not IGNORED.search(os.fsencode(name)):
            yield from inventory_files(os.path.join(source, name))


def unread(sources: Iterable[str], read: Iterable[str | None]) -> list[str]:
    """Return a sentence for each of the inventory's *sources* that Ansible has not *read*, which it only warns of."""
    read = set(read)
    sentences = []
    for source in sources:
        if "," in source or (source == DEFAULT_SOURCE and not os.path.exists(source)):
            continue
        if not os.path.exists(source):
            sentences.append(
                f"The inventory {source} should be a file or a folder, found nothing there: correct its path."
            )
            continue
        sentences += [
            f"The inventory {file} should be one that Ansible can read, found that it can't: see the warning above."
            for file in inventory_files(source)
            if file not in read
        ]
    return sentences


def known(variables: Mapping[str, Any], names: Iterable[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return those variables *names* of a host that can be worked out by now; *defaults* are for those not set."""
    found = {}
    for name in names:
        if name not in variables:
            if name in defaults:
                found[name] = defaults[name]
            continue
        try:
            found[name] = variables[name]
        except AnsibleError:
            continue  # it waits for facts; what is wrong with it otherwise is told by check_variables
    return found


# What the tasks of an upgrade register, by what upgrade.Seen calls it.
_REGISTERED = {
    "before": ("__glance_upgrade", "running"),
    "back_to": ("__glance_upgrade", "back_to"),
    "now": ("__glance_api_found", "release"),
    "backup": ("__glance_backup", "name"),
    "done": ("__glance_api_deployed", "msg"),
}


def seen(variables: Mapping[str, Any]) -> upgrade.Seen:
    """Return what the tasks of an upgrade have registered so far on a host with these *variables*."""
    return upgrade.Seen(**{key: (variables.get(name) or {}).get(part) for key, (name, part) in _REGISTERED.items()})


class ActionModule(ActionBase):
    """Action plugin; nothing of it runs on the host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def _topology(
        self, groups: Mapping[str, list[str]], hosts: Mapping[str, Mapping[str, Any]], more: Iterable[str] = ()
    ) -> topology.Topology:
        options = specs.operator_options(specs.read(self._loader))
        defaults = {name: option["default"] for name, option in options.items() if "default" in option}
        names = [
            *topology.USED,
            *more,
            *(name for name in options if name.endswith("_port") or placeholders.ADDRESSES.search(name)),
            *placeholders.NESTED,
        ]
        # Ansible goes by a host's name where nothing says its address.
        return topology.Topology(
            groups,
            {host: known(variables, names, {**defaults, "ansible_host": host}) for host, variables in hosts.items()},
        )

    def _variables(self, task_vars: Mapping[str, Any], host: str) -> Mapping[str, Any]:
        """Return the variables of a host, which may name those of other hosts.

        Since ansible-core 2.19 hostvars[host] fails with one that does: it has no hostvars (ansible/vars/hostvars.py).
        """
        hostvars = task_vars["hostvars"]
        return HostVarsVars({**hostvars.raw_get(host), "hostvars": hostvars}, loader=self._loader, host=host)

    def _unread(self, task_vars: Mapping[str, Any]) -> list[str]:
        # Ansible has no other place that says what it could read.
        manager = getattr(task_vars["hostvars"], "_inventory", None)
        data = getattr(manager, "_inventory", None)
        if data is None:
            return []
        return unread(task_vars.get("ansible_inventory_sources") or (), data.processed_sources)

    def _releases(self) -> Mapping[str, Any]:
        return self._loader.load_from_file(str(specs.RELEASES), unsafe=True)["__glance_releases"]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what roles can't know alone, or fail with all that is wrong with the inventory."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        groups, stage = self._task.args.get("groups", []), self._task.args.get("stage", "")
        selected, limit = task_vars["ansible_play_hosts_all"], task_vars.get("ansible_limit") or ""
        found = topology.Topology({name: list(hosts) for name, hosts in task_vars["groups"].items()})
        sentences = self._unread(task_vars) or [
            *topology.misnamed(found),
            *topology.absent(found, groups, selected, limit),
        ]
        if not sentences:
            # Each look at a host's variables puts them together anew.
            hosts = {
                host: self._variables(task_vars, host) for host in found.hosts(*topology.SERVICES, topology.RETIRED)
            }
            # The end of every run that changes nothing: what was told before is not worked out once more.
            if stage == "looked":
                return {**result, "changed": False, **topology.looked(found, selected, hosts)}
            asked = {} if stage == "hosts" else hosts
            facts = {host: of_host["ansible_facts"] for host, of_host in asked.items() if "ansible_facts" in of_host}
            if stage == "rotated":
                found = self._topology(found.groups, hosts, rotation.USED)
                return {**result, "changed": False, **self._rotated(found, hosts, task_vars)}
            found = self._topology(found.groups, hosts)
            sentences = self._faults(found, stage, selected, facts, limit)
        if not sentences:
            result.update(self._told(found, hosts, stage, task_vars, facts))
        result.update(changed=False)
        if sentences:
            result.update(failed=True, msg=" ".join(sentences))
        return result

    def _faults(
        self,
        found: topology.Topology,
        stage: str,
        selected: Iterable[str],
        facts: Mapping[str, Mapping[str, Any]],
        limit: str,
    ) -> list[str]:
        if stage == "rolling":
            return [*rolling.of_all_hosts(found)]
        if stage == "variables":
            return [
                *topology.absent(found, [topology.API], found.hosts(topology.API), limit),
                *topology.deployment_faults(found, self._releases()),
                *rolling.of_all_hosts(found),
                *placeholders.faults({host: found.variables[host] for host in found.hosts(*topology.SERVICES)}),
            ]
        if stage == "facts":
            balancers = [host for host in found.hosts(topology.LOADBALANCER) if host in selected]
            return [
                *topology.port_conflicts(found, self._releases()),
                *topology.unaddressed(found, balancers),
                *topology.virtual_addresses(found, facts),
            ]
        return []

    def _deployed(self, found: topology.Topology, task_vars: Mapping[str, Any]) -> dict[str, list[str]]:
        only, skip = task_vars.get("ansible_run_tags") or ["all"], task_vars.get("ansible_skip_tags") or []
        return topology.deployed(found, task_vars["ansible_play_hosts"], only, skip)

    def _rotated(
        self, found: topology.Topology, variables: Mapping[str, Mapping[str, Any]], task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        selected = task_vars["ansible_play_hosts_all"]
        asked = {host: of_host.get("__glance_identity_found") or {} for host, of_host in variables.items()}
        leaving = {host: result["leaving"] for host, result in asked.items() if "leaving" in result}
        sentences = list(rotation.faults(found, selected, self._deployed(found, task_vars), leaving))
        if sentences:
            return {"failed": True, "msg": " ".join(sentences)}
        return {"told": rotation.told(found, selected)}

    def _told(
        self,
        found: topology.Topology,
        variables: Mapping[str, Mapping[str, Any]],
        stage: str,
        task_vars: Mapping[str, Any],
        facts: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Any]:
        selected, releases = task_vars["ansible_play_hosts_all"], self._releases()
        # Of the collection counts how it was when the run began.
        before = task_vars.get("__glance_topology") or {}
        deployed: Mapping[str, list[str]] = {}
        if stage == "end":
            deployed = self._deployed(found, task_vars)
        hosts = {host: topology.handed(found, host, selected, releases, facts, deployed) for host in found.variables}
        on_hosts = {host: seen(of_host) for host, of_host in variables.items()}
        if any(each.before is not None for each in on_hosts.values()):
            for host, values in hosts.items():
                values["upgrade"] = upgrade.state(found, host, selected, on_hosts, releases)
        return {
            "hosts": hosts,
            "api_serial": topology.api_serial(found),
            "members": {group: found.hosts(group) for group in topology.SERVICES},
            "left_out": topology.left_out(found, selected),
            "asked_besides": topology.asked_besides(found, selected),
            "entrance": topology.entrance(found, facts) if facts else "",
            "collection": before["collection"] if "collection" in before else inputs.of_collection(),
        }
