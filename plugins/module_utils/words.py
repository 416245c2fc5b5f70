# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, lists and ends of sentences as an operator reads them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def count_of(number: int, noun: str) -> str:
    """Return "1 image" or "2 images"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size_of(number: int) -> str:
    """Return a number of bytes as "3 bytes" or "1.5 GiB"."""
    if number < 1024:
        return count_of(number, "byte")
    size, unit = float(number), 0
    while (size := size / 1024) >= 1023.95 and unit < len(_UNITS) - 1:
        unit += 1
    return f"{size:.1f} {_UNITS[unit]}"


def list_of(ids: list[str], number: int) -> str:
    """Return *ids* as a list in a sentence that tells if there are more, *number* in all."""
    return ", ".join(ids) + (", ..." if number > len(ids) else "")


def ended(text: str) -> str:
    """Return *text* as the end of a sentence, with one full stop, or with the mark that it ends with already."""
    text = text.strip()
    return text if text.endswith(("?", "!", "...")) else f"{text.rstrip('.')}."
