# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state that a host was found in last, kept there: a run with the same inputs need not compute it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import config_set

PATH = "/run/glanceops.image_service.json"
"""Root's, and gone when the host starts."""


def load(inputs: str) -> list[dict[str, Any]] | None:
    """Return the services of the state that was computed from *inputs*, a digest; None where it is not kept."""
    kept = _read()
    return kept["services"] if kept["inputs"] == inputs else None


def expect(inputs: str) -> None:
    """Note that a state is about to be computed from *inputs*; another one is kept no longer."""
    _write(inputs, None)


def drop() -> None:
    """Keep no state any more."""
    with contextlib.suppress(OSError):
        os.unlink(PATH)


def save(inputs: str, services: Iterable[Mapping[str, Any]]) -> None:
    """Keep the *services* but those with a password, after C(pending.look) found nothing to do for them.

    Nothing is kept if the *inputs* are not those that were expected: something has changed while the state was
    computed from it.
    """
    if _read() == {"inputs": inputs, "services": None}:
        _write(inputs, [without_texts(service) for service in services if not service["accounts"]])


def _read() -> dict[str, Any]:
    try:
        with open(PATH, encoding="utf-8") as handle:
            kept = json.load(handle)
        return {"inputs": kept["inputs"], "services": kept["services"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"inputs": "", "services": None}


def _write(inputs: str, services: list[dict[str, Any]] | None) -> None:
    # What can't be kept is computed the next time.
    with contextlib.suppress(config_set.ConfigSetError):
        config_set.save_record(PATH, {"inputs": inputs, "services": services})


def without_texts(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return *service* with the SHA-256 of each text in place of the text, which may hold secrets."""
    return {**service, "files": [_without_text(item) for item in service["files"]]}


def _without_text(item: Mapping[str, Any]) -> dict[str, Any]:
    if item["content"] is None:
        return dict(item)
    return {**item, "content": None, "sha256": hashlib.sha256(item["content"].encode()).hexdigest()}
