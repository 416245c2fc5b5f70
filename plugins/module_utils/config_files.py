# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All configuration of a service put in place at once, the previous set restored, or the set removed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import config_items, config_set, config_staging
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_pair, mask_whole
from ansible_collections.glanceops.image_service.plugins.module_utils.words import ended


def run(params: Mapping[str, Any], check_mode: bool, scratch: Callable[[], str]) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers.

    scratch: makes the folder of this run alone in which *check_mode* stages files.

    Raises ConfigSetError with the sentence of the module.
    """
    record_path = os.path.join(params["record_directory"], f"{params['name']}.json")
    try:
        if params["state"] == "present":
            return present(params, record_path, check_mode, scratch)
        verb = {"previous": previous, "absent": absent}[params["state"]]
        return verb(record_path, check_mode)
    except config_set.ConfigSetError as error:
        sentence = f"The configuration of {params['name']} was not changed: {ended(str(error))}"
        raise config_set.ConfigSetError(sentence) from error


def present(
    params: Mapping[str, Any], record_path: str, check_mode: bool, scratch: Callable[[], str]
) -> dict[str, Any]:
    """Make the set so; return what the module answers."""
    wanted = config_items.wanted(params["files"], check_mode)
    seen = config_set.look(wanted, record_path)
    if seen.changed or seen.stale:
        validate_with_directories(params, seen, check_mode, scratch)
    if (seen.changed or seen.restart_due) and not check_mode:
        config_set.swap(wanted, (seen.found, seen.changed), record_path)
    elif not check_mode:
        config_set.note_secrets(wanted, record_path)
    secret = {item["path"] for item in wanted if item.get("secret")} | set(seen.record["secret"])
    return {
        "changed": bool(seen.changed or seen.restart_due),
        "changed_paths": [item["path"] for item in seen.changed],
        "deployed": seen.record["state"] is not None,
        "restart_pending": seen.restart_due,
        "unconfirmed_before": seen.unconfirmed,
        "diff": [difference(old, new, secret) for old, new in zip(seen.found, seen.changed)],
    }


def previous(record_path: str, check_mode: bool) -> dict[str, Any]:
    """Bring the set before back; return what the module answers."""
    record = config_set.load_record(record_path)
    possible = record["state"] not in (None, config_set.RUNNING) and bool(record["previous"])
    if possible and not check_mode:
        config_set.restore(record_path)
    return {"changed": possible, "changed_paths": [i["path"] for i in record["previous"] or []] if possible else []}


def absent(record_path: str, check_mode: bool) -> dict[str, Any]:
    """Remove the set; return what the module answers."""
    record = config_set.load_record(record_path)
    paths = [path for path in record["paths"] if os.path.lexists(path)]
    if not check_mode:
        config_set.forget(record_path)
    return {"changed": record["state"] is not None, "changed_paths": paths}


def validate_with_directories(
    params: Mapping[str, Any], seen: config_set.Look, check_mode: bool, scratch: Callable[[], str]
) -> None:
    """Validate with the directories of the set in place, since programs look into them; undone on a refusal."""
    directories = [] if check_mode else [item for item in seen.changed if item["kind"] == "directory"]
    try:
        config_set.put(directories)
        config_staging.validate(params, check_mode, scratch)
    except config_set.ConfigSetError:
        if directories:
            config_set.undo(seen.found, seen.changed)
        raise


def difference(old: dict[str, Any], new: dict[str, Any], secret: Collection[str]) -> dict[str, str]:
    """Return what a diff shows of one item, its secrets masked; of a path that is *secret*, nothing of the text."""
    mask = mask_whole if new["path"] in secret else mask_pair
    before, after = mask(config_set.text_of(old), config_set.text_of(new))
    header = new["path"] if before != after else f"{new['path']} (owner or mode)"
    return {"before_header": header, "after_header": header, "before": before, "after": after}
