# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: which options of a configuration no release knows any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: gone_options
author: glanceops contributors (@glanceops)
version_added: "0.2.0"
short_description: Which options of a configuration no release knows any more
description:
  - Names the options of older configuration files that are gone, each with what to do instead.
options:
  _input:
    description: Options by section. One whose value is null is about to be removed and is not named.
    type: dict
    required: true
  gone:
    description: What is gone, dictionaries with C(section), C(option) and C(instead).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is gone
  ansible.builtin.debug:
    msg: "{{ {'DEFAULT': {'verbose': true}} | glanceops.image_service.gone_options(gone) }}"
  vars:
    gone:
      - {section: DEFAULT, option: verbose, instead: set debug}
"""

RETURN = r"""
_value:
  description: One text for each.
  type: list
  elements: str
  sample: ["verbose of [DEFAULT], which is gone: set debug"]
"""


def gone_options(config: Mapping[str, Mapping[str, Any]], gone: Iterable[Mapping[str, str]]) -> list[str]:
    """Return a text for each option of *config* that is among *gone*."""
    return [
        f"{entry['option']} of [{entry['section']}], which is gone: {entry['instead']}"
        for entry in gone
        if (config.get(entry["section"]) or {}).get(entry["option"]) is not None
    ]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"gone_options": gone_options}
