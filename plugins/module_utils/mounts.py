# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts that hosts share, each a systemd unit of ours: its name, its text, and what is mounted now."""

from __future__ import annotations

import os
import pathlib
import re
import stat
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

UNITS = "/etc/systemd/system"
# The first line of every unit of ours, by which it is known when nothing names it any more.
MARK = "# Managed by Ansible: glance_mounts of glanceops.image_service."
# Seconds that a mount may take at the start of a host, whose server may start slower: longer than mount.nfs tries, for
# which the option retry is 5 minutes by our default.
_MOUNT_SECONDS = 330
# Seconds that what is mounted has to answer in: the kernel waits for ever for the server of a hard mount.
_ANSWER_SECONDS = 20

# Options of every mount: data alone, which comes over the network.
_DATA = "nosuid,nodev,noexec,_netdev"
# And those of NFS. hard: Glance waits for a server that is away, where soft would cut an image. retry: the minutes that
# a host which starts waits for its server.
_NFS = f"{_DATA},hard,retry=5"
_NFS_TYPES = ("nfs", "nfs4")
# Debian packages that mount a type of file system, where the kernel alone can't.
_PACKAGES = {**dict.fromkeys(_NFS_TYPES, "nfs-common"), "fuse.sshfs": "sshfs", "glusterfs": "glusterfs-client"}

# Of every module that takes mounts; documented in the fragment mounts.
OPTIONS: dict[str, Any] = {
    "mounts": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "src": {"type": "str", "required": True},
            "fstype": {"type": "str", "default": "nfs4"},
            "options": {"type": "str"},
        },
    },
    "unit_directory": {"type": "path", "default": UNITS},
}


def whole(given: Iterable[Mapping[str, str | None]] | None) -> list[dict[str, str]]:
    """Return the mounts of the option C(mounts), each with the options that its file system has by default."""
    found = []
    for mount in given or []:
        default = _NFS if mount["fstype"] in _NFS_TYPES else _DATA
        found.append({**mount, "options": default if mount["options"] is None else mount["options"]})
    return found


def packages(given: Iterable[Mapping[str, str | None]] | None) -> list[str]:
    """Return the Debian packages that the mounts of the option C(mounts) need."""
    return sorted({_PACKAGES[mount["fstype"]] for mount in given or [] if mount["fstype"] in _PACKAGES})


def unit_name(path: str) -> str:
    """Return the name that systemd gives the unit of the mount at *path*, as C(systemd-escape --path) does."""
    joined = "/".join(part for part in path.split("/") if part) or "/"
    escaped = ""
    for at, byte in enumerate(joined.encode()):
        char = chr(byte)
        plain = re.match(r"[A-Za-z0-9:_.]", char) and not (char == "." and at == 0)
        escaped += char if plain else "-" if char == "/" else f"\\x{byte:02x}"
    return f"{escaped}.mount"


def unit_text(mount: Mapping[str, str]) -> str:
    """Return the text of the unit of *mount*, a dictionary with path, src, fstype and options."""
    what, where, fstype, options = (mount[key].replace("%", "%%") for key in ("src", "path", "fstype", "options"))
    return (
        f"{MARK}\n\n[Unit]\nDescription=Image data that hosts share, {where}\n\n"
        f"[Mount]\nWhat={what}\nWhere={where}\nType={fstype}\nOptions={options}\nTimeoutSec={_MOUNT_SECONDS}\n"
    )


def _where(text: str) -> str:
    found = re.search(r"^Where=(.*)$", text, re.MULTILINE)
    return found[1].replace("%%", "%") if found else ""


def units_of(directory: str) -> dict[str, str]:
    """Return the texts of the units of ours in *directory* by the paths that they mount to."""
    texts = (
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(pathlib.Path(directory).glob("*.mount"))
    )
    return {_where(text): text for text in texts if text.startswith(MARK)}


def sources_in(mountinfo: str) -> dict[str, str]:
    """Return what is mounted by path, from the text of C(/proc/self/mountinfo); of several at a path, the last one."""

    def plain(word: str) -> str:
        return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)

    found = {}
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        found[plain(left.split(" ")[4])] = plain(right.split(" ")[1])
    return found


def mounted() -> dict[str, str]:
    """Return what is mounted on this host now, by path."""
    return sources_in(pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def below(directory: str, paths: Iterable[str]) -> list[str]:
    """Return those of *paths* that are *directory* or lie below it."""
    return [path for path in paths if f"{path}/".startswith(f"{directory.rstrip('/')}/")]


def pending(mounts: list[dict[str, str]], directory: str) -> list[str]:
    """Return the paths that are not mounted, or whose units in *directory* are not those of *mounts*."""
    found, now = units_of(directory), mounted()
    wanted = {mount["path"]: unit_text(mount) for mount in mounts}
    paths = [path for path, text in wanted.items() if path not in now or found.get(path) != text]
    return paths + [path for path in found if path not in wanted]


def _answer_problem(path: str) -> str:
    try:
        done = run_program(["stat", "--file-system", "--", path], capture_output=True, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return f"it does not answer within {_ANSWER_SECONDS} s"
    return "" if done.returncode == 0 else done.stderr.strip().rpartition(": ")[2]


def _problem(mount: Mapping[str, str], source: str | None) -> str:
    path, src = mount["path"], mount["src"]
    if source is not None:
        # What a bind mount shows is the disk below it.
        is_bind = "bind" in re.split(r"[,=]", mount["options"])
        if not is_bind and source.rstrip("/") != src.rstrip("/"):
            return (
                f"{path} should be mounted from {src}, found {source} there: stop Glance on this host, unmount it, "
                f"then run again"
            )
        trouble = _answer_problem(path)
        if trouble:
            return (
                f"what is mounted at {path} should be of use, found: {trouble}. Look at its server, or run "
                f"'systemctl restart {unit_name(path)}' here, which restarts Glance too"
            )
        return ""
    try:
        kind = os.lstat(path).st_mode
        if not stat.S_ISDIR(kind):
            return f"{path} should be a directory to mount {src} at, found something else: move it away, then run again"
        if os.listdir(path):
            return (
                f"{path} should be empty before {src} is mounted there, found files that would be hidden: move them "
                f"away, onto {src} if they are images, then run again"
            )
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} can't be looked at: {error.strerror}"
    return ""


def _foreign(mount: Mapping[str, str], directory: str) -> str:
    unit = pathlib.Path(directory, unit_name(mount["path"]))
    if not unit.exists() or unit.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        return ""
    return f"{unit} should be a unit of glance_mounts, found one of another hand: remove it, then run again"


def problems(mounts: list[dict[str, str]], directory: str) -> list[str]:
    """Return a sentence for each mount that can't be made, or would hide something."""
    now = mounted()
    found = [(_foreign(mount, directory), _problem(mount, now.get(mount["path"]))) for mount in mounts]
    return [sentence for sentences in found for sentence in sentences if sentence]
