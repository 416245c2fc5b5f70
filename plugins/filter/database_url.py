# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the SQLAlchemy URL of a database."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

DOCUMENTATION = r"""
name: database_url
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The SQLAlchemy URL of a database
description:
  - Gives the URL that Glance reaches the database by. Any character may stand in the user and the password.
options:
  _input:
    description: Server that keeps the image records.
    type: str
    choices: [mariadb, postgresql]
    required: true
  host:
    description: Address or name of its host, an IPv6 address without brackets.
    type: str
    required: true
  name:
    description: Name of the database.
    type: str
    required: true
  user:
    description: User that logs in.
    type: str
    required: true
  password:
    description: Its password. The result is a secret, too.
    type: str
    required: true
  ca_path:
    description: File with the authorities that the certificate of the server is held against; empty for no TLS.
    type: str
    default: ""
  charset:
    description: What the driver of MariaDB calls utf8mb3.
    type: str
    default: utf8mb3
positional: host, name, user, password, ca_path, charset
"""

EXAMPLES = r"""
- name: Show the URL
  ansible.builtin.debug:
    msg: "{{ 'mariadb' | glanceops.image_service.database_url('192.0.2.31', 'glance', 'glance', 'p/w') }}"
"""

RETURN = r"""
_value:
  description: URL, with the signs that it has a use for encoded.
  type: str
  sample: mysql+pymysql://glance:p%2Fw@192.0.2.31/glance?charset=utf8mb3
"""


def database_url(
    engine: str, host: str, name: str, user: str, password: object, ca_path: str = "", charset: str = "utf8mb3"
) -> str:
    """Return the URL; with *ca_path*, the drivers hold the certificate and its name against those authorities."""
    if engine == "mariadb":
        driver, options = "mysql+pymysql", {"charset": charset, **({"ssl_ca": ca_path} if ca_path else {})}
    else:
        driver, options = "postgresql+psycopg2", {"sslmode": "verify-full", "sslrootcert": ca_path} if ca_path else {}
    login = ":".join(quote(str(part), safe="") for part in (user, password))
    address = f"[{host}]" if ":" in host else host
    return f"{driver}://{login}@{address}/{name}{'?' if options else ''}{urlencode(options, safe='/')}"


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"database_url": database_url}
