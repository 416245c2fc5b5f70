# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: which directory a service writes log files to, by its configuration."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: log_directory
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Which directory a service writes log files to, by its configuration
description:
  - Names the directory of the V(log_file) of the section V(DEFAULT), which lies in its V(log_dir) unless it is an
    absolute path, or else the V(log_dir).
options:
  _input:
    description: Options of the service by section.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the directory
  ansible.builtin.debug:
    msg: "{{ {'DEFAULT': {'log_file': '/var/log/glance/api.log'}} | glanceops.image_service.log_directory }}"
"""

RETURN = r"""
_value:
  description: A path, empty where the service writes no log files or names one without its directory.
  type: str
  sample: /var/log/glance
"""


def log_directory(config: Mapping[str, Any]) -> str:
    """Return the directory of log files, empty for none."""
    default = config.get("DEFAULT", {})
    directory, file = default.get("log_dir") or "", default.get("log_file") or ""
    # As oslo.log joins them (oslo_log/log.py, _get_log_file_path).
    return posixpath.dirname(posixpath.join(directory, file)) if file else directory


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"log_directory": log_directory}
