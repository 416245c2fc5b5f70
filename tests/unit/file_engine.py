"""A database in a file of SQLite's, for tests of what surrounds a dump; no deployment has one."""

import contextlib
import shutil
import sqlite3

from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import TABLES, DumpError, Engine


class FileEngine(Engine):
    """Does what the engines of servers do."""

    suffix = "file"

    def dump(self, path):
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(contextlib.closing(sqlite3.connect(f"/{self.login.name}", timeout=60)))
            copy = stack.enter_context(contextlib.closing(sqlite3.connect(path)))
            try:
                source.backup(copy)
            except sqlite3.Error as error:
                raise DumpError(str(error)) from error

    def read(self, path):
        tables = {}
        with contextlib.closing(sqlite3.connect(path)) as copy:
            for table in TABLES:
                found = copy.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in found.description]
                rows = ([None if value is None else str(value) for value in row] for row in found)
                tables[table] = [dict(zip(names, row, strict=True)) for row in rows]
        return tables

    def restore(self, path):
        shutil.copyfile(path, f"/{self.login.name}")
