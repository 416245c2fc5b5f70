# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's side of ``release_venv``: look at the venv of a release, or build it from a tar of wheels.

Only the standard library, Python 3.9 or newer. What only the build needs is imported there: the look is what a run
that changes nothing pays for.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

FORMAT = 1
"""Part of every digest: raised when the same pins have to be laid out differently, so that hosts build anew."""

MARKER = ".glanceops.json"
"""Name of the file that is written last into a venv: without it the venv is not complete."""

_BUILD_PREFIX = ".build-"


class VenvError(Exception):
    """The host is not as it has to be, or a build failed; the text is a sentence for the operator."""


class Interpreter(NamedTuple):
    """A Python of the host: its real path, its version as ``(major, minor, micro)``, ``cpython`` or another name."""

    path: str
    version: tuple[int, int, int]
    implementation: str

    @property
    def minor(self) -> str:
        """The version that decides which wheels fit, as ``3.11``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full(self) -> str:
        """The whole version, as ``3.11.2``."""
        return ".".join(map(str, self.version))


def find_interpreter(python: str) -> Interpreter:
    """Return what stands at ``python``; asks it only when it is not the very interpreter that runs this code.

    Raises VenvError when nothing executable is there or it does not answer as a Python does.
    """
    path = os.path.realpath(python)
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        raise VenvError(
            f"expected a Python interpreter at {python}, found none: install it (on Debian and Ubuntu the "
            "package python3), or name another one with the option python"
        )
    if path == os.path.realpath(sys.executable) and sys.prefix == sys.base_prefix:
        return Interpreter(
            path, (sys.version_info[0], sys.version_info[1], sys.version_info[2]), sys.implementation.name
        )
    ask = "import sys; print(*sys.version_info[:3], sys.implementation.name)"
    try:
        answer = run_program([python, "-I", "-c", ask], capture_output=True, check=True, timeout=60)
        major, minor, micro, implementation = answer.stdout.split()
        return Interpreter(path, (int(major), int(minor), int(micro)), implementation)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise VenvError(
            f"expected a Python interpreter at {python}, but it does not answer with its version "
            f"({error}): repair it, or name another one with the option python"
        ) from error


def find_modules(interpreter: Interpreter, names: Iterable[str]) -> dict[str, str]:
    """Return the file, or the folder, of each of *names* that the host's own packages bring; of others, nothing.

    What is built for another Python is not found. Raises VenvError.
    """
    names = list(names)
    if not names:
        return {}
    ask = (
        "import importlib.util, json, sys; found = {name: importlib.util.find_spec(name) for name in sys.argv[1:]}; "
        "print(json.dumps({name: [*(spec.submodule_search_locations or ()), spec.origin][0] "
        "for name, spec in found.items() if spec}))"
    )
    try:
        answer = run_program([interpreter.path, "-I", "-c", ask, *names], capture_output=True, check=True, timeout=60)
        return json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise VenvError(f"expected {interpreter.path} to tell where its modules are, found {error}") from error


def _links(path: str, interpreter: Interpreter, found: Mapping[str, str]) -> dict[str, str]:
    """Return the links that give the venv at ``path`` the modules that were *found*: targets by path."""
    packages = os.path.join(path, "lib", f"python{interpreter.minor}", "site-packages")
    return {os.path.join(packages, os.path.basename(file)): file for file in found.values()}


def _is_link(path: str, target: str) -> bool:
    return os.path.islink(path) and os.readlink(path) == target


def _link(links: Mapping[str, str]) -> None:
    """Make links, each in one step."""
    for path, target in links.items():
        if not _is_link(path, target):
            temporary = f"{path}.new"
            if os.path.lexists(temporary):
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.replace(temporary, path)


def _lacking(interpreter: Interpreter, names: Iterable[str], found: Mapping[str, str]) -> None:
    """Raise VenvError if a module is not there."""
    if lacking := [name for name in names if name not in found]:
        packages = ", ".join(f"python3-{name}" for name in lacking)
        raise VenvError(
            f"expected the modules {', '.join(lacking)} for {interpreter.path} (Python {interpreter.minor}) on the "
            f"host, found none: install the packages that bring them, such as {packages}, for that Python"
        )


def digest(pins: Iterable[str], minor: str) -> str:
    """Return the 12 hex digits that stand for these pins (``name==version``) under a Python minor version.

    Order does not matter. FORMAT is part of it.
    """
    text = "\n".join([f"format {FORMAT}", f"python {minor}", *sorted(pins)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_complete(path: str, expected: str) -> bool:
    """Say whether the venv at ``path`` was built to its end for the digest ``expected`` and still has its Python.

    A newer patch release of the same Python (an ordinary update of the host) does not make a venv incomplete: its
    folder and its bytecode are bound to the minor version, which is part of the digest.
    """
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            marker = json.load(file)
    except (OSError, ValueError):
        return False
    return (
        isinstance(marker, dict)
        and marker.get("digest") == expected
        and os.access(os.path.join(path, "bin", "python"), os.X_OK)
    )


def free_bytes(path: str) -> int:
    """Return the bytes this user may still write where ``path`` is, or will be once it has been made."""
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "."
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def libc() -> str:
    """Return the C library as ``glibc 2.36``, or an empty string where it is not glibc."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return ""


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Do one run of the module with its arguments ``params``; return what it answers.

    Without ``archive`` and ``link`` it only looks. With the first, a venv that is not complete is built from that tar
    of wheels; with the second, a complete one gets the links to modules of the host that it lacks. Raises VenvError.
    """
    interpreter = find_interpreter(params["python"])
    wanted = digest(params["pins"], interpreter.minor)
    path = os.path.join(params["root"], f"{params['release']}-{wanted}")
    modules = find_modules(interpreter, params["host_modules"])
    links = _links(path, interpreter, modules)
    result = {
        "changed": False,
        "path": path,
        "digest": wanted,
        "python": interpreter.full,
        "implementation": interpreter.implementation,
        "machine": os.uname().machine,
        "libc": libc(),
        "complete": is_complete(path, wanted),
        "linked": len(links) == len(params["host_modules"]) and all(map(_is_link, links, links.values())),
        "free_bytes": free_bytes(params["root"]),
    }
    build, link = params["archive"] and not result["complete"], params["link"] and not result["linked"]
    if build or link:
        _lacking(interpreter, params["host_modules"], modules)
    if build:
        result["changed"] = _build(path, interpreter, params, wanted)
        result["complete"] = True
    if link:
        _link(links)
        result.update(changed=True, linked=True)
    return result


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Create files with ``mask`` whatever the login shell or sudo of the host sets."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the only right to build under ``folder``, made when missing; the kernel frees it when a process dies."""
    import fcntl

    os.makedirs(folder, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _build(path: str, interpreter: Interpreter, params: dict[str, Any], wanted: str) -> bool:
    """Build the venv at ``path``; return False when another run finished it while this one waited."""
    import shutil
    import tempfile

    root = params["root"]
    with _umask(0o022), _locked(root):
        if is_complete(path, wanted):
            return False
        for name in os.listdir(root):
            if name.startswith(_BUILD_PREFIX):
                shutil.rmtree(os.path.join(root, name))
        if os.path.lexists(path):
            shutil.rmtree(path)
        # below root and not in /tmp: on one file system uv links its unpacked wheels into place and copies nothing
        work = tempfile.mkdtemp(prefix=_BUILD_PREFIX, dir=root)
        try:
            _fill(path, interpreter, params["archive"], params["pins"], work)
            _seal(path)
            os.sync()  # the marker must not outlive a power cut that the files before it did not
            _mark(path, {"digest": wanted, "format": FORMAT, "release": params["release"], "python": interpreter.full})
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return True


def _fill(path: str, interpreter: Interpreter, archive: str, pins: list[str], work: str) -> None:
    """Make the venv at ``path`` and install ``pins`` into it from ``archive``, with ``work`` for what is temporary."""
    wheels = os.path.join(work, "wheels")
    _unpack(archive, wheels)
    uv = _take_uv(wheels, work)
    listed = os.path.join(work, "wheels.txt")
    with open(listed, "w", encoding="utf-8") as file:
        file.writelines(f"{pin}\n" for pin in pins)
    python = os.path.join(path, "bin", "python")
    _uv(uv, work, "venv", "--no-python-downloads", "--python", interpreter.path, path)
    _uv(
        uv,
        work,
        "pip",
        "install",
        "--python",
        python,
        "--no-index",
        "--find-links",
        wheels,
        "--no-deps",
        "--no-build",
        "--compile-bytecode",
        "--requirement",
        listed,
    )
    _uv(uv, work, "pip", "check", "--python", python)


def _unpack(archive: str, folder: str) -> None:
    """Unpack the plain files of the tar ``archive`` into the new ``folder``.

    Raises VenvError on a member that is anything but a file right under the top.
    """
    import shutil
    import tarfile

    os.mkdir(folder)
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() and "/" not in member.name else None
            if source is None:
                raise VenvError(
                    f"expected only wheels at the top of {archive}, found {member.name}: remove the cache "
                    "folder on the control machine and run again"
                )
            with source, open(os.path.join(folder, member.name), "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _take_uv(wheels: str, work: str) -> str:
    """Take the uv program out of its wheel in ``wheels``; return its path. The wheel is gone afterwards."""
    import shutil
    import zipfile

    found = [name for name in os.listdir(wheels) if name.startswith("uv-") and name.endswith(".whl")]
    if len(found) != 1:
        raise VenvError(
            f"expected one uv wheel among the wheels of the control machine, found {len(found)}: remove "
            "the cache folder on the control machine and run again"
        )
    wheel, program = os.path.join(wheels, found[0]), os.path.join(work, "uv")
    with zipfile.ZipFile(wheel) as zipped:
        member = next((name for name in zipped.namelist() if name.endswith(".data/scripts/uv")), None)
        if member is None:
            raise VenvError(
                f"expected the uv program inside {found[0]}, found none: this collection needs a wheel "
                "of the version it pins"
            )
        with zipped.open(member) as source, open(program, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    os.unlink(wheel)
    os.chmod(program, 0o700)
    return program


def _uv(uv: str, work: str, *args: str) -> None:
    """Run uv offline, with no configuration but its arguments; raise VenvError with its last lines on failure."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": work,
        "TMPDIR": work,
        "LC_ALL": "C.UTF-8",
        "UV_CACHE_DIR": os.path.join(work, "cache"),
    }
    command = [uv, "--no-config", "--offline", "--no-progress", "--color", "never", *args]
    done = run_program(
        command,
        capture_output=True,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = " / ".join(line.strip() for line in done.stderr.splitlines()[-12:] if line.strip())
        step = " ".join(arg for arg in args[:2] if not arg.startswith("-"))
        raise VenvError(
            f"'uv {step}' was expected to succeed and ended with {done.returncode}: {said}; nothing is "
            "left behind, so run again once the cause is removed"
        )


def _seal(path: str) -> None:
    """Let nobody but the owner write below ``path``, let everybody read it, and drop setuid, setgid and sticky."""
    for folder, _folders, files in os.walk(path):
        _chmod(folder, 0o755)
        for name in files:
            file = os.path.join(folder, name)
            if not os.path.islink(file):
                _chmod(file, 0o755 if os.stat(file).st_mode & 0o100 else 0o644)


def _chmod(path: str, mode: int) -> None:
    if os.stat(path).st_mode & 0o7777 != mode:
        os.chmod(path, mode)


def _mark(path: str, content: dict[str, Any]) -> None:
    """Write the marker in one step, so that it is there whole or not at all."""
    temporary = os.path.join(path, f"{MARKER}.new")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, os.path.join(path, MARKER))
