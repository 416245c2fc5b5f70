# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that is to be there with its data: what is asked for, what is missing of it, and what can't be."""

from __future__ import annotations

import hashlib
import os
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import (
    FORMATS,
    format_fault,
    hash_fault,
    label,
    summary,
    too_short,
)

UPLOAD, DIRECT, DOWNLOAD, COPY = "upload", "glance-direct", "web-download", "copy-image"
METHODS = {UPLOAD: "src", DIRECT: "src", DOWNLOAD: "uri", COPY: None}
"""Ways to bring data into an image, and the option that each needs."""

PLAIN = ("visibility", "protected", "min_disk", "min_ram", "owner")
"""Options that are attributes of an image by the same name."""

NO_PROPERTIES = {
    *(*FORMATS, *PLAIN, "name", "id", "tags", "status", "size", "virtual_size", "checksum", "os_hash_algo"),
    *("os_hash_value", "os_hidden", "created_at", "updated_at", "stores", "locations", "direct_url", "self", "file"),
    "schema",
}
"""Attributes of an image, which no property can be named after (get_base_properties in glance/api/v2/images.py)."""

BLOCK = 1 << 20

Raw = dict[str, t.Any]


class Source:
    """A file of this host: its size in bytes, and its hashes, for each of which it is read once at most."""

    def __init__(self, path: str) -> None:
        """Raise ValueError when the path is no file that can be read."""
        self.path = path
        try:
            with open(path, "rb") as file:
                self.size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise ValueError(f"src is '{path}': expected a file that can be read, found: {error.strerror}.") from error
        self._digests: dict[str, str] = {}

    def digest(self, algorithm: str) -> str:
        """Hash in hexadecimal, by the name that Glance and hashlib have for the algorithm."""
        if algorithm not in self._digests:
            digest = hashlib.new(algorithm, usedforsecurity=False)
            with open(self.path, "rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
            self._digests[algorithm] = digest.hexdigest()
        return self._digests[algorithm]


def hash_of(image: Raw) -> tuple[str, t.Any]:
    """Algorithm and value of the hash of an image; one of before Glance 17.0.0 has an MD5 alone."""
    if image.get("os_hash_value"):
        return str(image.get("os_hash_algo")), image["os_hash_value"]
    return "md5", image.get("checksum")


@dataclass(frozen=True)
class Target:
    """What is to be there.

    facts: attributes and properties of the image by name; tags: None for whatever they are; data: the file, if there
    is one; os_hash_value: hash that the data must have, "" for that of the file, or any; any_format: whether the image
    may have other formats than the facts say; keep_others: how many hidden images of the name stay, None for all;
    elsewhere: whether the file is still on the control machine.
    """

    name: str | None
    image_id: str | None
    method: str
    facts: dict[str, t.Any]
    tags: list[str] | None = None
    uri: str = ""
    data: Source | None = None
    os_hash_value: str = ""
    stores: tuple[str, ...] = ()
    must_succeed: bool = True
    hide_others: bool = False
    any_format: bool = False
    keep_others: int | None = None
    elsewhere: bool = False

    def wanted_hash(self, algorithm: str) -> str:
        """Hash that the data must have, "" for any."""
        return self.os_hash_value or (self.data.digest(algorithm) if self.data else "")

    def is_data_of(self, image: Raw) -> bool:
        """Whether the data of an image, which it has, is the wanted one as far as that is known."""
        algorithm, value = hash_of(image)
        # Sizes first: a file of many GiB takes long to read.
        if self.data and not self.os_hash_value and image.get("size") != self.data.size:
            return False
        return self.wanted_hash(algorithm) in ("", value)

    def format_fault(self, image: Raw) -> str:
        """Say which of its formats an image should not have, without an end to the sentence, or ""."""
        return "" if self.any_format else format_fault(self.facts, image)


@dataclass
class Plan:
    """What is there, and what is to be done.

    image: the one that is used, {} for a new one; patch: what is changed of its record; late: what is changed once the
    data is known to be right; fill: whether its data is still to be brought; stores: those into which an active image
    is to be copied; hide: the images that it takes the place of; outdated: hidden ones of the name that are not to be
    kept; wait: whether there is anything to wait for.
    """

    image: Raw = field(default_factory=dict)
    patch: list[Raw] = field(default_factory=list)
    late: dict[str, t.Any] = field(default_factory=dict)
    fill: bool = False
    wait: bool = True
    stores: tuple[str, ...] = ()
    hide: list[Raw] = field(default_factory=list)
    outdated: list[Raw] = field(default_factory=list)

    @property
    def delete(self) -> list[Raw]:
        """Those of the outdated images that Glance lets be deleted."""
        return [image for image in self.outdated if not image.get("protected")]

    def steps(self, method: str) -> list[str]:
        """Names of what is to be done, in order."""
        done = [] if self.image else ["create"]
        done += ["update"] if self.patch else []
        done += [method] if self.fill else []
        done += [COPY] if self.stores else []
        done += ["publish"] if self.late else []
        done += ["hide_others"] if self.hide else []
        return done + (["delete_others"] if self.delete else [])


def target_of(params: dict[str, t.Any]) -> Target:
    """What the options of the module ask for; ValueError with what is wrong with them."""
    method = params["method"]
    needs = METHODS[method]
    for option in ("src", "uri"):
        if params[option] and option != needs:
            raise ValueError(f"{option} should not be given for {method}, which has no use for it: leave it out.")
    if needs and not params[needs]:
        raise ValueError(f"{needs} should be given for {method}, found none.")
    if method != COPY and not (params["name"] and params["disk_format"]):
        raise ValueError(f"name and disk_format should be given for {method}, which may have to make the image.")
    if method == COPY and not (params["stores"] or params["all_stores"]):
        raise ValueError("stores or all_stores should be given for copy-image, found neither.")
    if params["stores"] and params["all_stores"]:
        raise ValueError("stores is given with all_stores: expected one of them.")
    if method == UPLOAD and (len(params["stores"] or []) > 1 or params["all_stores"]):
        raise ValueError("stores should be one at most for upload; glance-direct brings data into several.")
    wrong = hash_fault("os_hash_value", params["os_hash_value"])
    if wrong:
        raise ValueError(wrong)
    keep = params["keep_others"]
    if keep is not None and not params["hide_others"]:
        raise ValueError("hide_others should be true with keep_others, which is about hidden images, found false.")
    if keep is not None and keep < 0:
        raise ValueError(f"keep_others should be 0 or more, found {keep}: leave it out to keep all.")
    facts = {name: params[name] for name in (*FORMATS, *PLAIN) if params[name] is not None}
    if params["hidden"] is not None or params["hide_others"]:
        facts["os_hidden"] = bool(params["hidden"])
    data = Source(params["src"]) if params["src"] and params["remote_src"] else None
    return Target(
        params["name"],
        params["id"],
        method,
        {**facts, **_properties(params["properties"] or {})},
        None if params["tags"] is None else sorted(set(params["tags"])),
        params["uri"] or "",
        data,
        (params["os_hash_value"] or "").lower(),
        tuple(params["stores"] or ()),
        params["all_stores_must_succeed"],
        params["hide_others"] and not params["id"],
        params["allow_changed_formats"],
        None if params["id"] else keep,
        bool(params["src"]) and not params["remote_src"],
    )


def _properties(given: dict[str, t.Any]) -> dict[str, str]:
    own = sorted(NO_PROPERTIES.intersection(given))
    if own:
        raise ValueError(f"properties has {', '.join(own)}: expected no attribute that Glance keeps itself.")
    empty = sorted(name for name, value in given.items() if value is None)
    if empty:
        raise ValueError(f"properties has {', '.join(empty)} without a value: give one, or leave it out.")
    return {name: str(value) for name, value in given.items()}


def plan(target: Target, images: list[Raw], stores: tuple[str, ...]) -> Plan:
    """What is to be done when these images have the name or id, newest first; stores: all that are to hold the data.

    ValueError when it cannot be done.
    """
    # One that is deactivated counts as there, but not before one that can be used.
    whole = [image for status in ("active", "deactivated") for image in images if image["status"] == status]
    right = [image for image in whole if target.is_data_of(image)]
    if target.method == COPY and not (right and right[0]["status"] == "active"):
        raise ValueError(_nothing_to_copy(target, images))
    if right:
        usable = [image for image in right if image["status"] == right[0]["status"]]
        # Who has the others hidden has said which one is meant: the newest.
        return _completed(target, usable[0] if target.hide_others else _only(target, usable), whole, stores)
    late = _late(target)
    now = replace(target, facts={name: value for name, value in target.facts.items() if name not in late})
    unfinished = [image for image in images if image not in whole]
    busy = [one for one in unfinished if one["status"] in ("saving", "importing") or one.get("os_glance_import_task")]
    if busy:
        # Somebody's upload or import is at work, such as that of a run that was cut off.
        image = _only(target, busy)
        return Plan(image, changes(now, image), late, **_replaced(target, whole, image))
    image = _only(target, [image for image in unfinished if _can_be_filled(target, image)])
    return Plan(image, changes(now, image) if image else [], late, fill=True, **_replaced(target, whole, image))


def _only(target: Target, images: list[Raw]) -> Raw:
    """The image of which there is one at most, {} for none; ValueError with the ids when there are several."""
    if len(images) > 1:
        found = ", ".join(f"{image['id']} ({image['status']})" for image in images)
        raise ValueError(
            f"One image should have the name '{target.name}', found {len(images)} that may be meant: {found}. "
            "Give the id of one, the owner or the os_hash_value that only one has, or delete the others."
        )
    return images[0] if images else {}


def _completed(target: Target, image: Raw, whole: list[Raw], stores: tuple[str, ...]) -> Plan:
    """What an image that has its data lacks besides."""
    active, at_work = image["status"] == "active", bool(image.get("os_glance_import_task"))
    lacks = tuple(store for store in stores if store not in summary(image)["stores"])
    if lacks and not active:
        raise ValueError(
            f"{label(summary(image))} should be active to be copied into {' and '.join(lacks)}, found: it is "
            f"{image['status']}. Have it reactivated first."
        )
    return Plan(
        image,
        changes(target, image),
        wait=bool(lacks),
        # Glance takes one import of an image at a time; a later run brings what this one does not.
        stores=() if at_work else lacks,
        **(_replaced(target, whole, image) if active else {}),
    )


def _others(target: Target, whole: list[Raw], image: Raw) -> list[Raw]:
    """The images whose place this one takes: active, found by their name, and, as far as it is known, of its owner."""
    candidates = [one for one in whole if one is not image and one["status"] == "active" and not one.get("os_hidden")]
    same = [one for one in candidates if not image or one.get("owner") == image.get("owner")]
    return same if target.hide_others else []


def _replaced(target: Target, whole: list[Raw], image: Raw) -> dict[str, list[Raw]]:
    """Images that this one takes the place of, and those that are then not to be kept, as Plan has them.

    An image that is yet to be made has no owner: then they are those of every owner. One that is deactivated stays,
    and does not count: somebody may be looking into it.
    """
    hide = _others(target, whole, image)
    if target.keep_others is None:
        return {"hide": hide, "outdated": []}
    others = [one for one in whole if one is not image and one["status"] == "active"]
    hidden = [one for one in others if one.get("os_hidden") or one in hide]
    by_owner: dict[t.Any, list[Raw]] = {}
    for one in sorted(hidden, key=lambda one: str(one.get("created_at") or ""), reverse=True):
        if not image or one.get("owner") == image.get("owner"):
            by_owner.setdefault(one.get("owner"), []).append(one)
    return {"hide": hide, "outdated": [one for each in by_owner.values() for one in each[target.keep_others :]]}


def _can_be_filled(target: Target, image: Raw) -> bool:
    """Whether an image that has no data yet, such as that of a run that was cut off, can be given it.

    Glance notes the size of an image that is uploading once all of what was staged has come (stage in
    glance/api/v2/image_data.py); before that, somebody may still be sending it.
    """
    if image["status"] == "queued":
        return True
    staged = image["status"] == "uploading" and target.method == DIRECT and target.data
    return bool(staged and image.get("size") == staged.size)


def _late(target: Target) -> dict[str, t.Any]:
    """Facts that an image gets only when its data is known to be right."""
    late = {"protected": True} if target.facts.get("protected") else {}
    if target.uri and target.os_hash_value and target.facts.get("visibility") in ("public", "community"):
        late["visibility"] = target.facts["visibility"]
    return late


def _nothing_to_copy(target: Target, images: list[Raw]) -> str:
    found = ", ".join(f"{label(summary(image))} is {image['status']}" for image in images) or "none"
    wanted = f"with os_hash_value {target.os_hash_value}" if target.os_hash_value else "that is active"
    return f"An image '{target.name or target.image_id}' {wanted} should be there to be copied, found: {found}."


def changes(target: Target, image: Raw) -> list[Raw]:
    """JSON patch that gives an image the facts and tags it lacks; ValueError for a format that is past changing."""
    wrong = "" if image["status"] == "queued" else target.format_fault(image)
    if wrong:
        raise ValueError(
            f"{wrong}, which cannot be changed any more. Correct it in the task or delete the image; where the service "
            "converts or decompresses what it imports, allow_changed_formats takes it as it is."
        )
    patch = []
    for name, value in target.facts.items():
        if image.get(name) == value:
            continue
        if name in FORMATS and image["status"] != "queued":
            continue
        op = "replace" if name in image else "add"
        patch.append({"op": op, "path": "/" + name.replace("~", "~0").replace("/", "~1"), "value": value})
    if target.tags is not None and sorted(image.get("tags") or []) != target.tags:
        patch.append({"op": "replace", "path": "/tags", "value": target.tags})
    return patch


def before_and_after(target: Target, work: Plan, stores: tuple[str, ...]) -> dict[str, Raw]:
    """What --diff shows: the facts that are asked for, as they are and as they will be."""
    image = work.image
    # Formats that an image with data has are what they are.
    fixed = FORMATS if image and image["status"] != "queued" else ()
    facts = {name: value for name, value in target.facts.items() if name not in fixed}
    before = {name: image.get(name) for name in ("name", *facts)} if image else {}
    after = {**before, "name": image.get("name") or target.name, **facts}
    if target.tags is not None:
        before.update({"tags": sorted(image.get("tags") or [])} if image else {})
        after["tags"] = target.tags
    if work.fill or work.stores:
        before["stores"] = summary(image)["stores"] if image else []
        after["stores"] = [*before["stores"], *(work.stores or stores or ["(the default store)"])]
    if work.hide or work.delete:
        hidden = {other["id"]: "hidden" for other in (*work.delete, *work.hide)}
        before["others"] = {**hidden, **{other["id"]: "shown" for other in work.hide}}
        after["others"] = {**hidden, **{other["id"]: "deleted" for other in work.delete}}
    return {"before": before, "after": after}


def checked(params: dict[str, t.Any]) -> tuple[Target | None, str]:
    """Return what the options of the module ask for, and what is wrong with them, or ""."""
    try:
        return target_of(params), too_short(params)
    except ValueError as error:
        return None, str(error)
