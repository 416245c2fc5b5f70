"""Delete the records of what was deleted in Glance long ago, and of nothing whose data waits to be scrubbed.

Runs on a host with Glance's own libraries, as the service user, with a configuration that has the database. The verbs:

probe    Look whether the configuration and the database can be used.
check    Look what would go; fail, with their ids, if images stand in the way.
purge    Let it go, with glance-manage.

check and purge print one line of JSON: how many records of each table are older than that, or were.
Ends with 0, with 75 if images stand in the way, and with 1 and a last line on stderr otherwise. Times are in UTC.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

Moment = datetime.datetime
CONFIG_FILE = "/etc/glance/glance-purge.conf"
PENDING = "pending_delete"
# From sysexits.h, EX_TEMPFAIL: the program works, and what it could not do is tried again.
LEFT_BEHIND = 75
# What gets too old within this time is looked at, too: glance-manage begins later than the look.
AHEAD = datetime.timedelta(hours=1)
# A location that stays is made so much younger than what goes, and no younger than any deletion that can be restored.
SPARED = datetime.timedelta(minutes=30)
# Glance's own limit; without one, MariaDB and Ussuri refuse (glance/cmd/manage.py, _purge).
ALL_ROWS = 2**31 - 1
NAMED_IDS = 20
DELETED = ("image_properties", "image_tags", "image_locations", "image_members", "tasks")
OLD = "SELECT COUNT(*) FROM {table} WHERE deleted_at < :limit"
OLD_TASK_INFO = "SELECT COUNT(*) FROM task_info WHERE task_id IN (SELECT id FROM tasks WHERE deleted_at < :limit)"
# Data that is still in a store: of images that wait for the scrubber, and of others that lost a copy.
WAITING = """
SELECT image_locations.id AS id, image_id, image_locations.deleted_at AS removed_at, images.status AS status,
images.deleted_at AS deleted_at FROM image_locations JOIN images ON images.id = image_id
WHERE image_locations.status = 'pending_delete'
"""
# Of an image whose location was removed long after it, by a scrubber that could not do that before.
CHILDREN = """
SELECT DISTINCT image_id FROM {table} JOIN images ON images.id = image_id WHERE images.deleted_at < :limit
"""
SPARE = "UPDATE image_locations SET deleted_at = :moment WHERE id = :id AND status = 'pending_delete'"


class RefusalError(Exception):
    """What was asked for can't be done; the text is one sentence for the operator."""


class HeldError(RefusalError):
    """It can't be done yet, since images stand in the way."""


