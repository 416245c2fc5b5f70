"""Have check_options.py judge every option that the installed release registers, and a misspelling of each.

every_option.py RELEASE

Prints how many there are, which valid values were refused and which misspellings were accepted, as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import warnings
from typing import Any

import check_options as check
from table_of_options import one_store_each

# What a type takes, by its name.
VALUES = {
    "Boolean": "true",
    "Dict": "a:b",
    "Float": "0.5",
    "Hostname": "h.example.org",
    "HostAddress": "127.0.0.1",
    "HostDomain": "h.example.org",
    "IPAddress": "127.0.0.1",
    "Port": "80",
    "Range": "1-2",
    "URI": "http://h.example.org/",
}


def valid(kind: Any, default: Any) -> str:
    """Return a value that a type of oslo.config takes."""
    choices = [str(each) for each in getattr(kind, "choices", None) or [] if each]
    if choices:
        return choices[0]
    name = type(kind).__name__
    if name == "Integer":
        lowest, highest = kind.min, kind.max
        return str(lowest if lowest is not None else highest if highest is not None else 1)
    if name in ("List", "MultiString") and hasattr(kind, "item_type"):
        value = valid(kind.item_type, None)
        return f"[{value}]" if getattr(kind, "bounds", False) else value
    if name == "String" and kind.regex:
        return str(default)
    return VALUES.get(name, "x")


def main(release: str) -> None:
    """Judge them all."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")

    given: dict[str, dict[str, list[str]]] = {"DEFAULT": {"enabled_backends": [one_store_each()]}}
    known = check.registered()
    for section in [section for section, names in known.sections.items() if "auth_section" in names]:
        given[section] = {"auth_type": ["v3password"]}
    told = [*check.add_stores(known, given), *check.add_plugins(known, given)]
    for section, names in known.sections.items():
        for option in {id(each): each for each in names.values()}.values():
            place = given.setdefault(section, {})
            # One of old names would count twice.
            if names.get(option.dest) is option and option.dest not in ("auth_section", "auth_type"):
                place.setdefault(option.dest, [valid(option.type, option.default)])
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        for section, names in given.items():
            file.write(f"[{section}]\n" + "".join(f"{name} = {values[0]}\n" for name, values in names.items()))
        file.flush()
        refused = told + check.faults(file.name, release)
    pairs = [(section, name) for section, names in given.items() for name in names]
    misspelt = [(section, wrong) for section, name in pairs for wrong in (f"{name}z", name[:-1], f"x{name}")]
    accepted = [
        f"[{section}] {name}"
        for section, name in misspelt
        if name not in known.sections[section] and not list(check.unknown(known, {section: {name: ["x"]}}, release))
    ]
    print(json.dumps({"options": len(pairs), "misspelt": len(misspelt), "refused": refused, "accepted": accepted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
