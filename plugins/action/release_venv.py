# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control machine's side of ``release_venv``: fetch the wheels of a list once, and carry them where they lack.

A host is asked first, with one run of the module. Only for a host whose venv is not complete are wheels fetched, made
into one tar (kept in the cache, one for each list, Python and platform), carried over, and the module run once more.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of

UV = "uv==0.13.9"
"""The installer that goes to the hosts with the wheels: the one place that names its version."""

MANIFEST = "MANIFEST.json"
"""First member of a cached tar: what is in it, so that its size need not be found out again."""

_CACHE_FORMAT = 1
_OLDEST_GLIBC = 17
# Metadata alone may come first, as NAME.whl.metadata.
_FETCHED = re.compile(r"\s*(?:Downloading|Using cached|Processing) \S+\.whl(?:\s|$)")
_PIN = re.compile(r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)")
_OLD_TAGS = {"x86_64": ("manylinux2014", "manylinux2010", "manylinux1")}
"""Names that wheels for glibc 2.17 and older bore before the manylinux_2_X scheme (PEP 600 lists them)."""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "release": {"type": "str", "required": True},
    "wheels": {"type": "str", "required": True},
    "root": {"type": "str", "default": "/opt/glance"},
    "python": {"type": "str", "default": "/usr/bin/python3"},
    "python_floor": {"type": "str"},
    "python_below": {"type": "str"},
    "cache": {"type": "path", "default": "~/.cache/glanceops/wheels"},
    "index_url": {"type": "str", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "proxy": {"type": "str", "no_log": True},
    "directory": {"type": "path"},
}


class Pin(NamedTuple):
    """One line of a list: ``requirement`` as ``name==version``, and whether it has to be built from its sdist."""

    requirement: str
    sdist: bool


class Platform(NamedTuple):
    """What decides which wheels fit a host: Python as ``3.11``, machine as ``x86_64``, glibc as ``(2, 36)``."""

    python: str
    machine: str
    glibc: tuple[int, int]

    @property
    def abi(self) -> str:
        """The tag of this Python's binary interface, as ``cp311``."""
        return "cp" + self.python.replace(".", "")

    def __str__(self) -> str:
        """Return the name used in files and sentences, as ``cp311-glibc2.36-x86_64``."""
        return f"{self.abi}-glibc{self.glibc[0]}.{self.glibc[1]}-{self.machine}"


class Source(NamedTuple):
    """Where wheels come from; empty values leave pip's own configuration in force."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    ca_file: str = ""
    proxy: str = ""
    directory: str = ""

    def __str__(self) -> str:
        """Say it to an operator, with no credentials in it."""
        if self.directory:
            return f"the directory {self.directory}"
        if self.index_url:
            return mask(", ".join((self.index_url, *self.extra_index_urls)))
        also = mask("".join(f" and {url}" for url in self.extra_index_urls))
        return f"the index that pip on the control machine is configured for ('pip config list'){also}"


def normalise(name: str) -> str:
    """Return the one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_pins(text: str, name: str) -> list[Pin]:
    """Return the pins of a list's ``text``, sorted, names in their one spelling; ``name`` is for messages.

    Raises AnsibleActionFail for a line that is no exact pin, for a name that comes twice, and for an empty list.
    """
    pins: dict[str, Pin] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        wanted, _hash, comment = (part.strip() for part in line.partition("#"))
        if not wanted:
            continue
        match = _PIN.fullmatch(wanted)
        if match is None:
            raise AnsibleActionFail(
                f"{name}, line {number}: expected one pin 'name==version', found '{wanted}': write "
                "out every distribution with its exact version"
            )
        key = normalise(match["name"])
        if key in pins:
            raise AnsibleActionFail(
                f"{name}, line {number}: expected every distribution once, found {key} again: "
                "leave one of the two lines"
            )
        pins[key] = Pin(f"{key}=={match['version']}", comment == "sdist")
    if not pins:
        raise AnsibleActionFail(f"{name}: expected pins 'name==version', found none: regenerate the list")
    return sorted(pins.values())


