# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the variables of the database: which one it is, how services log in, and the server's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import PURGE, asks_registry, has
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_true
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API, DATABASE, REGISTRY, SCRUBBER

ENGINE, URL = "glance_database_engine", "glance_database_url"
USER, PASSWORD, TLS = "glance_database_user", "glance_database_password", "glance_database_tls"
ADMIN, RETIRED, CLIENTS = "glance_database_admin", "glance_database_retired_users", "glance_database_clients"
ADMINISTRATORS = {"mariadb": "root", "postgresql": "postgres"}
"""Who administers an engine's server, where C(glance_database_admin) names nobody."""

_URL = re.compile(r"[a-z]\w*(\+\w+)?://")
_NO_ASCII = re.compile(r"[^ -~]")
_PREFIX = re.compile(r"/[0-9]{1,2}$")
# oslo.db begins a deferred transaction, which SQLite refuses to turn into a write while another one writes.
_REASON = (
    "Glance on SQLite answers users who work at the same time with errors and loses images. docs/database.md tells how "
    "MariaDB is deployed on the same host and how images come along"
)


def _of_choice(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    url = str(given.get(URL) or "")
    if given.get(ENGINE) == "sqlite":
        yield ENGINE, f"{ENGINE} should be mariadb or postgresql, found sqlite: {_REASON}"
    if url.startswith("sqlite"):
        yield URL, f"{URL} should be the URL of a MariaDB or PostgreSQL server, found one of SQLite: {_REASON}"
    elif url and not _URL.match(url):
        # Not shown, since it may hold a password in another form.
        example = "mysql+pymysql://glance:PASSWORD@192.0.2.7/glance"
        yield URL, f"{URL} should be a URL such as {example}, found another text"
    if url and is_true(given.get(TLS)):
        yield TLS, f"{TLS} should be false where {URL} says how to reach the database, found true"


def _logs_in(given: Mapping[str, Any]) -> bool:
    """Whether a service of the host logs in with the password; the database's own host always makes a user with it."""
    services = has(given, REGISTRY, SCRUBBER, PURGE) or (has(given, API) and not asks_registry(given))
    return has(given, DATABASE) or (services and given.get(URL) == "")


def _of_password(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    password = given.get(PASSWORD)
    if password == "" and _logs_in(given):
        yield PASSWORD, f"{PASSWORD} should be set, found none: keep it in a vault"
    # PyMySQL would send them as latin1, which MariaDB takes for another password (pymysql/connections.py).
    if password and given.get(ENGINE) == "mariadb" and _NO_ASCII.search(str(password)):
        yield (
            PASSWORD,
            f"{PASSWORD} should hold letters, digits and signs of ASCII only while {ENGINE} is mariadb, found others: "
            "Glance could not log in with them",
        )


def _of_server(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if given.get(URL):
        yield (
            URL,
            f"{URL} should be empty where the database is made for you, found one: set {ENGINE}, glance_database_host, "
            f"glance_database_name, {USER} and {PASSWORD}",
        )
    # MariaDB would take it, and nobody could log in.
    if given.get(ENGINE) == "mariadb" and _PREFIX.search(str(given.get(CLIENTS, ""))):
        yield (
            CLIENTS,
            f"{CLIENTS} should be an address and a netmask, such as 192.0.2.0/255.255.255.0, found {given[CLIENTS]}",
        )
    if is_true(given.get("glance_database_install")) and given.get(ADMIN):
        yield ADMIN, f"{ADMIN} should be empty where glance_database_install is true, found a login to another server"


def _of_users(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    admin = given.get(ADMIN) or {}
    administrator = admin.get("user") or ADMINISTRATORS.get(str(given.get(ENGINE)), "")
    user, retired = given.get(USER), [str(name) for name in given.get(RETIRED) or ()]
    # Its other ways to log in would be taken away.
    if is_true(given.get("glance_database_install")) and administrator and user == administrator:
        yield USER, f"{USER} should be a user for Glance alone, found {user}, the administrator of the database"
    if any(not name.strip() for name in retired):
        yield RETIRED, f"{RETIRED} should be names of users, found an empty one"
    used = [name for name in retired if name in (user, *(given.get("glance_database_users_in_use") or ()))]
    if used:
        yield (
            RETIRED,
            f"{RETIRED} should be users that Glance does not log in as any more, found {', '.join(used)}: give another "
            f"{USER} to every host, or take the name off the list",
        )
    if administrator and administrator in retired:
        yield RETIRED, f"{RETIRED} should be users of Glance, found {administrator}, the administrator of the database"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the database, by variable; none holds a password or a URL.

    What is about the server and its users counts on the host of the database.
    """
    found = [*_of_choice(given), *_of_password(given)]
    if has(given, DATABASE):
        found += [*_of_server(given), *_of_users(given)]
    return gather(found)
