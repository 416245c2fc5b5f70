# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which wheels run on a host: its Python, its machine and its C library, from what ``release_venv`` found there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# Who lacks it is told so by pins.parse_pins, before anything here is called.
with contextlib.suppress(ImportError):
    from packaging.version import Version

_OLDEST_GLIBC = (2, 17)
_OLD_TAGS = {"x86_64": ("manylinux2014", "manylinux2010", "manylinux1")}
"""Names that wheels for glibc 2.17 and older bore before the manylinux_2_X scheme (PEP 600 lists them)."""


class Platform(NamedTuple):
    """What decides which wheels fit a host: Python as ``3.11``, machine as ``x86_64``, glibc as ``(2, 36)``."""

    python: str
    machine: str
    glibc: tuple[int, int]

    @property
    def abi(self) -> str:
        """The tag of this Python's binary interface, as ``cp311``."""
        return "cp" + self.python.replace(".", "")

    def __str__(self) -> str:
        """Return the name used in files and sentences, as ``cp311-glibc2.36-x86_64``."""
        return f"{self.abi}-glibc{self.glibc[0]}.{self.glibc[1]}-{self.machine}"


def refusal(host: str, found: Mapping[str, Any], floor: str | None, below: str | None = None) -> str | None:
    """Return why ``host`` cannot have this release, given what the module ``found`` on it, or None when it can.

    ``floor`` and ``below`` are versions of Python as ``3.11``: the oldest that will do, and the oldest that will not
    any more.
    """
    python = Version(found["python"])
    if floor and python < Version(floor):
        return (
            f"{host}: expected Python {floor} or newer, found {found['python']}: deploy an older release there, "
            "upgrade the host's system, or name a newer interpreter with the option python"
        )
    if below and python >= Version(below):
        return (
            f"{host}: expected a Python older than {below}, found {found['python']}: deploy a newer release there, "
            "use a host with an older system, or name an older interpreter with the option python"
        )
    if found["implementation"] != "cpython":
        return (
            f"{host}: expected CPython, found {found['implementation']}: name another interpreter with the option "
            "python"
        )
    if _glibc_of(found) < _OLDEST_GLIBC:
        return (
            f"{host}: expected glibc {_OLDEST_GLIBC[0]}.{_OLDEST_GLIBC[1]} or newer, which wheels are built for, found "
            f"{found['libc'] or 'another C library'}: use a host with a distribution built on glibc"
        )
    return None


def _glibc_of(found: Mapping[str, Any]) -> tuple[int, int]:
    """Return the version of a host's glibc as ``(2, 36)``, ``(0, 0)`` for another C library."""
    match = re.match(r"glibc 2\.(\d+)", found["libc"])
    return (2, int(match[1])) if match else (0, 0)


def platform_of(found: Mapping[str, Any]) -> Platform:
    """Return the platform of a host that is not refused, from what the module ``found`` on it."""
    python = Version(found["python"])
    return Platform(f"{python.major}.{python.minor}", found["machine"], _glibc_of(found))


def platform_tags(platform: Platform) -> list[str]:
    """Return the platform tags of wheels that run there, best first.

    Not by ``packaging.tags``, which knows those of the system that it runs on and of no other.
    """
    newest = [f"manylinux_2_{minor}" for minor in range(platform.glibc[1], _OLDEST_GLIBC[1] - 1, -1)]
    older = _OLD_TAGS.get(platform.machine, ("manylinux2014",))
    return [f"{tag}_{platform.machine}" for tag in (*newest, *older, "linux")]
