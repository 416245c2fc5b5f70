# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a host's variables against the argument specs of roles, on the control machine."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.vars.clean import namespace_facts
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts, operator_files, specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.awaited import (
    awaits_facts,
    empty_groups,
    has_facts,
    reason,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.names import unknown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import (
    HANDED,
    deploys_release,
    judge,
    services_of,
    unknown_yet,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import SERVICES

# The subsets of facts that the roles need.
FACTS = ("!all", "!min", "distribution", "hardware", "network")


class ActionModule(ActionBase):
    """Action plugin; nothing of it runs on the host, but that it may ask for facts."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a result that fails with one sentence for each wrong variable."""
        result = super().run(tmp, task_vars)
        variables, problems, waiting = task_vars or {}, [], []
        before, role = self._task.args.get("before") or {}, self._task.args.get("service") or ""
        groups = variables.get("group_names") or ()
        services = services_of(groups, role)
        # A role may be called for what the groups of the host don't say.
        if before.get("waiting", True) or services.intersection(SERVICES) - services_of(groups):
            problems, waiting = self._judged(variables, services)
        # What is wrong without facts is told without asking the host.
        if not problems and self._task.args.get("gather_facts") and not has_facts(variables):
            asked = self._execute_module("ansible.legacy.setup", {"gather_subset": list(FACTS)}, task_vars=variables)
            if "ansible_facts" not in asked:
                return asked
            result["ansible_facts"] = asked["ansible_facts"]
            variables = {**variables, **namespace_facts(asked["ansible_facts"])}
            self._templar.available_variables = variables
            problems, waiting = self._judged(variables, services)
        result.update(changed=False, waiting=sorted(set(waiting)))
        if problems:
            host = variables.get("inventory_hostname", "")
            result.update(failed=True, msg=f"{host}: {'; '.join(problems)}.")
        return result

    def _judged(self, variables: dict[str, Any], services: set[str]) -> tuple[list[str], list[str]]:
        """Return a sentence for each wrong one of *variables*, and the names of those that are to be known yet."""
        known = specs.operator_options(specs.read(self._loader))
        problems = unknown(variables, known)
        given: dict[str, Any] = {}
        waiting: list[str] = []
        # What no variable of the host says: other hosts, as plays/preflight.yml has found them.
        handed = (variables.get("__glance_topology") or {}).get("hosts") or {}
        variables = {**handed.get(variables.get("inventory_hostname"), {}), **variables}
        for name in known.keys() & variables.keys():
            try:
                value = self._templar.template(variables[name])
            except AnsibleError as error:
                waiting.append(name)
                if groups := empty_groups(name, variables):
                    problems.append(
                        f"{name} can't be worked out: it needs a host of {', '.join(groups)}, and the inventory has "
                        "none"
                    )
                elif not awaits_facts(name, variables):
                    problems.append(f"{name} can't be worked out: {reason(error)}")
                continue
            # A value that stands in for a fact is none to be judged.
            if not has_facts(variables) and awaits_facts(name, variables):
                waiting.append(name)
            else:
                given[name] = value
        table = self._loader.load_from_file(str(specs.RELEASES), unsafe=True)
        beside = {hosts.SERVICES: services, hosts.PLATFORMS: table[hosts.PLATFORMS]}
        if has_facts(variables):
            beside[hosts.FACTS] = variables["ansible_facts"]
        unsaid = [*waiting, *HANDED]
        waiting += unknown_yet(services, given, hosts.FACTS in beside)
        if not deploys_release(services):
            # The options there are for hosts with another release, be it the default on this one.
            given.pop("glance_release", None)
            unsaid.append("glance_release")
        return [
            *problems,
            *judge(
                given,
                known,
                unsaid,
                table[hosts.RELEASES],
                operator_files.reader(self._loader, variables),
                beside,
            ),
        ], waiting
