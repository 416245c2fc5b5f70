# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the service, run as the user of the service."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ansible_collections.glanceops.image_service.plugins.module_utils import service
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

# What units tell programs that ask stores: whom to trust, and by which proxy.
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE")
_UNITS = ("glance-api.service", "glance-scrubber.service")


class ProgramError(Exception):
    """A program could not be run, or not to its end; the text is one sentence for the operator, without a full stop."""


def run_as(
    user: str, command: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run *command* as *user* with PATH and *environment*; *timeout* in seconds, *options* as subprocess.run takes.

    Raises ProgramError when there is no such user or program, or no end in time.
    """
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise ProgramError(f"there is no user named {user} on this host: run site.yml first") from error
    try:
        return run_program(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **(environment or {})},
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            timeout=timeout,
            **{"stderr": subprocess.PIPE, **options},
        )
    except subprocess.TimeoutExpired as error:
        words = [os.path.basename(command[0]), *(word for word in command[1:] if not word.startswith("-"))]
        raise ProgramError(f"'{' '.join(words)}' did not end within {timeout:.0f} s") from error
    except OSError as error:
        raise ProgramError(f"{command[0]} can't be run as {user}: {error.strerror}") from error


def last_line(text: str) -> str:
    """Return the last line of what the program printed, without its name and without secrets; "" for nothing."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return mask_text(lines[-1].removeprefix("pending_images: ")) if lines else ""


def for_stores(shown: str) -> dict[str, str]:
    """Return what concerns stores in the environments of units, which systemd has *shown*, a line each."""
    words = [word for line in shown.splitlines() for word in shlex.split(line.partition("=")[2])]
    found = dict(word.partition("=")[::2] for word in words)
    return {name: value for name, value in found.items() if name in _AUTHORITIES or name.lower().endswith("_proxy")}


class PendingImages:
    """The program that the scrubber's role puts on its host, roles/scrubber/files/pending_images.py."""

    # Of every module that runs it; documented in the fragment pending_images.
    OPTIONS: ClassVar[dict[str, Any]] = {
        "program": {"type": "path", "default": "/opt/glance/libexec/pending_images.py"},
        "user": {"type": "str", "default": "glance"},
    }

    def __init__(self, parameters: Mapping[str, Any], timeout: float = 600) -> None:
        self.program, self.user, self.timeout = parameters["program"], parameters["user"], timeout
        # Where it was put for once, on a file system that may allow no programs.
        self.interpreter = [parameters["python"]] if "python" in parameters else []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb to an end of its own, good or bad; raises ProgramError when that can't be."""
        if not os.path.exists(self.program):
            raise ProgramError("the scrubber is not deployed to this host: run site.yml first")
        environment = None
        if "show" not in arguments:
            # An audit runs where no service of ours is, too.
            with contextlib.suppress(service.ServiceError):
                environment = for_stores(service.systemctl("show", "--property=Environment", *_UNITS))
        done = run_as(self.user, [*self.interpreter, self.program, *arguments], self.timeout, environment)
        if done.returncode != 0 and not last_line(done.stderr):
            raise ProgramError(f"{self.words(arguments)} ended with exit code {done.returncode} and printed nothing")
        return done

    def words(self, arguments: Sequence[str]) -> str:
        """Return what was run, for a sentence."""
        return f"'{os.path.basename(self.program)} {' '.join(word for word in arguments if not word.startswith('-'))}'"

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a verb that prints one line of JSON and return that; raises ProgramError with the sentence it gave."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise ProgramError(last_line(done.stderr))
        try:
            # Unmasked: a name may look like a secret.
            return json.loads(done.stdout.strip().split("\n")[-1])
        except ValueError as error:
            found = last_line(done.stdout) or "nothing"
            raise ProgramError(f"{self.words(arguments)} should print a line of JSON, found: {found}") from error
