# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The note of the release that a host leaves with an upgrade, which is the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.config_set import ConfigSetError, save_record
from ansible_collections.glanceops.image_service.plugins.module_utils.releases import installed_release


class RecordError(Exception):
    """The note can't be read or written; the text is a sentence for the operator."""


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises RecordError."""
    path, wanted = params["path"], params["release"]
    running = installed_release(params["link"])
    try:
        record = read(path)
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{path} should hold the note of an upgrade, found: {error}. Remove it, then run again."
        ) from error
    new = noted(record, running, wanted, params["backup"]) if wanted else record
    if new != record and not check_mode:
        try:
            save_record(path, new)
        except ConfigSetError as error:
            raise RecordError(f"The release to go back to can't be noted: {error}.") from error
    return {"changed": new != record, "running": running, "back_to": way_back(new, running), "record": new}


def noted(record: dict[str, str], running: str, wanted: str, backup: str | None) -> dict[str, str]:
    """Return what is to be noted when a host that runs a release is about to be brought to the one that is *wanted*."""
    if running in ("", wanted):
        return record
    goes_on = record.get("to") == wanted and record.get("from") == running
    before = record.get("backup", "") if goes_on else ""
    return {"from": running, "to": wanted, "backup": before if backup is None else backup}


def way_back(record: dict[str, str], running: str) -> str:
    """Return the release before the last upgrade, "" if the host that runs a release can't have come to it by that."""
    return record["from"] if record and running in (record["from"], record["to"]) else ""


def read(path: str) -> dict[str, str]:
    """Return what the file holds, nothing if there is none; raises OSError, or ValueError if it is no note."""
    try:
        with open(path, encoding="utf-8") as handle:
            record = json.load(handle)
    except FileNotFoundError:
        return {}
    if not isinstance(record, dict) or not {"from", "to", "backup"} <= record.keys():
        raise ValueError("no note of an upgrade")
    return record
