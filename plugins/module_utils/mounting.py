# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounting and unmounting by the units of C(mounts)."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import mounts, service
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.words import ended


class MountError(Exception):
    """Something can't be mounted or unmounted; the text is a sentence for the operator."""


def run(params: Mapping[str, Any], check_mode: bool) -> list[str]:
    """Do one run of the module with its options *params*; return the paths that something was done for.

    Raises MountError.
    """
    try:
        return (present if params["state"] == "present" else absent)(params, check_mode)
    except (MountError, service.ServiceError) as error:
        raise MountError(ended(str(error))) from error
    except OSError as error:
        raise MountError(f"{error.filename} can't be made ready: {error.strerror}.") from error


def unit_of(directory: str, path: str) -> pathlib.Path:
    """Return the file of the unit that mounts at *path*."""
    return pathlib.Path(directory, mounts.unit_name(path))


def write(target: pathlib.Path, text: str) -> None:
    """Replace a unit at once, whole."""
    beside = target.with_name(f".{target.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.chmod(0o644)
    beside.replace(target)


def make_mountpoint(path: str) -> None:
    """See that there is a directory of root's, to which nobody can write while nothing is mounted."""
    os.makedirs(path, mode=0o755, exist_ok=True)
    os.chown(path, 0, 0)
    os.chmod(path, 0o755)


def mount_one(mount: dict[str, str], seconds: float) -> None:
    """Mount by the unit, which is in place; raises MountError with the reason that the mount program gave."""
    unit = mounts.unit_name(mount["path"])
    try:
        service.systemctl("start", "--", unit, timeout=seconds)
    except service.ServiceError as error:
        with contextlib.suppress(service.ServiceError):
            # One that did not end in time is at it still, and would be for minutes.
            service.systemctl("stop", "--no-block", "--", unit)
        # What the program wrote last may still be on its way.
        run_program(["journalctl", "--sync"], capture_output=True)
        reason = service.last_words(unit, service.properties(unit)) or str(error)
        raise MountError(
            f"{mount['src']} should be mounted at {mount['path']}, found: {reason}. "
            f"Look at its server and at the options of glance_mounts, then run again"
        ) from error


def present(params: Mapping[str, Any], check_mode: bool) -> list[str]:
    """Mount what is not mounted; return the paths that something was done for.

    Raises MountError, ServiceError and OSError.
    """
    wanted, directory = mounts.whole(params["mounts"]), params["unit_directory"]
    changed = mounts.pending(wanted, directory)
    if check_mode or not changed:
        return changed
    known = {mount["path"]: mount for mount in wanted}
    for path in changed:
        if path in known:
            write(unit_of(directory, path), mounts.unit_text(known[path]))
        else:
            unit_of(directory, path).unlink()
    service.systemctl("daemon-reload")
    now = mounts.mounted()
    for path in changed:
        if path in known and path not in now:
            make_mountpoint(path)
            mount_one(known[path], params["timeout"])
    return changed


def absent(params: Mapping[str, Any], check_mode: bool) -> list[str]:
    """Unmount what is ours; return the paths that something was done for.

    Raises MountError, ServiceError and OSError.
    """
    directory, doomed = params["unit_directory"], params["directory"]
    ours = {*mounts.units_of(directory), *(mount["path"] for mount in mounts.whole(params["mounts"]))}
    now = mounts.mounted()
    changed = sorted(path for path in ours if path in now or unit_of(directory, path).exists())
    if not check_mode:
        # What lies in a mount before the mount.
        for path in reversed(changed):
            if path in now:
                service.systemctl("stop", "--", mounts.unit_name(path), timeout=params["timeout"])
            unit_of(directory, path).unlink(missing_ok=True)
        if changed:
            service.systemctl("daemon-reload")
        now = mounts.mounted()
    # Check mode has unmounted nothing.
    over = changed if check_mode else []
    left = [path for path in mounts.below(doomed, now) if path not in over] if doomed else []
    if left:
        raise MountError(
            f"{doomed} should have nothing mounted in it before it is removed with all that is in it, found "
            f"{', '.join(f'{now[path]} at {path}' for path in left)}: unmount it, then run again"
        )
    return changed