def mask(text: str) -> str:
    """Return ``text`` with the user and password of every URL in it replaced."""
    return re.sub(r"(?<=://)[^/\s'\"]*@", "***@", text)


def refusal(host: str, found: Mapping[str, Any], floor: str | None, below: str | None = None) -> str | None:
    """Return why ``host`` cannot have this release, given what the module ``found`` on it, or None when it can."""

    def numbers(version: str) -> tuple[int, ...]:
        return tuple(map(int, version.split(".")))

    if floor and numbers(found["python"]) < numbers(floor):
        return (
            f"{host}: expected Python {floor} or newer, found {found['python']}: deploy an older release there, "
            "upgrade the host's system, or name a newer interpreter with the option python"
        )
    if below and numbers(found["python"]) >= numbers(below):
        return (
            f"{host}: expected a Python older than {below}, found {found['python']}: deploy a newer release there, "
            "use a host with an older system, or name an older interpreter with the option python"
        )
    if found["implementation"] != "cpython":
        return (
            f"{host}: expected CPython, found {found['implementation']}: name another interpreter with the option "
            "python"
        )
    match = re.fullmatch(r"glibc 2\.(\d+).*", found["libc"])
    if match is None or int(match[1]) < _OLDEST_GLIBC:
        return (
            f"{host}: expected glibc 2.{_OLDEST_GLIBC} or newer, which wheels are built for, found "
            f"{found['libc'] or 'another C library'}: use a host with a distribution built on glibc"
        )
    return None


def platform_of(found: Mapping[str, Any]) -> Platform:
    """Return the platform of a host from what the module ``found`` on it."""
    major, minor = found["libc"].split()[1].split(".")[:2]
    return Platform(".".join(found["python"].split(".")[:2]), found["machine"], (int(major), int(minor)))


def platform_tags(platform: Platform) -> list[str]:
    """Return the platform tags of wheels that run there, best first."""
    newest = [f"manylinux_2_{minor}" for minor in range(platform.glibc[1], _OLDEST_GLIBC - 1, -1)]
    older = _OLD_TAGS.get(platform.machine, ("manylinux2014",))
    return [f"{tag}_{platform.machine}" for tag in (*newest, *older, "linux")]


