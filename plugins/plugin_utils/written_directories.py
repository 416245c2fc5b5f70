# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directories a service writes to, by its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.paths import log_directory, plain


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
