# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render or read the files of a set on the control machine, then hand the whole set to the module in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.glanceops.image_service.plugins.plugin_utils import operator_files


def refusals(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each value or name that no oslo.config, uWSGI or systemd file can hold."""

    def broken(text: Any) -> bool:
        return "\n" in str(text) or "\r" in str(text)

    for section, values in options.items():
        if not isinstance(values, Mapping):
            yield f"section [{section}] should hold options but is {values!r}"
            continue
        for option, value in values.items():
            entries = value if isinstance(value, (list, tuple)) else [value]
            if broken(section) or broken(option):
                yield f"the name of section {section!r} or of its option {option!r} holds a line break"
            elif any(isinstance(entry, (Mapping, list, tuple)) for entry in entries):
                yield f"option {option} of [{section}] should be a value or a list of values, not a nested one"
            elif any(broken(entry) for entry in entries):
                yield f"the value of option {option} of [{section}] holds a line break"


class Variables(dict):
    """Variables for the lookup of templates, which makes a deep copy of all that there are to add some of its own."""

    def __deepcopy__(self, _memo: dict) -> dict[str, Any]:
        return dict(self)


class ActionModule(ActionBase):
    """Action plugin of the module of the same name; takes its options."""

    TRANSFERS_FILES = False

    def _render(self, item: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        template, options = item.pop("template", None), item.pop("options", None) or {}
        if template is None:
            return self._read(item, task_vars)
        problems = list(refusals(options))
        if problems:
            raise AnsibleActionFail(f"{item['path']} was not written: {'; '.join(problems)}.")
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        (item["content"],) = lookup.run([template], variables=Variables(task_vars), template_vars={"options": options})
        return item

    def _read(self, item: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        src = item.pop("src", None)
        if src is not None:
            try:
                item["content"] = operator_files.reader(self._loader, task_vars)(src)
            except ValueError as error:
                raise AnsibleActionFail(
                    f"the source of {item['path']} should be a file of text, found {error}."
                ) from error
        return item

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module for the rendered set."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        arguments["items"] = [self._render(dict(item), task_vars) for item in arguments.get("items") or []]
        return self._execute_module(module_args=arguments, task_vars=task_vars)
