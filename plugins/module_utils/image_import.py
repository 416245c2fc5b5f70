# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that bring an image about, as image_plan.py has found that they are needed."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from urllib.parse import quote

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError, retry
from ansible_collections.glanceops.image_service.plugins.module_utils.image_api import (
    NOT_FOUND,
    ImageApi,
    NoSuchStoreError,
    Selection,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.image_plan import (
    COPY,
    UPLOAD,
    Plan,
    Raw,
    Target,
    before_and_after,
    hash_of,
    plan,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import (
    HASH_DIGITS,
    Step,
    changed_formats,
    format_fault,
    label,
    summary,
    watch,
)

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client

CONFLICT = 409
"""Status with which Glance refuses to delete an image whose data is in use (delete in glance/api/v2/images.py)."""

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"


def run(client: Client, params: dict[str, t.Any], target: Target, check_mode: bool, diff: bool) -> dict[str, t.Any]:
    """Do one run of the module for a *target*; return what it answers, with "failed" where it fails."""
    importer = Importer(client, params)
    work, steps, result = Plan(), [], {}
    try:
        images, stores = importer.look(target)
        work = plan(target, images, stores)
        importer.check_stores(target, work)
        steps = work.steps(target.method)
        if diff:
            result["diff"] = before_and_after(target, work, stores)
        if work.fill and target.elsewhere:
            # Nothing is done before the action plugin has sent the file.
            result["awaits_src"] = True
        elif not check_mode and (steps or work.wait):
            result |= importer.carry_out(target, work, stores)
    except GlanceError as error:
        result |= {"failed": True, "reason": error.reason, "msg": str(error)}
    except ValueError as error:
        result |= {"failed": True, "reason": "refused", "msg": str(error)}
    except OSError as error:
        result |= {"failed": True, "reason": "refused", "msg": f"src should be readable to its end, found: {error}."}
    done = steps if check_mode else importer.done
    image = importer.image or (summary(work.image) if work.image else {})
    if "failed" not in result:
        result["warnings"] = [*result.get("warnings", []), *_kept(target, work, image)]
    elif f"'{target.name or target.image_id}'" not in result["msg"]:
        result["msg"] = f"{label(image or {'id': target.image_id, 'name': target.name})}: {result['msg']}"
    return {"image": image, "steps": done, "changed": bool(done), **result}


def _kept(target: Target, work: Plan, image: Raw) -> list[str]:
    """Say which images are left there because they are protected; image: the one in use, {} before it is made."""
    protected = [one for one in work.outdated if one.get("protected") and (not image or _same_owner(one, image))]
    return [
        f"{label(summary(one))} should be deleted as keep_others is {target.keep_others}, found that it is protected. "
        "It was left there: take the protection away, or raise keep_others."
        for one in protected
    ]


def _same_owner(one: Raw, other: Raw) -> bool:
    return one.get("owner") == other.get("owner")


class Importer:
    """The requests that bring a target about; done: names of the steps that were taken; image: as last seen, or {}."""

    def __init__(self, client: Client, params: dict[str, t.Any]) -> None:
        """Take params of the module: owner, all_stores, wait, timeout, interval, grace."""
        self.client = client
        self.api = ImageApi(client)
        self.params = params
        self.done: list[str] = []
        self.image: Raw = {}

    def look(self, target: Target) -> tuple[list[Raw], tuple[str, ...]]:
        """Images with the name or id, and the stores that are to hold the data; GlanceError."""
        images = retry(lambda: self._images(target), self.params["grace"])
        if not self.params["all_stores"]:
            return images, target.stores
        found = retry(self.api.stores, self.params["grace"])
        return images, tuple(store["id"] for store in found if str(store.get("read-only")).lower() != "true")

    def check_stores(self, target: Target, work: Plan) -> None:
        """Raise ValueError when data is to go into a store that is named and not there; GlanceError.

        Nothing is asked when the image is there and all of them hold it.
        """
        if not (target.stores and (work.fill or work.wait)):
            return
        try:
            retry(lambda: self.api.check_stores(target.stores, written=True), self.params["grace"])
        except NoSuchStoreError as error:
            raise ValueError(str(error)) from error

    def _images(self, target: Target) -> list[Raw]:
        if target.image_id:
            return list(self.api.find(Selection(ids=[target.image_id])))
        # Other projects' images of the name are none of ours: everybody may make a community image of any name.
        named = Selection(
            names=[str(target.name)],
            owner=self.params["owner"] or self.client.project,
            hidden=False,
            own=True,
        )
        images = list(self.api.find(named))
        there = any(image["status"] == "active" and target.is_data_of(image) for image in images)
        if not there or target.keep_others is not None:
            images += self.api.find(replace(named, hidden=True))
        # The database may think that two names are the same which are not.
        return [image for image in images if image.get("name") == target.name]

    def carry_out(self, target: Target, work: Plan, stores: tuple[str, ...]) -> dict[str, t.Any]:
        """Take the steps of a plan, wait, and return task_id, and on failure also failed, reason and msg."""
        self.image, made = summary(work.image) if work.image else {}, not work.image
        if made:
            self._create(target, work)
        image_id = self.image["id"]
        self._update(image_id, work.patch, "update")
        began = self._bring(target, work, stores)
        task, seen = self._task(image_id) if began else ("", False)
        result: dict[str, t.Any] = {"task_id": task}
        if work.fill or work.wait:
            if not self.params["wait"]:
                self.image = summary(self.client.get(_path(image_id)))
                return result
            trail: list[Step] = [("active" if work.stores else "importing", True)] if seen else []
            waited = self._wait(image_id, stores if target.must_succeed else (), trail)
            self.image = (waited["images"] or [self.image])[0]
            if "failed" in waited:
                return {**result, **{key: waited[key] for key in ("failed", "reason", "msg")}}
            if self._is_wrong(target):
                return {**result, **self._refuse(target, made)}
            if work.image.get("status") != "active":
                result.update(self._judge_formats(target))
            if "failed" in result:
                return result
        self._update(image_id, _replaced(work.late), "publish")
        # Whose an image is that was just made is known only now.
        for other in work.hide:
            if _same_owner(other, self.image):
                self._update(other["id"], _replaced({"os_hidden": True}), "hide_others", seen=False)
        outdated = [other for other in work.delete if _same_owner(other, self.image)]
        return {**result, **self._delete_others(target, outdated)}

    def _delete_others(self, target: Target, others: list[Raw]) -> dict[str, t.Any]:
        """Delete images; return the failure of those that could not be, after all others, or {}."""
        failed: list[tuple[Raw, GlanceError]] = []
        for other in others:
            try:
                self.client.call("DELETE", _path(other["id"]), expected=204)
            except GlanceError as error:
                # Somebody else may have deleted it.
                failed += [] if error.status == NOT_FOUND else [(other, error)]
                continue
            self.done += [] if "delete_others" in self.done else ["delete_others"]
        if not failed:
            return {}
        reason = "refused" if failed[0][1].status == CONFLICT else failed[0][1].reason
        msg = " ".join(
            f"{label(summary(other))} should be deleted as keep_others is {target.keep_others}, found: {error}"
            for other, error in failed
        )
        return {"failed": True, "reason": reason, "msg": msg}

    def _is_wrong(self, target: Target) -> bool:
        """Whether the data is not the wanted one, and not what the service itself made of a file."""
        converted = bool(format_fault(target.facts, self.image))
        return not target.is_data_of(self.image) and (bool(target.os_hash_value) or not converted)

    def _judge_formats(self, target: Target) -> dict[str, t.Any]:
        """Failure of an image whose formats Glance has changed, or a warning where that is allowed, or {}."""
        odd = format_fault(target.facts, self.image)
        if not odd:
            return {}
        if target.any_format:
            return {"warnings": [f"{odd}, which is what the service made of the data, or found it to be."]}
        return {"failed": True, "reason": "mismatch", "msg": changed_formats(odd)}

    def _create(self, target: Target, work: Plan) -> None:
        hold = {"visibility": "private", "protected": False}
        record = {"container_format": "bare", "name": target.name, **target.facts}
        record.update({name: hold[name] for name in work.late})
        record |= {} if target.tags is None else {"tags": target.tags}
        record |= {"id": target.image_id} if target.image_id else {}
        self.image = summary(self.client.call("POST", "/v2/images", record, expected=201))
        self.done.append("create")

    def _update(self, image_id: str, patch: list[Raw], step: str, seen: bool = True) -> None:
        if patch:
            record = self.client.call("PATCH", _path(image_id), patch, PATCH_TYPE)
            self.image = summary(record) if seen else self.image
            self.done += [step] if step not in self.done else []

    def _bring(self, target: Target, work: Plan, stores: tuple[str, ...]) -> bool:
        """Bring the data into the image or into further stores; whether an import of it has begun."""
        path = _path(self.image["id"])
        if work.stores:
            self._import(path, {"method": {"name": COPY}, **self._where(work.stores)}, COPY)
            return True
        if not work.fill:
            return False
        if target.data and target.method == UPLOAD:
            headers = {"X-Image-Meta-Store": stores[0]} if stores else {}
            self.client.send_file(f"{path}/file", target.data.path, headers)
            self.done.append(UPLOAD)
            return False
        if target.data and self.image["status"] == "queued":
            self.client.send_file(f"{path}/stage", target.data.path, {})
        uri = {"uri": target.uri} if target.uri else {}
        self._import(path, {"method": {"name": target.method, **uri}, **self._where(stores)}, target.method)
        return True

    def _where(self, stores: tuple[str, ...]) -> Raw:
        must = {"all_stores_must_succeed": self.params["all_stores_must_succeed"]}
        return {"stores": list(stores), **must} if stores else {}

    def _import(self, path: str, body: Raw, step: str) -> None:
        self.client.call("POST", f"{path}/import", body, expected=202)
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

    def _refuse(self, target: Target, made: bool) -> dict[str, t.Any]:
        """Failure of an image whose data is not the wanted one.

        What this run has made of an address for a hash that was named can be had again: it is deleted.
        """
        algorithm, found = hash_of(self.image)
        end = "It was left there. "
        # Glance never gives the id of a deleted image to another one.
        if made and target.uri and not target.image_id:
            try:
                self.client.call("DELETE", _path(self.image["id"]), expected=204)
                self.done.append("delete")
                end = "It was deleted again. "
            except GlanceError as error:
                end = f"It could not be deleted again: {error} "
        wanted, digits = target.wanted_hash(algorithm), HASH_DIGITS.get(algorithm, len(str(found)))
        look = "Look at what its data comes from, and at os_hash_value."
        if len(wanted) != digits:
            look = f"Give an os_hash_value of {digits} digits, as {algorithm} has, which is what the service uses."
        msg = (
            f"{label(self.image)} should have the {algorithm} hash {wanted}, found {found} of "
            f"{self.image['size']} bytes. {end}{look}"
        )
        return {"failed": True, "reason": "mismatch", "msg": msg}


def _replaced(facts: dict[str, t.Any]) -> list[Raw]:
    return [{"op": "replace", "path": f"/{name}", "value": value} for name, value in facts.items()]


def _path(image_id: str) -> str:
    return f"/v2/images/{quote(image_id, safe='')}"
