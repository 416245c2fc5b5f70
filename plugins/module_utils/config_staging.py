# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of configuration files before it is swapped in: staged in a folder beside, and checked there."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import glob
import grp
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import config_items, sandbox
from ansible_collections.glanceops.image_service.plugins.module_utils.config_set import ConfigSetError
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text, mask_words

STAGED = "@staged@"
"""What stands for the folder with the staged files, which only the host can tell."""
VALIDATOR_SECONDS = 120
"""Time that one validator may take."""
# Most of them load Glance, for seconds of one core and some 100 MiB of memory.
_AT_A_TIME = 2
_CLOSED = stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP


def validate(params: Mapping[str, Any], check_mode: bool, scratch: Callable[[], str]) -> None:
    """Stage the set of the options *params* of M(glanceops.image_service.config_files), and run its validators.

    scratch: makes the folder to stage in with *check_mode*; else that is the folder with the record's directory.

    Raises ConfigSetError with a refusal, or when nothing can be staged.
    """
    beside = os.path.dirname(params["record_directory"])
    folder = scratch() if check_mode else beside
    try:
        with staging_folder(folder, params["name"]) as staged:
            if not check_mode:
                # Closed to all but root and the group that owns the folder beside, which is the service's.
                _open_to_group(staged, os.stat(beside).st_gid)
            stage(params["files"], staged, check_mode)
            secret = "\n".join(given["content"] for given in params["files"] if given["secret"])
            run_validators(
                [validator for validator in params["validators"] if not passed_over(validator, check_mode)],
                staged,
                secret,
            )
    except OSError as error:
        # A file that is full or can't be written to has no name in its error.
        raise ConfigSetError(f"no file can be written in {folder}: {error.strerror}") from error


@contextlib.contextmanager
def staging_folder(folder: str, name: str) -> Iterator[str]:
    """Make a folder in *folder* for this run of the set *name* alone, and remove it in the end."""
    whole = _lock(folder)
    try:
        _remove_abandoned(folder, name)
        staged = tempfile.mkdtemp(prefix=f".staged-{name}-", dir=folder)
        held = _lock(staged)
    finally:
        os.close(whole)
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        os.close(held)


def stage(items: Iterable[Mapping[str, Any]], folder: str, check_mode: bool) -> None:
    """Write every file of *items*, as tasks give them, into *folder*, with the group and mode that it will have.

    What names another file of the set by its path names the staged one there. Raises ConfigSetError when two files have
    one name, or a group is not there.
    """
    files = [given for given in items if given["kind"] in ("file", "staged")]
    redirected = _redirection(files, folder)
    for given in files:
        name = _place(given)
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            raise ConfigSetError(f"two files of the set are named {name}")
        gid = -1 if check_mode else config_items.id_of(grp.getgrnam, given["group"], check_mode)
        _make_folders(folder, name, gid)
        with open(path, "x", encoding="utf-8") as handle:
            os.fchown(handle.fileno(), -1, gid)
            os.fchmod(handle.fileno(), int(given["mode"], 8) & 0o640)
            text = given["content"].replace(STAGED, folder) if given["kind"] == "staged" else given["content"]
            handle.write(redirected(text))


def passed_over(validator: Mapping[str, Any], check_mode: bool) -> bool:
    """Whether *check_mode* can't run the validator: it is another user's than root's, or not all of it is there."""
    if not check_mode:
        return False
    alone = validator["user"] != "root" or validator["sandbox"]
    return bool(alone) or not all(map(os.path.exists, [validator["argv"][0], *validator["needs"]]))


def run_validators(validators: Iterable[Mapping[str, Any]], staged: str, secret: str) -> None:
    """Run some *validators* at a time, as C(run_validator) does; none is started after a refusal.

    Raises ConfigSetError with the refusal of the first one that has one.
    """
    refused = threading.Event()

    def run(validator: Mapping[str, Any]) -> None:
        if refused.is_set():
            return
        try:
            run_validator(validator, staged, secret)
        except ConfigSetError:
            refused.set()
            raise

    with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
        # Its results come in their order, and the first refusal with them.
        list(pool.map(run, validators))


