# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's database as one file: written while the service works, read without a server, put back while it rests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Optional

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import MASK, mask_text

Row = dict[str, Optional[str]]
Tables = dict[str, list[Row]]

# What is read of a dump: the revisions that alembic has noted, and where the data of which image lies.
TABLES = ("alembic_version", "images", "image_locations")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class DumpError(Exception):
    """A database can't be dumped, read or put back; the text is one sentence for the operator, without a full stop."""


@dataclass(frozen=True)
class Login:
    """What an SQLAlchemy URL says. Holds a secret."""

    engine: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: str = ""
    options: dict[str, str] = field(default_factory=dict)


_ENGINES = {"mysql": "mariadb", "mariadb": "mariadb", "postgresql": "postgresql"}


def parse_url(url: str) -> Login:
    """Take an SQLAlchemy URL apart; raises DumpError for an engine that is not known, without the URL."""
    scheme, separator, rest = url.partition("://")
    engine = _ENGINES.get(scheme.partition("+")[0])
    if not separator or not engine:
        raise DumpError("the connection of [database] should be a URL of mysql or postgresql, found another")
    # A password may hold a slash or a question mark, what follows the first @ no other one that counts.
    login, at, place = rest.partition("@")
    login, place = (login, place) if at else ("", login)
    place, _mark, query = place.partition("?")
    address, _slash, name = place.partition("/")
    user, _colon, password = login.partition(":")
    host, _bracket, port = address[1:].partition("]") if address.startswith("[") else address.partition(":")
    return Login(
        engine,
        urllib.parse.unquote(name),
        urllib.parse.unquote(user),
        urllib.parse.unquote(password),
        host,
        port.lstrip(":"),
        dict(urllib.parse.parse_qsl(query)),
    )


def is_true(value: str | None) -> bool:
    """Whether a column of a dump holds a true value, in the words of any engine."""
    return value in ("1", "t", "true")


# --------------------------------------------------------------------------------------------- what stands in a dump

_INSERT = re.compile(r"INSERT INTO `(?P<table>\w+)` \((?P<columns>[^)]*)\) VALUES\s*")
_VALUE = re.compile(r"'((?:[^'\\]|\\.|'')*)'|([^\s,();']+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def _statements(lines: Iterable[str]) -> Iterator[str]:
    """Give each INSERT of the tables that are read; a line never ends inside of a text."""
    statement = ""
    for line in lines:
        if statement or line.startswith(tuple(f"INSERT INTO `{table}` " for table in TABLES)):
            statement += line
            if line.rstrip("\n").endswith(";"):
                yield statement
                statement = ""


def read_inserts(lines: Iterable[str]) -> Tables:
    """Read what ``mariadb-dump --complete-insert`` wrote."""
    tables: Tables = {table: [] for table in TABLES}
    for statement in _statements(lines):
        head = _INSERT.match(statement)
        if not head:
            raise DumpError("the dump should name the columns that it fills, found an INSERT that does not")
        columns = [name.strip(" `") for name in head["columns"].split(",")]
        values: list[str | None] = []
        for found in _VALUE.finditer(statement, head.end()):
            text, word = found.groups()
            if text is not None:
                values.append(_ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]) if m[1] else "'", text))
            else:
                values.append(None if word == "NULL" else word)
        rows = [values[first : first + len(columns)] for first in range(0, len(values), len(columns))]
        tables[head["table"]] += [dict(zip(columns, row)) for row in rows]
    return tables


_COPY = re.compile(r"COPY (?:\w+\.)?(?P<table>\w+) \((?P<columns>[^)]*)\) FROM stdin;$")
_COPIED = re.compile(r"\\(.)", re.DOTALL)
_COPIES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read_copies(lines: Iterable[str]) -> Tables:
    """Read what ``pg_restore --data-only`` printed."""
    tables: Tables = {table: [] for table in TABLES}
    into, columns = "", []
    for line in (line.rstrip("\n") for line in lines):
        if not into:
            head = _COPY.match(line)
            if head and head["table"] in TABLES:
                into, columns = head["table"], [name.strip(' "') for name in head["columns"].split(",")]
        elif line == "\\.":
            into = ""
        else:
            fields = line.split("\t")
            values = [
                None if value == r"\N" else _COPIED.sub(lambda m: _COPIES.get(m[1], m[1]), value) for value in fields
            ]
            tables[into].append(dict(zip(columns, values)))
    return tables


# ------------------------------------------------------------------------------------------------------- the engines


