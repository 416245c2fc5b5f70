# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the scrubber that removes what is due, or the end of the one that is under way, or what else it is for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import service
from ansible_collections.glanceops.image_service.plugins.module_utils.program import (
    PendingImages,
    ProgramError,
    last_line,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, ended, size_of

_UNIT = "glance-scrubber.service"
_CHECK = "glance-scrubber-check.service"
_POLL_SECONDS = 0.2
# Beyond the time that the program is told to wait, so that it can say what it waited for.
_GRACE_SECONDS = 60
# A daemon that removes nothing for so long, in seconds, is taken to have done what it can.
_IDLE_SECONDS = 60


class ScrubError(Exception):
    """The scrubber could not do what was wanted; the text is a sentence for the operator."""


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises ScrubError."""
    try:
        return _STATES[params["state"]](params, check_mode)
    except (ProgramError, service.ServiceError) as error:
        raise ScrubError(f"{_WANTED[params['state']]}, found: {ended(str(error))}") from error


def scrub(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Remove what is due; return how much that was, and what waits then. Raises ProgramError, ServiceError.

    A run begins also when nothing is due: it takes up images that Glance deleted without their data.
    """
    mode, timeout = params["mode"], params["timeout"]
    pending = PendingImages(params, timeout + _GRACE_SECONDS)
    before = after = pending.ask("show")
    if not check_mode:
        scrub_by_daemon(pending, before["due"] > 0, timeout) if mode == "daemon" else scrub_by_unit(timeout)
        after = pending.ask("show")
    return {
        "changed": before["due"] > 0 or after["count"] > before["count"],
        "removed": before["due"],
        "waiting": after["count"],
        "msg": summary(before, after, check_mode),
    }


def settled(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Wait for the end of the run that is under way; raises ServiceError."""
    if not check_mode:
        settle(params["mode"], params["timeout"])
    return {"changed": False}


def rekeyed(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have no record of an image hold former keys of its store; raises ProgramError."""
    if check_mode:
        return {"changed": False, "msg": "Records of images were not looked at."}
    answer = PendingImages(params, params["timeout"]).ask("rekey")
    if answer["failed"]:
        raise ProgramError("; ".join(answer["failed"]))
    done = "".join(f" {each[0].upper()}{each[1:]}." for each in answer["done"])
    return {"changed": bool(done), "msg": f"No record of an image holds former keys of its store.{done}"}


def settle(mode: str, timeout: float) -> None:
    """Wait until the run that is under way now is over; raises ServiceError after *timeout* seconds."""
    state = service.properties(_UNIT)
    under_way = ("activating", "deactivating")
    if mode == "daemon":
        if state["ActiveState"] in ("active", "activating"):
            service.systemctl("restart", _UNIT, timeout=timeout)
            return
        under_way = ("deactivating",)
    first, deadline = state["InvocationID"], time.monotonic() + timeout
    while state["ActiveState"] in under_way and state["InvocationID"] == first:
        if time.monotonic() > deadline:
            raise service.ServiceError(f"the run that is under way did not end within {timeout:.0f} s")
        time.sleep(_POLL_SECONDS)
        state = service.properties(_UNIT)


def scrub_by_daemon(pending: PendingImages, due: bool, timeout: float) -> None:
    """Begin a run of the daemon if an image is *due*, and wait until none is; raises ProgramError with the reason."""
    state = service.properties(_UNIT)["ActiveState"]
    if state not in ("active", "activating"):
        raise ProgramError(f"{_UNIT} is {state}: run site.yml")
    if due:
        settle("daemon", timeout)
    done = pending.run("check", f"--wait={min(timeout, _IDLE_SECONDS):.0f}")
    if done.returncode != 0:
        raise ProgramError(last_line(done.stderr))
    # It has found what is scrubbed now, and status.yml would tell of that until the timer starts it again.
    if service.properties(_CHECK)["ActiveState"] == "failed":
        service.systemctl("start", _CHECK, timeout=timeout)


def scrub_by_unit(timeout: float) -> None:
    """Start a run and wait for its end; raises ProgramError with the reason if images are left behind."""
    settle("timer", timeout)
    cursor = service.journal_cursor()
    try:
        service.systemctl("start", _UNIT, timeout=timeout)
    except service.ServiceError as error:
        lines = service.journal(_UNIT, cursor=cursor)
        own = [line for line in lines if line.startswith("pending_images: ")]
        raise ProgramError(last_line("\n".join(own)) or reason_in(lines) or str(error)) from error


def summary(before: dict[str, Any], after: dict[str, Any], check_mode: bool) -> str:
    """Return what is shown of a run."""
    due = count_of(before["due"], "image")
    if check_mode and before["due"]:
        return f"{due} would be scrubbed."
    done = f"Scrubbed {due}" if before["due"] else "No image was due"
    waiting, size = count_of(after["count"], "image"), size_of(after["bytes"])
    return f"{done}; {f'{waiting} with {size} can still be restored' if after['count'] else 'none waits'}."


_STATES = {"scrubbed": scrub, "settled": settled, "rekeyed": rekeyed}
_WANTED = {
    "scrubbed": "The images that are due should be scrubbed",
    "settled": "No run of the scrubber should be under way",
    "rekeyed": "The records of images should hold the present keys of their stores",
}
