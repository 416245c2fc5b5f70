# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the files of services on the control machine, then look at all of them on the host in one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible_collections.glanceops.image_service.plugins.action import config_files, release_venv
from ansible_collections.glanceops.image_service.plugins.plugin_utils import inputs, operator_files, topology


class ActionModule(release_venv.ActionModule, config_files.ActionModule):
    """Action plugin of the module of the same name; takes its options."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module, or with a name what a later task is to hand to it."""
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        before = arguments.pop("before", None) or {}
        found: dict[str, Any] = {"changed": False}
        found |= {part: list(before.get(part) or []) for part in ("pending", "looked", "services")}
        if not arguments.pop("wanted", True):
            return found
        if "name" in arguments:
            found["looked"].append(arguments["name"])
            self._collect(arguments, found, task_vars)
            return found
        ours = [topology.LOOKS[group] for group in task_vars.get("group_names") or () if group in topology.LOOKS]
        # Others keep nothing.
        services, kept = found.pop("services"), bool(arguments.get("kept") and ours)
        if kept:
            found["unknown"] = True
        # Where there is something to do, all that follows is done, whatever else is found.
        if found["pending"] or not (services or kept):
            return found
        given = self._inputs(task_vars) if kept or self._is_whole(ours, found["looked"], task_vars) else ""
        if kept and not given:
            return found
        options = {"services": services, "inputs": given, "kept": kept}
        asked = self._execute_module(module_args=options, task_vars=task_vars)
        found["looked"] += asked.pop("names", [])
        return found | asked

    def _is_whole(self, ours: Iterable[str], looked: Iterable[str], task_vars: Mapping[str, Any]) -> bool:
        """Whether the state of all services of the host was computed, from files that were the same all the time."""
        began_with = (task_vars.get("__glance_topology") or {}).get("collection")
        return set(ours) <= set(looked) and began_with == inputs.of_collection()

    def _inputs(self, task_vars: Mapping[str, Any]) -> str:
        """Return the digest of what the desired state of the host is computed from; empty where that can't be told."""
        told = task_vars.get("__glance_topology") or {}
        if not told.get("collection"):
            return ""
        read = operator_files.reader(self._loader, task_vars)
        try:
            options = {
                name: self._templar.template(value) for name, value in task_vars.items() if name.startswith("glance_")
            }
            header = self._templar.template(
                task_vars.get("ansible_managed", constants.config.get_config_value("DEFAULT_MANAGED_STR"))
            )
            # It tells when a template was written, which no digest does.
            if set("{%").intersection(header):
                return ""
            texts = {src: read(src) for src in operator_files.sources(options)}
            handed = told["hosts"].get(task_vars["inventory_hostname"], {})
            settings = [header, constants.DEFAULT_HASH_BEHAVIOUR]
            return inputs.digest(told["collection"], options, task_vars, handed, texts, settings)
        except (AnsibleError, OSError, TypeError, ValueError):
            return ""

    def _collect(self, arguments: dict[str, Any], found: dict[str, Any], task_vars: dict[str, Any]) -> None:
        """Add the service to those of *found*; what can't be rendered is a reason to go on."""
        if reason := arguments.pop("always", ""):
            found["pending"].append(reason)
            return
        try:
            arguments["files"] = self.rendered(arguments.get("files") or [], task_vars)
            if venv := dict(arguments.get("venv") or {}):
                pins = self._pins(venv.pop("wheels"))
                arguments["venv"] = {**venv, "pins": [pin.requirement for pin in pins]}
        except AnsibleError as error:
            found["pending"].append(str(error))
            return
        found["services"].append(arguments)
