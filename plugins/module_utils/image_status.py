# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status of an image means: reached, still on the way, or out of reach.

Nothing here talks to a network: answers, clock and pauses are handed in by the caller.
"""

from __future__ import annotations

import time
import typing as t
from collections import Counter

TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"saving", "uploading", "importing", "active", "deleted"}),
    "saving": frozenset({"active", "killed", "deleted", "queued"}),
    "uploading": frozenset({"importing", "queued", "deleted"}),
    "importing": frozenset({"active", "deleted", "queued"}),
    "active": frozenset({"pending_delete", "deleted", "deactivated"}),
    "deactivated": frozenset({"active", "deleted"}),
    "killed": frozenset({"deleted"}),
    "pending_delete": frozenset({"deleted", "active"}),
    "deleted": frozenset(),
}
"""Status -> the statuses it may change to (Image.valid_state_targets in glance/domain/__init__.py)."""

HIDDEN = frozenset({"deleted", "pending_delete", "killed"})
"""Statuses that the v2 API never shows: such an image is not listed, and asking for it is a 404."""

ABSENT = "absent"
STATUSES = ("queued", "saving", "uploading", "importing", "active", "deactivated", ABSENT)
"""Everything that a look through the v2 API can find."""

PLAIN_FACTS = ["id", "name", "status", "size", "checksum", "os_hash_algo", "os_hash_value", "disk_format", "visibility"]
"""What is returned of an image just as the API gives it."""

REACHED, WAITING, IMPOSSIBLE = "reached", "waiting", "impossible"

MAX_PAUSE = 15.0
BACKOFF = 1.5
NAMED_IN_MESSAGE = 10
EXPLAINED = 5

Image = dict[str, t.Any]
Step = tuple[str, bool]
"""What one look found of an image: its status, and whether an import task held it."""


class GlanceError(Exception):
    """A request that did not bring the answer asked for.

    reason: "unreachable", "unauthorised" or "unhealthy" (see reason_of); status: the HTTP status, -1 without an answer;
    text: what the server wrote, as one line, never with a secret in it.
    """

    def __init__(self, message: str, status: int, text: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.text = text
        self.reason = reason_of(status)

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed in a moment, as during a restart."""
        return self.status in (-1, 429, 502, 503, 504)


def reason_of(status: int) -> str:
    """Class of a failed request by its HTTP status (-1: no answer at all)."""
    if status == -1:
        return "unreachable"
    return "unauthorised" if status in (401, 403) else "unhealthy"


def reachable(status: str) -> frozenset[str]:
    """Statuses that an image of this status can still come to, as the API shows them ("absent" for the hidden ones).

    A status that TRANSITIONS does not know can come to anything.
    """
    if status not in TRANSITIONS:
        return frozenset(STATUSES)
    seen: set[str] = set()
    todo = set(TRANSITIONS[status])
    while todo:
        following = todo.pop()
        seen.add(following)
        todo |= TRANSITIONS[following] - seen
    return frozenset(ABSENT if one in HIDDEN else one for one in seen)


def summary(raw: dict[str, t.Any]) -> Image:
    """Returned facts of one image, from its JSON in the v2 API.

    Store lists are comma-separated strings there, and missing on a Glance with a single store. "import_task" is the id
    of the task that holds the image (os_glance_import_task), which Glance since 21.0.0 shows while an import runs.
    """
    return {key: raw.get(key) for key in PLAIN_FACTS} | {
        "os_hidden": bool(raw.get("os_hidden")),
        "stores": _stores(raw.get("stores")),
        "importing_to_stores": _stores(raw.get("os_glance_importing_to_stores")),
        "failed_import_stores": _stores(raw.get("os_glance_failed_import")),
        "import_task": raw.get("os_glance_import_task") or None,
        "problem": "",
    }


def _stores(value: t.Any) -> list[str]:
    return [store for store in str(value or "").split(",") if store]


def _absent(image_id: str | None, name: str | None) -> Image:
    return summary({"id": image_id, "name": name, "status": ABSENT})


