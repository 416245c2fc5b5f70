"""Look after images that wait to be scrubbed: deleted in Glance with delayed delete, their data still in the stores.

Runs on a host with Glance's own libraries, as the service user, with the scrubber's configuration. The verbs:

scrub    Run glance-scrubber once and fail, with their ids, if images that were due before are still there after it.
check    Fail, with their ids, if images wait for longer than they should.
probe    Look whether the configuration, the database and all stores can be used.
show     Print how many images wait, as one line of JSON.
postpone Keep the scrubber from an image for the next hour, and print what is known of it as one line of JSON.
restore  Make a postponed image active again, with its data, properties, tags and members; prints one line of JSON.

Ends with 0, with 75 if images are left behind, and with 1 and a last line on stderr otherwise. Times are in UTC.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import options as database_options
from oslo_db.sqlalchemy import enginefacade

# Glance itself is imported where a store is asked: a run that finds nothing to do takes a third of the time without it.
CONF = cfg.ConfigOpts()
Moment = datetime.datetime


# Ussuri's SQLAlchemy 1.3 and that of today both understand table.select(), and one condition for each where().
def table(title: str, **types: Any) -> sa.TableClause:
    """Return a table of Glance's with the columns that are used here; glance/db/sqlalchemy/models.py."""
    common = {"id": sa.String, "deleted": sa.Boolean, "deleted_at": sa.DateTime, "updated_at": sa.DateTime}
    return sa.table(title, *(sa.column(column, kind) for column, kind in {**common, **types}.items()))


IMAGES = table("images", name=sa.String, status=sa.String, size=sa.BigInteger, checksum=sa.String)
LOCATIONS = table("image_locations", image_id=sa.String, status=sa.String, value=sa.Text, meta_data=sa.Text)
PROPERTIES = table("image_properties", image_id=sa.String, name=sa.String)
TAGS = table("image_tags", image_id=sa.String, value=sa.String)
MEMBERS = table("image_members", image_id=sa.String, member=sa.String)
CONFIG_FILE = "/etc/glance/glance-scrubber.conf"
PENDING = "pending_delete"
# From sysexits.h, EX_TEMPFAIL: the program works, and what it could not do is tried again.
LEFT_BEHIND = 75
POSTPONED = datetime.timedelta(hours=1)
# Seconds that a postponement must still last when an image is restored.
MARGIN = datetime.timedelta(minutes=1)
NAMED_IDS = 20
# What the names of properties begin with that users can't set.
OWN_NOTES = "os_glance_"
POLL_SECONDS = 1
ATTEMPTS = 3
# What a store of this kind gives as size when it can't tell.
UNKNOWN_SIZE = 0


class RefusalError(Exception):
    """What was asked for can't be done, and nothing was changed; the text is one sentence for the operator."""


def now() -> Moment:
    """Return the time as Glance writes it into the database: UTC, without a zone."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def text_of(moment: Moment | None) -> str | None:
    """Return *moment* as ``2026-11-22T01:02:03Z``."""
    return moment and f"{moment.replace(microsecond=0).isoformat()}Z"


def read_config(path: str) -> None:
    """Read what is needed here of the configuration file *path*."""
    CONF.register_opts([cfg.IntOpt("scrub_time", default=0, min=0)])
    CONF.register_opts(database_options.database_opts, "database")
    CONF([f"--config-file={path}"], project="glance", default_config_dirs=[])


@functools.cache
def engine() -> sa.Engine:
    """Return the engine of Glance's database, made as Glance does; glance/db/sqlalchemy/api.py, get_engine."""
    manager = enginefacade.transaction_context()
    manager.configure(**CONF.database)
    return manager.writer.get_engine()


