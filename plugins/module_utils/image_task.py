# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the Image service: making, listing and waiting for them, and what their status means."""

from __future__ import annotations

import time
import typing as t
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from ansible_collections.glanceops.image_service.plugins.module_utils.client import (
    GlanceError,
    backoff,
    plain,
    retry,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import (
    LONGEST_PAUSE,
    changed_formats,
    format_fault,
    label,
    too_short,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import summary as image_summary

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client

PAGE = 1000
FORBIDDEN = 403
TASK_STATUSES = ("pending", "processing", "success", "failure")
"""Every status a task can have (glance/domain/__init__.py, Task); the last two are final."""

SUCCESS, FAILURE = TASK_STATUSES[2:]
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
OWNERLESS = "has no owner, so every project that knows its id can read it: give owner."
FACTS = ("id", "type", "status", "message", "owner", "created_at", "updated_at", "expires_at")
Raw = dict[str, t.Any]


def summary(raw: Raw) -> Raw:
    """Returned facts of a task, from its JSON; input and result are {} in a listing, where Glance leaves them out."""
    facts = {name: raw.get(name) for name in FACTS}
    return {**facts, "input": raw.get("input") or {}, "result": raw.get("result") or {}}


def advice(status: int) -> str:
    """What to do after an answer with that HTTP status, as a further sentence, or ""."""
    if status != FORBIDDEN:
        return ""
    return (
        " Tasks are for administrators, and for nobody where the policy tasks_api_access is '!': set it with"
        " glance_api_policy, or import with the module image_import."
    )


def complaint(task: Raw) -> str:
    """Why a task that has ended is a failure, or ""."""
    if task["status"] != FAILURE:
        return ""
    found = plain(str(task["message"] or "")) or "no reason, which the service's log may have"
    return f"Task {task['id']} ({task['type']}) should succeed, found: {found}"


def properties_of(params: Raw, project: str | None) -> Raw:
    """image_properties with the owner that the option or the project of the caller gives, unless they name one."""
    owner = params["owner"] or project
    given = params["image_properties"]
    return given if "owner" in given or not owner else {**given, "owner": owner}


def owner_fault(params: Raw) -> str:
    """What is wrong when both image_properties and the option name an owner, or ""."""
    named = (params["image_properties"] or {}).get("owner", params["owner"])
    if params["owner"] in (None, named):
        return ""
    return f"owner is {params['owner']}, and {named} in image_properties: expected one of them, leave one out."


def ownerless(client: Client, properties: Raw) -> bool:
    """Whether an image that is made of these properties has no owner at first, although somebody asks for it."""
    return client.login.auth_type != "none" and properties.get("owner") is None


def image_of(client: Client, task: Raw, params: Raw) -> Raw:
    """Image of a task that has succeeded: {"image": facts}, and with it warnings, or failed, reason and msg.

    Glance gives it no owner but one that is among its properties (create_image in
    glance/common/scripts/image_import/main.py), so it gets that of the task where Glance knows one.
    """
    path = f"/v2/images/{quote(str(task['result'].get('image_id')), safe='')}"
    image, owned = image_summary({}), "owner" in params["image_properties"]
    try:
        image = image_summary(retry(lambda: client.get(path), params["grace"]))
        if image["owner"] is None and task["owner"] and not owned:
            patch = [{"op": "replace", "path": "/owner", "value": task["owner"]}]
            image = image_summary(client.call("PATCH", path, patch, PATCH_TYPE))
    except GlanceError as error:
        told = f"{label(image)} should belong to the project {task['owner']}: " if image["id"] else ""
        return {"image": image if image["id"] else {}, "failed": True, "reason": error.reason, "msg": f"{told}{error}"}
    odd = format_fault(params["image_properties"], image)
    if odd and not params["allow_changed_formats"]:
        return {"image": image, "failed": True, "reason": "mismatch", "msg": changed_formats(odd)}
    warnings = [f"{odd}, which is what the service made of the data, or found it to be."] if odd else []
    warnings += [f"{label(image)} {OWNERLESS}"] if ownerless(client, image) else []
    return {"image": image, **({"warnings": warnings} if warnings else {})}


def listed(client: Client, filters: dict[str, str]) -> t.Iterator[Raw]:
    """Tasks that the caller may see, newest first, page by page; GlanceError."""
    query = {"limit": str(PAGE), **filters}
    while True:
        page = client.get(f"/v2/tasks?{urlencode(query)}")
        yield from page.get("tasks") or []
        marker = parse_qs(urlsplit(page.get("next") or "").query).get("marker", [""])[0]
        if not marker or marker == query.get("marker"):
            return
        query["marker"] = marker


def shown(client: Client, task_id: str) -> Raw:
    """Facts of one task; GlanceError, of status 404 when there is none that the caller may see."""
    return summary(client.get(f"/v2/tasks/{quote(task_id, safe='')}"))


def ended(
    show: t.Callable[[], Raw],
    params: Raw,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> Raw:
    """Result of waiting for a task: task, elapsed, and on failure failed, reason ("failure" or "timeout") and msg.

    show: facts of the task, or GlanceError; params: timeout, interval and grace in seconds. Raises GlanceError when the
    service does not answer for longer than grace.
    """
    began, pause = clock(), backoff(params["interval"], LONGEST_PAUSE)
    while True:
        task = retry(show, params["grace"], clock, sleep)
        left = began + params["timeout"] - clock()
        result = {"task": task, "elapsed": round(clock() - began, 3)}
        if task["status"] == SUCCESS:
            return result
        wrong = complaint(task)
        if wrong:
            return {**result, "failed": True, "reason": FAILURE, "msg": wrong}
        if left <= 0:
            late = (
                f"Task {task['id']} ({task['type']}) should end within {params['timeout']} s, but is still "
                f"{task['status']}. Look into the service's log, and give it more time with timeout."
            )
            return {**result, "failed": True, "reason": "timeout", "msg": late}
        sleep(min(next(pause), left))


def fault(params: Raw) -> str:
    """What is wrong with the module's own options beyond their types, or ""."""
    return owner_fault(params) or too_short(params)


def run(client: Client, params: Raw, check_mode: bool) -> Raw:
    """Do one run of the module with its options *params*; return what it answers, with "failed" where it fails."""
    task_id, result = params["id"], {"changed": False}
    try:
        if params["import_from"]:
            result |= {"task": {}} if check_mode else _make(client, params)
            result["changed"] = True
            task_id = result["task"].get("id")
        if task_id and params["wait"] and not check_mode:
            result |= ended(lambda: shown(client, task_id), params)
            if params["import_from"] and "failed" not in result:
                result |= image_of(client, result["task"], params)
        elif params["id"]:
            result["task"] = retry(lambda: shown(client, task_id), params["grace"])
        elif not params["import_from"]:
            result["tasks"] = _all_tasks(client, params)
    except GlanceError as error:
        result |= {"failed": True, "reason": error.reason, "msg": str(error) + advice(error.status)}
    return result


def _make(client: Client, params: Raw) -> Raw:
    """Make a task that imports an image, and return it, with warnings when nobody will give its image an owner."""
    properties = properties_of(params, client.project)
    given = {name: params[name] for name in ("import_from", "import_from_format")}
    body = {"type": "import", "input": {**given, "image_properties": properties}}
    result: Raw = {"task": summary(client.call("POST", "/v2/tasks", body, expected=201))}
    if not params["wait"] and ownerless(client, properties):
        result["warnings"] = [f"The image of task {result['task']['id']} {OWNERLESS}"]
    return result


def _all_tasks(client: Client, params: Raw) -> list[Raw]:
    """Return the facts of all tasks of the status and the type."""
    filters = {"status": params["status"], "type": "import" if params["type"] == "import" else None}
    filters = {name: value for name, value in filters.items() if value}
    tasks = retry(lambda: [summary(task) for task in listed(client, filters)], params["grace"])
    return [task for task in tasks if params["type"] in (None, task["type"])]
