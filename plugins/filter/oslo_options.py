# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write texts so that oslo.config reads them as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import is_dict, is_list, kind_of

DOCUMENTATION = r"""
name: oslo_options
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Options by section, with texts that oslo.config reads as they are
description:
  - Puts quotes around each text that begins and ends with a quote, or has blanks around it, since oslo.config takes one
    pair of quotes and all blanks around a value away. Everything else stays as it is.
options:
  _input:
    description: Options by section.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what stands in the file
  ansible.builtin.debug:
    msg: "{{ {'DEFAULT': {'public_endpoint': ' x '}} | glanceops.image_service.oslo_options }}"
"""

RETURN = r"""
_value:
  description: Options by section.
  type: dict
  sample: {DEFAULT: {public_endpoint: '" x "'}}
"""


def literal(value: Any) -> Any:
    """Return what stands in a file of oslo.config for a *value* (oslo_config/iniparser.py, BaseParser.parse)."""
    if is_list(value):
        return [literal(entry) for entry in value]
    if kind_of(value) != "a text":
        return value
    text = str(value)
    quoted = text[:1] in ('"', "'") and text[0] == text[-1]
    return f'"{text}"' if quoted or text != text.strip() else value


def oslo_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return *config*, options by section, with texts as they have to be written."""
    return {
        section: {option: literal(value) for option, value in options.items()} if is_dict(options) else options
        for section, options in config.items()
    }


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filter by its name."""
        return {"oslo_options": oslo_options}
