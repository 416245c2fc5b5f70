# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no file can hold, or what YAML has made of it: in the free dicts, in stores and in rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import is_secret_option
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    FILES,
    UNITS,
    entries,
    gather,
    is_dict,
    is_list,
    kind_of,
    printable,
)

UWSGI = "glance_api_uwsgi"
POLICY = "glance_api_policy"
STORES = "glance_stores"
# Texts of several lines: certificates, keys, and a password that may be any text.
_LINES = ("glance_tls_certificate", "glance_tls_key", "glance_tls_ca", "glance_database_password")
# Options of entries, each with its variable, that do so too.
_LINES_OF = (("content", "glance_files"),)
# What a file of options takes for a name: no blank, bracket or comment, and nothing that ends it.
_NAME = re.compile(r"\w[\w.:@-]*\Z")
_OPTION = re.compile(r"\w[\w.-]*\Z")
_CHARACTERS = "letters, digits and _.-"
# Options that are text whatever they look like. Numbers of them lose zeros and signs, and are others with base 8.
_TEXT = re.compile(
    r"(^|_)(user(_?name|_id)?|project_(name|id)|bucket|container|pool|(access|secret)_key|key|region_name)$"
)
# Digits in base 8, which YAML turns into another number when they begin with 0.
_PERMISSIONS = re.compile(r"(_perm|_mode|Mode|umask|UMask)$")
_NO_SECRETS = {"allow_credentials"}


def is_secret(option: str) -> bool:
    """Whether the value of an *option* is a secret, and so a text."""
    return option not in _NO_SECRETS and is_secret_option(option)


def control(text: Any) -> str:
    """Return which character of *text* no file of options can hold: C(a line break), C(a NUL) or nothing."""
    found = str(text)
    if "\n" in found or "\r" in found:
        return "a line break"
    return "a NUL" if "\0" in found else ""


def lone_lines(name: str, value: Any) -> Iterator[str]:
    """Give a sentence if the text *value* of a variable holds what no file can hold in one line."""
    found, words = control(value), name.split()
    if found == "a NUL" or (found and words[-1] not in _LINES and (words[0], words[-1]) not in _LINES_OF):
        yield f"{name} should be one line of text, found {found} in it: write it in one line, in quotes"


_NESTED = ("a dict", "a list", "nothing")


def _value(where: str, option: str, value: Any, repeats: bool = True, texts: bool = True) -> Iterator[str]:
    """Give the sentences about one *value*; *where* names its option.

    With I(repeats), it may be a list. With I(texts), the name of the option tells whether it has to be a text.
    """
    is_text = texts and bool(is_secret(option) or _TEXT.search(option))
    nested = [kind_of(entry) for entry in value if kind_of(entry) in _NESTED] if is_list(value) else []
    if is_dict(value) or nested:
        found = "a dict" if is_dict(value) else f"{nested[0]} in a list"
        yield f"{where} should be a value or a list of values, found {found}: write each as text"
        return
    if is_list(value) and (not repeats or is_text):
        yield f"{where} should be a text, found a list: give it one value"
        return
    for entry in entries(value):
        if found := control(entry):
            yield f"{where} should be one line of text, found {found} in it: write it in one line, in quotes"
        elif kind_of(entry) in ("a number", "a boolean", "a date") and is_text:
            yield f"{where} should be a text, found {kind_of(entry)}: put it in quotes"
        elif kind_of(entry) == "a number" and _PERMISSIONS.search(option):
            yield f"{where} should be a text, found a number: put its digits in quotes"


def _options(name: str, section: str, options: Any) -> Iterator[str]:
    """Give the sentences about the *options* of a section of the variable *name*."""
    if not is_dict(options):
        hint = "a null removes an option, not a section" if options is None else "give it a dict"
        yield f"section [{section}] of {name} should hold options, found {kind_of(options)}: {hint}"
        return
    for option, value in options.items():
        if kind_of(option) != "a text" or not _OPTION.match(str(option)):
            yield (
                f"an option of [{section}] in {name} should have a name of {_CHARACTERS}, found {_shown(option)}: "
                "correct it"
            )
        else:
            yield from _value(f"[{section}] {option} of {name}", str(option), value, texts=name not in UNITS)
            # systemd goes on with the next line there, and that option is lost (systemd.syntax(7)).
            if name in UNITS and any(str(entry).rstrip().endswith("\\") for entry in entries(value)):
                wanted = f"[{section}] {option} of {name} should end with another character"
                yield f"{wanted}, found a backslash: take it away"