def pip_environment(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for pip: ``environment`` with ``source`` laid over it.

    What may hold a password goes here and not on the command line, which every user of the machine can read. With an
    index or a directory of its own a task is complete: neither pip's files nor its variables add other places.
    """
    result = dict(environment)
    if source.index_url or source.directory:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            result.pop(name, None)
        result["PIP_CONFIG_FILE"] = os.devnull
    if source.index_url:
        result["PIP_INDEX_URL"] = source.index_url
    if source.extra_index_urls:
        result["PIP_EXTRA_INDEX_URL"] = " ".join(source.extra_index_urls)
    if source.ca_file:
        result["PIP_CERT"] = source.ca_file
    if source.proxy:
        result["PIP_PROXY"] = source.proxy
    return result


def explain(output: str, source: Source, platform: Platform) -> str:
    """Return the sentence for a failed pip with this ``output``."""
    said = [line.strip() for line in mask(output).splitlines() if line.strip()]
    if "No space left on device" in output:
        return (
            "expected room for the wheels on the control machine, found a full file system: free some, or name "
            "another directory with the option cache"
        )
    # asked first: an index that cannot be reached also ends in "No matching distribution"
    trouble = next(
        (
            line
            for line in said
            if re.search(
                r"Retrying \(|Could not fetch URL|Could not install packages due to an OSError|HTTP error|"
                r"\b(401|403|407)\b.*(Error|Unauthorized|Forbidden|Required)",
                line,
            )
        ),
        None,
    )
    if trouble and not source.directory:
        return (
            f"expected wheels from {source}, but it cannot be used: {trouble[:400]}: name another index with the "
            "option index_url (with ca_file and proxy where needed), or a folder of wheels with directory"
        )
    missing = re.search(r"No matching distribution found for ([^\s(]+)", output)
    if missing:
        return (
            f"expected a wheel of {missing[1]} for {platform} in {source}, found none: add it there, or pin a "
            "version that has one; a pure Python package without any wheel is marked '# sdist' in the list"
        )
    return f"expected pip to fetch wheels from {source}, but it failed: " + " / ".join(said[-6:])[:1200]


def quiet(_text: str) -> None:
    """Take what could be told an operator, and tell nobody."""


def fetched_quarters(lines: Iterable[str], total: int) -> Iterator[int]:
    """Give how many of ``total`` wheels are fetched, at each quarter, from what ``pip download`` prints."""
    count = told = 0
    for line in lines:
        count += bool(_FETCHED.match(line))
        if count * 4 // total > told:
            told = count * 4 // total
            yield min(count, total)


def fetch(
    pins: Sequence[Pin], platform: Platform, source: Source, folder: str, tell: Callable[[str], None] = quiet
) -> None:
    """Put a wheel of every pin and of uv into the empty ``folder``. Raises AnsibleActionFail.

    ``tell`` is given what takes long, and how far it is.
    """
    if importlib.util.find_spec("pip") is None:
        raise AnsibleActionFail(
            f"expected pip in the Python that runs Ansible ({sys.executable}), found none: install "
            f"it there, for instance with '{sys.executable} -m ensurepip'"
        )
    if source.directory and not os.path.isdir(source.directory):
        raise AnsibleActionFail(
            f"expected a directory of wheels at {source.directory} on the control machine, found "
            "none: correct the option directory"
        )
    # a directory has to hold wheels only, so that nothing is built and no index is needed for setuptools
    built = [pin.requirement for pin in pins if pin.sdist and not source.directory]
    ready = [pin.requirement for pin in pins if pin.requirement not in built]
    common = ["--no-input", "--disable-pip-version-check", "--no-deps", "--progress-bar", "off"]
    if source.directory:
        common += ["--no-index", "--find-links", source.directory]
    tags = [item for tag in platform_tags(platform) for item in ("--platform", tag)]
    tell(f"fetching {count_of(len(pins) + 1, 'wheel')} for {platform} from {source}")
    _pip(
        [
            "download",
            *common,
            "--only-binary=:all:",
            *tags,
            "--python-version",
            platform.python,
            "--implementation",
            "cp",
            "--abi",
            platform.abi,
            "--dest",
            folder,
            UV,
            *ready,
        ],
        source,
        platform,
        lambda lines: [
            tell(f"fetched {count} of {count_of(len(ready) + 1, 'wheel')} to the control machine")
            for count in fetched_quarters(lines, len(ready) + 1)
        ],
    )
    if built:
        tell(f"building {count_of(len(built), 'wheel')} that no index has: {', '.join(built)}")
        _pip(["wheel", *common, "--wheel-dir", folder, *built], source, platform)
    check_wheels(os.listdir(folder), [UV, *ready], built)


def check_wheels(names: Sequence[str], ready: Sequence[str], built: Sequence[str]) -> None:
    """Raise AnsibleActionFail unless ``names`` are wheels of every requirement, and pure ones for those ``built``."""
    wheels = {normalise(name.split("-")[0]): name for name in names if name.endswith(".whl")}
    for requirement in (*ready, *built):
        wheel = wheels.get(requirement.partition("==")[0])
        if wheel is None:
            raise AnsibleActionFail(
                f"expected a wheel of {requirement} from pip, found none: run again with -vvv, and see docs/wheels.md"
            )
        if requirement in built and not wheel.endswith("-none-any.whl"):
            raise AnsibleActionFail(
                f"expected {requirement} to build into a wheel for every platform, got {wheel}: "
                "build it for the hosts and offer it in an index or with the option directory"
            )


def _pip(
    arguments: Sequence[str],
    source: Source,
    platform: Platform,
    follow: Callable[[Iterable[str]], Any] = collections.deque,
) -> None:
    """Run the pip of this Python, and have ``follow`` read its lines.

    Raises AnsibleActionFail with one sentence when it fails: what went wrong, it prints to the standard error.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as wrong,
        subprocess.Popen(
            [sys.executable, "-m", "pip", *arguments],
            stdout=subprocess.PIPE,
            stderr=wrong,
            text=True,
            errors="replace",
            env=pip_environment(source, os.environ),
            stdin=subprocess.DEVNULL,
        ) as pip,
    ):
        follow(pip.stdout or ())
        if pip.wait():
            wrong.seek(0)
            raise AnsibleActionFail(explain(wrong.read(), source, platform))


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
    content = "\n".join([f"format {_CACHE_FORMAT}", UV, *(pin.requirement for pin in pins)])
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
        ) from error


