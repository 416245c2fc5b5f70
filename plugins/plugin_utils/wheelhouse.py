# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels of a list as one tar on the control machine: fetched once for a Python and platform, and cached."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.module_utils.words import size_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pins import INSTALLER, Pin
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pip_download import Source, fetch, quiet
from ansible_collections.glanceops.image_service.plugins.plugin_utils.wheel_platform import Platform

MANIFEST = "MANIFEST.json"
"""First member of a cached tar: what is in it, so that its size need not be found out again."""

_CACHE_FORMAT = 1


def pack(folder: str, target: str) -> dict[str, Any]:
    """Write the wheels of ``folder`` into the tar ``target``, not compressed a second time; return its manifest.

    The manifest holds ``wheels`` (how many) and ``unpacked`` (bytes of what is in them).
    """
    names = sorted(name for name in os.listdir(folder) if name.endswith(".whl"))
    unpacked = 0
    for name in names:
        with zipfile.ZipFile(os.path.join(folder, name)) as wheel:
            unpacked += sum(item.file_size for item in wheel.infolist())
    manifest = {"wheels": len(names), "unpacked": unpacked}
    with tarfile.open(target, "w") as tar:
        content = json.dumps(manifest).encode()
        head = tarfile.TarInfo(MANIFEST)
        head.size = len(content)
        tar.addfile(head, io.BytesIO(content))
        for name in names:
            tar.add(os.path.join(folder, name), arcname=name)
    return manifest


def manifest_of(archive: str) -> dict[str, Any] | None:
    """Return the manifest of a cached tar, or None when there is none that can be read."""
    try:
        with tarfile.open(archive) as tar:
            first = tar.next()
            content = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
            return json.load(content) if content is not None else None
    except (OSError, tarfile.TarError, ValueError):
        return None


def needed_bytes(archive_size: int, manifest: Mapping[str, Any]) -> int:
    """Return the bytes a build takes at its peak below the root of the venvs.

    The unpacked tar, the unpacked wheels (linked into the venv, so they count once), and bytecode, which came to
    less than what it was compiled from in every list measured.
    """
    return archive_size + 2 * int(manifest["unpacked"])


def no_room(host: str, path: str, free: int, needed: int) -> str:
    """Return the sentence for a host with too few ``free`` bytes for what is built at ``path``."""
    return (
        f"{host}: the file system of {path} should have {size_of(needed)} free while it is built, "
        f"found {size_of(free)}: make room there."
    )


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for it; a process that dies lets go of it."""
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def provide(
    pins: Sequence[Pin], platform: Platform, source: Source, cache: str, tell: Callable[[str], None] = quiet
) -> tuple[str, dict[str, Any], int]:
    """Return the tar of the wheels of ``pins`` in ``cache``, its manifest, and how many wheels were fetched for it.

    Hosts that need the same tar at the same time wait for one download. ``tell`` is given what takes long.
    Raises AnsibleActionFail.
    """
    content = "\n".join([f"format {_CACHE_FORMAT}", INSTALLER, *(pin.requirement for pin in pins)])
    key = f"{hashlib.sha256(content.encode()).hexdigest()[:12]}-{platform}"
    archive = os.path.join(cache, f"{key}.tar")
    try:
        os.makedirs(cache, mode=0o700, exist_ok=True)
        with locked(os.path.join(cache, f"{key}.lock")):
            manifest = manifest_of(archive)
            if manifest is not None:
                return archive, manifest, 0
            for name in os.listdir(cache):
                if name.startswith(f".{key}."):
                    shutil.rmtree(os.path.join(cache, name), ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".{key}.", dir=cache) as work:
                folder, unfinished = os.path.join(work, "wheels"), os.path.join(work, "tar")
                os.mkdir(folder)
                fetch(pins, platform, source, folder, tell)
                manifest = pack(folder, unfinished)
                os.replace(unfinished, archive)
            return archive, manifest, manifest["wheels"]
    except OSError as error:
        raise AnsibleActionFail(
            f"expected to keep wheels in {cache} on the control machine, but {error}: make room or "
            "name another directory with the option cache"
        ) from None
