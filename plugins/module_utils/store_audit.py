# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing the stores with the database, by the scrubber's program that is put on the host for it."""

from __future__ import annotations

import contextlib
import inspect
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import image_audit, stored_objects
from ansible_collections.glanceops.image_service.plugins.module_utils.image_files import connection_of, read_options
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages, ProgramError
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, ended

# All data of a large store may have to be read.
_SECONDS = 86400
_COLUMNS = ("kind", "image", "store", "detail", "action")


class AuditError(Exception):
    """The stores could not be compared with the database; the text is a sentence for the operator."""


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises AuditError."""
    try:
        found, mended = compare(params, repair=params["repair"] and not check_mode)
    except (ProgramError, OSError) as error:
        raise AuditError(f"The stores should be compared with the database, found: {ended(str(error))}") from error
    findings = found["findings"]
    return {
        "changed": bool(mended),
        "findings": findings,
        "mended": mended,
        "table": table_of(findings) if findings else [],
        "counts": found["counts"],
        "notes": found["notes"],
        "msg": summary(found["counts"], findings, mended, found["notes"]),
    }


def compare(params: Mapping[str, Any], repair: bool) -> tuple[dict[str, Any], list[str]]:
    """Return what the program finds, and what it mended of that if it was to *repair*; ProgramError, OSError."""
    looks = [f"--stuck-after={params['stuck_after']}", *(["--only-host"] if params["only_host"] else [])]
    audit = ["audit", f"--late={params['late']}", *looks, *(["--checksums"] if params["checksums"] else [])]
    file = config_file(params["config_directory"], params["config_files"])
    with program(params["source"]) as path:
        python = params["python"] if os.path.exists(params["python"]) else "/usr/bin/python3"
        asked = PendingImages({"user": params["user"], "program": path, "python": python}, _SECONDS)
        found = asked.ask(f"--config-file={file}", *audit)
        if not repair or not any(each["mend"] for each in found["findings"]):
            return found, []
        answer = asked.ask(f"--config-file={file}", "mend", *looks)
        found = asked.ask(f"--config-file={file}", *audit)
        found["notes"] += answer["failed"]
        return found, answer["mended"]


def table_of(findings: list[dict[str, Any]]) -> list[str]:
    """Return a line for each finding, and one above them, in columns as wide as they have to be."""
    rows = [_COLUMNS, *(tuple(finding[name] or "-" for name in _COLUMNS) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def config_file(directory: str, names: list[str]) -> str:
    """Return the first configuration that has a login to the database; raises ProgramError if there is none."""
    for name in names:
        path = pathlib.Path(directory, name)
        with contextlib.suppress(FileNotFoundError):
            if connection_of(read_options(path.read_text(encoding="utf-8"))):
                return str(path)
    raise ProgramError(
        f"{directory} should have a configuration with a login to the database, found none: run site.yml, or have the "
        "scrubber on this host"
    )


@contextlib.contextmanager
def program(source: str) -> Iterator[str]:
    """Have the program and what it judges by in a folder that the user of the service can read."""
    folder = tempfile.mkdtemp(prefix="glance-audit-")
    try:
        os.chmod(folder, 0o755)
        beside = {each.__name__.rpartition(".")[2]: inspect.getsource(each) for each in (image_audit, stored_objects)}
        for name, text in {"pending_images": source, **beside}.items():
            path = pathlib.Path(folder, f"{name}.py")
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)
        yield os.path.join(folder, "pending_images.py")
    finally:
        shutil.rmtree(folder)


def summary(counts: Mapping[str, int], findings: list[Any], mended: list[str], notes: list[str]) -> str:
    """Return what is shown of an audit."""
    seen = f"{count_of(counts['images'], 'image')}, {count_of(counts['locations'], 'location')} with data and "
    seen += count_of(counts["files"], "file")
    seen += f", {counts['hashed']} of them read" if counts["hashed"] else ""
    found = count_of(len(findings), "finding") if findings else "the database and the stores agree"
    done = f"; repaired {len(mended)}" if mended else ""
    return f"{seen}: {found}{done}." + "".join(f" {note[0].upper()}{note[1:]}." for note in notes)
