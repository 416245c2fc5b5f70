# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists of wheels that a venv is made of: one exact pin ``name==version`` a line."""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible.errors import AnsibleActionFail

try:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version
except ImportError:  # ansible-core asks for it, but a distribution may package the two apart
    HAS_PACKAGING = False
else:
    HAS_PACKAGING = True

INSTALLER = "uv==0.13.9"
"""The installer that goes to the hosts with the wheels: the one place that names its version."""

_CANONICAL_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Pin(NamedTuple):
    """One line of a list: ``requirement`` as ``name==version``, and whether it has to be built from its sdist."""

    requirement: str
    sdist: bool


def parse_pins(text: str, name: str) -> list[Pin]:
    """Return the pins of a list's ``text``, sorted, names in canonical form (PEP 503), versions as they are written.

    ``name`` is for messages. Raises AnsibleActionFail for a line that is no exact pin, for a name that comes twice,
    for an empty list, and without the library ``packaging``.
    """
    if not HAS_PACKAGING:
        raise AnsibleActionFail(
            "The Python that runs Ansible should have the package packaging, found none: install it."
        )
    pins: dict[str, Pin] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        wanted, _hash, comment = (part.strip() for part in line.partition("#"))
        if not wanted:
            continue
        pin = _parse_pin(wanted)
        if pin is None:
            raise AnsibleActionFail(
                f"{name}, line {number}: expected one pin 'name==version', found '{wanted}': write "
                "out every distribution with its exact version"
            )
        key, version = pin
        if key in pins:
            raise AnsibleActionFail(
                f"{name}, line {number}: expected every distribution once, found {key} again: "
                "leave one of the two lines"
            )
        # as written: it is part of the digest in the paths of venvs
        pins[key] = Pin(f"{key}=={version}", comment == "sdist")
    if not pins:
        raise AnsibleActionFail(f"{name}: expected pins 'name==version', found none: regenerate the list")
    return sorted(pins.values())


def _parse_pin(text: str) -> tuple[str, str] | None:
    """Return canonical name and version of the pin ``text``, None for anything else.

    Not by ``packaging.requirements``: it takes ranges and markers too, and it costs every run 10 ms.
    """
    name, _equals, version = text.partition("==")
    key = canonicalize_name(name)
    try:
        Version(version)
    except InvalidVersion:
        return None
    # Version passes over white space around it.
    return (key, version) if _CANONICAL_NAME.fullmatch(key) and text.split() == [text] else None
