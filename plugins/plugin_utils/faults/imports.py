# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in what happens to imported images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_dict, kind_of, printable

PLUGINS, PROPERTIES = "glance_import_plugins", "glance_import_properties"
UNPACK, CONVERT, INJECT = "image_decompression", "image_conversion", "inject_image_metadata"
# What names of properties begin with that are Glance's own (glance/api/common.py, GLANCE_RESERVED_NS).
RESERVED = "os_glance"
# Characters that a name may have (glance/db/sqlalchemy/models.py, ImageProperty).
LONGEST = 255


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


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about plugins and properties of imports in *given*, by variable."""
    plugins, properties = given.get(PLUGINS), given.get(PROPERTIES)
    if plugins is None or not is_dict(properties):
        return {}
    found = list(_of_plugins([str(name) for name in plugins], properties))
    found += [(PROPERTIES, sentence) for name, value in properties.items() for sentence in _of_property(name, value)]
    return gather(found)
