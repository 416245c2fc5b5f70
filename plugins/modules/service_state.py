#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_state
short_description: Start, restart or reload a service, see that it is well, and go back when it is not
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Enables the systemd units of the service O(name) and sees to it that they run and that the service is well.
    It is well when O(health_url) answers, or, for a service without URL, when O(health_unit) ends well.
  - A restart that does not end well brings back the configuration set before (see
    M(glanceops.image_service.config_files)), restarts the service with it, and fails with the reason. If other units of
    O(units) and O(resting_units) ran before, those are the ones that run again.
  - All of it happens in one call on the host, so a lost connection cannot leave a host half way.
options:
  name:
    description:
      - Name of the service and of its configuration set. Without O(units) it is also the name of the unit, without
        C(.service).
    type: str
    required: true
  state:
    description:
      - With V(started), units that do not run are started, a service that runs must be well.
      - With V(restarted), the units are always restarted.
      - With V(reloaded), they are told to read their configuration anew, or started if they do not run.
        Since version 0.3.0.
      - With V(stopped), O(units), O(resting_units) and O(health_unit) are stopped and disabled, as far as they exist.
    type: str
    choices: [started, restarted, reloaded, stopped]
    default: started
  units:
    description:
      - Full names of the units that have to be enabled and active, C(glance-scrubber.timer) for one.
      - Without any it is the unit O(name) with C(.service).
    type: list
    elements: str
    default: []
    version_added: "0.2.0"
  resting_units:
    description:
      - Full names of units that must not be enabled, because a timer starts them or because the service ran in another
        way before.
      - With V(started), those that are enabled are disabled and stopped. With V(restarted) and V(stopped), those that
        run are stopped, too, even when their unit file is gone. Units that do not exist are passed over.
    type: list
    elements: str
    default: []
    version_added: "0.2.0"
  kept_units:
    description:
      - Those of O(units) that V(restarted) does not restart if they run, because what changed is not theirs, such as a
        proxy that holds requests while the server behind it is restarted.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  health_url:
    description:
      - URL that answers 200 when the service is well. The 503 of a Glance that was taken out of rotation by its
        healthcheck file counts as an answer. Either this or O(health_unit) is needed unless O(state=stopped).
    type: str
  health_unit:
    description:
      - Full name of a unit with C(Type=oneshot) that is run to see whether a service without URL is well. All O(units)
        have to run before and after it.
      - Exit code 0 is well. Exit code 75 (C(EX_TEMPFAIL) of C(sysexits.h)) says that the service works but left work
        behind, which gives a warning with the last line that the unit wrote. All else is not well.
      - With V(started) it is run after something was changed, and if its last run was not well. Otherwise its last run
        counts.
      - With V(restarted) a run in progress is waited for first, because it may know the configuration before only.
    type: str
    version_added: "0.2.0"
  drain_file:
    description:
      - File whose presence takes the service out of rotation, C(disable_by_file_path) of oslo.middleware's
        healthcheck.
      - Removed by V(restarted) as soon as the units are started, also when the service is not well then, since
        O(health_url) tells that by itself.
    type: path
    version_added: "0.3.0"
  health_timeout:
    description:
      - Seconds to wait for an answer after a start. At once, if the service ends while starting.
      - With O(health_unit), the seconds that its run may take. A run that takes longer is stopped. A run in progress
        is given as long again.
    type: int
    default: 120
  stop_timeout:
    description: Seconds that stopping may take, so that requests in flight can end.
    type: int
    default: 660
  record_directory:
    description: Folder of the records of configuration sets.
    type: path
    default: /etc/glance/.sets
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - Idempotent with O(state=started) and O(state=stopped). O(state=restarted) always restarts, O(state=reloaded)
        always reloads.
"""

EXAMPLES = r"""
- name: Restart the image API with its new configuration
  glanceops.image_service.service_state:
    name: glance-api
    state: restarted
    health_url: http://127.0.0.1:9292/healthcheck

- name: Run the scrubber from its timer, not as a daemon, and see that it works
  glanceops.image_service.service_state:
    name: glance-scrubber
    state: restarted
    units: [glance-scrubber.timer]
    resting_units: [glance-scrubber.service]
    health_unit: glance-scrubber.service
"""

RETURN = r"""
health:
  description:
    - What O(health_url) answered.
    - With O(health_unit), V(ended well), V(left work behind) with the reason, or about a run that this module did not
      start also V(has not run yet) and V(runs at the moment).
  returned: success, but in check mode
  type: str
  sample: 200 OK
