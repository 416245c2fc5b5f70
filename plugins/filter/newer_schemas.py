# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the database revisions of newer releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: newer_schemas
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The database revisions of newer releases
description:
  - Gives the last database revision of each release that is newer than one, without that of the release itself.
options:
  _input:
    description: Releases, the newest first, each with its C(schema).
    type: dict
    required: true
  release:
    description: Name of the release.
    type: str
    required: true
positional: release
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ releases | glanceops.image_service.newer_schemas('2025.2') }}"
"""

RETURN = r"""
_value:
  description: Revisions, each once.
  type: list
  elements: str
"""


def newer_schemas(releases: Mapping[str, Mapping[str, Any]], release: str) -> list[str]:
    """Return the revisions of the releases before *release* in *releases* that differ from its own."""
    newer = list(releases)[: list(releases).index(release)]
    found = dict.fromkeys(releases[each]["schema"] for each in newer)
    return [schema for schema in found if schema != releases[release]["schema"]]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"newer_schemas": newer_schemas}
