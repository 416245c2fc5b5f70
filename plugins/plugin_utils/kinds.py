# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value is, in the words of a sentence, and the variables that hold options of files."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

FILES = {
    "glance_config": "every service",
    "glance_api_config": "the API",
    "glance_registry_config": "the registry",
    "glance_scrubber_config": "the scrubber",
    "glance_purge_config": "the timer that purges",
    "glance_cache_config": "the timer that tends the cache",
}
"""Variables with options of oslo.config by section, and whose files they are laid over."""

UNITS = ("glance_api_unit", "glance_registry_unit", "glance_scrubber_unit", "glance_import_checks_unit")
"""Variables with options of a systemd unit by section."""

_KINDS = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    ((datetime.date, datetime.time), "a date"),
    (type(None), "nothing"),
    (Mapping, "a dict"),
    ((list, tuple, set, frozenset), "a list"),
)


def kind_of(value: Any) -> str:
    """Return what YAML has made of a *value*: C(a boolean), C(a number), C(a list) ..., else C(a text)."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a text")


def is_list(value: Any) -> bool:
    """Whether *value* is a list in YAML."""
    return kind_of(value) == "a list"


def is_dict(value: Any) -> bool:
    """Whether *value* is a dict in YAML."""
    return isinstance(value, Mapping)


def sections(config: Any) -> Iterator[tuple[str, str, Any]]:
    """Give (section, option, value) of the options in *config*; what has another shape is passed over."""
    for section, values in config.items() if is_dict(config) else ():
        for option, value in values.items() if is_dict(values) else ():
            yield str(section), str(option), value


def is_true(value: Any) -> bool:
    """Whether a boolean is true, also where it is given as text, as C(-e name=yes) does."""
    return boolean(value, strict=False)


def printable(text: Any) -> str:
    """Return *text* so that it can be shown in a sentence: without control characters, and not at any length."""
    return "".join(character if character.isprintable() else "?" for character in str(text))[:80]


def entries(value: Any) -> list[Any]:
    """Return the entries of a list, or *value* as the only one."""
    return list(value) if is_list(value) else [value]


def gather(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the sentences by variable, each once, of pairs (variable, sentence)."""
    result: dict[str, list[str]] = {}
    for name, sentence in found:
        if sentence not in result.setdefault(name, []):
            result[name].append(sentence)
    return result
