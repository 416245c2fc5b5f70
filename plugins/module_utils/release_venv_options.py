# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of C(release_venv): its action reads them with every run and its module again, so they stand here alone."""

from __future__ import annotations

from typing import Any

OPTIONS: dict[str, Any] = {
    "release": {"type": "str", "required": True},
    "wheels": {"type": "str", "required": True},
    "root": {"type": "path", "default": "/opt/glance"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "python_floor": {"type": "str"},
    "python_below": {"type": "str"},
    "host_modules": {"type": "list", "elements": "str", "default": []},
    "cache": {"type": "path", "default": "~/.cache/glanceops/wheels"},
    "index_url": {"type": "str", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "proxy": {"type": "str", "no_log": True},
    "directory": {"type": "path"},
}
"""Options of a task; those of the module, which its action fills in, come to them."""
