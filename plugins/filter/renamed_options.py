# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: a configuration whose renamed options have their new names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: renamed_options
author: glanceops contributors (@glanceops)
version_added: "0.2.0"
short_description: A configuration whose renamed options have their new names
description:
  - Gives the options of older configuration files the names of today, so that such a file can be carried over.
  - An option that is there under both names keeps the value that it has under the new one.
options:
  _input:
    description: Options by section.
    type: dict
    required: true
  renamed:
    description: What was renamed, dictionaries with C(section), C(option), C(new_section) and C(new_option).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the options under their new names
  ansible.builtin.debug:
    msg: "{{ {'database': {'idle_timeout': 60}} | glanceops.image_service.renamed_options(renamed) }}"
  vars:
    renamed:
      - {section: database, option: idle_timeout, new_section: database, new_option: connection_recycle_time}
"""

RETURN = r"""
_value:
  description: Options by section.
  type: dict
"""


def renamed_options(config: Mapping[str, Any], renamed: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return *config* with new names in place of the old ones; a section that is not a mapping is left as it is."""
    result = {section: dict(values) if isinstance(values, Mapping) else values for section, values in config.items()}
    for entry in renamed:
        old, new = result.get(entry["section"]), result.get(entry["new_section"], {})
        if isinstance(old, dict) and isinstance(new, dict) and entry["option"] in old:
            value = old.pop(entry["option"])
            new.setdefault(entry["new_option"], value)
            result[entry["new_section"]] = new
    return result


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filter by its name."""
        return {"renamed_options": renamed_options}
