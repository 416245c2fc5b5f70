# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the files of a service on the control machine, then look at all of it on the host in one run."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.glanceops.image_service.plugins.action import config_files, release_venv


class ActionModule(release_venv.ActionModule, config_files.ActionModule):
    """Action plugin of the module of the same name; takes its options."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module; what can't be rendered is a reason to go on, too."""
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        before = arguments.pop("before", None) or {}
        found = self._look(arguments, task_vars)
        if "pending" in found:
            found["pending"] = [*before.get("pending", []), *found["pending"]]
            found["looked"] = [*before.get("looked", []), arguments["name"]]
        return found

    def _look(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("always"):
            return {"changed": False, "pending": [arguments["always"]]}
        try:
            arguments["files"] = self.rendered(
                [item for item in arguments.get("files") or [] if item.get("kind") != "staged"], task_vars
            )
            if venv := dict(arguments.get("venv") or {}):
                pins = self._pins(venv.pop("wheels"))
                arguments["venv"] = {**venv, "pins": [pin.requirement for pin in pins]}
        except AnsibleError as error:
            return {"changed": False, "pending": [str(error)]}
        return self._execute_module(module_args=arguments, task_vars=task_vars)
