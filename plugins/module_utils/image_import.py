# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that is to be there with its data: what is missing of it, and the requests that bring it about."""

from __future__ import annotations

import hashlib
import os
import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError, patient
from ansible_collections.glanceops.image_service.plugins.module_utils.image_api import ImageApi, Selection
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import (
    Image,
    Step,
    label,
    summary,
    watch,
)

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client

UPLOAD, DIRECT, DOWNLOAD, COPY = "upload", "glance-direct", "web-download", "copy-image"
METHODS = {UPLOAD: "src", DIRECT: "src", DOWNLOAD: "uri", COPY: None}
"""Ways to bring data into an image, and the option that each needs."""

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"

FORMATS = ("disk_format", "container_format")
"""What Glance lets be changed of a queued image only (_validate_change in glance/api/v2/images.py)."""

PLAIN = ("visibility", "protected", "min_disk", "min_ram", "owner")
"""Options that are attributes of an image by the same name."""

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
            digest = hashlib.new(algorithm)
            with open(self.path, "rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
            self._digests[algorithm] = digest.hexdigest()
        return self._digests[algorithm]


@dataclass(frozen=True)
class Target:
    """What is to be there.

    facts: attributes and properties of the image by name; tags: None for whatever they are; data: the file, if there
    is one; os_hash_value: hash that the data must have, "" for that of the file, or any.
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

    def is_data_of(self, image: Raw) -> bool:
        """Whether the data of an image, which it has, is the wanted one as far as that is known."""
        if self.os_hash_value:
            return image.get("os_hash_value") == self.os_hash_value
        if not self.data:
            return True
        # Sizes first: a file of many GiB takes long to read. An image of before Glance 17.0.0 has an MD5 alone.
        algorithm, value = image.get("os_hash_algo") or "md5", image.get("os_hash_value") or image.get("checksum")
        return image.get("size") == self.data.size and value == self.data.digest(algorithm)


@dataclass
class Plan:
    """What is there, and what is to be done.

    image: the one that is used, {} for a new one; patch: what is changed of its record; late: what is changed once the
    data is known to be right; fill: whether its data is still to be brought; stores: those into which an active image
    is to be copied; hide: ids of the images that it takes the place of.
    """

    image: Raw = field(default_factory=dict)
    patch: list[Raw] = field(default_factory=list)
    late: dict[str, t.Any] = field(default_factory=dict)
    fill: bool = False
    wait: bool = True
    stores: tuple[str, ...] = ()
    hide: list[str] = field(default_factory=list)

    def steps(self, method: str) -> list[str]:
        """Names of what is to be done, in order."""
        done = [] if self.image else ["create"]
        done += ["update"] if self.patch else []
        done += [method] if self.fill else []
        done += [COPY] if self.stores else []
        done += ["publish"] if self.late else []
        return done + (["hide_others"] if self.hide else [])


def target_of(params: dict[str, t.Any]) -> Target:
    """What the options of the module ask for; ValueError with what is wrong with them."""
    method = params["method"]
    needs = METHODS[method]
    for option in ("src", "uri"):
        if params[option] and option != needs:
            raise ValueError(f"{option} is '{params[option]}': expected none, since {method} takes no {option}.")
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
    facts = {name: params[name] for name in (*FORMATS, *PLAIN) if params[name] is not None}
    if params["hidden"] is not None:
        facts["os_hidden"] = params["hidden"]
    properties = {name: str(value) for name, value in (params["properties"] or {}).items()}
    own = {*FORMATS, *PLAIN, "os_hidden", "name", "id", "tags", "status", "size"} & set(properties)
    if own:
        raise ValueError(f"properties has {', '.join(sorted(own))}: expected no attribute that Glance keeps itself.")
    data = Source(params["src"]) if params["src"] else None
    return Target(
        params["name"],
        params["id"],
        method,
        {**facts, **properties},
        None if params["tags"] is None else sorted(set(params["tags"])),
        params["uri"] or "",
        data,
        (params["os_hash_value"] or "").lower(),
        tuple(params["stores"] or ()),
        params["all_stores_must_succeed"],
        params["hide_others"],
    )


def plan(target: Target, images: list[Raw], stores: tuple[str, ...]) -> Plan:
    """What is to be done when these images have the name or id, newest first; stores: all that are to hold the data.

    ValueError when it cannot be done.
    """
    whole = [image for image in images if image["status"] in ("active", "deactivated")]
    right = [image for image in whole if target.is_data_of(image)]
    if target.method == COPY and not (right and right[0]["status"] == "active"):
        raise ValueError(_nothing_to_copy(target, images))
    if right:
        image = right[0]
        others = [other for other in whole if other is not image and not other.get("os_hidden")]
        return Plan(
            image,
            changes(target, image),
            wait=image["status"] == "active",
            stores=tuple(store for store in stores if store not in summary(image)["stores"]),
            hide=[other["id"] for other in others] if target.hide_others else [],
        )
    late = _late(target)
    now = replace(target, facts={name: value for name, value in target.facts.items() if name not in late})
    hide = [other["id"] for other in whole if not other.get("os_hidden")] if target.hide_others else []
    for image in images:
        if image["status"] in ("saving", "importing") or (image not in whole and image.get("os_glance_import_task")):
            # Somebody's upload or import is at work, such as that of a run that was cut off.
            return Plan(image, changes(now, image), late, hide=hide)
    usable = {DIRECT: ("queued", "uploading")}.get(target.method, ("queued",))
    image = next((image for image in images if image["status"] in usable), {})
    return Plan(image, changes(now, image) if image else [], late, fill=True, hide=hide)


def _late(target: Target) -> dict[str, t.Any]:
    """Facts that an image gets only when the hash of what Glance has fetched is known to be right."""
    seen = target.facts.get("visibility") in ("public", "community")
    return {"visibility": target.facts["visibility"]} if seen and target.uri and target.os_hash_value else {}


def _nothing_to_copy(target: Target, images: list[Raw]) -> str:
    found = ", ".join(f"{label(summary(image))} is {image['status']}" for image in images) or "none"
    wanted = f"with os_hash_value {target.os_hash_value}" if target.os_hash_value else "that is active"
    return f"An image '{target.name or target.image_id}' {wanted} should be there to be copied, found: {found}."


def changes(target: Target, image: Raw) -> list[Raw]:
    """JSON patch that gives an image the facts and tags it lacks; ValueError for a format that is past changing."""
    patch = []
    for name, value in target.facts.items():
        if image.get(name) == value:
            continue
        if name in FORMATS and image["status"] != "queued":
            raise ValueError(
                f"{label(summary(image))} has {name} {image.get(name)}, which cannot be changed any more: expected "
                f"{value}. Correct {name}, or delete the image."
            )
        op = "replace" if name in image else "add"
        patch.append({"op": op, "path": "/" + name.replace("~", "~0").replace("/", "~1"), "value": value})
    if target.tags is not None and sorted(image.get("tags") or []) != target.tags:
        patch.append({"op": "replace", "path": "/tags", "value": target.tags})
    return patch


def before_and_after(target: Target, image: Raw, work: Plan) -> dict[str, Raw]:
    """What --diff shows: the facts that are asked for, as they are and as they will be."""
    names = ["name", *target.facts]
    before = {name: image.get(name) for name in names} if image else {}
    after = {**before, "name": image.get("name") or target.name, **target.facts}
    if target.tags is not None:
        before.update({"tags": sorted(image.get("tags") or [])} if image else {})
        after["tags"] = target.tags
    if work.fill or work.stores:
        before["stores"] = summary(image)["stores"] if image else []
        after["stores"] = [*before["stores"], *(work.stores or target.stores or ["(the default store)"])]
    return {"before": before, "after": after}


class Importer:
    """The requests that bring a target about; done: names of the steps that were taken."""

    def __init__(self, client: Client, params: dict[str, t.Any]) -> None:
        """Take params of the module: all_stores, wait, timeout, interval, grace."""
        self.client = client
        self.api = ImageApi(client)
        self.params = params
        self.done: list[str] = []

    def look(self, target: Target) -> tuple[list[Raw], tuple[str, ...]]:
        """Images with the name or id, and the stores that are to hold the data; GlanceError."""
        meant = Selection(
            ids=[target.image_id] if target.image_id else None,
            names=None if target.image_id else [str(target.name)],
            owner=None if target.image_id else self.params["owner"],
        )
        images = patient(lambda: list(self.api.find(meant)), self.params["grace"])
        if not self.params["all_stores"]:
            return images, target.stores
        found = patient(lambda: self.client.get("/v2/info/stores"), self.params["grace"]).get("stores", [])
        return images, tuple(store["id"] for store in found if str(store.get("read-only")).lower() != "true")

    def carry_out(self, target: Target, work: Plan, stores: tuple[str, ...]) -> dict[str, t.Any]:
        """Take the steps of a plan, wait, and return image, task_id, and on failure also failed, reason and msg."""
        image_id, made = work.image.get("id", ""), not work.image
        began = False
        if made:
            image_id = self._create(target, work)
        self._update(image_id, work.patch, "update")
        if work.fill:
            self._fill(target, image_id, work.image.get("status", "queued"), stores)
            began = target.method != UPLOAD
        if work.stores:
            self._import(image_id, {"method": {"name": COPY}, **self._where(work.stores)}, COPY)
            began = True
        task, seen = self._task(image_id) if began else ("", False)
        if not (self.params["wait"] and work.wait):
            return {"image": summary(self.client.get(_path(image_id))), "task_id": task}
        status = "active" if work.stores else "importing"
        result = self._wait(image_id, stores if target.must_succeed else (), [(status, True)] if seen else [])
        image = result.pop("images")[0]
        result = {"image": image, "task_id": task, **{key: result[key] for key in result if key in FAILURE}}
        if "failed" in result:
            return result
        if not target.is_data_of(image):
            return {**result, **self._refuse(target, image, made)}
        self._update(image_id, _replaced(work.late), "publish")
        for other in work.hide:
            self._update(other, _replaced({"os_hidden": True}), "hide_others")
        return {**result, "image": {**image, **work.late}}

    def _create(self, target: Target, work: Plan) -> str:
        record = {
            "container_format": "bare",
            "name": target.name,
            **target.facts,
            **dict.fromkeys(work.late, "private"),
        }
        record |= {} if target.tags is None else {"tags": target.tags}
        record |= {"id": target.image_id} if target.image_id else {}
        answer = self.client.call("POST", "/v2/images", record, expected=201)
        self.done.append("create")
        return str(answer["id"])

    def _update(self, image_id: str, patch: list[Raw], step: str) -> None:
        if patch:
            self.client.call("PATCH", _path(image_id), patch, PATCH_TYPE)
            self.done += [step] if step not in self.done else []

    def _fill(self, target: Target, image_id: str, status: str, stores: tuple[str, ...]) -> None:
        if target.method == UPLOAD:
            self._send(target, f"{_path(image_id)}/file", {"X-Image-Meta-Store": stores[0]} if stores else {})
            self.done.append(UPLOAD)
            return
        if target.method == DIRECT and status == "queued":
            # Glance sets an image back to queued when what is staged breaks off, so one that is uploading has it all.
            self._send(target, f"{_path(image_id)}/stage", {})
        uri = {"uri": target.uri} if target.uri else {}
        self._import(image_id, {"method": {"name": target.method, **uri}, **self._where(stores)}, target.method)

    def _send(self, target: Target, path: str, headers: dict[str, str]) -> None:
        if target.data:
            self.client.send_file(path, target.data.path, headers)

    def _where(self, stores: tuple[str, ...]) -> Raw:
        must = {"all_stores_must_succeed": self.params["all_stores_must_succeed"]}
        return {"stores": list(stores), **must} if stores else {}

    def _import(self, image_id: str, body: Raw, step: str) -> None:
        self.client.call("POST", f"{_path(image_id)}/import", body, expected=202)
        self.done.append(step)

    def _task(self, image_id: str) -> tuple[str, bool]:
        """Id of the newest task of the image, and whether tasks can be read, so whether one holds the image."""
        try:
            tasks = self.client.get(f"{_path(image_id)}/tasks").get("tasks") or []
        except GlanceError:
            # Glance before 21.0.0 shows neither them nor the one that holds an image.
            return "", False
        newest = max(tasks, key=lambda task: str(task.get("created_at") or ""), default={})
        return str(newest.get("id") or ""), True

    def _wait(self, image_id: str, stores: tuple[str, ...], trail: list[Step]) -> dict[str, t.Any]:
        params = {
            "ids": [image_id],
            "names": None,
            "wait_for": ["active"],
            "stores": stores,
            "expected": {},
            "how_many": "all",
            **{name: self.params[name] for name in ("timeout", "interval", "grace")},
        }
        meant = Selection(ids=[image_id])
        return watch(lambda: self.api.find(meant), self.api.import_message, params, trails={image_id.lower(): trail})

    def _refuse(self, target: Target, image: Image, made: bool) -> dict[str, t.Any]:
        """Failure of an image whose data is not the wanted one; one that this run has made is taken away again."""
        if made:
            self.client.call("DELETE", _path(image["id"]), expected=204)
        algorithm = image["os_hash_algo"] or "md5"
        wanted = target.os_hash_value or (target.data.digest(algorithm) if target.data else "")
        msg = (
            f"{label(image)} should have the {algorithm} hash {wanted}, found {image['os_hash_value']} of "
            f"{image['size']} bytes. {'It was deleted again. ' if made else ''}"
            f"Look at what its data comes from, and at os_hash_value."
        )
        return {"failed": True, "reason": "mismatch", "msg": msg}


FAILURE = ("failed", "reason", "msg")


def _replaced(facts: dict[str, t.Any]) -> list[Raw]:
    return [{"op": "replace", "path": f"/{name}", "value": value} for name, value in facts.items()]


def _path(image_id: str) -> str:
    return f"/v2/images/{quote(image_id, safe='')}"
