# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free space of the file systems that a service writes to, and when it is too little."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.glanceops.image_service.plugins.module_utils.words import size_of

FULL_BYTES = 64 << 20
"""Bytes that a user without privileges may still write, below which a file system counts as full."""


@dataclass(frozen=True)
class Space:
    """A file system: a directory in it, its free and all of its bytes, as a user without privileges may use them."""

    directory: str
    free: int
    total: int

    @property
    def percent(self) -> int:
        """Free space in percent, rounded down."""
        return self.free * 100 // self.total if self.total else 0

    @property
    def full(self) -> bool:
        """Whether nothing can be done any more; a small file system is full when it has no block left."""
        return self.free < min(FULL_BYTES, self.total // 100 + 1)


def look(
    directories: Iterable[str],
    statvfs: Callable[[str], t.Any] = os.statvfs,
    device: Callable[[str], int] = lambda path: os.stat(path).st_dev,
) -> list[Space]:
    """Return each file system of *directories* once, by the first of them; those that are not there are left out.

    A share that does not answer would hold the caller up: the mounts themselves are looked at elsewhere.
    """
    found: dict[int, Space] = {}
    for directory in directories:
        try:
            number, facts = device(directory), statvfs(directory)
        except OSError:
            continue
        total = (facts.f_blocks - facts.f_bfree + facts.f_bavail) * facts.f_frsize
        # Such as one in memory without a limit, or a store's share that does not tell.
        if total > 0:
            found.setdefault(number, Space(directory, facts.f_bavail * facts.f_frsize, total))
    return list(found.values())


def warnings(spaces: Iterable[Space], percent: int) -> list[str]:
    """Return a sentence for each of *spaces* with less than *percent* of its bytes free."""
    return [
        f"{space.directory} should have {percent} % of its space free, "
        f"found {size_of(space.free)} of {size_of(space.total)} ({space.percent} %)"
        for space in spaces
        if space.full or space.free * 100 < percent * space.total
    ]
