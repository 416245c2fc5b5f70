# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's own program for its database, and the database itself, asked as the user of the service."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError, last_line, run_as
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

# Prints what alembic has noted and which namespaces there are; oslo.config takes two dollar signs for one.
_QUERY = """
import configparser, json, sys
import sqlalchemy

config = configparser.RawConfigParser(strict=False)
config.read(sys.argv[1])
wanted = {"revisions": ("version_num", "alembic_version"), "namespaces": ("namespace", "metadef_namespaces")}
engine = sqlalchemy.create_engine(config["database"]["connection"].replace("$$", "$"))
tables = sqlalchemy.inspect(engine).get_table_names()
found = {}
with engine.connect() as connection:
    for name, (column, table) in wanted.items():
        asked = sqlalchemy.text(f"SELECT {column} FROM {table}")
        found[name] = [row[0] for row in connection.execute(asked)] if table in tables else []
print(json.dumps(found))
"""
_OUTPUT_LINES = 15


class ManageError(Exception):
    """The database could not be brought on; the text is a sentence for the operator, *output* what was printed last."""

    def __init__(self, sentence: str, output: list[str] | None = None) -> None:
        super().__init__(sentence)
        self.output = output

    @property
    def result(self) -> dict[str, Any]:
        """What a module that fails with it answers: msg, and output where something was run."""
        return {"msg": str(self), **({} if self.output is None else {"output": self.output})}


def last_lines(text: str) -> tuple[str, list[str]]:
    """Return the exception that ended a command, or else the last line that it printed, and its last lines."""
    lines = [mask_text(line.strip()) for line in text.splitlines() if line.strip()]
    return reason_in(lines) or (lines[-1] if lines else "no output"), lines[-_OUTPUT_LINES:]


class GlanceManage:
    """C(glance-manage) of a release with one configuration: the options manage, config_file, user, python, timeout."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.program, self.config_file = params["manage"], params["config_file"]
        self.user, self.python, self.timeout = params["user"], params["python"], params["timeout"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run C(glance-manage db) to an end of its own, good or bad; raises ManageError when that can't be."""
        command = [self.program, f"--config-file={self.config_file}", "db", *arguments]
        try:
            return run_as(self.user, command, self.timeout, stderr=subprocess.STDOUT, umask=0o027)
        except ProgramError as error:
            raise ManageError(f"{error}.") from error

    def succeed(self, *arguments: str, called: str = "") -> str:
        """Run a command that must succeed, *called* so in a sentence; return what it printed. Raises ManageError."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise self.failure(done, called or arguments[0])
        return done.stdout

    @staticmethod
    def failure(done: subprocess.CompletedProcess[str], called: str) -> ManageError:
        """Return the error that says why a command did not succeed."""
        reason, output = last_lines(done.stdout)
        return ManageError(
            f"'glance-manage db {called}' should succeed, found exit code {done.returncode}: {reason}", output
        )

    def query(self, seconds: float) -> dict[str, list[str]]:
        """Ask the database itself for C(revisions) and C(namespaces), of which an empty one has none.

        Raises ProgramError with the reason if it can't be asked. Loads the libraries of the release, but not Glance.
        """
        done = run_as(self.user, [self.python, "-c", _QUERY, self.config_file], seconds, umask=0o027)
        if done.returncode != 0:
            reason = reason_in(done.stderr.splitlines()) or last_line(done.stderr)
            raise ProgramError(mask_text(reason) or f"exit code {done.returncode}")
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise ProgramError(last_line(done.stdout) or "no output") from error

    def namespaces(self) -> set[str]:
        """Return the namespaces of metadata definitions in the database; raises ManageError when that can't be."""
        try:
            return set(self.query(self.timeout)["namespaces"])
        except ProgramError as error:
            raise ManageError(f"The database should tell which metadata definitions it has, found: {error}.") from error