def say(text: str) -> None:
    """Print a line for the journal."""
    print(f"pending_images: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------- images that are waiting


def waiting() -> sa.ColumnElement[bool]:
    """Return the condition by which the scrubber finds images; glance/scrubber.py, _get_images_page."""
    return sa.and_(IMAGES.c.status == PENDING, IMAGES.c.deleted.is_(True))


def due(late: int = 0) -> sa.ColumnElement[bool]:
    """Return the condition for images that should have been scrubbed *late* seconds ago."""
    limit = now() - datetime.timedelta(seconds=CONF.scrub_time + late)
    return sa.and_(waiting(), IMAGES.c.deleted_at <= limit)


def rows(condition: sa.ColumnElement[bool]) -> list[Any]:
    """Return the images that meet *condition*, the longest deleted first."""
    wanted = IMAGES.select().where(condition).order_by(IMAGES.c.deleted_at)
    with engine().connect() as connection:
        return list(connection.execute(wanted))


def finish(condition: sa.ColumnElement[bool]) -> None:
    """Mark images without a location left as deleted.

    A scrubber that ends between an image's last location and the image never looks at that image again:
    glance/scrubber.py asks for locations that are pending only.
    """
    left = sa.exists().where(sa.and_(LOCATIONS.c.image_id == IMAGES.c.id, LOCATIONS.c.status == PENDING))
    finished = sa.update(IMAGES).where(sa.and_(condition, ~left)).values(status="deleted", updated_at=now())
    with engine().begin() as connection:
        if number := connection.execute(finished).rowcount:
            say(f"marked {number} of the images as deleted, since no data of them was left")


def judge(before: Iterable[Any], condition: sa.ColumnElement[bool]) -> list[Any]:
    """Return which images of *before* still meet *condition*."""
    finish(condition)
    still = {row.id for row in rows(condition)}
    return [row for row in before if row.id in still]


def report(left: list[Any]) -> int:
    """Tell which images are left behind; returns the exit code."""
    if not left:
        return 0
    for row in left:
        say(f"image {row.id}, {row.size} bytes, deleted {text_of(row.deleted_at)}, is still there")
    named = ", ".join(row.id for row in left[:NAMED_IDS]) + (", ..." if len(left) > NAMED_IDS else "")
    say(f"due and still there, {len(left)} in all: {named}")
    return LEFT_BEHIND


def scrub(options: argparse.Namespace) -> int:
    """Run glance-scrubber once, whose own exit code is 0 when deletions fail, and look at what it left."""
    condition = due()
    before = rows(condition)
    if not before:
        return 0
    program = os.path.join(os.path.dirname(sys.executable), "glance-scrubber")
    # Again for what is left: SQLite may be locked by the API at that moment, which is no reason to wake anybody.
    for _attempt in range(ATTEMPTS):
        done = subprocess.run([program, f"--config-file={options.config_file}"], stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            say(f"glance-scrubber should end with 0, found {done.returncode}")
            return 1
        before = judge(before, condition)
        if not before:
            break
    return report(before)


def check(options: argparse.Namespace) -> int:
    """Look for images that should have been scrubbed *late* seconds ago, until none goes for *wait* seconds."""
    condition, deadline = due(options.late), time.monotonic() + options.wait
    left = judge(rows(condition), condition)
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        still = judge(left, condition)
        if len(still) < len(left):
            deadline = time.monotonic() + options.wait
        left = still
    return report(left)


def read_values(options: Mapping[str, Any]) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read_values(value)


def probe(options: argparse.Namespace) -> int:
    """Do once all that a run needs before it removes anything."""
    read_values(create_stores(options.config_file))
    rows(due())
    return 0


def show(_options: argparse.Namespace) -> int:
    """Print the backlog."""
    found, overdue = rows(waiting()), rows(due())
    print(
        json.dumps(
            {
                "count": len(found),
                "bytes": sum(row.size or 0 for row in found),
                "oldest": text_of(found[0].deleted_at) if found else None,
                "due": len(overdue),
                "due_ids": [row.id for row in overdue[:NAMED_IDS]],
            }
        )
    )
    return 0


# ------------------------------------------------------------------------------------------------- one image, once more


def create_stores(config_file: str) -> Any:
    """Make the stores known, as glance/cmd/scrubber.py does; returns all of Glance's configuration."""
    import glance_store
    from glance.common import config

    # Every driver that lacks a library would be reported as an error, in use or not.
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)
    config.CONF.import_opt("enabled_backends", "glance.common.wsgi")
    config.CONF.import_opt("scrub_time", "glance.scrubber")
    config.parse_args(args=[f"--config-file={config_file}"])
    glance_store.register_store_opts(config.CONF)
    glance_store.create_multi_stores(config.CONF)
    return config.CONF


def store_of(location: Any) -> str | None:
    """Return the name of the store that *location* is in."""
    return json.loads(location.meta_data or "{}").get("store")


def size_in(location: Any) -> int | None:
    """Return how many bytes a location holds, None for none; raises RefusalError when its store can't tell."""
    import glance_store
    from glance import context
    from glance.common import config, crypt

    uri, store, key = location.value, store_of(location), config.CONF.metadata_encryption_key
    if key:
        uri = crypt.urlsafe_decrypt(key, uri)
    try:
        return glance_store.get_size_from_uri_and_backend(uri, store, context=context.get_admin_context())
    except glance_store.exceptions.NotFound:
        return None
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise RefusalError(f"its data in the store {store} can't be looked at: {reason}") from error


def read_image(image_id: str) -> Any:
    """Return the row of a deleted image whose data waits to be scrubbed; raises RefusalError for any other."""
    with engine().connect() as connection:
        image = connection.execute(IMAGES.select().where(IMAGES.c.id == image_id)).first()
    if image is None:
        raise RefusalError("there is no image of that id in the database")
    if image.status == "deleted":
        raise RefusalError("its data was removed, by the scrubber or by a deletion without delay")
    if image.status != PENDING or not image.deleted:
        raise RefusalError(f"it is not deleted: its status is {image.status}")
    return image


def find_data(image: Any) -> tuple[list[Any], list[Any]]:
    """Return the locations that were deleted with *image* as (those with all its data, those without any)."""
    wanted = LOCATIONS.select().where(sa.and_(LOCATIONS.c.image_id == image.id, LOCATIONS.c.status == PENDING))
    with engine().connect() as connection:
        found = list(connection.execute(wanted))
    # A location that a user removed from the image earlier has this status too, and stays removed.
    last = max((location.deleted_at for location in found), default=None)
    found = [location for location in found if location.deleted_at >= last - MARGIN]
    whole, gone = [], []
    for location in found:
        size = size_in(location)
        if size is None:
            gone.append(location)
        elif size < (image.size or 0) and not (size == UNKNOWN_SIZE and not location.value.startswith("file:")):
            raise RefusalError(f"its data in the store {store_of(location)} has {size} bytes, not {image.size}")
        else:
            whole.append(location)
    if not whole:
        raise RefusalError("its data was removed")
    return whole, gone


def postpone(options: argparse.Namespace) -> int:
    """Move the deletion of an image so far that no run of the scrubber which starts within an hour looks at it."""
    create_stores(options.config_file)
    image = read_image(options.image_id)
    find_data(image)
    later = max(image.deleted_at, now() - datetime.timedelta(seconds=CONF.scrub_time) + POSTPONED)
    moved = sa.update(IMAGES).where(sa.and_(IMAGES.c.id == image.id, waiting()))
    with engine().begin() as connection:
        if connection.execute(moved.values(deleted_at=later)).rowcount != 1:
            raise RefusalError("its data is being removed just now")
    print(json.dumps({"id": image.id, "name": image.name, "size": image.size, "deleted_at": str(image.deleted_at)}))
    return 0


def latest_of(connection: sa.Connection, key: sa.Column, image_id: str, since: Moment) -> list[int]:
    """Return the ids of the rows of *key*'s table that were deleted *since*, one for each value of that column."""
    columns = key.table.c
    with_image = sa.and_(columns.image_id == image_id, columns.deleted.is_(True), columns.deleted_at >= since)
    own = key.startswith(OWN_NOTES, autoescape=True) if key.table is PROPERTIES else sa.false()
    wanted = key.table.select().where(sa.and_(with_image, ~own)).order_by(columns.id)
    return list({getattr(row, key.name): row.id for row in connection.execute(wanted)}.values())


def revive(connection: sa.Connection, image: Any, whole: list[Any], gone: list[Any]) -> None:
    """Undo the deletion of an image and of all that was deleted with it, and of no tag or member deleted before.

    Glance marks the locations first and all else after that (glance/location.py, image_destroy), so what is as young
    as the youngest location was deleted with the image. Properties that had been removed before can't be told from the
    others: ImageRepo.remove (glance/db/__init__.py) deletes them once more, with purge_props. Of these, Glance's own
    notes on an import would mislead.
    """
    alive = {"deleted": False, "deleted_at": None}
    same = sa.and_(IMAGES.c.id == image.id, waiting(), IMAGES.c.deleted_at == image.deleted_at)
    ready = sa.update(IMAGES).where(same)
    if connection.execute(ready.values(status="active", updated_at=now(), **alive)).rowcount != 1:
        raise RefusalError("its data is being removed just now")
    since = max(location.deleted_at for location in [*whole, *gone])
    for location in whole:
        connection.execute(sa.update(LOCATIONS).where(LOCATIONS.c.id == location.id).values(status="active", **alive))
    for location in gone:
        connection.execute(sa.update(LOCATIONS).where(LOCATIONS.c.id == location.id).values(status="deleted"))
    for key in (PROPERTIES.c.name, TAGS.c.value, MEMBERS.c.member):
        ids = latest_of(connection, key, image.id, since)
        connection.execute(sa.update(key.table).where(key.table.c.id.in_(ids)).values(**alive))


def put_back(image_id: str, deleted_at: str | None) -> None:
    """End a postponement."""
    if deleted_at is None:
        return
    moment = datetime.datetime.fromisoformat(deleted_at)
    back = sa.update(IMAGES).where(sa.and_(IMAGES.c.id == image_id, IMAGES.c.deleted.is_(True)))
    with engine().begin() as connection:
        connection.execute(back.values(deleted_at=moment))


def expect_postponed(image: Any) -> None:
    """Raise RefusalError if a run of the scrubber that starts now or soon would look at *image*."""
    if image.deleted_at + datetime.timedelta(seconds=CONF.scrub_time) < now() + MARGIN:
        raise RefusalError("the scrubber may remove its data any moment: postpone that first")


def restore(options: argparse.Namespace) -> int:
    """Make an image active again, in one transaction; what is refused is left as it was before it was postponed."""
    create_stores(options.config_file)
    try:
        image = read_image(options.image_id)
        expect_postponed(image)
        whole, gone = find_data(image)
        with engine().begin() as connection:
            revive(connection, image, whole, gone)
    except RefusalError:
        put_back(options.image_id, options.deleted_at)
        raise
    known = {"id": image.id, "name": image.name, "size": image.size, "checksum": image.checksum}
    print(json.dumps({**known, "stores": [*map(store_of, whole)], "dropped": [*map(store_of, gone)]}))
    return 0


# ------------------------------------------------------------------------------------------------------------ the verbs


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Look after the images that wait to be scrubbed.")
    parser.add_argument("--config-file", default=CONFIG_FILE, help="the scrubber's configuration")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in (scrub, check, probe, show, postpone, restore):
        added = verbs.add_parser(verb.__name__, help=(verb.__doc__ or "").splitlines()[0])
        added.set_defaults(run=verb)
        if verb is check:
            added.add_argument("--late", type=int, default=0, help="seconds that an image may wait beyond scrub_time")
            added.add_argument("--wait", type=int, default=0, help="seconds to go on while none of them goes")
        if verb in (postpone, restore):
            added.add_argument("image_id")
        if verb is restore:
            added.add_argument("--deleted-at", help="what postpone has printed, put back when the image is refused")
    return parser.parse_args(arguments)


def main() -> int:
    """Run a verb; returns the exit code."""
    options = parse(sys.argv[1:])
    try:
        read_config(options.config_file)
        return options.run(options)
    except RefusalError as error:
        say(str(error))
    except Exception as error:
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
    return 1


if __name__ == "__main__":
    sys.exit(main())
