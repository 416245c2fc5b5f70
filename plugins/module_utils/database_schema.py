# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's database brought to the schema of the installed release, and metadata definitions into it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import metadefs
from ansible_collections.glanceops.image_service.plugins.module_utils.manage import GlanceManage, ManageError
from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError

STEPS = ("expand", "migrate", "contract")
"""What brings a schema from one release to the next, in this order."""

OPTIONS: dict[str, Any] = {
    "manage": {"type": "path", "required": True},
    "config_file": {"type": "path", "required": True},
    "user": {"type": "str", "default": "glance"},
    "head": {"type": "str", "default": ""},
    "newer": {"type": "list", "elements": "str", "default": []},
    "python": {"type": "path"},
    "until": {"type": "str", "choices": list(STEPS), "default": "contract"},
    "metadefs": {"type": "path"},
    "own_metadefs": {"type": "list", "elements": "path", "default": []},
    "timeout": {"type": "int", "default": 3600},
}
"""Options of M(glanceops.image_service.database_schema)."""

_QUERY_SECONDS = 10
# Exit codes of "db check", from Glance's source glance/cmd/manage.py; so are the words below.
_NEEDED = {0: "nothing", 3: "expand", 4: "migrate", 5: "contract"}
_NO_CHECK = "Rolling upgrades are currently supported only for"
_NOTHING_DONE = "Database is up to date"
_UP_TO_DATE = {"changed": False, "needed": "nothing", "left": "nothing"}


def run(params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers.

    *warn* is given what an operator should know of steps that could not be taken apart. Raises ManageError.
    """
    if check_mode and not all(os.path.exists(params[name]) for name in ("manage", "config_file")):
        return {"changed": True, "needed": "everything"}
    shipped, own = params["metadefs"], params["own_metadefs"]
    if own and not params["python"]:
        raise ManageError("own_metadefs should come with python, found it without.")
    manage = GlanceManage(params)
    found: dict[str, list[str]] = {}
    if params["python"] and (params["head"] or shipped or own):
        with contextlib.suppress(ProgramError):
            found = manage.query(_QUERY_SECONDS)
    at_head = not {params["head"], *params["newer"]}.isdisjoint(found.get("revisions", []))
    empty = bool(found) and not found["revisions"]
    result = _UP_TO_DATE if at_head else migrate(manage, params, check_mode, warn, empty)
    # What is yet to be made can't be asked, and a release that check mode did not install ships nothing.
    if check_mode and (result["changed"] or not os.path.isdir(shipped or "/")):
        return result
    namespaces = set(found["namespaces"]) if found else None
    for wanted, load in ((shipped, metadefs.load_shipped), (own, metadefs.load_own)):
        if wanted:
            loaded = load(manage, params, check_mode, namespaces)
            result = {**result, **loaded, "changed": result["changed"] or loaded["changed"]}
            # Loading them may have changed what is there.
            namespaces = None if loaded["changed"] else namespaces
    return result


def migrate(
    manage: GlanceManage, params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None], empty: bool = False
) -> dict[str, Any]:
    """Take the steps that glance-manage asks for, up to *params*' "until"; return changed, needed and left.

    *empty* says that the database is known to have no schema yet. Raises ManageError.
    """
    until = params["until"]
    # Asking what is needed would load all of Glance once more.
    needed = "expand" if empty and until == "contract" else needed_step(manage)
    if needed is None:
        needed = _sync_unchecked(manage, params, check_mode, warn)
        return {"changed": needed != "nothing", "needed": needed, "left": "nothing"}
    pending = needed != "nothing" and STEPS.index(needed) <= STEPS.index(until)
    if check_mode or not pending:
        return {"changed": pending, "needed": needed, "left": needed}
    if until == "contract":
        manage.succeed("sync")
        return {"changed": True, "needed": needed, "left": "nothing"}
    return {"changed": True, "needed": needed, "left": _take_steps(manage, needed, until)}


def needed_step(manage: GlanceManage) -> str | None:
    """Return the step that C(db check) asks for, "nothing", or None where it refuses to tell. Raises ManageError."""
    done = manage.run("check")
    if done.returncode == 1 and _NO_CHECK in done.stdout:
        return None
    if done.returncode not in _NEEDED:
        raise manage.failure(done, "check")
    return _NEEDED[done.returncode]


def _take_steps(manage: GlanceManage, needed: str, until: str) -> str:
    """Take the steps from *needed* to *until*; return the one that is needed then."""
    while needed != "nothing" and STEPS.index(needed) <= STEPS.index(until):
        manage.succeed(needed)
        before, needed = needed, needed_step(manage) or "nothing"
        if needed == before:
            raise ManageError(f"'glance-manage db {needed}' should do what 'db check' asks for, found: it asks again.")
    return needed


def _sync_unchecked(
    manage: GlanceManage, params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None]
) -> str:
    """Do what is needed where C(db check) can't tell; return what was needed."""
    if check_mode:
        return "nothing" if params["head"] in manage.succeed("version").split() else "sync"
    needed = "nothing" if _NOTHING_DONE in manage.succeed("sync") else "sync"
    if needed != "nothing" and params["until"] != "contract":
        warn(
            f"The database should have been taken as far as '{params['until']}', found that glance-manage "
            "knows no separate steps for this kind of database: all of them were taken, also those that remove "
            "what only the release before used."
        )
    return needed
