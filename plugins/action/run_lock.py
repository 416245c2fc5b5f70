# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let one run at a time change a host: the first holds a lock there until its process ends, however it ends."""

from __future__ import annotations

import getpass
import os
import pathlib
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.action import ActionBase

FOLDER = "/run/lock/glanceops.image_service"
PROGRAMS = pathlib.Path(__file__).parents[1] / "plugin_utils"


def this_run() -> tuple[int, str]:
    """Return the process of ansible-playbook, which has forked the one that runs an action, and its name."""
    pid = os.getppid()
    return pid, f"{getpass.getuser()}@{socket.gethostname()} (process {pid})"


def interpreter(variables: Mapping[str, Any]) -> str:
    """Return the Python of the host."""
    for found in (
        variables.get("ansible_python_interpreter"),
        (variables.get("ansible_facts") or {}).get("discovered_interpreter_python"),
    ):
        if found and str(found).startswith("/"):
            return str(found)
    return "/usr/bin/python3"


def refusal(host: str, verdict: str) -> str:
    """Return why the run may not go on, by what lock_holder printed; empty when it may."""
    if not verdict.startswith("busy"):
        return ""
    told = [part for part in verdict.split("\t")[1:] if part]
    run, since = told if len(told) == 2 else ("another run", "a time that is not known")
    return (
        f"{host}: one run at a time should change a host, found {run} at work since {since}: wait until it has ended, "
        "or end it, then run again."
    )


class ActionModule(ActionBase):
    """Action plugin; what it leaves at work ends with the run."""

    TRANSFERS_FILES = False

    def _command(self, program: list[str]) -> list[str] | None:
        """Return the command that runs *program* on the host; None where the connection keeps none open."""
        if self._connection.transport == "local":
            return program
        if self._connection.transport != "ssh":
            return None
        # Ansible has no other way to leave a program at work on a host that ends with the run.
        build, ssh = self._connection._build_command, self._connection.get_option("ssh_executable")
        command = build(ssh, "ssh", self._connection.host, to_bytes(shlex.join(program)))
        start = command.index(to_bytes(ssh))
        if start:
            # A password is needed; once the connection stands, a further session on it needs none.
            self._low_level_execute_command("true", sudoable=False)
        return [to_text(part) for part in command[start:]]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the lock of the host for this run, or fail with who has it."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result.update(changed=False)
        if self._task.check_mode:
            return result
        pid, run = this_run()
        source = (PROGRAMS / "lock_holder.py").read_text(encoding="utf-8")
        since = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        command = self._command([interpreter(task_vars), "-c", source, FOLDER, run, since])
        if command is None:
            return result
        # It outlives this process, and no signal of the terminal reaches it.
        with subprocess.Popen(
            [sys.executable, str(PROGRAMS / "lock_keeper.py"), str(pid), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        ) as keeper:
            verdict = keeper.stdout.readline().rstrip("\n") if keeper.stdout else ""
            # Not waited for by the end of the block.
            keeper.returncode = 0
        host = task_vars.get("inventory_hostname", "")
        if sentence := refusal(host, verdict):
            result.update(failed=True, msg=sentence)
        elif not verdict:
            result["warnings"] = [f"{host}: no lock could be taken there: another run is not kept out."]
        return result
