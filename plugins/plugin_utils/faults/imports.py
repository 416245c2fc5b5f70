# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in what happens to imported images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_dict, kind_of, printable

CHECKS = "glance_import_checks"
PLUGINS, PROPERTIES = "glance_import_plugins", "glance_import_properties"
UNPACK, CONVERT, INJECT = "image_decompression", "image_conversion", "inject_image_metadata"
# What names of properties begin with that are Glance's own (glance/api/common.py, GLANCE_RESERVED_NS).
RESERVED = "os_glance"
# Characters that a name may have (glance/db/sqlalchemy/models.py, ImageProperty).
LONGEST = 255
# Of a check, which is a file's, too.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LAST_CODE = 255
# Seconds.
_LONGEST_CHECK = 86400


def _of_plugins(plugins: list[str], properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    twice = sorted({name for name in plugins if plugins.count(name) > 1})
    if twice:
        yield PLUGINS, f"{PLUGINS} should name each plugin once, found {', '.join(twice)} twice: take one away"
    if UNPACK in plugins and CONVERT in plugins and plugins.index(CONVERT) < plugins.index(UNPACK):
        yield (
            PLUGINS,
            f"{PLUGINS} should have {UNPACK} before {CONVERT}, which can't read a compressed image, found it after: "
            "change their order",
        )
    if INJECT in plugins and not properties:
        yield PROPERTIES, f"{PROPERTIES} should have what {INJECT} sets, found none: add some, or leave the plugin out"
    elif properties and INJECT not in plugins:
        yield PLUGINS, f"{PLUGINS} should have {INJECT}, which sets {PROPERTIES}, found it missing: add it"


def _of_property(name: Any, value: Any) -> Iterator[str]:
    named = f"the property {printable(name)} of {PROPERTIES}"
    if kind_of(value) not in ("a text", "a number", "a boolean"):
        yield f"{named} should be a text, found {kind_of(value)}: put it in quotes"
        return
    # oslo.config splits a dictionary at each comma, and an entry at its first colon (oslo_config/types.py, Dict).
    for place, text, sign in (("name", str(name), ":"), ("name", str(name), ","), ("value", str(value), ",")):
        if sign in text:
            yield f"{named} should have a {place} without a {sign}, at which Glance splits it, found one: take it away"
    if not str(name).strip() or len(str(name)) > LONGEST:
        yield f"{named} should have a name of 1 to {LONGEST} characters, found {len(str(name).strip())}: rename it"
    elif str(name).startswith(RESERVED):
        yield f"{named} should not begin with {RESERVED}, which is Glance's own, found it: rename it"
    for text in (str(name), str(value)):
        if not text.isprintable() or text != text.strip():
            yield f"{named} should be one line without blanks around it, found another text: correct it"


def _of_check(entry: Mapping[str, Any]) -> Iterator[str]:
    name = str(entry.get("name"))
    of, argv = f"of the check {printable(name)} in {CHECKS}", [str(each) for each in entry.get("argv") or ()]
    if not _NAME.fullmatch(name):
        yield (
            f"a check of {CHECKS} should have a name of 1 to 64 small letters, digits and _-, found {printable(name)}: "
            "rename it"
        )
    if not entry.get("src") and not argv:
        yield f"src or argv {of} should name a program, found neither: add one"
    elif not entry.get("src") and (not argv[0].startswith("/") or os.path.normpath(argv[0]) != argv[0]):
        yield f"argv {of} should begin with the absolute path of a program, found {printable(argv[0])}: correct it"
    timeout = int(entry.get("timeout", 300))
    if not 1 <= timeout <= _LONGEST_CHECK:
        yield f"timeout {of} should be from 1 to {_LONGEST_CHECK} seconds, found {timeout}: correct it"
    codes = [int(code) for code in entry.get("refused_codes", [1])]
    if wrong := [code for code in codes if not 1 <= code <= _LAST_CODE]:
        found = ", ".join(map(str, wrong))
        yield f"refused_codes {of} should be from 1 to {_LAST_CODE}, found {found}: 0 accepts an image"


def _of_checks(entries: list[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(entry.get("name")) for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield f"the checks of {CHECKS} should have different names, found {', '.join(twice)} twice: rename one"
    for entry in entries:
        yield from _of_check(entry)


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about plugins, properties and checks of imports in *given*, by variable."""
    plugins, properties = given.get(PLUGINS), given.get(PROPERTIES)
    found: list[tuple[str, str]] = [(CHECKS, sentence) for sentence in _of_checks(given.get(CHECKS) or [])]
    if plugins is not None and is_dict(properties):
        found += _of_plugins([str(name) for name in plugins], properties)
        found += [(PROPERTIES, told) for name, value in properties.items() for told in _of_property(name, value)]
    return gather(found)
