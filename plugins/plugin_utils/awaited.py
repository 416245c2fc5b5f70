# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that can't be worked out: what they wait for, and why else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

# Ansible's own, which hold all there is.
_MAGIC = {"groups", "hostvars", "vars"}
# What Python and Jinja2 say of a template, as regular expressions, by what an operator reads.
_REASONS = (
    (r".*object of type '[^']*' has no attribute ('[^']*').*", r"there is no \1 in what it names"),
    (r".*[Rr]ecursi.*", "it is made of itself"),
    (r".*undecryptable variable: (.*)", r"its vault can't be opened: \1"),
    (
        r".*(can only concatenate|unsupported operand|not supported between|must be str|indices must be).*",
        "it puts values of different types together",
    ),
    (
        r"(.*'ansible_(?!facts)\w+' is undefined.*)",
        r"\1; facts are in ansible_facts, without ansible_ before their names",
    ),
)


def reason(error: Exception) -> str:
    """Return why a template can't be worked out, as the end of a sentence."""
    text = next(iter(str(error).splitlines()), "").rstrip(".")
    return next((re.sub(pattern, said, text) for pattern, said in _REASONS if re.fullmatch(pattern, text)), text)


def has_facts(variables: Mapping[str, Any]) -> bool:
    """Whether the host was asked for the facts that variables of the roles are made of."""
    return "memtotal_mb" in (variables.get("ansible_facts") or {})


def _written(value: Any) -> str:
    """Return the text of a template; nothing of one in a vault that can't be opened."""
    try:
        return str(value)
    except AnsibleError:
        return ""


def awaits_facts(name: str, variables: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether the variable *name* is made of facts, itself or by others, and so can't be known before them."""
    text = _written(variables.get(name))
    if "ansible_facts" in text:
        return True
    others = set(re.findall(r"\w+", text)) & variables.keys() - seen - _MAGIC - {name}
    return "{{" in text and any(awaits_facts(other, variables, seen | {name}) for other in others)


def empty_groups(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the groups that the variable *name* looks for hosts in, and that have none."""
    asked = re.findall(r"""\bgroups(?:\.|\[['"])(\w+)""", _written(variables.get(name)))
    return [group for group in dict.fromkeys(asked) if not (variables.get("groups") or {}).get(group)]
