# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the checks of imported images as the API takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import import_checks as checks

DOCUMENTATION = r"""
name: import_checks
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The checks of imported images as the API takes them
description:
  - Gives each check of C(glance_import_checks) with all its options. Its program is the first entry of C(argv).
options:
  _input:
    description: The checks, as in C(glance_import_checks).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ glance_import_checks | glanceops.image_service.import_checks }}"
"""

RETURN = r"""
_value:
  description: The checks.
  type: list
  elements: dict
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"import_checks": checks.complete}
