# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are not of the type that the argument specs say, or that are another text than was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_bool, check_type_int
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import values
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    entries,
    is_dict,
    kind_of,
    printable,
)

# What types are called in a sentence, where that is not "a" and their name.
_KINDS = {"int": "an int", "str": "a text", "path": "a path", "raw": "a number or a text"}
_CHECKS = {"int": check_type_int, "bool": check_type_bool}


def faults(name: str, value: Any, option: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each part of *value* that is not of its type, or that is another text than was written."""
    kind, found = option.get("type", "str"), kind_of(value)
    wanted = f"{name} should be {_KINDS.get(kind, f'a {kind}')}"
    if value is None:
        yield f"{wanted}, found nothing: give it a value or take the line away"
    elif kind in ("dict", "list") and found == "a text":
        yield f"{wanted}, found a text: give it in a file, or as -e '{{\"{name.split()[-1]}\": ...}}'"
    elif (kind in ("dict", "list") or found in ("a dict", "a list")) and found != f"a {kind}" and kind != "raw":
        yield f"{wanted}, found {found}"
    # Ansible would take a text that is no longer as it was written: 0123 is 83, and yes is True.
    elif kind in ("str", "path") and found != "a text" and "choices" not in option:
        yield f"{wanted}, found {found}: put it in quotes"
    elif "choices" in option and (strange := _no_choice(value, option)):
        wanted = f"{name} should be {'of' if kind == 'list' else 'one of'} {', '.join(option['choices'])}"
        yield f"{wanted}, found {', '.join(map(shown, strange))}: correct it"
    elif kind in ("str", "path"):
        yield from values.lone_lines(name, value)
    elif kind in _CHECKS and not _is(kind, value):
        yield f"{wanted}, found {shown(value)}"
    elif kind == "list":
        inner = {"type": option.get("elements", "raw"), **{key: option[key] for key in ("options",) if key in option}}
        for entry in entries(value):
            called = (entry.get("name") or entry.get("path")) if is_dict(entry) else None
            text = kind_of(called) == "a text" and str(called).isprintable()
            yield from faults(f"{called} in {name}" if text else f"an entry of {name}", entry, inner)
    elif kind == "dict" and "options" in option:
        absent = [key for key, inner in option["options"].items() if inner.get("required") and key not in value]
        # What is misspelt is there, under another name.
        if strange := [key for key in value if key not in option["options"]]:
            wanted = f"{name} should have {', '.join(option['options'])}"
            yield f"{wanted}, found {', '.join(map(shown, strange))}: correct it"
        elif absent:
            yield f"{name} should have {' and '.join(absent)}, found none: add it"
        for inner in option["options"].keys() & value.keys():
            yield from faults(f"{inner} of {name}", value[inner], option["options"][inner])


def _no_choice(value: Any, option: Mapping[str, Any]) -> list[Any]:
    """Return what of *value* is a word and none that the *option* has; other types are told as such."""
    texts = [each for each in entries(value) if option.get("type") != "list" or kind_of(each) == "a text"]
    return [each for each in texts if str(each) not in option["choices"]]


def quoted(text: str) -> str:
    """Return a name as it is, or in quotes if one could not see where it ends."""
    return text if re.fullmatch(r"[\w.:@-]+", text) else f'"{printable(text)}"'


def shown(value: Any) -> str:
    """Return a text, which is no secret, or what it is if it is none."""
    return quoted(value) if kind_of(value) == "a text" else kind_of(value)


def _is(kind: str, value: Any) -> bool:
    """Whether Ansible takes *value* for one of the type *kind*."""
    try:
        _CHECKS[kind](value)
    # A number without end is none that Python could convert.
    except (TypeError, OverflowError):
        return False
    return kind_of(value) != "a boolean" or kind == "bool"


def misshapen(given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return, by variable, the sentences about its value, if there are any."""
    found = {name: sorted(set(faults(name, value, options[name]))) for name, value in sorted(given.items())}
    return {name: sentences for name, sentences in found.items() if sentences}