def observe(ids: list[str] | None, names: list[str] | None, raws: t.Iterable[dict[str, t.Any]]) -> list[Image]:
    """Facts of everything asked for: first each id, then each name, in the order asked, no image twice.

    Without ids and names (both None) every image of the answer. Whatever is not in the answer is reported as "absent".
    Names are compared exactly and ids without regard to case, whatever the database behind the answer thinks of both.
    """
    by_id = {str(raw["id"]).lower(): summary(raw) for raw in raws}
    if ids is None and names is None:
        return list(by_id.values())
    found: dict[str, Image] = {}
    for image_id in ids or []:
        found[image_id.lower()] = by_id.get(image_id.lower()) or _absent(image_id, None)
    for name in names or []:
        bearers = {key: image for key, image in by_id.items() if image["name"] == name}
        found.update(bearers or {f"name {name}": _absent(None, name)})
    return list(found.values())


def judge(wanted: t.Collection[str], trail: t.Sequence[Step], image: Image) -> tuple[str, str]:
    """Verdict on one image: (REACHED | WAITING | IMPOSSIBLE, why it is impossible or "").

    wanted: one or more of STATUSES; trail: what former looks found, oldest first (for a name that no image bears: what
    they found of its bearers); image: as summary gives it.
    """
    status = image["status"]
    if status in wanted:
        return REACHED, ""
    if status == ABSENT:
        if image["id"] is None and not trail:
            return WAITING, ""
        return IMPOSSIBLE, (
            f"{'was there, and is gone' if trail else 'is not there'}"
            " (the API never shows deleted, pending_delete and killed images, nor those the caller may not read)"
        )
    if not reachable(status).intersection(wanted):
        return IMPOSSIBLE, f"is {status}, and no image comes from there to {' or '.join(sorted(wanted))}"
    if {"queued", ABSENT}.intersection(wanted):
        return WAITING, ""
    why = _failed_work(trail, image)
    return (IMPOSSIBLE, why) if why else (WAITING, "")


def _failed_work(trail: t.Sequence[Step], image: Image) -> str:
    """Why the upload or import that was to fill the image has ended without doing so, or ""."""
    status = image["status"]
    if image["import_task"] or status not in ("queued", "importing"):
        return ""
    if image["failed_import_stores"]:
        return f"is {status} after its import into {', '.join(image['failed_import_stores'])} failed"
    if status == "importing":
        return "is importing without the task that did it" if any(held for step, held in trail) else ""
    before = next((step for step, held in reversed(trail) if step != "queued"), "")
    if before in ("uploading", "importing"):
        return f"fell back from {before} to queued, so its import failed"
    # A client that lost its connection may begin the same upload again at once; one more look tells.
    if before == "saving" and trail[-1][0] == "queued":
        return "fell back from saving to queued, so its upload failed, and nobody has begun it again"
    return ""


def complaint(params: dict[str, t.Any]) -> str:
    """What is wrong with the module's own options beyond their types, or ""."""
    for option in ("ids", "names"):
        if any(not value.strip() for value in params[option] or []):
            return f"{option} has an empty entry: expected an image's {option[:-1]} in each, or an empty list for none."
    for option, least in (("timeout", 0), ("interval", 0.05), ("request_timeout", 1)):
        if params[option] < least:
            return f"{option} is {params[option]}: expected at least {least} seconds."
    return ""


def label(image: Image) -> str:
    """Name and id of an image as messages show them."""
    if image["id"] is None:
        return f"'{image['name']}'"
    return f"'{image['name']}' ({image['id']})" if image["name"] else image["id"]


def listing(parts: t.Sequence[str]) -> str:
    """The parts for a message: the first ten, and how many there are besides."""
    rest = len(parts) - NAMED_IN_MESSAGE
    return "; ".join(parts[:NAMED_IN_MESSAGE]) + (f"; and {rest} more" if rest > 0 else "")


