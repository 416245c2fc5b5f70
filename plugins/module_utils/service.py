# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd service that answers over HTTP or is checked by a one-shot unit: its state, health, and what it lacks."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import refused_by_systemd
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

_POLL_SECONDS = 0.2
_REQUEST_SECONDS = 5
_PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,FragmentPath,NeedDaemonReload,Type,NRestarts,Result,MainPID,"
    "ExecMainStatus,InvocationID,ActiveEnterTimestamp,InactiveExitTimestamp,ReadWritePaths"
)
States = dict[str, dict[str, str]]
# States of a one-shot unit while it runs.
_UNDER_WAY = ("activating", "deactivating")
# EX_TEMPFAIL of sysexits.h: a check says with it that the service works, but left work behind.
_LEFT_WORK = "75"


class ServiceError(Exception):
    """A command about the service failed; the text is one sentence for the operator."""


class RunError(ServiceError):
    """A one-shot unit did not run or did not succeed; the text holds the reason that the unit itself gave."""


class Health(NamedTuple):
    """Whether the service answers or works, whether it was taken out of rotation on purpose, what was found, and what
    work it left behind."""

    answers: bool
    drained: bool
    found: str
    left: str = ""


def systemctl(*arguments: str, timeout: float | None = 60) -> str:
    """Run systemctl; *timeout* in seconds. Raises ServiceError with systemd's own words."""
    command = ["systemctl", *arguments]
    try:
        done = run_program(command, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"'{' '.join(command)}' did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        reason = words[0].rstrip(".") if words else f"exit code {done.returncode}"
        raise ServiceError(f"'{' '.join(command)}' failed: {reason}")
    return done.stdout


def properties_of(units: Iterable[str]) -> States:
    """Return what systemd knows of each of *units*, in one call: LoadState, ActiveState, UnitFileState, Result, ..."""
    names = list(dict.fromkeys(units))
    blocks = systemctl("show", f"--property={_PROPERTIES}", *names).strip().split("\n\n")
    return {
        name: dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for name, block in zip(names, blocks)
    }


def runs_always(state: dict[str, str]) -> bool:
    """Whether a unit in this *state* runs, and does so again when the host starts."""
    return state["ActiveState"] == "active" and state["UnitFileState"] == "enabled"


def properties(unit: str) -> dict[str, str]:
    """Return what systemd knows of *unit*."""
    return properties_of([unit])[unit]


def health(url: str) -> Health:
    """Ask *url* once. 200 answers; so does the 503 of a Glance that an operator took out of rotation by its file."""
    # It is asked at an address of this host, which its certificate need not name, and is told nothing.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    https = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
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


def wait_until_healthy(units: list[str], url: str, seconds: float) -> Health:
    """Poll until *url* answers; raises ServiceError as soon as one of *units* ends, or after *seconds*."""
    deadline = time.monotonic() + seconds
    first = None
    while True:
        seen = health(url)
        if seen.answers:
            return seen
        states = properties_of(units)
        first = first or states
        for unit in units:
            if states[unit]["ActiveState"] == "failed" or _restarts(states[unit]) > _restarts(first[unit]):
                raise _ended(unit, units, states)
        if time.monotonic() >= deadline:
            raise ServiceError(f"GET {url} should answer 200 within {seconds:.0f} s, found: {seen.found}")
        time.sleep(_POLL_SECONDS)


def wait_until_they_run(units: list[str]) -> None:
    """Raise ServiceError when one of *units* does not run."""
    states = properties_of(units)
    _check_that_they_run(units, states, states)


def run_check(check: str, units: list[str], seconds: float) -> Health:
    """Run the one-shot unit *check* to its end, for at most *seconds*; *units* must run before and after it.

    Raises RunError when it did not succeed, ServiceError when one of *units* does not run.
    """
    # A run in progress may have started with the configuration before, and a start would only join it.
    before = _wait_for_the_end(check, units, seconds)
    _check_that_they_run(units, before, before)
    refused = None
    try:
        systemctl("start", check, timeout=seconds)
    except ServiceError as error:
        refused = error
    now = properties_of([*units, check])
    if refused and now[check]["ActiveState"] in _UNDER_WAY:
        with contextlib.suppress(ServiceError):
            systemctl("stop", check)
        refused = RunError(f"{check} should end within {seconds:.0f} s, found: it still ran")
    _check_that_they_run(units, now, before)
    state, same_run = now[check], now[check]["InvocationID"] == before[check]["InvocationID"]
    if isinstance(refused, RunError) or (refused and (same_run or state["Result"] == "success")):
        raise RunError(str(refused)) from refused
    # A unit that nothing refers to is forgotten as soon as it succeeded.
    if same_run and state["InvocationID"]:
        raise RunError(f"{check} was not run, 'systemctl status {check}' tells which of its conditions is not met")
    if refused:
        # What it wrote last may still be on its way.
        run_program(["journalctl", "--sync"], capture_output=True)
    return _judge(check, state)


def last_run(check: str, state: dict[str, str]) -> Health | None:
    """Return how the last run of the one-shot unit *check* ended, None when only a new run can tell how things are."""
    if state["LoadState"] != "loaded":
        return None
    if state["ActiveState"] in _UNDER_WAY:
        return Health(True, False, "runs at the moment")
    if state["ActiveState"] == "failed" and not _left_work(state):
        return None
    # Such as that of a timer's run while the API was being restarted, which the next one makes up for.
    if state["Result"] == "exec-condition":
        return Health(True, False, "was skipped")
    return _judge(check, state) if state["InvocationID"] else Health(True, False, "has not run yet")


def _restarts(state: dict[str, str]) -> int:
    return int(state.get("NRestarts") or 0)


def _ended(unit: str, units: list[str], states: States) -> ServiceError:
    return ServiceError(f"{'it' if len(units) == 1 else unit} ended while starting ({states[unit]['Result']})")


def _check_that_they_run(units: list[str], states: States, before: States) -> None:
    for unit in units:
        runs = states[unit]["ActiveState"] in ("active", "reloading")
        if not runs or _restarts(states[unit]) > _restarts(before[unit]):
            raise _ended(unit, units, states)


def _wait_for_the_end(check: str, units: list[str], seconds: float) -> States:
    deadline = time.monotonic() + seconds
    while True:
        states = properties_of([*units, check])
        if states[check]["ActiveState"] not in _UNDER_WAY:
            return states
        if time.monotonic() >= deadline:
            raise RunError(f"the run of {check} in progress should end within {seconds:.0f} s, found: it still runs")
        time.sleep(_POLL_SECONDS)


def _left_work(state: dict[str, str]) -> bool:
    # A result of success, if the unit file counts this exit code as one.
    return state["ExecMainStatus"] == _LEFT_WORK and state["Result"] in ("exit-code", "success")


def _judge(check: str, state: dict[str, str]) -> Health:
    if _left_work(state):
        left = last_words(check, state) or f"{check} ended with exit code {_LEFT_WORK} and did not say why"
        return Health(True, False, f"left work behind: {left}", left)
    if state["Result"] == "success":
        return Health(True, False, "succeeded")
    by_exit = state["Result"] == "exit-code" and state["ExecMainStatus"] != "0"
    how = f"with exit code {state['ExecMainStatus']}" if by_exit else f"badly ({state['Result']})"
    words = last_words(check, state)
    raise RunError(f"{check} ended {how}" + (f": {words}" if words else ""))


def journal_cursor() -> str:
    """Return the place where the journal ends now, "" when it is empty."""
    done = run_program(["journalctl", "-q", "-n", "1", "-o", "cat", "--show-cursor"], capture_output=True)
    found = re.search(r"^-- cursor: (.*)$", done.stdout, re.MULTILINE)
    return found[1] if found else ""


def journal(*units: str, cursor: str = "", lines: int = 200) -> list[str]:
    """Return the last *lines* that *units* and systemd about them wrote after *cursor*, secrets masked."""
    after = [f"--after-cursor={cursor}"] if cursor else []
    return _journal(*(word for unit in units for word in ("-u", unit)), f"-n{lines}", *after)


def last_words(unit: str, state: dict[str, str]) -> str:
    """Return the last line that *unit* wrote in its last run, or why systemd could not run it, or ""."""
    if not state["InactiveExitTimestamp"]:
        return ""
    # Not by _SYSTEMD_INVOCATION_ID: the lines of a process that ended before journald came to read them do not have it.
    lines = _journal("-n200", f"--since={state['InactiveExitTimestamp']}", f"_SYSTEMD_UNIT={unit}")
    return (refused_by_systemd(lines)[:1] or lines[-1:] or [""])[0].strip().rstrip(".")


def _journal(*arguments: str) -> list[str]:
    done = run_program(["journalctl", "-q", "-o", "cat", *arguments], capture_output=True)
    return [mask_text(line) for line in done.stdout.splitlines() if line.strip()]
