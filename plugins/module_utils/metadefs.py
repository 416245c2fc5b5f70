# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metadata definitions in Glance's database: those that the release ships, and the operator's own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.manage import (
    GlanceManage,
    ManageError,
    last_lines,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.words import list_of

LOADING = ".loading-metadefs"
"""File beside the configuration that is there while definitions are loaded: where it stays, a load was cut off."""

LOADED = ".sets/own-metadefs"
"""File beside the configuration that has the hash of each of the operator's definitions, as it was loaded last."""


def shipped_namespaces(directory: str) -> set[str]:
    """Return the namespaces of the files in a folder, without those of files that Glance passes over."""
    found = set()
    for name in os.listdir(directory):
        if name.endswith(".json"):
            # No JSON, or none that is a namespace.
            passed_over = contextlib.suppress(ValueError, LookupError, TypeError)
            with passed_over, open(os.path.join(directory, name), encoding="utf-8") as handle:
                found.add(json.load(handle)["namespace"])
    return found


def own_definitions(paths: Iterable[str], may_be_missing: bool) -> dict[str, tuple[str, str]]:
    """Return path and SHA-256 of the operator's own definitions by their namespaces.

    Those that are not there are left out if they *may_be_missing*. Raises ManageError, OSError.
    """
    found: dict[str, tuple[str, str]] = {}
    for path in paths:
        try:
            with open(path, "rb") as handle:
                content = handle.read()
            found[json.loads(content)["namespace"]] = (path, hashlib.sha256(content).hexdigest())
        except FileNotFoundError:
            if not may_be_missing:
                raise
        except (ValueError, LookupError, TypeError) as error:
            raise ManageError(
                f"{path} should define a namespace of metadata definitions as JSON, found something else."
            ) from error
    return found


def load_shipped(
    manage: GlanceManage, params: Mapping[str, Any], check_mode: bool, present: set[str] | None
) -> dict[str, Any]:
    """Have all namespaces of *params*' "metadefs" in the database; return changed, and how many namespaces are there.

    *present* are those that were found in the database, None if nobody looked. Raises ManageError.
    """
    directory, note = params["metadefs"], _beside(params, LOADING)
    try:
        wanted = shipped_namespaces(directory)
        if not wanted:
            raise ManageError(f"{directory} should hold files with metadata definitions, found none.")
        present = manage.namespaces() if present is None else present
        pending = not wanted <= present or os.path.exists(note)
        if pending and not check_mode:
            present = _load_folder(manage, directory, wanted, note)
    except OSError as error:
        raise ManageError(
            f"The files of {directory} should be loaded, found {error.filename}: {error.strerror}."
        ) from error
    return {"changed": pending, "namespaces": len(present)}


def _load_folder(manage: GlanceManage, directory: str, wanted: set[str], note: str) -> set[str]:
    """Load what is missing of *wanted*; return the namespaces in the database."""
    merge = ["--merge"] if os.path.exists(note) else []
    with open(note, "w", encoding="utf-8") as handle:
        handle.write("Managed by Ansible: metadata definitions are being loaded, or that was cut off.\n")
    printed = manage.succeed("load_metadefs", f"--path={directory}", *merge)
    present = manage.namespaces()
    if missing := sorted(wanted - present):
        reason, output = last_lines(printed)
        raise ManageError(
            f"'glance-manage db load_metadefs' should load the {len(wanted)} namespaces of {directory}, found "
            f"{len(wanted & present)} of them then, without {list_of(missing[:5], len(missing))}: {reason}",
            output,
        )
    os.unlink(note)
    return present


def load_own(
    manage: GlanceManage, params: Mapping[str, Any], check_mode: bool, present: set[str] | None
) -> dict[str, Any]:
    """Have the definitions of *params*' "own_metadefs" in the database as their files say; the rest as load_shipped."""
    try:
        # In check mode the task that makes a file only said so.
        own = own_definitions(params["own_metadefs"], may_be_missing=check_mode)
        taken = shipped_namespaces(params["metadefs"]) & own.keys() if params["metadefs"] else set()
        for namespace in sorted(taken):
            raise ManageError(
                f"{own[namespace][0]} should define a namespace of its own, found {namespace}, which the release "
                "ships: choose another name, or set glance_metadefs to false"
            )
        present = manage.namespaces() if present is None else present
        loaded = _noted(_beside(params, LOADED))
        hashes = {namespace: digest for namespace, (_path, digest) in own.items()}
        pending = {name for name in own if name not in present or loaded.get(name) != hashes[name]}
        if pending and not check_mode:
            present = _load_files(manage, {name: own[name][0] for name in own if name in pending})
        if hashes != loaded and not check_mode:
            _note(_beside(params, LOADED), hashes)
    except OSError as error:
        raise ManageError(
            f"Own metadata definitions should be loaded, found {error.filename}: {error.strerror}."
        ) from error
    absent = len(own) < len(params["own_metadefs"])
    return {"changed": bool(pending) or absent, "namespaces": len(present)}


def _load_files(manage: GlanceManage, paths: Mapping[str, str]) -> set[str]:
    """Load the files *paths*, by their namespaces; return the namespaces in the database."""
    for path in paths.values():
        manage.succeed(
            "load_metadefs", f"--path={path}", "--merge", "--overwrite", called=f"load_metadefs --path={path}"
        )
    present = manage.namespaces()
    if missing := sorted(paths.keys() - present):
        raise ManageError(
            f"'glance-manage db load_metadefs' should load {list_of(missing[:5], len(missing))}, found "
            "them missing: see whether the service can read the file, and whether Glance can read what is in it"
        )
    return present


def _beside(params: Mapping[str, Any], name: str) -> str:
    return os.path.join(os.path.dirname(params["config_file"]), name)


def _noted(path: str) -> dict[str, str]:
    with contextlib.suppress(FileNotFoundError, ValueError), open(path, encoding="utf-8") as handle:
        return dict(json.load(handle))
    return {}


def _note(path: str, hashes: Mapping[str, str]) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(hashes, handle)
