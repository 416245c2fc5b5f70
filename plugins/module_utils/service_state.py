# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service brought into a state and seen to be healthy there, and the previous configuration restored when it is not.

Everywhere *params* are the options of M(glanceops.image_service.service_state).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.glanceops.image_service.plugins.module_utils import config_set, service
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in

_JOURNAL_LINES = 15
# States in which the units take up a new configuration, as verbs of a sentence.
_ANEW = {"restarted": "restart", "reloaded": "reload"}


class StateError(Exception):
    """The service is not in the state; the text is a sentence for the operator."""

    def __init__(self, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        self.result = {"msg": sentence, **more}
        """What a module that fails with it answers."""


class Start(NamedTuple):
    """Whether something was changed, and whether every unit was started."""

    changed: bool
    fresh: bool


def run(params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], Any]) -> dict[str, Any]:
    """Do one run of the module; return what it answers. *warn* is called with a sentence. Raises StateError."""
    anew = params["state"] in _ANEW
    if params["state"] == "stopped":
        return _stopped(params, check_mode)
    if anew and check_mode:
        return {"changed": True}
    cursor = service.journal_cursor()
    states: service.States = {}
    try:
        states = states_of(params)
        start = Start(True, True) if anew else started(params, check_mode, states)
        if check_mode:
            return {"changed": start.changed}
        if anew:
            restart(params, states, units_of(params), params["stopped_units"])
        seen = _health(params, start, states)
    except service.ServiceError as error:
        raise _refusal(params, error, cursor, states) from error
    if seen.left:
        warn(f"{params['name']} works, but left work behind: {seen.left}.")
    # A process that ran before knows nothing of files that came since.
    if start.fresh:
        _confirm(params)
    return {"changed": start.changed, "health": seen.found, "drained": seen.drained}


# ------------------------------------------------------------------------------------------------ units and their state


def units_of(params: Mapping[str, Any]) -> list[str]:
    """Return the units that have to run."""
    return params["units"] or [f"{params['name']}.service"]


def states_of(params: Mapping[str, Any]) -> service.States:
    """Return what systemd knows of all units of the service."""
    check = params["health_unit"]
    return service.properties_of([*units_of(params), *params["stopped_units"], *([check] if check else [])])


def running(states: service.States) -> list[str]:
    """Return the units that run, start or stop."""
    return [unit for unit, state in states.items() if state["ActiveState"] not in ("inactive", "failed")]


def active_or_enabled(states: service.States) -> list[str]:
    """Return the units that run or are enabled."""
    busy = running(states)
    return [unit for unit, state in states.items() if unit in busy or state["UnitFileState"] == "enabled"]


# ----------------------------------------------------------------------------------------------- start, stop, restart


def started(params: Mapping[str, Any], check_mode: bool, states: service.States) -> Start:
    """Enable and start the units and stop and disable the others, as far as needed; raises ServiceError."""
    units = units_of(params)
    down = [unit for unit in units if not service.runs_always(states[unit])]
    enabled = [unit for unit in params["stopped_units"] if states[unit]["UnitFileState"] == "enabled"]
    if not check_mode:
        if enabled:
            stop_and_disable(states, enabled, params["stop_timeout"])
        if any(state["NeedDaemonReload"] == "yes" for state in states.values()):
            service.systemctl("daemon-reload")
        if down:
            service.systemctl("enable", "--now", *down, timeout=params["health_timeout"])
    return Start(bool(down or enabled), down == units)


def stopped(params: Mapping[str, Any], check_mode: bool) -> bool:
    """Stop and disable the units as far as needed; return whether something changed. Raises ServiceError."""
    states, seconds = states_of(params), params["stop_timeout"]
    needed = active_or_enabled(states)
    if needed and not check_mode:
        timers = [unit for unit in running(states) if unit.endswith(".timer")]
        if timers:
            # To disable a unit loads all files anew, on which a timer that runs may elapse and start its service.
            service.systemctl("stop", *timers, timeout=seconds)
            states = states_of(params)
        stop_and_disable(states, list(dict.fromkeys([*needed, *active_or_enabled(states)])), seconds)
    return bool(needed)


