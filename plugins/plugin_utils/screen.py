# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback ``operator`` says of results: messages, and why a host failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_OF_SSH = re.compile(r"(?:via|over) ssh:\s*(.*)", re.DOTALL)
_OUTPUT_LINES = 20


def message_lines(result: Mapping[str, Any]) -> list[str] | None:
    """Return the lines of the message of an ``ansible.builtin.debug``, None when it shows something else."""
    message = result.get("msg")
    if isinstance(message, str):
        return message.splitlines()
    if isinstance(message, (list, tuple)) and all(isinstance(line, str) for line in message):
        return list(message)
    return None


def _lines_of(text: Any) -> list[str]:
    return [line.rstrip() for line in str(text or "").splitlines() if line.strip()]


def failure_reason(result: Mapping[str, Any]) -> str:
    """Return why a task failed, of a loop why its items did.

    That is the message, and what a program printed that is not in it.
    """
    items = [item for item in result.get("results") or () if isinstance(item, Mapping) and item.get("failed")]
    if items:
        return "\n".join(dict.fromkeys(failure_reason(item) for item in items))
    message = result.get("msg") or result.get("censored") or result.get("reason") or ""
    said = "\n".join(map(str, message)) if isinstance(message, (list, tuple)) else str(message)
    printed = _lines_of(result.get("stderr") or result.get("module_stderr"))
    printed = printed or _lines_of(result.get("stdout") or result.get("module_stdout"))
    more = [line for line in printed if line.strip() not in said][-_OUTPUT_LINES:] if "rc" in result else []
    return "\n".join([*_lines_of(said), *more]) or "The task gave no reason: run again with -v."


def unreachable_reason(result: Mapping[str, Any]) -> str:
    """Return why a host was not reached. Of what ssh printed, the last line is the reason."""
    said = str(result.get("msg") or "")
    of_ssh = _OF_SSH.search(said)
    printed = _lines_of(of_ssh[1]) if of_ssh else []
    if not printed:
        return "\n".join(_lines_of(said)) or "The host was not reached, and nothing says why: run again with -vvv."
    return (
        f"the host should answer over SSH, found '{printed[-1]}': correct its ansible_host, ansible_port, ansible_user "
        "or SSH key in the inventory."
    )


def failure_summary(reasons: Mapping[str, str]) -> list[str]:
    """Return each of the *reasons*, by host, once, with the hosts that have it.

    This machine needs no name, and a host that the reason begins with no second one.
    """
    hosts: dict[str, list[str]] = {}
    for host, reason in reasons.items():
        hosts.setdefault(reason.removeprefix(f"{host}: "), []).append(host)
    return [
        reason
        if names == ["localhost"] or reason.startswith(f"{names[0]} ")
        else f"{', '.join(sorted(names))}: {reason}"
        for reason, names in hosts.items()
    ]