class Engine:
    """A kind of database and how to log in to it; *work* is a folder that only root can enter."""

    suffix: ClassVar[str]
    programs: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(self, login: Login, work: str) -> None:
        self.login, self.work = login, work

    def missing(self) -> list[str]:
        """Return the Debian packages without which neither `dump` nor `restore` can be."""
        there = all(shutil.which(program, path=_PATH) for program in self.programs)
        return [] if there else list(self.packages)

    def dump(self, path: str) -> None:
        """Write the database as it is at one moment into the new file *path*."""
        raise NotImplementedError

    def read(self, path: str) -> Tables:
        """Return the rows of `TABLES` that the dump *path* holds, values as text."""
        raise NotImplementedError

    def restore(self, path: str) -> None:
        """Put the dump *path* in the place of all that the database holds."""
        raise NotImplementedError

    def private(self, name: str, text: str) -> str:
        """Write a file that only root can read; returns its path."""
        path = os.path.join(self.work, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, command: list[str], **options: Any) -> str:
        """Run a client to its end; returns what it printed, raises DumpError with its last words without secrets."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = {"PATH": _PATH, "LANG": "C.UTF-8", **options.pop("environment", {})}
        try:
            # A client whose caller was killed must not go on beside that of the next run.
            done = run_program(
                ["/usr/bin/setpriv", "--pdeathsig=KILL", *command], env=environment, cwd="/", **{**streams, **options}
            )
        except OSError as error:
            raise DumpError(f"{command[0]} can't be run: {error.strerror}") from error
        if done.returncode != 0:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            reason = mask_text("; ".join(lines[-2:])) or "nothing said"
            reason = reason.replace(self.login.password, MASK) if self.login.password else reason
            raise DumpError(f"{command[0]} should succeed, found exit code {done.returncode}: {reason}")
        return done.stdout or ""


class Mariadb(Engine):
    """A server of MariaDB or MySQL."""

    suffix = "sql"
    programs = ("mariadb-dump", "mariadb")
    packages = ("mariadb-client",)
    _OPTIONS: ClassVar[dict[str, str]] = {
        "unix_socket": "socket",
        "ssl_ca": "ssl-ca",
        "ssl_cert": "ssl-cert",
        "ssl_key": "ssl-key",
    }

    def _client(self, program: str, *arguments: str, **options: Any) -> str:
        """Run a client that reads its login from a file of ours and from no other."""
        login = self.login
        given = {"user": login.user, "password": login.password, "host": login.host, "port": login.port}
        given |= {self._OPTIONS[key]: value for key, value in login.options.items() if key in self._OPTIONS}
        lines = [f"{key} = {_quoted(value)}" for key, value in given.items() if value]
        # With an authority, Glance holds the certificate and its name against it; without, newer clients would insist.
        lines.append(f"ssl-verify-server-cert = {1 if 'ssl_ca' in login.options else 0}")
        file = self.private("client.cnf", "\n".join(["[client]", "default-character-set = utf8mb4", *lines, ""]))
        return self.run([f"/usr/bin/{program}", f"--defaults-file={file}", *arguments], **options)

    def dump(self, path: str) -> None:
        """Dump one snapshot, with the columns named so that it can be read."""
        # No table is locked, and the many rows of one come back in one transaction.
        snapshot = ["--single-transaction", "--quick", "--no-tablespaces", "--complete-insert", "--no-autocommit"]
        self._client("mariadb-dump", *snapshot, "--hex-blob", f"--result-file={path}", self.login.name)

    def read(self, path: str) -> Tables:
        """Read the statements."""
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            return read_inserts(lines)

    def restore(self, path: str) -> None:
        """Play the dump in, then drop what it does not know, such as a table of a newer release.

        MariaDB knows no transaction over tables: cut off, it is in part this and in part that, until run again.
        """
        with open(path, "rb") as dump:
            self._client("mariadb", self.login.name, stdin=dump)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            known = {found[1] for line in lines if (found := re.match(r"CREATE TABLE `([^`]+)`", line))}
        there = self._client("mariadb", "--batch", "--skip-column-names", "--execute=SHOW TABLES", self.login.name)
        if others := [f"`{name}`" for name in there.splitlines() if name not in known]:
            drop = f"SET FOREIGN_KEY_CHECKS = 0; DROP TABLE IF EXISTS {', '.join(others)}"
            self._client("mariadb", f"--execute={drop}", self.login.name)


class Postgresql(Engine):
    """A server of PostgreSQL."""

    suffix = "dump"
    programs = ("pg_dump", "pg_restore", "psql")
    packages = ("postgresql-client",)
    # A table of a newer release would be in the way of the schema that comes, and so would the types of enumerations.
    _DROP = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP TABLE %I CASCADE', found.tablename);
  END LOOP;
  FOR found IN SELECT typname FROM pg_type WHERE typnamespace = current_schema()::regnamespace AND typtype = 'e' LOOP
    EXECUTE format('DROP TYPE %I CASCADE', found.typname);
  END LOOP;
END $$;
"""

    def _client(self, program: str, *arguments: str) -> str:
        """Run a client that reads the password from a file of ours."""
        login = self.login
        file = self.private("password", "*:*:*:*:" + re.sub(r"([:\\])", r"\\\1", login.password) + "\n")
        given = {"host": login.host, "port": login.port, "user": login.user, "dbname": login.name, **login.options}
        place = " ".join(f"{key}={_quoted(value)}" for key, value in given.items() if value)
        environment = {"PGPASSFILE": file, "PGCONNECT_TIMEOUT": "30"}
        return self.run([f"/usr/bin/{program}", *arguments, f"--dbname={place}"], environment=environment)

    def dump(self, path: str) -> None:
        """Dump one snapshot."""
        self._client("pg_dump", "--format=custom", "--no-password", "--no-comments", f"--file={path}")

    def _script(self, path: str, name: str, *arguments: str) -> str:
        """Have the SQL of a dump in a file; returns its path."""
        file = self.private(name, "")
        self.run(["/usr/bin/pg_restore", *arguments, f"--file={file}", path])
        return file

    def read(self, path: str) -> Tables:
        """Read what the dump itself would copy into the tables."""
        file = self._script(path, "read.sql", "--data-only", *(f"--table={table}" for table in TABLES))
        with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            return read_copies(lines)

    def restore(self, path: str) -> None:
        """Drop all tables and make those of the dump, in one transaction."""
        drop = self.private("drop.sql", self._DROP)
        script = self._script(path, "restore.sql", "--no-owner", "--no-privileges", "--no-comments")
        once = ["--single-transaction", "--set=ON_ERROR_STOP=1", "--no-psqlrc", "--quiet", "--no-password"]
        self._client("psql", *once, f"--file={drop}", f"--file={script}")


def _quoted(value: str) -> str:
    """Return *value* as it stands in a file of options of MariaDB, and in what PostgreSQL calls a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


ENGINES: dict[str, type[Engine]] = {"mariadb": Mariadb, "postgresql": Postgresql}
