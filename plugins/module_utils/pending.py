# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run has anything to do for a service of this host: one look, in place of those of each module."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.glanceops.image_service.plugins.module_utils import (
    accounts,
    config_items,
    config_set,
    database_schema,
    host_check,
    kept_state,
    release_venv,
    release_venv_options,
    service,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.manage import ManageError

VENV = "@venv@"
"""What stands in items and options for the virtual environment, which only the host can tell."""


def of_host(params: Mapping[str, Any], unwanted: list[str]) -> Iterator[str]:
    """Give what the host lacks, by the options *params* of host_check, and the sets that are to go."""
    try:
        found = host_check.run(params)
    except host_check.HostError as error:
        yield str(error)
        return
    missing = [*found["missing_packages"], *found.get("pending_mounts", ())]
    if missing:
        yield f"it lacks {', '.join(missing)}"
    # What runs no Glance has another user.
    if params["release"] and found["user_pending"]:
        yield f"its user {params['user']} is not as it should be"
    for name in sorted(set(unwanted) & set(found["deployed"])):
        yield f"{name} is to go"


def of_venv(params: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return what is to be done about the virtual environment, and its path."""
    try:
        found = release_venv.run({"archive": None, "link": False, **params})
    except (release_venv.VenvError, OSError) as error:
        return [str(error)], ""
    if not found["complete"]:
        return [f"Glance {params['release']} is not installed"], found["path"]
    wanted = " and ".join(params["host_modules"])
    return [] if found["linked"] else [f"Glance {params['release']} has no {wanted}"], found["path"]


def of_files(items: list[dict[str, Any]], record_path: str) -> Iterator[str]:
    """Give what differs in the set of files, with the record at *record_path*; empty where the files have none."""
    restart_due = False
    try:
        wanted = config_items.wanted(items, True)
        if record_path:
            seen = config_set.look(wanted, record_path)
            changed, restart_due = seen.changed, seen.restart_due
        else:
            changed = [item for item in wanted if not config_set.same(item, config_set.read_item(item["path"]))]
    except config_set.ConfigSetError as error:
        yield str(error)
        return
    if changed:
        yield f"{', '.join(item['path'] for item in changed)} should change"
    elif restart_due:
        yield "a restart is due"


def of_schema(params: Mapping[str, Any]) -> Iterator[str]:
    """Give what the database needs, by the options *params* of database_schema."""
    try:
        found = database_schema.run(params, True, lambda _text: None)
    except ManageError as error:
        yield str(error.result["msg"])
        return
    if found["changed"]:
        yield "the database is not at its schema"


def of_units(units: list[str], stopped: list[str], url: str, check: str) -> Iterator[str]:
    """Give what the units of the service are not as they should be in, and whether it is not healthy."""
    known = [*units, *stopped, *([check] if check else [])]
    states = service.properties_of(known) if known else {}
    yield from (f"{unit} should run" for unit in units if not service.runs_always(states[unit]))
    yield from (f"{unit} should be off" for unit in stopped if states[unit]["UnitFileState"] == "enabled")
    if any(state["NeedDaemonReload"] == "yes" for state in states.values()):
        yield "systemd has not read its units"
    if url:
        seen = service.health(url)
        if not seen.answers or seen.drained:
            yield f"it is not healthy: {seen.found}"
    elif check:
        last = service.last_run(check, states[check])
        if last is None or last.left:
            yield f"{check} should succeed"


def _filled(value: Any, venv: str) -> Any:
    """Return *value* with the path of the virtual environment in each of its texts."""
    if isinstance(value, dict):
        return {key: _filled(part, venv) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, venv) for part in value]
    return value.replace(VENV, venv) if isinstance(value, str) else value


_VENV_OPTIONS: dict[str, Any] = {
    "release": {"type": "str", "required": True},
    "root": {"type": "path", "default": "/opt/glance"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "pins": {"type": "list", "elements": "str", "required": True},
    "host_modules": release_venv_options.OPTIONS["host_modules"],
}
OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "host": {"type": "dict"},
    "unwanted": {"type": "list", "elements": "str", "default": []},
    "venv": {"type": "dict"},
    "files": {"type": "list", "elements": "dict", "default": []},
    "record_directory": {"type": "str", "default": "/etc/glance/.sets"},
    "accounts": {"type": "dict"},
    "schema": {"type": "dict"},
    "units": {"type": "list", "elements": "str", "required": True},
    "stopped_units": {"type": "list", "elements": "str", "default": []},
    "health_url": {"type": "str", "default": ""},
    "health_unit": {"type": "str", "default": ""},
}
"""Options of a service, as M(glanceops.image_service.service_pending) documents them."""

_PARTS: dict[str, dict[str, Any]] = {
    "host": {"options": host_check.OPTIONS},
    "venv": {"options": _VENV_OPTIONS},
    "files": {"options": config_items.OPTIONS, "required_if": config_items.REQUIRED},
    "accounts": {"options": accounts.OPTIONS},
    "schema": {"options": database_schema.OPTIONS},
}


def checked(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return *params* with the defaults of all options, and what is wrong with them."""
    spec = {name: {**option, **_PARTS.get(name, {})} for name, option in OPTIONS.items()}
    found = ArgumentSpecValidator(spec).validate({name: value for name, value in params.items() if value is not None})
    return found.validated_parameters, found.error_messages


def of_services(
    services: Iterable[Mapping[str, Any]], inputs: str = "", kept: bool = False, check_mode: bool = False
) -> dict[str, Any]:
    """Return what is C(pending) for the first of *services* that something is to be done for; empty if nothing is.

    inputs: a digest of all that their options are computed from; empty where nothing is kept
    kept: whether the host adds those that it keeps under *inputs*, and returns their C(names) and whether it keeps
    none (C(unknown)). Otherwise it keeps *services* once nothing is to be done.
    check_mode: whether nothing is kept
    """
    checks = [checked(given) for given in services]
    if wrong := next(filter(None, (problems for _params, problems in checks)), []):
        return {"pending": wrong}
    known = [params for params, _problems in checks]
    there = kept_state.load(inputs) if kept else None
    more = there or []
    # Most of the time is spent waiting for programs.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = next(filter(None, pool.map(look, [*known, *more])), [])
    if inputs and not check_mode:
        if kept and there is None:
            kept_state.expect(inputs)
        elif kept and found:
            # Whatever is wrong with it, the next run computes it anew.
            kept_state.drop()
        elif not kept and not found:
            kept_state.save(inputs, known)
    return {"pending": found, "names": [each["name"] for each in more], "unknown": kept and there is None}


def look(params: dict[str, Any]) -> list[str]:
    """Return what is to be done, by the *params* of a service; empty if nothing is.

    The path of the virtual environment is filled in in *params*.
    """
    found: list[str] = []
    venv = ""
    if params["host"]:
        found += of_host(params["host"], params["unwanted"])
    if params["venv"]:
        problems, venv = of_venv(params["venv"])
        found += problems
    params.update({part: _filled(params[part], venv) for part in ("files", "schema")})
    directory = params["record_directory"]
    record = os.path.join(directory, f"{params['name']}.json") if directory else ""
    later: list[Callable[[], Iterator[str]]] = [lambda: of_files(params["files"], record)]
    if params["accounts"]:
        later.append(lambda: iter(accounts.look(params["accounts"])))
    if params["schema"]:
        later.append(lambda: of_schema(params["schema"]))
    later.append(lambda: of_units(*(params[name] for name in ("units", "stopped_units", "health_url", "health_unit"))))
    # What takes long is left out once there is something to do.
    for part in later:
        if not found:
            try:
                found += part()
            except service.ServiceError as error:
                found.append(str(error))
    return found
