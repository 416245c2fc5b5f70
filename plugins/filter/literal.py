# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: a value as a file of oslo.config has to have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.glanceops.image_service.plugins.plugin_utils import overlay

DOCUMENTATION = r"""
name: literal
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: A value as a file of oslo.config has to have it
description:
  - Puts quotes around a text that begins and ends with a quote, or has blanks around it, since oslo.config takes one
    pair of quotes and all blanks around a value away. A boolean is written in lower case.
  - With O(dollars), a dollar sign is doubled, since oslo.config takes it for a reference to another option.
  - Fails for a text of several lines.
options:
  _input:
    description: The value.
    type: raw
    required: true
  dollars:
    description: Whether a dollar sign stands for itself.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what stands in the file
  ansible.builtin.debug:
    msg: "password = {{ 'a$b ' | glanceops.image_service.literal(dollars=true) }}"
"""

RETURN = r"""
_value:
  description: The text of the value.
  type: str
  sample: '"a$$b "'
"""


def literal(value: Any, dollars: bool = False) -> str:
    """Return the text of *value*."""
    try:
        text = overlay.literal(value)
    except ValueError as error:
        raise AnsibleFilterError(f"a value of a configuration file should be {error}") from None
    return text.replace("$", "$$") if dollars else text


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"literal": literal}
