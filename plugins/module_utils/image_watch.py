# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for the images that options name: once, to wait for what is to become of them, or to count them."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError
from ansible_collections.glanceops.image_service.plugins.module_utils.image_api import ImageApi, Selection
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import tally, watch

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client

_SELECTING = ("ids", "names", "name_pattern", "owner", "visibility", "hidden")


def run(client: Client, params: dict[str, t.Any], wait: bool) -> dict[str, t.Any]:
    """Do one run of the module with its options *params*; return what it answers, with "failed" where it fails.

    wait: False ends after the first look, whatever it finds.
    """
    api, unchecked = ImageApi(client), list(params["stores"] or [])
    selected = Selection(**{name: params[name] for name in _SELECTING}, tags=tuple(params["tags"] or ()))
    if params["counts_only"]:
        return _counted(api, selected)

    def look() -> t.Iterator[dict[str, t.Any]]:
        if unchecked:
            api.check_stores(unchecked)
            unchecked.clear()
        return api.find(selected)

    return watch(look, api.import_message, params, wait)


def _counted(api: ImageApi, selected: Selection) -> dict[str, t.Any]:
    """Return the counts by status, and on failure also failed, reason and msg."""
    began = time.monotonic()
    result: dict[str, t.Any] = {"changed": False, "counts": {}}
    try:
        result["counts"] = tally(api.find(selected))
    except GlanceError as error:
        result |= {"failed": True, "reason": error.reason, "msg": str(error)}
    return {**result, "elapsed": round(time.monotonic() - began, 3)}
