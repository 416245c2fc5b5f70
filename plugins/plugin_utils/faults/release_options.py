# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a release does not have and values that it can't read, told before a host has the release.

The tables were made from the wheels of each release (molecule/shared/options/table_of_options.py). What a host has
installed judges again, with the drivers and authentication plugins that are there, and alone where the release comes
from a distribution's packages.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    FILES,
    entries,
    gather,
    is_dict,
    printable,
    sections,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.renamed import RENAMED
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import ROLES

STORES = "glance_stores"
_FOLDER = ROLES / "common/files"
# Section and name of the options that are written by their new names.
_RENAMED = frozenset((each.section, each.option) for each in RENAMED)
# As oslo.config reads them (oslo_config/types.py, Boolean).
_BOOLEANS = {"true", "1", "on", "yes", "false", "0", "off", "no"}
_QUOTES = ("'", '"')
# Options whose values are names of what is installed, by what the table calls those.
_INSTALLED = {
    ("oslo_messaging_notifications", "driver"): "notification_drivers",
}
# Of an AES key in bytes (glance/common/crypt.py).
_KEY = ("DEFAULT", "metadata_encryption_key")
_KEY_LENGTHS = (16, 24, 32)


class _Option:
    """An option of a table, with what check_options.py looks at."""

    deprecated_opts = ()

    def __init__(self, name: str, facts: Mapping[str, Any]) -> None:
        self.dest = name
        self.multi, self.secret = bool(facts.get("multi")), bool(facts.get("secret"))
        self.type = _kind(facts)


def _kind(facts: Mapping[str, Any]) -> Any:
    """Return what stands for a type of oslo.config: of its name, with its limits and choices."""
    kind = type(facts["type"], (), {"bounds": False, **facts})()
    if "item_type" in facts:
        kind.item_type = _kind(facts["item_type"])
    return kind


@functools.lru_cache(maxsize=1)
def _check_options() -> Any:
    """Return the program that judges on hosts; what of it needs no release is used here."""
    spec = importlib.util.spec_from_file_location("check_options", _FOLDER / "check_options.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_FOLDER / "check_options.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


@functools.cache
def table(release: str) -> Mapping[str, Any]:
    """Return what a release registers; of one without a table, nothing."""
    path = _FOLDER / f"options-{release}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _known(there: Mapping[str, Any], stores: Mapping[str, str], origins: Iterable[str] = ()) -> Any:
    """Return the options of a table as check_options.py has them.

    With those of *stores*, drivers by name, and of sections for further *origins* of browsers' requests.
    """
    program = _check_options()
    known = program.Known()
    parts = {**there["sections"]}
    parts.update({origin: parts[program.ORIGINS] for origin in origins if program.ORIGINS in parts})
    for store, driver in {**stores, **dict.fromkeys(program.RESERVED_STORES, "file")}.items():
        if store.lower() in map(str.lower, there["sections"]):
            continue  # A name that a store can't have, which is told by itself.
        parts[store] = there["drivers"].get(driver, {})
        parts["backend_defaults"] = {**parts.get("backend_defaults", {}), **parts[store]}
    # The facts of each, of which an option is made when one is looked at: there are hundreds, and few are set.
    known.sections = {program.plain(section): names for section, names in parts.items()}
    return known


def _number(kind: Any, text: str) -> None:
    value = float(text) if type(kind).__name__ == "Float" else int(text)
    lowest, highest = getattr(kind, "min", None), getattr(kind, "max", None)
    choices = getattr(kind, "choices", None)
    if (lowest is not None and value < lowest) or (highest is not None and value > highest):
        raise ValueError(text)
    if choices and str(value) not in choices:
        raise ValueError(text)


def _read(kind: Any, text: str) -> None:
    """Raise ValueError for a text that oslo.config can't read as a value of a type; of most types it takes any."""
    name, choices = type(kind).__name__, getattr(kind, "choices", None)
    bare = text.strip()
    if name == "Boolean" and bare.lower() not in _BOOLEANS:
        raise ValueError(text)
    if name in ("Integer", "Float", "Port") and bare:
        _number(kind, bare)
    if name == "String" and choices:
        same = str.lower if getattr(kind, "ignore_case", False) else str
        if same(bare) not in map(same, choices):
            raise ValueError(text)
    if name == "List" and (bare or kind.bounds):
        # Commas at the end count for nothing.
        bare = bare.rstrip(",")
        if kind.bounds and not (len(bare) > 1 and bare[0] == "[" and bare[-1] == "]"):
            # Of all that is wrong here this alone is told by its own words.
            raise ValueError("it should begin with [ and end with ]")
        parts = bare[1:-1] if kind.bounds else bare
        for part in parts.split(",") if parts else ():
            # Some lists take quotes around a part, and then any text in them.
            if part.strip()[:1] not in _QUOTES:
                _read(kind.item_type, part)


def _texts(value: Any) -> list[str]:
    """Return what stands in the file for a value."""
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in entries(value)]


