"""Hold the database of a new configuration file against that of the one in use, before it takes its place.

Exits with one printed line when the new database lacks images that the present one holds.
"""

from __future__ import annotations

import configparser
import os
import sys

SECONDS = 10
NAMED = 3


def connection(path: str) -> str:
    """Return the URL of the database in a configuration file; empty where there is none."""
    parser = configparser.RawConfigParser(default_section="", strict=False, allow_no_value=True)
    parser.read(path)
    return parser.get("database", "connection", fallback="") or ""


def place(url: sqlalchemy.engine.URL) -> tuple:
    """Return what makes a database another one: engine, host, port and name, not who logs in and how."""
    return url.get_backend_name().replace("mariadb", "mysql"), url.host, url.port, url.database


def images(url: sqlalchemy.engine.URL) -> set[str]:
    """Return the ids of all images that users have or can get back; none where the tables are yet to be made."""
    file = url.get_backend_name() == "sqlite"
    if file and not os.path.exists(url.database or ""):
        return set()
    engine = sqlalchemy.create_engine(url, connect_args={} if file else {"connect_timeout": SECONDS})
    try:
        if "images" not in sqlalchemy.inspect(engine).get_table_names():
            return set()
        kept = sqlalchemy.text("SELECT id FROM images WHERE status NOT IN ('deleted', 'killed')")
        with engine.connect() as database:
            return {row[0] for row in database.execute(kept)}
    finally:
        engine.dispose()


def refuse(expected: str, found: str, way: str) -> None:
    """End with a sentence; its way out is what the operator decides."""
    sys.exit(
        f"database_change: {expected}, found {found}: {way}, or set glance_database_allow_change to true to leave it"
    )


def main(present: str, wanted: str) -> None:
    """Compare the databases of two configuration files."""
    urls = [connection(path).replace("$$", "$") for path in (present, wanted)]
    if not all(urls):
        return
    # By the name that SQLAlchemy 1.3, which ussuri brings, has too.
    before, after = (sqlalchemy.engine.url.make_url(url) for url in urls)
    if place(before) == place(after):
        return
    held, reason = None, ""
    try:
        held = images(before)
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
    try:
        there = images(after)
    except sqlalchemy.exc.SQLAlchemyError:
        # The trial start of the service tells why.
        return
    if held is None and not there:
        refuse(
            f"the database that the service uses now, at {before.host}, should tell which images it holds",
            f"no answer of it ({reason}) and no image in the new one, at {after.host}",
            "have it answer",
        )
    missing = sorted(held - there) if held else []
    if missing:
        named = ", ".join(missing[:NAMED]) + (" and others" if len(missing) > NAMED else "")
        refuse(
            f"the database should hold all {len(held)} images of the present one",
            f"that the new one lacks {len(missing)} of them ({named})",
            "bring a dump of the present one there first (docs/database.md)",
        )


try:
    import sqlalchemy
    import sqlalchemy.exc
except ImportError as error:
    sys.exit(f"database_change: the libraries of the database should be there, found: {error}")

if __name__ == "__main__":
    main(*sys.argv[1:])
