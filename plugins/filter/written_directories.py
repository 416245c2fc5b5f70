# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: which directories a service writes to, by its configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.paths import log_directory, plain

DOCUMENTATION = r"""
name: written_directories
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Which directories a service writes to, by its configuration
description:
  - Names the directories of file stores, of uploads that Swift buffers, of the image cache, of locks, of tasks and of
    log files, each once, in that order.
  - Each is without slashes at its end.
  - What lies in a database is not in it.
options:
  _input:
    description: Options of the service by section.
    type: dict
    required: true
  stores:
    description: Sections that are stores, whether or not the configuration has them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the directories
  ansible.builtin.debug:
    msg: "{{ {'attic': {'filesystem_store_datadir': '/srv'}} | glanceops.image_service.written_directories(stores) }}"
  vars:
    stores: [attic]
"""

RETURN = r"""
_value:
  description: Absolute paths.
  type: list
  elements: str
  sample: [/srv]
"""


def _found(config: Mapping[str, Any], stores: Iterable[str]) -> Iterator[str]:
    """Give the directories, empty where the configuration names none."""
    for store in [config[name] for name in stores if name in config]:
        yield store.get("filesystem_store_datadir") or ""
        yield store.get("swift_upload_buffer_dir") or ""
        several = store.get("filesystem_store_datadirs") or []
        for directory in [several] if isinstance(several, str) else several:
            # A number at the end is the priority of the directory.
            yield re.sub(r":\d+$", "", directory)
    yield config.get("DEFAULT", {}).get("image_cache_dir") or ""
    yield config.get("oslo_concurrency", {}).get("lock_path") or ""
    yield config.get("task", {}).get("work_dir") or ""
    yield log_directory(config)


def written_directories(config: Mapping[str, Any], stores: Iterable[str]) -> list[str]:
    """Return the directories that the service writes to, each once."""
    return list(dict.fromkeys(plain(path) for path in _found(config, stores) if path))


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"written_directories": written_directories}