def now() -> Moment:
    """Return the time as Glance writes it into the database: UTC, without a zone."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def say(text: str) -> None:
    """Print a line for the journal."""
    print(f"purge_records: {text}", file=sys.stderr, flush=True)


def engine_of(path: str) -> Any:
    """Return the engine of the database that a configuration file names, made as Glance does."""
    from oslo_config import cfg
    from oslo_db import options as database_options
    from oslo_db.sqlalchemy import enginefacade

    config = cfg.ConfigOpts()
    config.register_opts(database_options.database_opts, "database")
    config([f"--config-file={path}"], project="glance", default_config_dirs=[])
    manager = enginefacade.transaction_context()
    manager.configure(**config.database)
    return manager.writer.get_engine()


def statement(text: str, *moments: str, times: tuple[str, ...] = ()) -> Any:
    """Return an SQL statement with parameters that are times, *moments*, and columns that are, *times*."""
    import sqlalchemy as sa

    bound = sa.text(text).bindparams(*(sa.bindparam(moment, type_=sa.DateTime) for moment in moments))
    return bound.columns(**dict.fromkeys(times, sa.DateTime)) if times else bound


def judge(waiting: Iterable[Any], limit: Moment) -> tuple[list[str], list[Any]]:
    """Return (ids of images that nothing may be purged before, locations to spare) of locations with data.

    An image that waits for the scrubber needs its location for that, and all that was deleted with it to be restored.
    Its youngest location was deleted with it; an older one was removed before. So was one of an image that does not
    wait, which is scrubbed only when that image is.
    """
    by_image: dict[str, list[Any]] = {}
    for location in waiting:
        by_image.setdefault(location.image_id, []).append(location)
    held, spared = [], []
    for image, locations in by_image.items():
        first = locations[0]
        last = max(location.removed_at for location in locations)
        if first.status == PENDING and min(last, first.deleted_at or last) < limit:
            held.append(image)
        else:
            spared += [location for location in locations if location.removed_at < limit]
    return sorted(held), spared


def count(engine: Any, limits: dict[str, Moment]) -> dict[str, int]:
    """Return how many records of each table were deleted before its limit."""
    with engine.connect() as connection:
        return {
            table: connection.execute(
                statement(OLD_TASK_INFO if table == "task_info" else OLD.format(table=table), "limit"), {"limit": limit}
            ).scalar()
            for table, limit in limits.items()
        }


def named(ids: list[str]) -> str:
    """Return how many images there are, and which."""
    return f"{len(ids)} in all: " + ", ".join(ids[:NAMED_IDS]) + (", ..." if len(ids) > NAMED_IDS else "")


def look(engine: Any, limit: Moment) -> list[Any]:
    """Return the locations to spare; raises HeldError if images wait that were deleted before *limit*."""
    with engine.connect() as connection:
        waiting = connection.execute(statement(WAITING, times=("removed_at", "deleted_at"))).fetchall()
    held, spared = judge(waiting, limit)
    if held:
        raise HeldError(f"nothing is purged while images that were deleted before wait to be scrubbed, {named(held)}")
    return spared


def spare(engine: Any, locations: list[Any], moment: Moment) -> None:
    """Keep locations, whose data nobody could find without them."""
    with engine.begin() as connection:
        for location in locations:
            connection.execute(statement(SPARE, "moment"), {"id": location.id, "moment": moment})


def see_that_images_can_go(engine: Any, limit: Moment) -> None:
    """Raise HeldError if there are records that belong to images deleted before *limit*; the database would refuse."""
    with engine.connect() as connection:
        for table in (table for table in DELETED if table != "tasks"):
            found = connection.execute(statement(CHILDREN.format(table=table), "limit"), {"limit": limit}).fetchall()
            if found:
                ids = sorted(row[0] for row in found)
                raise HeldError(f"no image goes while {table} has younger records of some that should, {named(ids)}")


def manage(config_file: str, verb: str, days: int) -> None:
    """Run glance-manage; raises RefusalError if it does not succeed."""
    program = os.path.join(os.path.dirname(sys.executable), "glance-manage")
    command = [program, f"--config-file={config_file}", "db", verb, f"--age_in_days={days}", f"--max_rows={ALL_ROWS}"]
    # It would say that eventlet, which a library looks for, is deprecated.
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=quiet, check=False)
    if done.returncode != 0:
        raise RefusalError(f"'glance-manage db {verb}' should end with 0, found {done.returncode}: its words are above")


def probe(options: argparse.Namespace) -> int:
    """Do once all that a run needs before it removes anything."""
    count(options.engine, dict.fromkeys(("task_info", *DELETED), now()))
    return 0


def purge(options: argparse.Namespace) -> int:
    """Let go what is old enough, and see that it went."""
    engine, begin = options.engine, now()
    limit = begin - datetime.timedelta(days=options.age)
    limits = dict.fromkeys(("task_info", *DELETED), limit)
    if options.images_age:
        limits["images"] = begin - datetime.timedelta(days=options.images_age)
    spared = look(engine, limit + AHEAD)
    old = count(engine, limits)
    old["image_locations"] -= sum(location.removed_at < limit for location in spared)
    if options.verb == "purge" and any(old.values()):
        spare(engine, spared, limit + SPARED)
        manage(options.config_file, "purge", options.age)
        if old.get("images"):
            see_that_images_can_go(engine, limits["images"])
            manage(options.config_file, "purge_images_table", options.images_age)
        left = {table: number for table, number in count(engine, limits).items() if number}
        if left:
            raise RefusalError(f"glance-manage should leave no records that are so old, found {left}")
        say("purged " + ", ".join(f"{number} of {table}" for table, number in old.items() if number))
    print(json.dumps(old))
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Delete the records of what was deleted in Glance long ago.")
    parser.add_argument("--config-file", default=CONFIG_FILE, help="a configuration with the database")
    parser.add_argument("--age", type=int, default=1, help="days since the deletion, 1 or more")
    parser.add_argument("--images-age", type=int, default=0, help="days since that of images; 0: their ids are kept")
    parser.add_argument("verb", choices=["probe", "check", "purge"])
    return parser.parse_args(arguments)


def main() -> int:
    """Run a verb; returns the exit code."""
    options = parse(sys.argv[1:])
    try:
        options.engine = engine_of(options.config_file)
        return {"probe": probe, "check": purge, "purge": purge}[options.verb](options)
    except HeldError as error:
        say(str(error))
        return LEFT_BEHIND
    except RefusalError as error:
        say(str(error))
    except Exception as error:
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
    return 1


if __name__ == "__main__":
    sys.exit(main())
