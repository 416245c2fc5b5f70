# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd service that answers over HTTP: its state, its health, and the reason when it has none."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple

from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

_POLL_SECONDS = 0.2
_REQUEST_SECONDS = 5
# The line that ends a traceback, bare or behind the prefix that oslo.log gives it.
_EXCEPTION = re.compile(r"(?:^|ERROR \S+ )((?:[a-z]\w*\.)+[A-Z]\w*: .+|[A-Z]\w*(?:Error|Exception): .+)$")
_SYSTEMD = re.compile(r"^\S+\.service: (Failed (?!with result).+)$")
_ERROR = re.compile(r"\b(error|fatal|unable|invalid|unknown)\b|!!!", re.IGNORECASE)
# Glance tries every store driver at each start and logs those that lack a library as errors.
_HARMLESS = re.compile(r"stevedore\.extension")


class ServiceError(Exception):
    """A command about the service failed; the text is one sentence for the operator."""


class Health(NamedTuple):
    """Whether the service answers, whether it was taken out of rotation on purpose, and what was found."""

    answers: bool
    drained: bool
    found: str


def systemctl(*arguments: str, timeout: float | None = 60) -> str:
    """Run systemctl; *timeout* in seconds. Raises ServiceError with systemd's own words."""
    command = ["systemctl", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"'{' '.join(command)}' did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        reason = words[0].rstrip(".") if words else f"exit code {done.returncode}"
        raise ServiceError(f"'{' '.join(command)}' failed: {reason}")
    return done.stdout


def properties(unit: str) -> dict[str, str]:
    """Return what systemd knows of *unit*: LoadState, ActiveState, SubState, UnitFileState, NRestarts, ..."""
    names = (
        "LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result,NeedDaemonReload,MainPID,ActiveEnterTimestamp"
    )
    output = systemctl("show", f"--property={names}", unit)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def health(url: str) -> Health:
    """Ask *url* once. 200 answers; so does the 503 of a Glance that an operator took out of rotation by its file."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_REQUEST_SECONDS) as answer:
            return Health(True, False, f"{answer.status} {answer.reason}")
    except urllib.error.HTTPError as error:
        body = ""
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = error.read(200).decode("utf-8", "replace")
        drained = error.code == 503 and "DISABLED BY FILE" in body
        return Health(drained, drained, f"{error.code} {error.reason}")
    except (OSError, socket.timeout) as error:
        return Health(False, False, str(getattr(error, "reason", error)))
    except http.client.HTTPException as error:
        return Health(False, False, f"no HTTP answer ({type(error).__name__})")


def wait_until_healthy(unit: str, url: str, seconds: float) -> Health:
    """Poll until *url* answers; raises ServiceError as soon as the unit ends, or after *seconds*."""
    deadline = time.monotonic() + seconds
    ends = None
    while True:
        seen = health(url)
        if seen.answers:
            return seen
        state = properties(unit)
        now = int(state.get("NRestarts") or 0)
        ends = now if ends is None else ends
        if state["ActiveState"] == "failed" or now > ends:
            raise ServiceError(f"it ended while starting ({state['Result']})")
        if time.monotonic() >= deadline:
            raise ServiceError(f"GET {url} should answer 200 within {seconds:.0f} s, found: {seen.found}")
        time.sleep(_POLL_SECONDS)


def journal_cursor() -> str:
    """Return the place where the journal ends now, "" when it is empty."""
    done = subprocess.run(
        ["journalctl", "-q", "-n", "1", "-o", "cat", "--show-cursor"], capture_output=True, text=True, check=False
    )
    found = re.search(r"^-- cursor: (.*)$", done.stdout, re.MULTILINE)
    return found[1] if found else ""


def journal(unit: str, cursor: str = "", lines: int = 200) -> list[str]:
    """Return the last *lines* that *unit* wrote after *cursor*, secrets masked."""
    after = [f"--after-cursor={cursor}"] if cursor else []
    done = subprocess.run(
        ["journalctl", "-q", "-o", "cat", "-u", unit, f"-n{lines}", *after], capture_output=True, text=True, check=False
    )
    return [mask_text(line) for line in done.stdout.splitlines() if line.strip()]


def reason_in(lines: list[str]) -> str:
    """Return the line of a journal that says best why a service ended, "" when none does.

    The last exception, else what systemd could not do first, else the last error.
    """
    lines = [line.strip() for line in lines if not _HARMLESS.search(line)]
    exceptions = [found[1] for found in map(_EXCEPTION.search, lines) if found]
    refused = [found[1] for found in map(_SYSTEMD.search, lines) if found]
    errors = [line for line in lines if _ERROR.search(line)]
    return (exceptions[-1:] or refused[:1] or errors[-1:] or [""])[0]
