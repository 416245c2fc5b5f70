# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line among many, of a journal or of what a program printed, that says why it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The line that ends a traceback, bare or behind the prefix that oslo.log gives it.
_EXCEPTION = re.compile(r"(?:^|ERROR \S+ )((?:[a-z]\w*\.)+[A-Z]\w*: .+|[A-Z]\w*(?:Error|Exception): .+)$")
_SYSTEMD = re.compile(r"^\S+\.service: (Failed (?!with result).+)$")
_ERROR = re.compile(r"\b(error|fatal|unable|invalid|unknown)\b|!!!", re.IGNORECASE)
# Glance tries every store driver at each start and logs those that lack a library as errors.
_HARMLESS = re.compile(r"stevedore\.extension")


def refused_by_systemd(lines: Iterable[str]) -> list[str]:
    """Return what systemd could not do, such as "Failed to ...", one text for each of *lines* that says so."""
    return [found[1] for found in map(_SYSTEMD.search, lines) if found]


def reason_in(lines: Iterable[str]) -> str:
    """Return the line of a journal that says best why a service ended, "" when none does.

    The last exception, else what systemd could not do first, else the last error.
    """
    lines = [line.strip() for line in lines if not _HARMLESS.search(line)]
    exceptions = [found[1] for found in map(_EXCEPTION.search, lines) if found]
    errors = [line for line in lines if _ERROR.search(line)]
    return (exceptions[-1:] or refused_by_systemd(lines)[:1] or errors[-1:] or [""])[0]