def watch(
    look: t.Callable[[], list[dict[str, t.Any]]],
    explain: t.Callable[[str], str],
    params: dict[str, t.Any],
    wait: bool = True,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> dict[str, t.Any]:
    """Look at the images until each has a wanted status, one cannot get there any more, or the time is over.

    look: the images asked for, as JSON objects of the v2 API, or GlanceError; explain: Glance's own words on why the
    import of an image failed, or ""; params: ids, names, wait_for, timeout and interval (seconds) of the module;
    wait: False ends after the first look, whatever it finds.
    Returns images, counts, elapsed (seconds), changed, and on failure also failed, reason and msg.
    The last look is taken when the time is over, so a look never begins later than that. The first look must succeed;
    later ones may fail for as long as the time lasts, when the failure is of the kind that passes.
    """
    began, pause = clock(), params["interval"]
    wanted = frozenset(params["wait_for"] or [])
    trails: dict[str, list[Step]] = {}
    images: list[Image] = []
    answered = False

    def result(**more: t.Any) -> dict[str, t.Any]:
        counts = dict(Counter(image["status"] for image in images))
        return {"changed": False, "images": images, "counts": counts, "elapsed": round(clock() - began, 3), **more}

    def failure(reason: str, msg: str) -> dict[str, t.Any]:
        return result(failed=True, reason=reason, msg=msg)

    while True:
        error: GlanceError | None = None
        try:
            images = observe(params["ids"], params["names"], look())
        except GlanceError as caught:
            if not (answered and caught.transient):
                return failure(caught.reason, str(caught))
            error = caught
        else:
            answered = True
            if not wanted:
                return result()
            if not wait:
                return result(skipped_wait=True)
            verdicts = [_recorded(wanted, trails, image) for image in images]
            if all(verdict == REACHED for verdict in verdicts):
                return result()
            if IMPOSSIBLE in verdicts:
                return failure("impossible", _impossible_message(wanted, images, explain))
        left = began + params["timeout"] - clock()
        if left <= 0:
            late = _late_message(wanted, images, params["timeout"], explain if error is None else None)
            return failure(error.reason, f"{error} {late}") if error else failure("timeout", late)
        sleep(min(pause, left))
        pause = min(pause * BACKOFF, max(MAX_PAUSE, params["interval"]))


def _recorded(wanted: frozenset[str], trails: dict[str, list[Step]], image: Image) -> str:
    """Judge an image by its trail, write the reason into it, and note what this look found."""
    by_name = f"name {image['name']}"
    key = by_name if image["id"] is None else str(image["id"]).lower()
    verdict, image["problem"] = judge(wanted, trails.get(key, []), image)
    for trail in (key, by_name):
        if image["status"] != ABSENT:
            trails.setdefault(trail, []).append((image["status"], bool(image["import_task"])))
    return verdict


def _impossible_message(wanted: frozenset[str], images: list[Image], explain: t.Callable[[str], str]) -> str:
    lost = [image for image in images if image["problem"]]
    _add_glances_words([image for image in lost if image["status"] in ("queued", "importing")], explain)
    return (
        f"Expected {' or '.join(sorted(wanted))}, but {len(lost)} of {len(images)} images can no longer get there: "
        f"{listing([f'{label(image)} {image_problem(image)}' for image in lost])}. "
        "Correct the cause, then upload, import or create what is missing again, or wait for another status."
    )


def image_problem(image: Image) -> str:
    """The problem of an image as it follows its label in a message."""
    return image["problem"] or f"is {image['status']}"


def _late_message(
    wanted: frozenset[str], images: list[Image], timeout: float, explain: t.Callable[[str], str] | None
) -> str:
    late = [image for image in images if image["status"] not in wanted]
    if explain:
        for image in late:
            image["problem"] = f"is still {image['status']}"
        _add_glances_words([image for image in late if image["status"] in ("queued", "importing")], explain, quiet=True)
    return (
        f"Expected {' or '.join(sorted(wanted))} within {timeout} s, but {len(late)} of {len(images)} images are not "
        f"there yet: {listing([f'{label(image)} {image_problem(image)}' for image in late])}. "
        "Look whether their upload or import is still running, and give it more time with timeout."
    )


def _add_glances_words(images: list[Image], explain: t.Callable[[str], str], quiet: bool = False) -> None:
    for image in images[:EXPLAINED]:
        try:
            words = explain(image["id"])
        except GlanceError as error:
            words = "" if quiet else f"Glance's reason is not readable, its tasks answered {error.status}"
        else:
            words = words and f"Glance says: {words}"
        image["problem"] += f" ({words})" if words else ""
