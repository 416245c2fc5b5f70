# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the variables that choose the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_URL = re.compile(r"[a-z]\w*(\+\w+)?://")
# oslo.db begins a deferred transaction, which SQLite refuses to turn into a write while another one writes.
_REASON = (
    "Glance on SQLite answers users who work at the same time with errors and loses images. docs/database.md tells how "
    "MariaDB is deployed on the same host and how images come along"
)


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about each variable of *given* that asks for SQLite or is no URL, by its name."""
    found, url = {}, str(given.get("glance_database_url") or "")
    if given.get("glance_database_engine") == "sqlite":
        found["glance_database_engine"] = (
            f"glance_database_engine should be mariadb or postgresql, found sqlite: {_REASON}"
        )
    if url.startswith("sqlite"):
        wanted = "glance_database_url should be the URL of a MariaDB or PostgreSQL server, found one of SQLite"
        found["glance_database_url"] = f"{wanted}: {_REASON}"
    elif url and not _URL.match(url):
        # Not shown, since it may hold a password in another form.
        example = "mysql+pymysql://glance:PASSWORD@192.0.2.7/glance"
        found["glance_database_url"] = f"glance_database_url should be a URL such as {example}, found another text"
    return {name: [sentence] for name, sentence in found.items()}
