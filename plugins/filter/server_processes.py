# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: how many processes a server has on a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: server_processes
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: How many processes a server has on a host
description:
  - Gives one for each CPU, as far as the memory goes, and one at least. A process of Glance takes up to 150 MiB, and as
    much is left for the rest of the host.
options:
  _input:
    description: Facts of the host; C(processor_vcpus) and C(memtotal_mb) are looked at.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the number
  ansible.builtin.debug:
    msg: "{{ ansible_facts | glanceops.image_service.server_processes }}"
"""

RETURN = r"""
_value:
  description: Number of processes, 1 or more.
  type: int
"""


# MiB of memory of the host for each process.
_MEMORY = 300


def server_processes(facts: Mapping[str, Any]) -> int:
    """Return the number of processes on a host with *facts*; without them it is one."""
    return max(min(int(facts.get("processor_vcpus", 1)), int(facts.get("memtotal_mb", _MEMORY)) // _MEMORY), 1)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[[Mapping[str, Any]], int]]:
        """Return the filter by its name."""
        return {"server_processes": server_processes}
