#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mounts
short_description: Mount what hosts share, or unmount it
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Makes a systemd unit for each of O(mounts) and sees to it that it is mounted. No unit is enabled, since the
    services that need a mount name it, and systemd mounts it for them.
  - The directory that is mounted over is root's and can be written by nobody else, so that nothing gets there while
    nothing is mounted.
  - Nothing is unmounted with O(state=present). Of a mount that is no longer among O(mounts) the unit is removed, so
    that it is over with the next start of the host, at the latest.
options:
  state:
    description:
      - With V(present), O(mounts) are mounted.
      - With V(absent), all that an earlier run has mounted is unmounted and the units are removed. Nothing that is on
        a mount is touched.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description:
      - With O(state=absent), folder that is going to be removed. Fails if anything is still mounted at or below it.
    type: path
  timeout:
    description: Seconds that one mount may take.
    type: int
    default: 120
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.mounts
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Mount the images
  glanceops.image_service.mounts:
    mounts:
      - path: /var/lib/glance/images
        src: nas.example.com:/export/images
        fstype: nfs4
        options: hard,_netdev
"""

RETURN = r"""
changed_paths:
  description: Paths that were (in check mode, would be) mounted or unmounted, or whose unit changed.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/glance/images]
"""

import contextlib
import os
import pathlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import mounts, service
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.words import ended


class MountError(Exception):
    """Something can't be mounted or unmounted; the text is one sentence for the operator, without a full stop."""


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


def present(module: AnsibleModule) -> list[str]:
    """Mount what is not mounted; returns the paths that something was done for."""
    wanted, directory = module.params["mounts"] or [], module.params["unit_directory"]
    changed = mounts.pending(wanted, directory)
    if module.check_mode or not changed:
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
            mount_one(known[path], module.params["timeout"])
    return changed


def absent(module: AnsibleModule) -> list[str]:
    """Unmount what is ours; returns the paths that something was done for."""
    directory, doomed = module.params["unit_directory"], module.params["directory"]
    ours = {*mounts.units_of(directory), *(mount["path"] for mount in module.params["mounts"] or [])}
    now = mounts.mounted()
    changed = sorted(path for path in ours if path in now or unit_of(directory, path).exists())
    if not module.check_mode:
        # What lies in a mount before the mount.
        for path in reversed(changed):
            if path in now:
                service.systemctl("stop", "--", mounts.unit_name(path), timeout=module.params["timeout"])
            unit_of(directory, path).unlink(missing_ok=True)
        if changed:
            service.systemctl("daemon-reload")
        now = mounts.mounted()
    # Check mode has unmounted nothing.
    over = changed if module.check_mode else []
    left = [path for path in mounts.below(doomed, now) if path not in over] if doomed else []
    if left:
        raise MountError(
            f"{doomed} should have nothing mounted in it before it is removed with all that is in it, found "
            f"{', '.join(f'{now[path]} at {path}' for path in left)}: unmount it, then run again"
        )
    return changed


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **mounts.OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "directory": {"type": "path"},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    verb: Any = {"present": present, "absent": absent}[module.params["state"]]
    try:
        changed = verb(module)
    except (MountError, service.ServiceError) as error:
        module.fail_json(msg=ended(str(error)))
    except OSError as error:
        module.fail_json(msg=f"{error.filename} can't be made ready: {error.strerror}.")
    module.exit_json(changed=bool(changed), changed_paths=changed)


if __name__ == "__main__":
    main()