def run_validator(validator: Mapping[str, Any], staged: str, secret: str) -> None:
    """Run the validator over the files in the folder *staged*; raises ConfigSetError with the reason of a refusal.

    secret: the texts that are secret as a whole, of which no word shows in the reason.
    """

    def refused(why: str) -> ConfigSetError:
        return ConfigSetError(f"{validator['name']}: {why}")

    try:
        done = _in_sandbox(validator, staged) if validator["sandbox"] else _as_user(validator, staged)
    except OSError as error:
        raise refused(f"{validator['argv'][0]} can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise refused(f"no verdict within {VALIDATOR_SECONDS} s") from error
    if done.returncode != 0:
        why = reason(validator["reason"], done.stdout)
        raise refused(mask_words(why.replace(f"{staged}/", ""), secret))


def reason(pattern: str, output: str) -> str:
    """Return why a validator refuses, by its *output*: what *pattern* finds there, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if pattern:
        found = [match for match in (re.search(pattern, line) for line in lines) if match]
        named = [next((group for group in match.groups() if group), match[0]) for match in found]
        lines = ["; ".join(dict.fromkeys(named))] if named else lines
    return mask_text(lines[-1] if lines else "it printed nothing")


def _lock(path: str, how: int = fcntl.LOCK_EX) -> int:
    """Return a descriptor that holds a lock on the folder *path*; BlockingIOError with LOCK_NB when another does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(folder: str, name: str) -> None:
    """Remove what killed runs have staged in *folder*: nobody holds it."""
    for path in glob.glob(f"{glob.escape(os.path.join(folder, f'.staged-{name}'))}*"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            descriptor = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


def _open_to_group(staged: str, gid: int) -> None:
    """Let the group *gid* read in the folder *staged* and write in its own ``tmp``."""
    os.chown(staged, 0, gid)
    os.chmod(staged, _CLOSED)
    os.mkdir(f"{staged}/tmp")
    os.chown(f"{staged}/tmp", 0, gid)
    os.chmod(f"{staged}/tmp", stat.S_IRWXU | stat.S_IRWXG)


def _place(given: Mapping[str, Any]) -> str:
    """Return the path of an item in the folder with the staged files."""
    return given["staged_as"] or os.path.basename(given["path"])


def _make_folders(folder: str, name: str, gid: int) -> None:
    """Make the folders of the staged file *name* below *folder*, which the group can enter."""
    parts = name.split("/")[:-1]
    for number in range(len(parts)):
        path = os.path.join(folder, *parts[: number + 1])
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            os.chown(path, -1, gid)
            os.chmod(path, _CLOSED)


def _redirection(files: Iterable[Mapping[str, Any]], folder: str) -> Callable[[str], str]:
    """Return what makes a text that names *files* of the set by their paths name the staged ones in *folder*."""
    staged = {given["path"]: os.path.join(folder, _place(given)) for given in files if given["kind"] == "file"}
    if not staged:
        return str
    # No part of another name, such as that of an older copy, which may be no file of the set.
    paths = "|".join(map(re.escape, sorted(staged, key=len, reverse=True)))
    names = re.compile(rf"(?:{paths})(?![\w@+-]|[./]\w)")
    return lambda text: names.sub(lambda match: staged[match[0]], text)


def _command(validator: Mapping[str, Any], staged: str) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the environment of a validator over the folder *staged*."""
    argv = [argument.replace(STAGED, staged) for argument in validator["argv"]]
    own = {name: str(value).replace(STAGED, staged) for name, value in validator["environment"].items()}
    return argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **own}


def _in_sandbox(validator: Mapping[str, Any], staged: str) -> subprocess.CompletedProcess[str]:
    """Run a validator as the service of its staged unit would be."""
    argv, environment = _command(validator, staged)
    with open(os.path.join(staged, validator["sandbox"]), encoding="utf-8") as handle:
        unit = handle.read()
    service = validator["sandbox"].removesuffix(".service")
    return sandbox.run(argv, unit, service, f"{staged}/tmp", environment, VALIDATOR_SECONDS)


def _as_user(validator: Mapping[str, Any], staged: str) -> subprocess.CompletedProcess[str]:
    """Run a validator as its user."""
    argv, environment = _command(validator, staged)
    account = pwd.getpwnam(validator["user"])
    return run_program(
        argv,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=VALIDATOR_SECONDS,
    )
