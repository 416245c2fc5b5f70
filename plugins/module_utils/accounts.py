# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to the database server of this host, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import mariadb_accounts, postgresql_accounts

OPTIONS: dict[str, Any] = {
    "engine": {"type": "str", "choices": ["mariadb", "postgresql"], "default": "mariadb"},
    "user": {"type": "str", "required": True},
    "clients": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "required": True},
    "retired_users": {"type": "list", "elements": "str", "default": []},
    "rules": {"type": "path", "default": ""},
    "rule": {"type": "str", "default": ""},
}
"""What a database that Glance logs in to is described by; rules is pg_hba.conf, rule the line that it should have."""


def look(params: Mapping[str, Any]) -> list[str]:
    """Return what differs from *params* on this host, in short sentences."""
    return (mariadb_accounts if params["engine"] == "mariadb" else postgresql_accounts).look(params)
