# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of an operator: what changes, what is said, and at the end why a run failed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: operator
type: stdout
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What changes, what is said, and at the end why a run failed
description:
  - One line for each play that has something to do, and one for each change.
  - Messages of C(ansible.builtin.debug) stand as they are.
  - Nothing is shown of what is skipped, of what is right already, and of plays without hosts.
  - On a terminal, a line that is overwritten tells which task is at work.
  - A failure is one line where it happens. Its reason is the last line of the run, once for all hosts that have it.
  - With C(-v) and more, all is shown as by P(ansible.builtin.default#callback), and the reasons at the end.
  - This callback is for people. For programs that read the output, take P(ansible.builtin.default#callback).
requirements:
  - set as stdout in configuration
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

import os
import sys
from typing import TYPE_CHECKING, Any

from ansible import constants as C  # noqa: N812
from ansible import context
from ansible.inventory.manager import split_host_pattern
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible_collections.glanceops.image_service.plugins.plugin_utils.screen import (
    failure_reason,
    failure_summary,
    message_lines,
    unreachable_reason,
)

if TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import TaskResult
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

CLEAR = "\r\033[K"
MESSAGE_ACTIONS = ("ansible.builtin.debug", "ansible.legacy.debug", "debug")


class CallbackModule(DefaultCallback):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "glanceops.image_service.operator"

    def __init__(self) -> None:
        super().__init__()
        self._reasons: dict[str, str] = {}
        self._heading = ""
        self._title = ""
        self._playbooks_left = len(context.CLIARGS.get("args") or ())
        self._limit = context.CLIARGS.get("subset")
        self._live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    # ----------------------------------------------------------------------------------------------------- the screen

    @property
    def _all(self) -> bool:
        """Whether everything is to be shown."""
        return self._display.verbosity > 0

    def _say(self, text: str, color: str | None = None) -> None:
        """Show a line of the current play, below its heading."""
        self._clear()
        if self._heading:
            self._display.display(self._heading, color=C.COLOR_HIGHLIGHT)
            self._heading = ""
        self._display.display("\n".join(f"  {line}" for line in text.splitlines()), color=color)

    def _clear(self) -> None:
        if self._live:
            self._display.display(CLEAR, screen_only=True, newline=False)

    def _progress(self, text: str) -> None:
        """Show on a terminal what is at work, until something else is shown."""
        if self._live:
            self._display.display(
                f"{CLEAR}  {text}"[: self._display.columns - 1] + "\r", screen_only=True, newline=False
            )
            sys.stdout.flush()

    # -------------------------------------------------------------------------------------------------- plays and tasks

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Keep the name of the play until it does something."""
        self._warn_of_limit(play)
        if self._all:
            super().v2_playbook_on_play_start(play)
            return
        self._play = play
        self._heading = play.get_name().strip()

    def _warn_of_limit(self, play: Play) -> None:
        """Warn of a host in --limit that is not there, which host_pattern_mismatch leaves out; once."""
        terms, self._limit = split_host_pattern(self._limit or ""), None
        inventory = play.get_variable_manager()._inventory
        for term in terms:
            if (
                term
                and term[0] not in "@!&"
                and not inventory.get_hosts(term, ignore_limits=True, ignore_restrictions=True)
            ):
                self._display.warning(f"--limit should name hosts of the inventory, found none for {term}.")

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Leave a play without hosts out."""
        if self._all:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Leave it out: the failures tell why."""
        if self._all:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Leave it out."""
        if self._all:
            super().v2_playbook_on_include(included_file)

    def _task_start(self, task: Task, prefix: str | None = None) -> None:
        if self._all:
            super()._task_start(task, prefix)
            return
        self._title = (task.name or task.action).strip()
        # What may be skipped is no reason to name the play.
        if self._heading and not (task.when or task.loop or isinstance(task, TaskInclude)):
            self._clear()
            self._display.display(self._heading, color=C.COLOR_HIGHLIGHT)
            self._heading = ""
        self._progress(f"{self._title} ...")

    def _print_task_banner(self, task: Task) -> None:
        if self._all:
            super()._print_task_banner(task)
            return
        self._last_task_banner = task._uuid
        self._say(f"{self._title}:")

    # ---------------------------------------------------------------------------------------------------------- results

    def v2_runner_on_ok(self, result: TaskResult) -> None:
        """Show a change, or a message."""
        if self._all:
            super().v2_runner_on_ok(result)
        elif not isinstance(result._task, TaskInclude):
            self._show(result)

    def v2_runner_item_on_ok(self, result: TaskResult) -> None:
        """Show a message; changes are shown once for all items."""
        if self._all:
            super().v2_runner_item_on_ok(result)
        elif result._task.action in MESSAGE_ACTIONS:
            self._show(result)

    def _show(self, result: TaskResult) -> None:
        found = result._result
        if found.get("warnings") or found.get("deprecations"):
            self._clear()
        self._handle_warnings(found)
        if found.get("changed"):
            self._say(f"changed: [{self.host_label(result)}] {self._title}", C.COLOR_CHANGED)
        elif result._task.action in MESSAGE_ACTIONS and "results" not in found:
            lines = message_lines(found)
            if lines is None:
                self._clean_results(found, result._task.action)
                lines = self._dump_results(found).strip("\n").splitlines()
            self._say("\n".join(lines))

    def v2_runner_on_skipped(self, result: TaskResult) -> None:
        """Leave it out."""
        if self._all:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result: TaskResult) -> None:
        """Leave it out."""
        if self._all:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_item_on_failed(self, result: TaskResult) -> None:
        """Leave it out: the reasons of all items come with the task."""
        if self._all:
            super().v2_runner_item_on_failed(result)

    def v2_runner_retry(self, result: TaskResult) -> None:
        """Say how often a task will be tried again."""
        if self._all:
            super().v2_runner_retry(result)
        else:
            left = result._result["retries"] - result._result["attempts"]
            self._progress(f"{self._title} ... ({left} tries left)")

    def v2_runner_on_failed(self, result: TaskResult, ignore_errors: bool = False) -> None:
        """Say that a task failed; keep the reason."""
        reason = failure_reason(result._result)
        if not ignore_errors:
            self._reasons[result._host.get_name()] = reason
        if self._all:
            super().v2_runner_on_failed(result, ignore_errors)
        elif not ignore_errors:
            self._say(f"failed: [{self.host_label(result)}] {self._title}", C.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result: TaskResult) -> None:
        """Say that a host was not reached; keep the reason."""
        reason = unreachable_reason(result._result)
        ignored = result._task.ignore_unreachable
        if not ignored:
            self._reasons[result._host.get_name()] = reason
        if self._all:
            super().v2_runner_on_unreachable(result)
        elif not ignored:
            self._say(f"unreachable: [{self.host_label(result)}] {self._title}", C.COLOR_UNREACHABLE)

    # -------------------------------------------------------------------------------------------------------------- end

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Show how it ended after the last playbook, or after the one that failed, and each reason once."""
        self._clear()
        # A task that failed and was rescued, or is repeated for another host, is no failure of the run.
        failed = {host: why for host, why in self._reasons.items() if host in stats.failures or host in stats.dark}
        self._playbooks_left -= 1
        if self._playbooks_left > 0 and not failed and not self._all:
            return
        super().v2_playbook_on_stats(stats)
        for line in failure_summary(failed):
            self._display.display(line, color=C.COLOR_ERROR)
