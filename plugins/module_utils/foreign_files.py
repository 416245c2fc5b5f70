# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a service reads beside its own, and that this collection did not write."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

# A comment, a section or nothing: as packages leave files in which all options are commented out.
_SAYS_NOTHING = re.compile(r"\s*(#.*|;.*|\[[^]]*\]\s*|)\Z")


def read_beside(service: str, home: str, names: Iterable[str], directory: str = "/etc/glance") -> list[str]:
    """Return the paths that a service reads whatever its command line says, with *names* in its own directory.

    The directories are those of oslo.config (cfg.py, find_config_dirs) for the project glance.
    """
    folders = (f"{home}/.glance", home, directory, os.path.dirname(directory))
    return [
        *(f"{folder}/{program}.conf.d" for folder in folders for program in ("glance", service)),
        *(f"{directory}/{name}" for name in names),
    ]


def files_at(path: str) -> list[str]:
    """Return the file at *path*, or the files in the directory there."""
    if os.path.isdir(path):
        return sorted(each.path for each in os.scandir(path) if each.is_file())
    return [path] if os.path.isfile(path) else []


def options_in(path: str) -> list[str]:
    """Return the names of the options in a file, and the first words of lines that are none."""
    with open(path, encoding="utf-8", errors="replace") as handle:
        lines = [line for line in handle.read().splitlines() if not _SAYS_NOTHING.match(line)]
    return list(dict.fromkeys(re.split(r"[=:\s]", line.strip(), maxsplit=1)[0] for line in lines))


def problems(paths: Iterable[str]) -> Iterator[str]:
    """Give a sentence for each file at one of *paths* that says something."""
    for path in paths:
        for file in files_at(path):
            found = options_in(file)
            if found:
                more = f" and {len(found) - 3} more" if len(found) > 3 else ""
                yield (
                    f"{file} should hold no options, found {', '.join(found[:3])}{more}: Glance reads it beside its "
                    "own files; set them by variables, then remove the file"
                )