class ActionModule(ActionBase):
    """Ask the host; fetch, carry and build only when its venv is not complete."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``path``, ``digest``, ``python``, ``changed``, ``wheels_downloaded``, or a failed module's result."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self._arguments()
        pins = self._pins(args["wheels"])
        on_host = {
            "release": args["release"],
            "wheels": args["wheels"],
            "root": args["root"],
            "python": args["python"],
            "pins": [pin.requirement for pin in pins],
        }
        found = self._module(on_host, task_vars)
        if found.get("failed"):
            return {**result, **found}
        host = task_vars.get("inventory_hostname", "the host")
        refused = refusal(host, found, args["python_floor"], args["python_below"])
        if refused:
            raise AnsibleActionFail(refused)
        downloaded, changed = 0, not found["complete"]
        if changed and not self._play_context.check_mode:

            def tell(text: str) -> None:
                self._display.display(f"  {host}: {text}")

            archive, manifest, downloaded = provide(pins, platform_of(found), self._source(args), args["cache"], tell)
            size = os.path.getsize(archive)
            needed = needed_bytes(size, manifest)
            if found["free_bytes"] < needed:
                raise AnsibleActionFail(no_room(host, found["path"], found["free_bytes"], needed))
            wheels = count_of(manifest["wheels"], "wheel")
            tell(f"carrying {wheels}, {size_of(size)}, to the host, and installing them in {found['path']}")
            found = self._build(archive, on_host, task_vars)
            if found.get("failed"):
                return {**result, **found, "wheels_downloaded": downloaded}
            changed = found["changed"]
        result.update({key: found[key] for key in ("path", "digest", "python")})
        result.update(changed=changed, wheels_downloaded=downloaded)
        return result

    def _arguments(self) -> dict[str, Any]:
        """Return the task's arguments, typed and with their defaults. Raises AnsibleActionFail."""
        _spec, args = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        for name in ("python_floor", "python_below"):
            if args[name] and not re.fullmatch(r"\d+(\.\d+){1,2}", args[name]):
                raise AnsibleActionFail(f"{name}: expected a version as 3.11, found '{args[name]}'")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args["release"]):
            raise AnsibleActionFail(f"release: expected a plain name as 2026.2, found '{args['release']}'")
        return args

    @staticmethod
    def _source(args: Mapping[str, Any]) -> Source:
        return Source(
            args["index_url"] or "",
            tuple(args["extra_index_urls"] or ()),
            args["ca_file"] or "",
            args["proxy"] or "",
            args["directory"] or "",
        )

    def _pins(self, wheels: str) -> list[Pin]:
        """Return the pins of the list ``wheels``, found as other actions find a file. Raises AnsibleActionFail."""
        try:
            path = self._find_needle("files", wheels)
            with open(path, encoding="utf-8") as file:
                return parse_pins(file.read(), path)
        except (AnsibleError, OSError, UnicodeDecodeError) as error:
            if isinstance(error, AnsibleActionFail):
                raise
            raise AnsibleActionFail(
                f"expected a list of wheels at {wheels} on the control machine, but {error}: correct the option wheels"
            ) from error

    def _module(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return self._execute_module(
            module_name="glanceops.image_service.release_venv", module_args=args, task_vars=task_vars
        )

    def _build(self, archive: str, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Carry the tar to the host and run the module with it; the copy on the host is removed in any case."""
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        try:
            remote = shell.join_path(shell.tmpdir, "wheels.tar")
            self._transfer_file(archive, remote)
            self._fixup_perms2((shell.tmpdir, remote), execute=False)
            return self._module({**args, "archive": remote}, task_vars)
        finally:
            self._remove_tmp_path(shell.tmpdir)