drained:
  description:
    - Whether the service answers but was taken out of rotation by its healthcheck file. Always V(false) with
      O(health_unit).
  returned: success, but in check mode
  type: bool
restored:
  description: Whether the configuration set before was brought back.
  returned: failure
  type: bool
journal:
  description: The last lines that the units of the service wrote, secrets masked.
  returned: failure
  type: list
  elements: str
"""

import contextlib
import os
from typing import NamedTuple, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set, service
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in

_JOURNAL_LINES = 15
# States in which the units take up a new configuration, as verbs of a sentence.
_ANEW = {"restarted": "restart", "reloaded": "reload"}


class Start(NamedTuple):
    """Whether something was changed, and whether every unit was started."""

    changed: bool
    fresh: bool


def units_of(module: AnsibleModule) -> list[str]:
    """Return the units that have to run."""
    return module.params["units"] or [f"{module.params['name']}.service"]


def states_of(module: AnsibleModule) -> service.States:
    """Return what systemd knows of all units of the service."""
    check = module.params["health_unit"]
    return service.properties_of([*units_of(module), *module.params["resting_units"], *([check] if check else [])])


def running(states: service.States) -> list[str]:
    """Return the units that run, start or stop."""
    return [unit for unit, state in states.items() if state["ActiveState"] not in ("inactive", "failed")]


def awake(states: service.States) -> list[str]:
    """Return the units that run or are enabled."""
    busy = running(states)
    return [unit for unit, state in states.items() if unit in busy or state["UnitFileState"] == "enabled"]


def put_to_rest(states: service.States, units: list[str], seconds: float) -> None:
    """Stop and disable *units*."""
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


def started(module: AnsibleModule, states: service.States) -> Start:
    """Enable and start the units and put the resting ones to rest, as far as needed."""
    units = units_of(module)
    down = [unit for unit in units if not service.runs_always(states[unit])]
    enabled = [unit for unit in module.params["resting_units"] if states[unit]["UnitFileState"] == "enabled"]
    if not module.check_mode:
        if enabled:
            put_to_rest(states, enabled, module.params["stop_timeout"])
        if any(state["NeedDaemonReload"] == "yes" for state in states.values()):
            service.systemctl("daemon-reload")
        if down:
            service.systemctl("enable", "--now", *down, timeout=module.params["health_timeout"])
    return Start(bool(down or enabled), down == units)


def stopped(module: AnsibleModule) -> bool:
    """Stop and disable the units as far as needed; returns whether something changed."""
    states = states_of(module)
    needed = awake(states)
    if needed and not module.check_mode:
        timers = [unit for unit in running(states) if unit.endswith(".timer")]
        if timers:
            # To disable a unit loads all files anew, on which a timer that runs may elapse and start its service.
            service.systemctl("stop", *timers, timeout=module.params["stop_timeout"])
            states = states_of(module)
        put_to_rest(states, list(dict.fromkeys([*needed, *awake(states)])), module.params["stop_timeout"])
    return bool(needed)


def restart(module: AnsibleModule, states: service.States, units: list[str], resting: list[str]) -> None:
    """Put *resting* to rest, load the unit files anew and restart *units*, or reload them."""
    busy = [unit for unit in awake(states) if unit in resting]
    if busy:
        put_to_rest(states, busy, module.params["stop_timeout"])
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
    verb = {"reloaded": "reload-or-restart"}.get(module.params["state"], "restart")
    kept = [unit for unit in module.params["kept_units"] if states[unit]["ActiveState"] == "active"]
    try:
        service.systemctl(
            verb,
            *(unit for unit in units if unit not in kept),
            timeout=module.params["stop_timeout"] + module.params["health_timeout"],
        )
    finally:
        if module.params["drain_file"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(module.params["drain_file"])


def see_that_it_is_well(module: AnsibleModule, units: list[str]) -> service.Health:
    """Ask the URL or run the health unit; raises ServiceError when the service is not well."""
    seconds = module.params["health_timeout"]
    if module.params["health_url"]:
        return service.wait_until_healthy(units, module.params["health_url"], seconds)
    return service.run_check(module.params["health_unit"], units, seconds)


def go_back(module: AnsibleModule, record_path: str, before: service.States) -> tuple[bool, str]:
    """Bring the set before back and run the service with it; returns (brought back, sentence about it)."""
    try:
        if not config_set.restore(record_path):
            return False, "There is no configuration of before to go back to"
    except config_set.ConfigSetError as error:
        return False, f"The configuration of before could not be brought back: {error}"
    known = [*units_of(module), *module.params["resting_units"]]
    ran = [
        unit
        for unit in known
        if unit in before and (before[unit]["ActiveState"] == "active" or before[unit]["UnitFileState"] == "enabled")
    ]
    units = ran or units_of(module)
    verb = "answer" if module.params["health_url"] else "run"
    try:
        restart(module, states_of(module), units, [unit for unit in known if unit not in units])
        if module.params["health_url"] or units == units_of(module):
            see_that_it_is_well(module, units)
        else:
            # The health unit is part of the other way to run the service.
            service.see_that_they_run(units)
        config_set.confirm(record_path)
    except service.ServiceError as error:
        return True, f"The configuration of before is back, but the service does not {verb} with it either: {error}"
    except config_set.ConfigSetError as error:
        return (
            True,
            f"The configuration of before is back and the service {verb}s, but that could not be noted: {error}",
        )
    return True, f"The configuration of before is back and the service {verb}s with it"


def fail(
    module: AnsibleModule, error: service.ServiceError, cursor: str, record_path: str, before: service.States
) -> NoReturn:
    """Say why the service is not well, and go back to the configuration before if this one is new."""
    units, check, url = units_of(module), module.params["health_unit"], module.params["health_url"]
    writers = list(dict.fromkeys([*units, *([check] if check else [])]))
    lines = service.journal(*writers, cursor=cursor)
    reason = str(error)
    if not isinstance(error, service.RunError):
        # The units themselves are at fault, so what the check wrote does not matter.
        reason = reason_in(service.journal(*units, cursor=cursor) if check else lines) or reason
    if module.params["state"] in _ANEW:
        verb = f"{_ANEW[module.params['state']]} with its new configuration and {'answer' if url else 'run'}"
        restored, outcome = go_back(module, record_path, before)
    else:
        verb = "run and answer" if url else "run"
        names = " ".join(f"-u {unit.removesuffix('.service')}" for unit in writers)
        restored, outcome = False, f"See 'journalctl {names}' on this host"
    module.fail_json(
        msg=f"{module.params['name']} should {verb}, found: {reason.rstrip('.')}. {outcome}.",
        restored=restored,
        journal=lines[-_JOURNAL_LINES:],
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "restarted", "reloaded", "stopped"], "default": "started"},
            "units": {"type": "list", "elements": "str", "default": []},
            "resting_units": {"type": "list", "elements": "str", "default": []},
            "kept_units": {"type": "list", "elements": "str", "default": []},
            "health_url": {"type": "str"},
            "health_unit": {"type": "str"},
            "drain_file": {"type": "path"},
            "health_timeout": {"type": "int", "default": 120},
            "stop_timeout": {"type": "int", "default": 660},
            "record_directory": {"type": "path", "default": "/etc/glance/.sets"},
        },
        mutually_exclusive=[("health_url", "health_unit")],
        required_if=[
            ("state", "started", ["health_url", "health_unit"], True),
            ("state", "restarted", ["health_url", "health_unit"], True),
            ("state", "reloaded", ["health_url", "health_unit"], True),
        ],
        supports_check_mode=True,
    )
    name, check, units = module.params["name"], module.params["health_unit"], units_of(module)
    record_path = os.path.join(module.params["record_directory"], f"{name}.json")
    restarting = module.params["state"] in _ANEW
    if restarting and module.check_mode:
        module.exit_json(changed=True)
    if module.params["state"] == "stopped":
        try:
            module.exit_json(changed=stopped(module))
        except service.ServiceError as error:
            module.fail_json(msg=f"{name} should be stopped: {error}.")
    cursor = service.journal_cursor()
    states = {}
    try:
        states = states_of(module)
        start = Start(True, True) if restarting else started(module, states)
        if module.check_mode:
            module.exit_json(changed=start.changed)
        if restarting:
            restart(module, states, units, module.params["resting_units"])
        seen = None if start.changed or not check else service.last_run(check, states[check])
        seen = seen or see_that_it_is_well(module, units)
    except service.ServiceError as error:
        fail(module, error, cursor, record_path, states)
    if seen.left:
        module.warn(f"{name} works, but left work behind: {seen.left}.")
    try:
        # A process that ran before knows nothing of files that came since.
        if start.fresh:
            config_set.confirm(record_path)
    except config_set.ConfigSetError as error:
        runs = "runs and answers" if module.params["health_url"] else "runs"
        module.fail_json(msg=f"{name} {runs}, but that could not be noted: {error}.", restored=False, journal=[])
    module.exit_json(changed=start.changed, health=seen.found, drained=seen.drained)


if __name__ == "__main__":
    main()
