# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a host's variables against the argument specs of roles, on the control machine."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import database
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import INTERNAL, operator_options

COLLECTION = "glanceops.image_service"
# Read by the playbooks that make throw-away hosts for tests.
LAB = "glance_lab_"
# What types are called in a sentence, where that is not "a" and their name.
_KINDS = {"int": "an int", "str": "a text"}
# Ansible's own, which hold all there is.
_MAGIC = {"groups", "hostvars", "vars"}


def unknown(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each of *names* that looks like a variable of this collection and is none."""
    known = sorted(known)
    sentences = []
    for name in sorted(names):
        if not name.startswith("glance_") or name.startswith((INTERNAL, LAB)) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        sentences.append(f"{name} is not a variable of {COLLECTION}{hint}")
    return sentences


def faults(name: str, value: Any, option: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each part of *value* that Ansible would take for one of its type and the roles not."""
    kind = option["type"]
    wanted = f"{name} should be {_KINDS.get(kind, f'a {kind}')}"
    if value is None:
        yield f"{wanted}, found nothing: give it a value or take the line away"
    elif kind in ("dict", "list") and isinstance(value, str):
        yield f"{wanted}, found a text: give it in a file, or as -e '{{\"{name.split()[-1]}\": ...}}'"
    elif kind in ("str", "path") and isinstance(value, (Mapping, list, tuple)):
        yield f"{wanted}, found a {'dict' if isinstance(value, Mapping) else 'list'}"
    elif "options" in option:
        for part in value if isinstance(value, list) else [value]:
            for inner in option["options"].keys() & part.keys() if isinstance(part, Mapping) else ():
                yield from faults(f"{inner} of {name}", part[inner], option["options"][inner])


def misshapen(given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return, by variable, the sentences about its value, if there are any."""
    found = {name: sorted(set(faults(name, value, options[name]))) for name, value in sorted(given.items())}
    return {name: sentences for name, sentences in found.items() if sentences}


def awaits_facts(name: str, variables: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether the variable *name* is made of facts, itself or by others, and so can't be known before them."""
    text = str(variables.get(name))
    if "ansible_facts" in text:
        return True
    others = set(re.findall(r"\w+", text)) & variables.keys() - seen - _MAGIC - {name}
    return "{{" in text and any(awaits_facts(other, variables, seen | {name}) for other in others)


def empty_groups(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the groups that the variable *name* looks for hosts in, and that have none."""
    asked = re.findall(r"""\bgroups(?:\.|\[['"])(\w+)""", str(variables.get(name)))
    return [group for group in dict.fromkeys(asked) if not (variables.get("groups") or {}).get(group)]


class ActionModule(ActionBase):
    """Action plugin; nothing of it runs on the host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a result that fails with one sentence for each wrong variable."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        options = operator_options(specs.read(self._loader))
        problems = unknown(task_vars, options)
        given = {}
        for name in options.keys() & task_vars.keys():
            try:
                given[name] = self._templar.template(task_vars[name])
            except AnsibleError as error:
                if groups := empty_groups(name, task_vars):
                    problems.append(
                        f"{name} can't be worked out: it needs a host of {', '.join(groups)}, and the inventory has "
                        "none"
                    )
                    continue
                if awaits_facts(name, task_vars):
                    continue
                problems.append(f"{name} can't be worked out: {str(error).splitlines()[0]}")
        wrong = misshapen(given, options)
        problems += [sentence for sentences in wrong.values() for sentence in sentences]
        # A judgement with a reason comes before the plain one of the specification.
        judged = database.faults({name: value for name, value in given.items() if name not in wrong})
        problems += judged.values()
        checked = ArgumentSpecValidator(
            {name: {**option, "required": False} for name, option in options.items()}
        ).validate({name: value for name, value in given.items() if name not in {**wrong, **judged}})
        problems += checked.error_messages
        result.update(changed=False)
        if problems:
            host = task_vars.get("inventory_hostname", "")
            result.update(failed=True, msg=f"{host}: {'; '.join(problems)}.")
        return result