def _shown(name: Any) -> str:
    """Return what is no name so that it can be shown: without control characters, and not at any length."""
    if kind_of(name) != "a text":
        return kind_of(name)
    return f'"{printable(name)}"'


def _of_sections(name: str, config: Any) -> Iterator[str]:
    for section, options in config.items() if is_dict(config) else ():
        if kind_of(section) != "a text" or not _NAME.match(str(section)):
            wanted = f"a section of {name} should have a name of letters, digits and _.:@-"
            yield f"{wanted}, found {_shown(section)}: correct it"
        else:
            yield from _options(name, str(section), options)


def _of_uwsgi(options: Any) -> Iterator[str]:
    for option, value in options.items() if is_dict(options) else ():
        if kind_of(option) != "a text" or not _OPTION.match(str(option)):
            yield f"an option of {UWSGI} should have a name of {_CHARACTERS}, found {_shown(option)}: correct it"
        elif is_dict(value):
            yield f"{option} of {UWSGI} should be a value or a list of values, found a dict: {UWSGI} has no sections"
        else:
            yield from _value(f"{option} of {UWSGI}", str(option), value, texts=False)


_NO_RULE = 'write "@" to let everybody, "!" to let nobody, or take the line away'


def _of_policy(rules: Any) -> Iterator[str]:
    for rule, value in rules.items() if is_dict(rules) else ():
        if kind_of(rule) != "a text" or not str(rule).strip():
            yield f"a rule of {POLICY} should have a name, found {_shown(rule)}: correct it"
        # oslo.policy takes what is empty for a rule that lets everybody (oslo_policy/_parser.py, parse_rule).
        elif kind_of(value) != "a text":
            hint = _NO_RULE if value is None else "put it in quotes"
            yield f"{rule} of {POLICY} should be a rule in one text, found {kind_of(value)}: {hint}"
        elif "\0" in str(value):
            yield f"{rule} of {POLICY} should be a rule in one text, found a NUL in it: write it anew"


_NO_BACKSLASH = "should hold no backslash before a dollar sign, which no configuration file of Glance can hold"
_SEVERAL = ("filesystem_store_datadirs", "vmware_datastores")


def _of_stores(stores: Any) -> Iterator[str]:
    for store, given in stores.items() if is_dict(stores) else ():
        if kind_of(store) != "a text":
            yield f"a store of {STORES} should have a name, found {kind_of(store)}: put it in quotes"
            continue
        label = f"the store {_shown(store)}" if not _OPTION.match(str(store)) else f"the store {store}"
        if not is_dict(given):
            yield f"{label} of {STORES} should be a dict with driver and options, found {kind_of(given)}: correct it"
            continue
        for key in given:
            if str(key) not in ("driver", "options"):
                yield f"{label} of {STORES} should have driver and options, found {_shown(key)}: put it below options"
        if "driver" in given and kind_of(given["driver"]) != "a text":
            yield f"the driver of {label} in {STORES} should be a text, found {kind_of(given['driver'])}: name one"
        options = given.get("options", {})
        if not is_dict(options):
            hint = "take the line away, or give it options" if options is None else "give it options by name"
            yield f"options of {label} in {STORES} should be a dict, found {kind_of(options)}: {hint}"
            continue
        for option, value in options.items():
            if kind_of(option) != "a text" or not _OPTION.match(str(option)):
                wanted = f"an option of {label} in {STORES} should have a name of {_CHARACTERS}"
                yield f"{wanted}, found {_shown(option)}: correct it"
                continue
            where = f"{option} of {label} in {STORES}"
            yield from _value(where, str(option), value, repeats=option in _SEVERAL)
            # oslo.config takes the two for one dollar sign (oslo_config/cfg.py, StrSubWrapper).
            if is_secret(str(option)) and "\\$" in str(value):
                yield f"{where} {_NO_BACKSLASH}: use another one"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the shape and the texts of the structured variables in *given*, by variable.

    None holds a value, which may be a secret.
    """
    found = [(name, sentence) for name in (*FILES, *UNITS) for sentence in _of_sections(name, given.get(name))]
    found += [(UWSGI, sentence) for sentence in _of_uwsgi(given.get(UWSGI))]
    found += [(POLICY, sentence) for sentence in _of_policy(given.get(POLICY))]
    found += [(STORES, sentence) for sentence in _of_stores(given.get(STORES))]
    if "\\$" in str(given.get("glance_database_url") or ""):
        found.append(("glance_database_url", f"glance_database_url {_NO_BACKSLASH}: write it as %5C%24"))
    return {name: sentences for name, sentences in gather(found).items() if sentences}
