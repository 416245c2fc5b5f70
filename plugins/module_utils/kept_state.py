# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state that a host was found in last, kept there: a run with the same inputs need not compute it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

PATH = "/run/glanceops.image_service.json"
"""Root's, and gone when the host starts."""


def load(inputs: str) -> list[dict[str, Any]] | None:
    """Return the services of the state that was computed from *inputs*, a digest; None where it is not kept."""
    try:
        with open(PATH, encoding="utf-8") as handle:
            kept = json.load(handle)
        return kept["services"] if kept["inputs"] == inputs else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(inputs: str, services: Iterable[Mapping[str, Any]]) -> None:
    """Keep the *services* under *inputs*, but those with a password, after C(pending.look) found nothing to do."""
    kept = [without_texts(service) for service in services if not service["accounts"]]
    # What can't be kept is computed the next time.
    with contextlib.suppress(OSError):
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(PATH)}-", dir=os.path.dirname(PATH))
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump({"inputs": inputs, "services": kept}, handle)
        os.replace(temporary, PATH)


def without_texts(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return *service* with the SHA-256 of each text in place of the text, which may hold secrets."""
    return {**service, "files": [_without_text(item) for item in service["files"]]}


def _without_text(item: Mapping[str, Any]) -> dict[str, Any]:
    if item["content"] is None:
        return dict(item)
    return {**item, "content": None, "sha256": hashlib.sha256(item["content"].encode()).hexdigest()}
