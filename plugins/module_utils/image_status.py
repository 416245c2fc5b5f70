# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status of an image means: reached, still on the way, or out of reach.

Nothing here talks to a network: looks, clock and pauses are handed in by the caller.
"""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError, backoff, retry
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of

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

VISIBILITIES = ["public", "community", "shared", "private"]

PLAIN_FACTS = [
    *(
        "id",
        "name",
        "status",
        "size",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "disk_format",
        "container_format",
        "visibility",
        "owner",
    ),
    *("created_at", "updated_at"),
]
"""What is returned of an image just as the API gives it."""

FIXED_FACTS = ("size", "checksum", "os_hash_value")
"""What no image changes any more once it has data."""

FORMATS = ("disk_format", "container_format")
"""What Glance lets be changed of a queued image only (_validate_change in glance/api/v2/images.py)."""

HASH_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
"""Algorithm -> hexadecimal digits of its hashes. Others that Python gives Glance for hashing_algorithm have as many."""

REACHED, WAITING, IMPOSSIBLE = "reached", "waiting", "impossible"

LEAST_SECONDS = {"timeout": 0, "interval": 0.05, "grace": 0, "request_timeout": 1}
LONGEST_PAUSE = 15.0
"""Seconds between two looks, unless the interval is longer."""
NAMED_IN_MESSAGE = 10
EXPLAINED = 5

Image = dict[str, t.Any]
Step = tuple[str, bool]
"""What one look found of an image: its status, and whether an import task held it."""


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


@dataclass(frozen=True)
class WaitCondition:
    """What is waited for: a status, and of an image that is there the stores that hold its data and further facts.

    statuses: one or more of STATUSES; stores: all of which must hold the data; expected: facts by name; least: how many
    images are enough, None for all of them.
    """

    statuses: frozenset[str] = frozenset()
    stores: tuple[str, ...] = ()
    expected: dict[str, t.Any] = field(default_factory=dict)
    least: int | None = None

    def __str__(self) -> str:
        """Return it as a message says it, such as "active in the stores fast and slow"."""
        place = f" in the store{'s' * (len(self.stores) > 1)} {' and '.join(self.stores)}" if self.stores else ""
        facts = "".join(f" with {name} {value}" for name, value in self.expected.items())
        return f"{' or '.join(sorted(self.statuses))}{place}{facts}"


def summary(raw: dict[str, t.Any]) -> Image:
    """Returned facts of one image, from its JSON in the v2 API.

    Store lists are comma-separated strings there, and missing on a Glance with a single store. "import_task" is the id
    of the task that holds the image (os_glance_import_task), which Glance since 21.0.0 shows while an import runs.
    """
    return {key: raw.get(key) for key in PLAIN_FACTS} | {
        "os_hidden": bool(raw.get("os_hidden")),
        "tags": raw.get("tags") or [],
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


def judge(condition: WaitCondition, trail: t.Sequence[Step], image: Image) -> tuple[str, str]:
    """Verdict on one image: (REACHED | WAITING | IMPOSSIBLE, why it is impossible or "").

    trail: what former looks found, oldest first (for a name that no image bears: what they found of its bearers);
    image: as summary gives it.
    """
    status = image["status"]
    if status in condition.statuses:
        return (REACHED, "") if status == ABSENT else _judge_facts(condition, trail, image)
    if status == ABSENT:
        if image["id"] is None and not trail:
            return WAITING, ""
        return IMPOSSIBLE, (
            f"{'was there, and is gone' if trail else 'is not there'}"
            " (the API never shows deleted, pending_delete and killed images, nor those the caller may not read)"
        )
    if not reachable(status).intersection(condition.statuses):
        return IMPOSSIBLE, f"is {status}, and no image comes from there to {' or '.join(sorted(condition.statuses))}"
    if {"queued", ABSENT}.intersection(condition.statuses):
        return WAITING, ""
    why = _failed_work(trail, image)
    return (IMPOSSIBLE, why) if why else (WAITING, "")


def _judge_facts(condition: WaitCondition, trail: t.Sequence[Step], image: Image) -> tuple[str, str]:
    """Verdict on an image whose status is the wanted one."""
    unlike = [name for name, value in condition.expected.items() if image[name] != value]
    if image["status"] in ("active", "deactivated"):
        for name in unlike:
            # Glance may still be at work on the hash of data that it was given the place of.
            if name in FIXED_FACTS and image[name] is not None:
                return IMPOSSIBLE, f"has {name} {image[name]}, and data never changes"
    missing = [store for store in condition.stores if store not in image["stores"]]
    if missing and not image["import_task"]:
        failed = [store for store in missing if store in image["failed_import_stores"]]
        if failed:
            return IMPOSSIBLE, f"is {image['status']}, and its import into {' and '.join(failed)} failed"
        if any(held for _status, held in trail) and not image["importing_to_stores"]:
            return IMPOSSIBLE, f"is {image['status']}, and its import has ended without {' and '.join(missing)}"
    return (WAITING, "") if unlike or missing else (REACHED, "")


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


def condition_of(params: dict[str, t.Any]) -> WaitCondition:
    """What the options wait_for, stores, expected and how_many, in which nothing is wrong, ask for."""
    how_many = params["how_many"]
    return WaitCondition(
        frozenset(params["wait_for"] or []),
        tuple(params["stores"] or []),
        {
            # Glance writes hashes in lower case.
            name: value.lower() if isinstance(value, str) else value
            for name, value in (params["expected"] or {}).items()
            if value is not None
        },
        {"all": None, "any": 1}[how_many] if how_many in ("all", "any") else int(how_many),
    )


def hash_fault(option: str, value: str | None, algorithm: str = "") -> str:
    """What is wrong with the form of a hash that an option gives, or ""; without an algorithm, that of any will do."""
    if value is None:
        return ""
    digits = [HASH_DIGITS[algorithm]] if algorithm else list(HASH_DIGITS.values())
    strange = set(value.lower()) - set("0123456789abcdef")
    if len(value) in digits and not strange:
        return ""
    wanted = f"{digits[0]} for {algorithm}" if algorithm else "128 for sha512, which is Glance's default"
    found = f"{count_of(len(value), 'character')}{' that are not all hexadecimal' if strange else ''}"
    return f"{option} should be the hexadecimal digits of a hash ({wanted}), found {found}: give the digits alone."


def format_fault(asked: t.Mapping[str, t.Any], image: t.Mapping[str, t.Any]) -> str:
    """Say in which formats an image differs from what was asked for, without an end to the sentence, or ""."""
    unlike = [name for name in FORMATS if asked.get(name) is not None and image.get(name) != asked[name]]
    if not unlike:
        return ""
    wanted, found = (" and ".join(f"{name} {one.get(name)}" for name in unlike) for one in (asked, image))
    return f"{label({'name': None, **image})} should have {wanted}, found {found}"


def changed_formats(fault: str) -> str:
    """Sentences of a failure by what format_fault says of an image that has just got its data."""
    return (
        f"{fault}, which is what the service made of the data, or found it to be. It was left there. Look at what its "
        "data comes from; where the service converts or decompresses what it imports, give allow_changed_formats."
    )


def complaint(params: dict[str, t.Any]) -> str:
    """What is wrong with the module's own options beyond their types, or ""."""
    for option in ("ids", "names"):
        if any(not value.strip() for value in params[option] or []):
            return f"{option} has an empty entry: expected an image's {option[:-1]} in each, or an empty list for none."
    if params["counts_only"] and params["wait_for"]:
        return "counts_only is true: expected no wait_for beside it, which has to know each image."
    hidden = sorted(HIDDEN.intersection(params["wait_for"] or []))
    if hidden:
        return (
            f"wait_for has {' and '.join(hidden)}: the API never shows an image that is deleted, pending_delete or "
            "killed. Wait for absent, which is what all three look like."
        )
    strange = sorted(set(params["wait_for"] or []) - set(STATUSES))
    if strange:
        return f"wait_for has {' and '.join(strange)}: expected one or more of {', '.join(STATUSES)}."
    number, ids = params["how_many"], params["ids"]
    if number not in ("all", "any") and not (number.isdecimal() and int(number) > 0):
        return f"how_many is '{number}': expected all, any, or a number from 1."
    if number.isdecimal() and ids is not None and params["names"] is None and int(number) > len(set(ids)):
        return f"how_many is {number}: expected at most {len(set(ids))}, as many as ids has."
    expected = params["expected"] or {}
    wrong = hash_fault("expected.os_hash_value", expected.get("os_hash_value"))
    return wrong or hash_fault("expected.checksum", expected.get("checksum"), "md5") or too_short(params)


