# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program as the service of a unit would run: as its user, with what it may read, write and call."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

# How the unit starts and ends is not the program's matter, and a directory of the unit would go with the program.
_NOT_OURS = (
    "Alias",
    "BusName",
    "ExecCondition",
    "ExecReload",
    "ExecStart",
    "ExecStop",
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
    # Words of others, which systemd passes over in a file and systemd-run refuses.
    "X-",
)
# systemd ends with these when it can't set up what a unit asks for (systemd.exec(5), "Process exit codes").
_SETUP_FAILED = range(200, 246)


# What systemd makes of the specifiers of a system's unit (systemd.unit(5), "Specifiers") that hold for every program.
_SPECIFIERS = {
    "%": "%",
    "C": "/var/cache",
    "E": "/etc",
    "L": "/var/log",
    "S": "/var/lib",
    "T": "/tmp",
    "V": "/var/tmp",
    "h": "/root",
    "t": "/run",
}


def expanded(value: str, service: str) -> str:
    """Return the *value* of an option of the unit of a *service*, such as C(glance-api), as it is once systemd read it.

    systemd-run takes each value as it is written, with C(%%) for two characters.
    """
    words = {**_SPECIFIERS, "H": socket.gethostname(), "N": service, "n": f"{service}.service", "p": service}
    return re.sub("%(.)", lambda match: words.get(match[1], match[0]), value)


# Where drop-ins of a unit lie, from what counts least to what counts most (systemd.unit(5), "Unit File Load Path").
_DROP_INS = (
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
    "/run/systemd/system.control",
    "/etc/systemd/system.control",
)


def with_drop_ins(unit: str, service: str, directories: Sequence[str] = _DROP_INS) -> str:
    """Return the text of a *unit* with that of the drop-ins that the host has for the *service*.

    Those of a prefix of its name, or of all services, systemd adds to the unit of the program by itself.
    """
    paths = [path for each in directories for path in glob.glob(f"{each}/{service}.service.d/*.conf")]
    texts = [unit]
    # Of two with one name the later one counts, be it empty.
    for _name, path in sorted({os.path.basename(path): path for path in paths}.items()):
        # systemd passes over what is no file that can be read, too.
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as handle:
            texts.append(handle.read())
    return "\n".join(texts)


def _lines(text: str) -> Iterator[str]:
    """Give the lines of a unit without the blanks around them, a line that goes on as one, and no comments.

    As systemd reads them: a backslash at the end of a line is a blank, and comments may stand between
    (systemd.syntax(7)).
    """
    begun = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("#", ";")):
            continue
        if bare.endswith("\\"):
            begun += f"{bare[:-1]} "
            continue
        yield (begun + bare).strip()
        begun = ""
    yield begun.strip()


def properties(unit: str, service: str) -> Iterator[str]:
    """Give C(NAME=VALUE) for each line in C([Service]) of a unit's text that says what the *service* may do."""
    section = ""
    for line in _lines(unit):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith(_NOT_OURS):
            name, _equals, value = line.partition("=")
            yield f"{name.strip()}={expanded(value.strip(), service)}"


def command(
    argv: Sequence[str],
    unit: str,
    service: str,
    name: str,
    writable: str,
    environment: Mapping[str, str],
    seconds: int,
) -> list[str]:
    """Return the command that runs *argv* as I(name) in the sandbox of the *unit* of a *service*.

    There is one more directory that is *writable*.
    """
    given = [
        *properties(with_drop_ins(unit, service), service),
        f"ReadWritePaths={writable}",
        f"RuntimeMaxSec={seconds}",
    ]
    return [
        "systemd-run",
        *("--quiet", "--wait", "--pipe", "--collect", f"--unit={name}", "--service-type=exec"),
        *(f"--property={each}" for each in given),
        *(f"--setenv={key}={value}" for key, value in environment.items()),
        *argv,
    ]


def run(
    argv: Sequence[str], unit: str, service: str, writable: str, environment: Mapping[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run *argv* in the sandbox of the *unit* of a *service*; what kept systemd from starting it stands in the output.

    Raises subprocess.TimeoutExpired when it is not over after so many *seconds*; systemd ends it then.
    """
    name = f"glance-check-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    done = run_program(
        command(argv, unit, service, name, writable, environment, seconds),
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
