# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render or read the files of a set on the control machine, then hand the whole set to the module in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.glanceops.image_service.plugins.plugin_utils import operator_files, overlay
from ansible_collections.glanceops.image_service.plugins.plugin_utils.written_directories import written_directories

_UNITS = (".service", ".timer")


class Variables(dict):
    """Variables for the lookup of templates, which makes a deep copy of all that there are to add some of its own."""

    def __deepcopy__(self, _memo: dict) -> dict[str, Any]:
        return dict(self)


class ActionModule(ActionBase):
    """Action plugin of the module of the same name; takes its options."""

    TRANSFERS_FILES = False

    def _render(self, item: dict[str, Any], task_vars: dict[str, Any], writable: list[dict[str, Any]]) -> None:
        """Give the *item* its text; the directories that it says the service writes to are added to *writable*."""
        template, layers, directories = (item.pop(name, None) for name in ("template", "overrides", "directories"))
        if template is None:
            self._read(item, task_vars)
            return
        paths = [each["path"] for each in writable]
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        (text,) = lookup.run([template], variables=Variables(task_vars), template_vars={"writable": paths})
        item["content"] = text
        if layers is None:
            return
        try:
            file = self._laid_over(item["path"], text, layers)
        # Not "from error": Ansible would tell its sentence once more.
        except ValueError as error:
            raise AnsibleActionFail(f"{item['path']} was not written: {error}.") from None
        item["content"] = str(file)
        if directories:
            owner = dict.fromkeys(("owner", "group"), directories["owner"])
            found = written_directories(file.options, directories["stores"])
            writable += [{"path": path, "kind": "directory", "mode": "0750", **owner} for path in found]

    def _laid_over(self, path: str, text: str, layers: list[Mapping[str, Any]]) -> overlay.File:
        file = overlay.File(text)
        if path.endswith(".conf"):
            file.lay_over(overlay.merged(map(overlay.renamed, layers)), overlay.literal)
        else:
            file.lay_over(overlay.merged(layers), overlay.line, overlay.LISTS if path.endswith(_UNITS) else frozenset())
        return file

    def _read(self, item: dict[str, Any], task_vars: dict[str, Any]) -> None:
        src = item.pop("src", None)
        if src is not None:
            try:
                item["content"] = operator_files.reader(self._loader, task_vars)(src)
            except ValueError as error:
                raise AnsibleActionFail(
                    f"the source of {item['path']} should be a file of text, found {error}."
                ) from None

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module for the rendered set."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        arguments["files"] = self.rendered(arguments.get("files") or [], task_vars)
        return self._execute_module(module_args=arguments, task_vars=task_vars)

    def rendered(self, given: list[Mapping[str, Any]], task_vars: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the items of a set with their texts, and with the directories that they say the service writes to."""
        items = [dict(item) for item in given]
        writable: list[dict[str, Any]] = []
        # Units name the directories that the configuration says the service writes to.
        for item in sorted(items, key=lambda item: "directories" not in item):
            self._render(item, task_vars, writable)
        # After the directories of the service that they may lie in, before the link to the release.
        links = [item for item in items if item.get("kind") == "link"]
        return [item for item in items if item.get("kind") != "link"] + writable + links