def too_short(params: dict[str, t.Any]) -> str:
    """Which of the options that are seconds is too small, or ""."""
    for option, seconds in LEAST_SECONDS.items():
        if params[option] < seconds:
            return f"{option} is {params[option]}: expected at least {seconds} seconds."
    return ""


def label(image: t.Mapping[str, t.Any]) -> str:
    """Name and id of an image as messages show them."""
    if image["id"] is None:
        return f"'{image['name']}'"
    return f"'{image['name']}' ({image['id']})" if image["name"] else str(image["id"])


def listing(parts: t.Sequence[str]) -> str:
    """The parts for a message: the first ten, and how many there are besides."""
    rest = len(parts) - NAMED_IN_MESSAGE
    return "; ".join(parts[:NAMED_IN_MESSAGE]) + (f"; and {rest} more" if rest > 0 else "")


def tally(raws: t.Iterable[dict[str, t.Any]]) -> dict[str, int]:
    """How many of the images have each status; they are not kept."""
    return dict(Counter(str(raw["status"]) for raw in raws))


def watch(
    look: t.Callable[[], t.Iterable[dict[str, t.Any]]],
    explain: t.Callable[[str], str],
    params: dict[str, t.Any],
    wait: bool = True,
    trails: dict[str, list[Step]] | None = None,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> dict[str, t.Any]:
    """Look at the images until the condition is met, can't be met any more, or the time is over.

    look: the images asked for, as JSON objects of the v2 API, or GlanceError; explain: Glance's own words on why the
    import of an image failed, or ""; params: ids, names, timeout, interval and grace (seconds), and what condition_of
    reads; wait: False ends after the first look, whatever it finds; trails: what is known of images from before, by id.
    Returns images, counts, elapsed (seconds), changed, and on failure also failed, reason and msg.
    The last look is taken when the time is over, so a look never begins later than that. A look that fails in a way
    that passes is taken again for grace seconds, if something is waited for.
    """
    began, pause = clock(), backoff(params["interval"], LONGEST_PAUSE)
    condition = condition_of(params)
    trails = {} if trails is None else trails
    images: list[Image] = []

    def result(**more: t.Any) -> dict[str, t.Any]:
        return {
            "changed": False,
            "images": images,
            "counts": tally(images),
            "elapsed": round(clock() - began, 3),
            **more,
        }

    def failure(reason: str, msg: str) -> dict[str, t.Any]:
        return result(failed=True, reason=reason, msg=msg)

    while True:
        left = began + params["timeout"] - clock()
        grace = min(params["grace"], max(left, 0)) if condition.statuses and wait else 0
        try:
            found = retry(lambda: list(look()), grace, clock, sleep)
        except GlanceError as error:
            late = f" {_late_message(condition, images, params['timeout'])}" if images else ""
            return failure(error.reason, f"{error}{late}")
        images = observe(params["ids"], params["names"], found)
        if not condition.statuses:
            return result()
        if not wait:
            return result(skipped_wait=True)
        verdicts = [_recorded(condition, trails, image) for image in images]
        outcome = overall(condition, verdicts, closed=params["ids"] is not None or params["names"] is not None)
        if outcome == REACHED:
            return result()
        if outcome == IMPOSSIBLE:
            return failure("impossible", _impossible_message(condition, images, explain))
        left = began + params["timeout"] - clock()
        if left <= 0:
            return failure("timeout", _late_message(condition, images, params["timeout"], explain))
        sleep(min(next(pause), left))


def overall(condition: WaitCondition, verdicts: t.Sequence[str], closed: bool) -> str:
    """Verdict on all images; closed: whether they are named one by one, so that no images are an answer too."""
    reached, lost = verdicts.count(REACHED), verdicts.count(IMPOSSIBLE)
    if condition.least is None:
        enough = reached == len(verdicts) and (reached or closed or ABSENT in condition.statuses)
        return REACHED if enough else IMPOSSIBLE if lost else WAITING
    if reached >= condition.least:
        return REACHED
    return IMPOSSIBLE if lost and len(verdicts) - lost < condition.least else WAITING


def _recorded(condition: WaitCondition, trails: dict[str, list[Step]], image: Image) -> str:
    """Judge an image by its trail, write the reason into it, and note what this look found."""
    by_name = f"name {image['name']}"
    key = by_name if image["id"] is None else str(image["id"]).lower()
    verdict, image["problem"] = judge(condition, trails.get(key, []), image)
    step = (image["status"], bool(image["import_task"]))
    for trail in (trails.setdefault(name, []) for name in (key, by_name) if image["status"] != ABSENT):
        # A wait of days must not grow: what stays the same is noted once.
        if trail[-1:] != [step]:
            trail.append(step)
    return verdict


def _impossible_message(condition: WaitCondition, images: list[Image], explain: t.Callable[[str], str]) -> str:
    lost = [image for image in images if image["problem"]]
    _add_glances_words(lost, explain)
    least = "" if condition.least is None else f" for {condition.least}"
    return (
        f"Expected {condition}{least}, but {len(lost)} of {count_of(len(images), 'image')} can no longer get there: "
        f"{listing([f'{label(image)} {image_problem(image)}' for image in lost])}. "
        "Correct the cause, then upload, import or create what is missing again, or wait for another status."
    )


def image_problem(image: Image) -> str:
    """The problem of an image as it follows its label in a message."""
    return image["problem"] or f"is {image['status']}"


def _late_message(
    condition: WaitCondition, images: list[Image], timeout: float, explain: t.Callable[[str], str] | None = None
) -> str:
    late = [image for image in images if judge(condition, [], image)[0] != REACHED]
    if explain:
        for image in late:
            image["problem"] = f"is still {_progress(condition, image)}"
        _add_glances_words([image for image in late if image["status"] in ("queued", "importing")], explain, quiet=True)
    least = "" if condition.least is None else f" for {condition.least}"
    parts = listing([f"{label(image)} {image_problem(image)}" for image in late]) or "no image is found"
    return (
        f"Expected {condition}{least} within {timeout} s, but {len(late)} of {count_of(len(images), 'image')} are not "
        f"there yet: {parts}. "
        "Look whether their upload or import is still running, and give it more time with timeout."
    )


def _progress(condition: WaitCondition, image: Image) -> str:
    """The status of an image, and which stores and facts it lacks although it has a wanted status."""
    if image["status"] not in condition.statuses:
        return str(image["status"])
    stores = [store for store in condition.stores if store not in image["stores"]]
    facts = [f"{name} {image[name]}" for name, value in condition.expected.items() if image[name] != value]
    lacks = [f"without {' and '.join(stores)}"] if stores else []
    return " ".join([str(image["status"]), *lacks, *(["with " + ", ".join(facts)] if facts else [])])


def _add_glances_words(images: list[Image], explain: t.Callable[[str], str], quiet: bool = False) -> None:
    """Add what Glance noted of a failed import to the problem of those whose import it may be about."""
    spoken = [image for image in images if image["status"] in ("queued", "importing") or image["failed_import_stores"]]
    for image in spoken[:EXPLAINED]:
        try:
            words = explain(image["id"])
        except GlanceError as error:
            words = "" if quiet else f"Glance's reason is not readable, its tasks answered {error.status}"
        else:
            words = words and f"Glance says: {words}"
        image["problem"] += f" ({words})" if words else ""
