# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of C(glance_api_policy) that nobody asks for, or that oslo.policy takes for 'nobody' as it can't read them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.release_options import table
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    entries,
    gather,
    is_dict,
    printable,
    sections,
)

POLICY = "glance_api_policy"
_CONFIGS = ("glance_config", "glance_api_config")
_QUOTES = ('""', "''")


def _tokens(rule: str) -> Iterator[str]:
    """Give the parts of a rule: brackets, C(and), C(or), C(not), C(check), and C(?) for what is none of them.

    As oslo.policy takes them apart: by blanks, brackets before and behind (oslo_policy/_parser.py, _parse_tokenize).
    """
    for word in rule.split():
        bare = word.lstrip("(")
        yield from "(" * (len(word) - len(bare))
        if bare.lower() in ("and", "or", "not"):
            yield bare.lower()
        elif bare:
            check = bare.rstrip(")")
            quoted = len(bare) > 1 and bare[0] + bare[-1] in _QUOTES
            if quoted or check:
                yield "check" if not quoted and (check in ("@", "!") or ":" in check) else "?"
            yield from ")" * (len(bare) - len(check))


def readable(rule: str) -> bool:
    """Whether oslo.policy can read a *rule*; an empty one lets everybody."""
    found = " ".join(_tokens(rule))
    before = None
    # Each step makes a check of what is one, until nothing is left to do.
    while found != before:
        before = found
        found = re.sub(r"\( check \)|not check|check (and|or) check", "check", found)
    return found in ("", "check")


def _set(given: Mapping[str, Any], *options: str) -> list[str]:
    """Return what the API's options of these names are set to, whatever their section."""
    every = [each for variable in _CONFIGS for each in sections(given.get(variable))]
    return [str(text) for _section, name, value in every if name in options for text in entries(value) if value]


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the rules in *given*; the names are those of the release, if it has a table."""
    rules = given.get(POLICY)
    if not is_dict(rules):
        return {}
    found = [
        (
            POLICY,
            f"{printable(name)} of {POLICY} should be a rule that oslo.policy can read, such as role:admin or "
            f"project_id:%(owner)s, found {printable(rule) or 'nothing'}: correct it",
        )
        for name, rule in rules.items()
        if not readable(str(rule))
    ]
    release = str(given.get("glance_release") or "")
    shipped = set(table(release).get("policies", ())) if given.get("glance_install_method", "venv") == "venv" else set()
    asked = {name for rule in rules.values() for name in re.findall(r"\brule:([^\s()]+)", str(rule))}
    # What else names rules: an option, the file of property protections, and files of rules in other directories.
    asking = {*asked, *_set(given, "policy_default_rule")}
    elsewhere = bool(_set(given, "policy_dirs"))
    protections = "policies" in _set(given, "property_protection_rule_format")
    for name in sorted(map(str, set(rules) - shipped - asking)) if shipped and not (elsewhere or protections) else ():
        near = difflib.get_close_matches(name, sorted(shipped), n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else "take it away"
        wanted = f"{printable(name)} of {POLICY} should be a rule of Glance {release}, or one that another rule names"
        found.append((POLICY, f"{wanted}, found neither: {hint}"))
    for name in sorted(asked - shipped - set(rules)) if shipped and not elsewhere else ():
        wanted = f"{POLICY} should have every rule that one of it names"
        found.append((POLICY, f"{wanted}, found rule:{printable(name)} without one: add it, or name another"))
    return gather(found)