def _stopped(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    try:
        return {"changed": stopped(params, check_mode)}
    except service.ServiceError as error:
        raise StateError(f"{params['name']} should be stopped: {error}.") from error


def stop_and_disable(states: service.States, units: list[str], seconds: float) -> None:
    """Stop and disable *units*, each within *seconds*; raises ServiceError."""
    # What systemd says of enabling is of the time before a file changed or went; it may even refuse to disable then.
    gone = [unit for unit in units if not os.path.exists(states[unit]["FragmentPath"])]
    outdated = [unit for unit in units if unit in gone or states[unit]["NeedDaemonReload"] == "yes"]
    stop_first = [unit for unit in running(states) if unit in outdated]
    others = [unit for unit in units if unit not in gone]
    if stop_first:
        # To disable loads files anew: a timer without one fails then, so does a daemon that is a one-shot unit by now.
        service.systemctl("stop", *stop_first, timeout=seconds)
    for unit in gone:
        with contextlib.suppress(service.ServiceError):
            service.systemctl("disable", unit)
    if others:
        service.systemctl("disable", "--now", *others, timeout=seconds)
    # A one-shot unit that was stopped before its end counts as failed, unless it ended by itself meanwhile.
    cut_off = [
        unit for unit in units if states[unit]["ActiveState"] == "activating" and states[unit].get("Type") == "oneshot"
    ]
    if cut_off:
        with contextlib.suppress(service.ServiceError):
            service.systemctl("reset-failed", *cut_off)


def restart(params: Mapping[str, Any], states: service.States, units: list[str], stopped: list[str]) -> None:
    """Stop and disable *stopped*, load the unit files anew and restart *units*, or reload them; raises ServiceError."""
    busy = [unit for unit in active_or_enabled(states) if unit in stopped]
    if busy:
        stop_and_disable(states, busy, params["stop_timeout"])
    service.systemctl("daemon-reload")
    known = [
        unit
        for unit, state in states.items()
        if state["ActiveState"] == "failed" or (unit in units and state["ActiveState"] != "inactive")
    ]
    if known:
        # Also forgets the starts that count towards systemd's limit on them.
        service.systemctl("reset-failed", *known)
    service.systemctl("enable", *units)
    verb = {"reloaded": "reload-or-restart"}.get(params["state"], "restart")
    kept = [unit for unit in params["kept_units"] if states[unit]["ActiveState"] == "active"]
    seconds = params["stop_timeout"] + params["health_timeout"]
    try:
        service.systemctl(verb, *(unit for unit in units if unit not in kept), timeout=seconds)
    finally:
        if params["drain_file"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(params["drain_file"])


# ------------------------------------------------------------------------------------------------------------- health


def wait_until_healthy(params: Mapping[str, Any], units: list[str]) -> service.Health:
    """Ask the URL or run the health unit; raises ServiceError when the service is not healthy."""
    seconds = params["health_timeout"]
    if params["health_url"]:
        return service.wait_until_healthy(units, params["health_url"], seconds)
    return service.run_check(params["health_unit"], units, seconds)


def _health(params: Mapping[str, Any], start: Start, states: service.States) -> service.Health:
    """Return how the service is after *start*; where nothing was changed, the last run of a health unit counts."""
    check = params["health_unit"]
    seen = None if start.changed or not check else service.last_run(check, states[check])
    return seen or wait_until_healthy(params, units_of(params))


# ------------------------------------------------------------------------------------- the configuration that is there


def _record(params: Mapping[str, Any]) -> str:
    return os.path.join(params["record_directory"], f"{params['name']}.json")


def _confirm(params: Mapping[str, Any]) -> None:
    """Note that the service answers with its configuration; raises StateError when that can't be."""
    try:
        config_set.confirm(_record(params))
    except config_set.ConfigSetError as error:
        runs = "runs and answers" if params["health_url"] else "runs"
        sentence = f"{params['name']} {runs}, but that could not be noted: {error}."
        raise StateError(sentence, restored=False, journal=[]) from error


def roll_back(params: Mapping[str, Any], before: service.States) -> tuple[bool, str]:
    """Restore the previous set and run the service with it; returns (restored, sentence about it).

    before: what systemd knew of the units before the restart.
    """
    try:
        if not config_set.restore(_record(params)):
            return False, "There is no previous configuration to restore"
    except config_set.ConfigSetError as error:
        return False, f"The previous configuration could not be restored: {error}"
    back, verb = "The previous configuration is restored", "answer" if params["health_url"] else "run"
    try:
        _run_as_before(params, before)
        config_set.confirm(_record(params))
    except service.ServiceError as error:
        return True, f"{back}, but the service does not {verb} with it either: {error}"
    except config_set.ConfigSetError as error:
        return True, f"{back} and the service {verb}s, but that could not be noted: {error}"
    return True, f"{back} and the service {verb}s with it"


def _run_as_before(params: Mapping[str, Any], before: service.States) -> None:
    """Restart those units that ran *before*, and see that they are healthy; raises ServiceError."""
    known = [*units_of(params), *params["stopped_units"]]
    ran = [
        unit
        for unit in known
        if unit in before and (before[unit]["ActiveState"] == "active" or before[unit]["UnitFileState"] == "enabled")
    ]
    units = ran or units_of(params)
    restart(params, states_of(params), units, [unit for unit in known if unit not in units])
    if params["health_url"] or units == units_of(params):
        wait_until_healthy(params, units)
    else:
        # The health unit is part of the other way to run the service.
        service.wait_until_they_run(units)


# ------------------------------------------------------------------------------------------------------------ refusal


def _refusal(params: Mapping[str, Any], error: service.ServiceError, cursor: str, before: service.States) -> StateError:
    """Return why the service is not healthy, and restore the previous configuration if this one is new."""
    check, url = params["health_unit"], params["health_url"]
    writers = list(dict.fromkeys([*units_of(params), *([check] if check else [])]))
    lines = service.journal(*writers, cursor=cursor)
    reason = str(error)
    if not isinstance(error, service.RunError):
        # The units themselves are at fault, so what the check wrote does not matter.
        reason = reason_in(service.journal(*units_of(params), cursor=cursor) if check else lines) or reason
    if params["state"] in _ANEW:
        verb = f"{_ANEW[params['state']]} with its new configuration and {'answer' if url else 'run'}"
        restored, outcome = roll_back(params, before)
    else:
        verb = "run and answer" if url else "run"
        names = " ".join(f"-u {unit.removesuffix('.service')}" for unit in writers)
        restored, outcome = False, f"See 'journalctl {names}' on this host"
    return StateError(
        f"{params['name']} should {verb}, found: {reason.rstrip('.')}. {outcome}.",
        restored=restored,
        journal=lines[-_JOURNAL_LINES:],
    )
