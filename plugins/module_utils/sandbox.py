# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program as the service of a unit would run: as its user, with what it may read, write and call."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

# How the unit starts and ends is not the program's matter, and a directory of the unit would go with the program.
_NOT_OURS = (
    "Alias",
    "BusName",
    "Exec",
    "FileDescriptorStoreMax",
    "KillMode",
    "KillSignal",
    "NotifyAccess",
    "PIDFile",
    "RemainAfterExit",
    "Restart",
    "RuntimeDirectory",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "StartLimit",
    "SuccessExitStatus",
    "Timeout",
    "Type",
    "WatchdogSec",
)
# systemd ends with these when it can't set up what a unit asks for (systemd.exec(5), "Process exit codes").
_SETUP_FAILED = range(200, 246)


def properties(unit: str) -> Iterator[str]:
    """Give C(NAME=VALUE) for each line in C([Service]) of a unit's text that says what the service may do."""
    section = ""
    for line in unit.splitlines():
        if line.startswith("["):
            section = line.strip()
        elif section == "[Service]" and "=" in line and not line.startswith(("#", ";", *_NOT_OURS)):
            name, _equals, value = line.partition("=")
            yield f"{name.strip()}={value.strip()}"


def command(
    argv: Sequence[str], unit: str, name: str, writable: str, environment: Mapping[str, str], seconds: int
) -> list[str]:
    """Return the command that runs *argv* in the sandbox of a unit's text, with one more directory to write to."""
    given = [*properties(unit), f"ReadWritePaths={writable}", f"RuntimeMaxSec={seconds}"]
    return [
        "systemd-run",
        *("--quiet", "--wait", "--pipe", "--collect", f"--unit={name}", "--service-type=exec"),
        *(f"--property={each}" for each in given),
        *(f"--setenv={key}={value}" for key, value in environment.items()),
        *argv,
    ]


def run(
    argv: Sequence[str], unit: str, writable: str, environment: Mapping[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run *argv* in the sandbox of a unit's text; what kept systemd from starting it stands in the output.

    Raises subprocess.TimeoutExpired when it is not over after so many *seconds*; systemd ends it then.
    """
    name = f"glance-check-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    done = run_program(
        command(argv, unit, name, writable, environment, seconds),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        timeout=seconds,
    )
    if done.returncode in _SETUP_FAILED and not done.stdout.strip():
        told = run_program(
            ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20", f"--unit={name}.service"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        done.stdout = told.stdout
    return done