def _values(known: Any, section: str, name: str, texts: list[str]) -> Iterator[str]:
    """Give what is wrong with the values of an option, in the words of check_options.py."""
    program, facts = _check_options(), known.find(section, name)
    if facts is None:
        return
    option, alone = _Option(name, facts), program.Known()
    alone.add(section, [option])
    # Of several values, what each is matters once one is chosen.
    if told := list(program.repeated(alone, {section: {name: texts}})):
        yield from told
        return
    for text in texts:
        # A reference to another option, or a text in quotes of its own.
        if "$" in text or text[:1] in _QUOTES:
            continue
        try:
            _read(option.type, text)
        except ValueError as error:
            yield program.value_fault(option, section, name, [printable(text)], error)


def _absent(section: str, name: str, texts: list[str], there: Mapping[str, Any]) -> Iterator[str]:
    """Give what is wrong with names of plugins and drivers, of which wheels bring those of the release alone."""
    if kind := _INSTALLED.get((section.lower(), name)):
        # Quotes around a part belong to the list.
        names = [each.strip(" \t'\"") for text in texts for each in text.strip(" \t[],").split(",")]
        strange = sorted({printable(each) for each in names if each and "$" not in each} - set(there[kind]))
        if strange:
            yield f"[{section}] {name} should be of {', '.join(there[kind])}, found {', '.join(strange)}"


def _of_option(known: Any, there: Mapping[str, Any], release: str, given: tuple[str, str, Any]) -> Iterator[str]:
    """Give what is wrong with an option, given as section, name and value, whose section is known."""
    section, name, texts = given[0], given[1], _texts(given[2])
    unknown = list(_check_options().unknown(known, {section: {name: texts}}, release))
    if unknown and (section, name) in _RENAMED:
        unknown = []
    # What can't be read has no names to look for.
    yield from [*unknown, *_values(known, section, name, texts)] or _absent(section, name, texts, there)
    length = len(texts[-1].encode()) if texts else 0
    if (section, name) == _KEY and "$" not in texts[-1] and length not in _KEY_LENGTHS:
        yield f"[{section}] {name} should be 16, 24 or 32 bytes long, found {length}"


def _of_files(
    given: Mapping[str, Any], told: Mapping[str, list[str]], there: Mapping[str, Any], release: str
) -> Iterator[tuple[str, str]]:
    program = _check_options()
    every = [(variable, *each) for variable in FILES for each in sections(given.get(variable))]
    origins = {section for _variable, section, *_option in every if program.is_origin(section)}
    known = _known(there, _drivers(given), origins)
    # Sections that hold the credentials of another one may have any name.
    credentials = {str(value).lower() for *_place, name, value in every if name == "auth_section"}
    for variable, section, name, value in every:
        known_fault = (f"[{section}] {name} ", f"[{section}] should ")
        again = any(sentence.startswith(known_fault) for sentence in told.get(variable, ()))
        if value is None or again or section.lower() in credentials:
            continue
        if program.plain(section) not in known.sections:
            end = _section_hint(known, section, given[variable][section])
            yield variable, f"[{printable(section)}] of {variable} is no section of Glance {release}{end}"
            continue
        for sentence in _of_option(known, there, release, (section, name, value)):
            yield variable, sentence.replace(f"[{section}] {name} ", f"[{section}] {name} of {variable} ", 1)


def _section_hint(known: Any, section: str, names: Mapping[str, Any]) -> str:
    """Return what to do about a section that is none, as the end of a sentence."""
    program = _check_options()
    names_of = sorted({*known.sections} - {program.ORIGINS})
    near = difflib.get_close_matches(program.plain(section), names_of, n=1, cutoff=0.75)
    others = [(other, there) for other, there in sorted(known.sections.items()) if other not in program.HIDDEN]
    there = [other for other, there in others if names and names.keys() <= there.keys()]
    if near:
        return f": did you mean [{near[0]}]?"
    return (
        f": {' and '.join(map(str, names))} belong{'s' * (len(names) == 1)} to [{there[0]}]" if len(there) == 1 else ""
    )


def _drivers(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the drivers of the stores by name."""
    stores = given.get(STORES)
    return {str(name): str(store.get("driver")) for name, store in (stores if is_dict(stores) else {}).items()}


def _of_stores(given: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    program = _check_options()
    for store, driver in _drivers(given).items():
        if driver not in there["drivers"]:
            continue
        known = program.Known()
        known.sections[program.plain(store)] = there["drivers"][driver]
        others = [name for other in there["drivers"] if other != driver for name in there["drivers"][other]]
        for name, value in (given[STORES][store].get("options") or {}).items():
            where, texts = f"{name} of the store {store} in {STORES}", _texts(value)
            if known.find(store, name) is None and name not in others:
                end = program.hint(known, store, name)
                yield STORES, f"{where} should be an option of the driver {driver}, found none of that name{end}"
            elif value is not None:
                for sentence in _values(known, store, name, texts):
                    yield STORES, sentence.replace(f"[{store}] {name} ", f"{where} ", 1)


def faults(given: Mapping[str, Any], told: Mapping[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Return the sentences about options and values of *given* that glance_release can't take, by variable.

    Nothing is said of options that sentences of others, *told* by variable, are about, of a release that comes from
    packages, or of one that has no table. No sentence holds a secret.
    """
    release = str(given.get("glance_release") or "")
    if (
        not any(given.get(name) for name in (*FILES, STORES))
        or given.get("glance_install_method", "venv") != "venv"
        or not table(release)
    ):
        return {}
    there = table(release)
    return gather([*_of_files(given, told or {}, there, release), *_of_stores(given, there)])
