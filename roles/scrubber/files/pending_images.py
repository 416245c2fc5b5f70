"""Look after images that wait to be scrubbed, and after data that Glance has lost from sight.

Runs on a host with Glance's own libraries, as the service user, with the scrubber's configuration or, on a host without
one, with the API's. The verbs:

scrub    Mend, run glance-scrubber once, and fail, with their ids, if images that were due before are still there.
check    Mend, and fail, with their ids, if images wait for longer than they should.
mend     Put right what the database and the stores disagree in, where nothing can be lost; prints one line of JSON.
audit    Print what they disagree in as one line of JSON; changes nothing.
staged   Remove what imports have left on this host, give up those whose process has ended; prints one line of JSON.
rekey    Write the present keys of stores into the locations of images; prints one line of JSON.
probe    Look whether the configuration, the database and all stores can be used.
show     Print how many images wait, as one line of JSON.
postpone Keep the scrubber from an image for the next hour, and print what is known of it as one line of JSON.
restore  Make a postponed image active again, with its data, properties, tags and members; prints one line of JSON.

Ends with 0, with 75 if images are left behind, and with 1 and a last line on stderr otherwise. Times are in UTC.
What is wrong is judged by image_audit.py, which lies beside this file: plugins/module_utils/image_audit.py. Stores
that have no folder are listed by stored_objects.py.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import image_audit
import sqlalchemy as sa
import stored_objects
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


IMAGES = table(
    "images",
    name=sa.String,
    status=sa.String,
    size=sa.BigInteger,
    virtual_size=sa.BigInteger,
    checksum=sa.String,
    os_hash_algo=sa.String,
    os_hash_value=sa.String,
    disk_format=sa.String,
)
LOCATIONS = table("image_locations", image_id=sa.String, status=sa.String, value=sa.Text, meta_data=sa.Text)
PROPERTIES = table("image_properties", image_id=sa.String, name=sa.String, value=sa.Text)
TAGS = table("image_tags", image_id=sa.String, value=sa.String)
MEMBERS = table("image_members", image_id=sa.String, member=sa.String)
JOBS = table("tasks", status=sa.String, expires_at=sa.DateTime)
JOB_INFO = sa.table("task_info", *map(sa.column, ("task_id", "input", "message")))
CONFIG_FILE = "/etc/glance/glance-scrubber.conf"
# Only the API's configuration says where data waits for its import.
API_CONFIG_FILE = "/etc/glance/glance-api.conf"
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
    CONF.register_opts(
        [
            cfg.IntOpt("scrub_time", default=0, min=0),
            cfg.DictOpt("enabled_backends", default={}),
            cfg.StrOpt("metadata_encryption_key", secret=True),
        ]
    )
    CONF.register_opts([cfg.IntOpt("task_time_to_live", default=48)], "task")
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
    failed = take_up(options)
    condition = due()
    before = rows(condition)
    if not before:
        return failed
    program = os.path.join(os.path.dirname(sys.executable), "glance-scrubber")
    # Again for what is left, since the API may be at work on it at that moment, which is no reason to wake anybody.
    for _attempt in range(ATTEMPTS):
        done = subprocess.run([program, f"--config-file={options.config_file}"], stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            say(f"glance-scrubber should end with 0, found {done.returncode}")
            return 1
        before = judge(before, condition)
        if not before:
            break
    return report(before) or failed


def check(options: argparse.Namespace) -> int:
    """Look for images that should have been scrubbed *late* seconds ago, until none goes for *wait* seconds."""
    failed = take_up(options)
    condition, deadline = due(options.late), time.monotonic() + options.wait
    left = judge(rows(condition), condition)
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        still = judge(left, condition)
        if len(still) < len(left):
            deadline = time.monotonic() + options.wait
        left = still
    return report(left) or failed


def read_values(options: Mapping[str, Any]) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read_values(value)


def probe(options: argparse.Namespace) -> int:
    """Do once all that a run needs before it removes anything."""
    config = create_stores(options.config_file)
    read_values(config)
    check_stores(config.enabled_backends or {})
    rows(due())
    return 0


def check_stores(names: Iterable[str]) -> None:
    """Raise RefusalError with each store that can't be used; Glance would leave its images where they are."""
    from glance_store import capabilities, multi_backend

    faults = []
    for name in names:
        try:
            store = multi_backend.get_store_from_store_identifier(name)
            # A driver that only reads can do so whatever its configuration.
            if not store.is_capable(capabilities.BitMasks.WRITE_ACCESS):
                store.configure(re_raise_bsc=True)
        except Exception as error:
            faults.append(f"the store {name} should be usable, found {error}".replace("\n", " "))
    if faults:
        raise RefusalError("; ".join(faults))


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


@functools.cache
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


def uri_of(location: Any) -> str:
    """Return where the data of *location* is, which may be encrypted in the database."""
    # One that was recorded before there was a key is as it was; Base64 has no colon.
    if not value_is_encrypted(location):
        return location.value
    from glance.common import crypt

    return crypt.urlsafe_decrypt(CONF.metadata_encryption_key, location.value)


def size_in(location: Any) -> int | None:
    """Return how many bytes a location holds, None for none; raises RefusalError when its store can't tell."""
    import glance_store
    from glance import context

    store = store_of(location)
    try:
        if scheme_of(uri_of(location)) == "swift":
            return stored_objects.swift_size(store_named(store), uri_of(location))
        return glance_store.get_size_from_uri_and_backend(uri_of(location), store, context=context.get_admin_context())
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
        elif image.size is None and scheme_of(uri_of(location)) not in FOREIGN:
            raise RefusalError("it never had data that Glance accepted")
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
    # Glance says of some that all is removed, though nothing is.
    take_up(options, {options.image_id}, ("unqueued", "ghost"))
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


# ------------------------------------------------------------------------------------ what the database and stores hold

# What glance_store gives the exact size of without reading it, from servers of the operator.
SIZED = tuple(stored_objects.DRIVERS)
# A deletion of these is refused by the store, since the data is somebody else's.
FOREIGN = ("http", "https", "cinder", "vsphere")
LOCKS = ("os_glance_import_task", "os_glance_importing_to_stores")
STAGE_HOST = "os_glance_stage_host"
NOTES = (*LOCKS, STAGE_HOST, "os_glance_hash_op_host")
# What mends without the stores: an import that is over, and what it left in the folders of this host.
GIVEN_UP = ("abandoned", "failed", "task")
LEFT_OVER = ("file", "queued")
# What users read in the task of an import that was given up.
ENDED = "The server that worked on it has ended; the image can be imported again."
# Swept locations that a run looks at, and ids in one statement.
SWEPT_AT_ONCE, IDS_AT_ONCE = 1000, 500
# What the database and the stores disagree in while a request is at work is over after so many seconds.
PATIENCE = 20
# The folders of imports.
STAGED = (image_audit.STAGING, image_audit.TASKS)
READ_BYTES = 1 << 20


def seconds_of(moment: Moment | None) -> float | None:
    """Return a time of the database in seconds since the epoch."""
    return moment and moment.replace(tzinfo=datetime.timezone.utc).timestamp()


def scheme_of(uri: str) -> str:
    """Return the kind of store that has such URIs, such as s3 for s3+https://."""
    return uri.partition("://")[0].partition("+")[0]


def folders(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the folders of file stores, and those of data that waits for its import, as (store, path)."""
    found = []
    for store, driver in CONF.enabled_backends.items():
        if driver == "file":
            one, many = cfg.StrOpt("filesystem_store_datadir"), cfg.MultiStrOpt("filesystem_store_datadirs", default=[])
            CONF.register_opts([one, many], store)
            several = [path.rpartition(":")[0] or path for path in CONF[store].filesystem_store_datadirs]
            default = CONF[store].filesystem_store_datadir or "/var/lib/glance/images"
            found += [(store, path) for path in several or [default]]
    api = configparser.RawConfigParser(strict=False, delimiters="=", interpolation=None)
    with contextlib.suppress(OSError, configparser.Error):
        api.read(options.api_config_file)
    for store in (image_audit.STAGING, image_audit.TASKS):
        if path := api.get(store, "filesystem_store_datadir", fallback=""):
            found.append((store, path))
    return found


def open_files() -> tuple[set[tuple[int, int]], bool, float | None]:
    """Return (the inodes that processes of the service have open, whether all could be seen, the oldest's start)."""
    inodes, complete, starts = set(), True, []
    with open("/proc/uptime", encoding="ascii") as file:
        booted = time.time() - float(file.read().split()[0])
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = f"/proc/{pid}"
        try:
            if int(pid) == os.getpid() or os.stat(folder).st_uid != os.geteuid():
                continue
            with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
                # proc(5): the name, in parentheses, may hold anything; field 22 is the start in ticks after the boot.
                ticks = int(file.read().rpartition(")")[2].split()[19])
            starts.append(booted + ticks / os.sysconf("SC_CLK_TCK"))
            for name in os.listdir(f"{folder}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(f"{folder}/fd/{name}")
                    inodes.add((status.st_dev, status.st_ino))
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            complete = False
    return inodes, complete, min(starts, default=time.time())


def find_files(
    options: argparse.Namespace, opened: set[tuple[int, int]], stores: Iterable[str] = ()
) -> list[image_audit.File]:
    """Return the files that are named as Glance names files, of all *stores* if none is named.

    Raises OSError when a folder can't be read.
    """
    found, seen = [], set()
    for store, folder in folders(options):
        # Two stores may have one folder.
        if (real := os.path.realpath(folder)) in seen:
            continue
        seen.add(real)
        if stores and store not in stores:
            continue
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                owner = image_audit.id_in(entry.name, store)
                if owner and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    inode = (status.st_dev, status.st_ino)
                    found.append(
                        image_audit.File(
                            store, entry.path, owner, inode, status.st_mtime, status.st_size, inode in opened
                        )
                    )
    return found


class Objects:
    """The objects of *stores* without a folder, by store and id, and why a store could not be listed."""

    def __init__(self, options: argparse.Namespace, stores: Mapping[str, str]) -> None:
        self.drivers = {name: kind for name, kind in stores.items() if kind in stored_objects.DRIVERS}
        self.listed: dict[str, stored_objects.Listing] = {}
        self.unlisted: dict[str, str] = {}
        if self.drivers:
            create_stores(options.config_file)
        for name, kind in self.drivers.items():
            try:
                store = store_named(name)
                if stored_objects.lists(kind, store):
                    self.listed[name] = stored_objects.DRIVERS[kind].list(store)
                else:
                    self.unlisted[name] = "each user has an account of his own there"
            except Exception as error:
                self.unlisted[name] = f"{type(error).__name__}: {error}".replace("\n", " ")

    def ids(self) -> set[str]:
        """Return the ids of all objects."""
        return {image_id for listing in self.listed.values() for image_id in listing}

    def seen(self, row: Any, uri: str) -> stored_objects.Stored | None:
        """Return what the list of a store has of an image's own object; None if that is to be asked for."""
        name = store_of(row)
        # In another container, one of that name is another one.
        kept = name in self.listed and stored_objects.is_kept_as(
            self.drivers[name], store_named(name), uri, row.image_id
        )
        return self.listed[name].get(row.image_id) if kept else None

    def unnamed(self, named: set[tuple[str, str]], only: set[str] | None) -> list[image_audit.File]:
        """Return the objects that are not among those *named*, (driver, id)."""
        found = []
        for name, listing in self.listed.items():
            kind = self.drivers[name]
            asked = [each for each in sorted(listing) if (kind, each) not in named and (only is None or each in only)]
            store = store_named(name) if asked else None
            for image_id in asked:
                if seen := stored_objects.look(kind, store, image_id, listing):
                    place = f"{name}/{image_id}"
                    found.append(image_audit.File(name, place, image_id, image_audit.NO_INODE, seen.written, seen.size))
        return found

    def remove(self, file: image_audit.File) -> bool:
        """Remove an object that is still the one that was judged; returns whether it was."""
        seen = stored_objects.Stored(file.size, file.mtime)
        return stored_objects.remove(self.drivers[file.store], store_named(file.store), file.id, seen)


def object_in(uri: str) -> tuple[str, str]:
    """Return the driver and the name of the object that is at a URI; a snapshot follows the name of one in Ceph."""
    parts = uri.split("/")
    return scheme_of(uri), parts[-2 if scheme_of(uri) == "rbd" and len(parts) > 4 else -1]


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Give *ids* in lists that one statement can take."""
    rest = list(ids)
    while rest:
        yield rest[:IDS_AT_ONCE]
        rest = rest[IDS_AT_ONCE:]


class Records:
    """What the database says, in one snapshot of it. *only* are the ids of images to look at, None for all.

    *owners* are the ids of further images, by whose names something lies in a store.
    """

    def __init__(self, owners: set[str], only: set[str] | None = None) -> None:
        self.only, self.images, self.rows = only, {}, {}
        with engine().connect() as connection:
            if connection.dialect.name in ("mysql", "postgresql"):
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                self.read(connection, owners)

    def read(self, connection: sa.Connection, owners: set[str]) -> None:
        """Read all that a judgement needs."""
        columns, images = LOCATIONS.c, IMAGES.c
        alive = sa.or_(images.deleted.is_(False), images.status == PENDING)
        self.keep(connection, alive if self.only is None else sa.false())
        undone = sa.or_(columns.deleted.is_(False), columns.status != "deleted")
        of_same = sa.and_(images.id == columns.image_id, images.deleted_at == columns.deleted_at)
        with_image = sa.exists().where(sa.and_(of_same, images.status == "deleted", images.deleted.is_(True)))
        unseen = columns.updated_at == columns.deleted_at
        marked = sa.and_(columns.status == "deleted", columns.deleted.is_(True), unseen)
        swept = LOCATIONS.select().where(sa.and_(marked, with_image))
        if self.only is None:
            found = list(connection.execute(LOCATIONS.select().where(undone)))
        else:
            named = columns.image_id.in_(self.only)
            found = list(connection.execute(LOCATIONS.select().where(sa.and_(undone, named))))
            swept = swept.where(named)
        swept = list(connection.execute(swept.order_by(columns.id.desc()).limit(SWEPT_AT_ONCE)))
        if self.only is not None and (values := [row.value for row in [*found, *swept]]):
            # Of other images, which may have the same data.
            found += connection.execute(LOCATIONS.select().where(sa.and_(undone, columns.value.in_(values))))
        self.swept = {row.id for row in swept}
        self.rows = {row.id: row for row in [*found, *swept]}
        wanted = {row.image_id for row in self.rows.values()} | owners | (self.only or set())
        for ids in chunks(sorted(wanted - set(self.images))):
            self.keep(connection, images.id.in_(ids))
        locks = sa.and_(PROPERTIES.c.name.in_(LOCKS), PROPERTIES.c.deleted.is_(False))
        self.locked = {row.image_id for row in connection.execute(PROPERTIES.select().where(locks)) if row.value}
        # The column tasks.image_id is younger than Ussuri.
        inputs = {row.task_id: row.input for row in connection.execute(JOB_INFO.select())}
        self.tasks = []
        known = set()
        for row in connection.execute(JOBS.select()):
            known.add(row.id)
            if not row.deleted:
                updated, owner = seconds_of(row.updated_at) or 0.0, image_in(inputs.get(row.id))
                self.tasks.append(image_audit.Task(row.id, row.status, updated, owner))
        self.known_tasks = frozenset(known)

    def keep(self, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
        """Keep the images that meet *condition*."""
        for row in connection.execute(IMAGES.select().where(condition)):
            self.images[row.id] = row


def image_in(text: str | None) -> str:
    """Return the id of the image that the input of a task names."""
    try:
        return str(json.loads(text or "{}").get("image_id", ""))
    except (ValueError, AttributeError):
        return ""


class Look:
    """One look at the files, and after that at the records: what came in between has a record and no file here.

    *whole* looks for the data of every image, too; *staged* at the folders of imports alone, and no store is asked.
    Changes nothing.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        *,
        whole: bool = False,
        only: set[str] | None = None,
        staged: bool = False,
    ) -> None:
        opened, complete, since = open_files()
        found = find_files(options, opened, STAGED if staged else ())
        if staged:
            under_way = sa.and_(IMAGES.c.status.in_(image_audit.UPLOADING), IMAGES.c.deleted.is_(False))
            only = {file.id for file in found} | {row.id for row in rows(under_way)}
        files = [file for file in found if only is None or file.id in only]
        self.options, self.only = options, only
        self.objects = Objects(options, {} if staged else CONF.enabled_backends)
        stored = self.objects.ids() if only is None else self.objects.ids() & only
        self.records = Records({file.id for file in files} | stored, only)
        self.uris = {number: uri_of(row) for number, row in self.records.rows.items()}
        undone = [number for number, row in self.records.rows.items() if row.status != "deleted" or not row.deleted]
        files += self.objects.unnamed({object_in(self.uris[number]) for number in undone}, only)
        self.rules = image_audit.Rules(
            now=time.time(),
            scrub_time=CONF.scrub_time,
            late=getattr(options, "late", 0),
            stuck_after=options.stuck_after,
            only_host=options.only_host,
            since=since,
            sees_open_files=complete,
            files_only=set(CONF.enabled_backends.values()) <= {"file", "http"},
        )
        self.images = {row.id: self.image(row) for row in self.records.images.values()}
        self.readers: dict[str, set[str]] = {}
        for number, row in self.records.rows.items():
            if not row.deleted:
                self.readers.setdefault(self.uris[number], set()).add(row.image_id)
        suspects = self.suspects([file for file in files if file.store not in STAGED])
        locations = [self.location(row, row.id in suspects) for row in self.records.rows.values()]
        self.survey = image_audit.Survey(
            self.rules,
            self.images,
            locations,
            files,
            self.records.tasks,
            {} if staged else self.data(locations, whole),
            self.records.known_tasks,
        )

    def image(self, row: Any) -> image_audit.Image:
        """Return what is judged of an image's record. A lock is as old as its task is."""
        updated = seconds_of(row.updated_at) or 0.0
        tasks = [task.updated_at for task in self.records.tasks if task.image_id == row.id] if self.locked(row) else []
        importing = self.locked(row) and max(updated, *tasks, 0.0) > self.rules.now - self.options.stuck_after
        return image_audit.Image(
            row.id, row.status, bool(row.deleted), row.size, updated, seconds_of(row.deleted_at), importing
        )

    def locked(self, row: Any) -> bool:
        """Whether an import has said that the image is its own."""
        return row.id in self.records.locked

    def suspects(self, files: list[image_audit.File]) -> set[int]:
        """Return the locations of images that have a file which none of them names by its path."""
        named = {uri.partition("://")[2] for uri in self.uris.values()}
        owners = {file.id for file in files if file.path not in named}
        return {number for number, row in self.records.rows.items() if row.image_id in owners}

    def location(self, row: Any, suspect: bool) -> image_audit.Location:
        """Return what is judged of a location's record."""
        uri, inode = self.uris[row.id], None
        path = uri.partition("://")[2] if scheme_of(uri) in ("file", "filesystem") else ""
        if path and suspect:
            with contextlib.suppress(OSError):
                status = os.stat(path)
                inode = (status.st_dev, status.st_ino)
        return image_audit.Location(
            row.id,
            row.image_id,
            row.status,
            bool(row.deleted),
            store_of(row) or scheme_of(uri),
            path,
            inode,
            seconds_of(row.deleted_at),
            row.id in self.records.swept,
            not self.readers.get(uri, set()) <= {row.image_id},
        )

    def data(self, locations: list[image_audit.Location], whole: bool) -> dict[int, image_audit.Data]:
        """Look for data: where it decides what is to be done, and with *whole* for that of every image in use."""
        readable = {each.image_id for each in locations if each.live}
        wanted = []
        for each in locations:
            image = self.images.get(each.image_id)
            in_use = image is not None and not image.deleted and image.status in image_audit.IN_USE
            if (each.swept and not each.undone) or (in_use and (whole if each.live else each.image_id not in readable)):
                wanted.append(each)
        with ThreadPoolExecutor(4) as pool:
            if any(not each.path for each in wanted):
                create_stores(self.options.config_file)
            return {each.id: data for each, data in zip(wanted, pool.map(self.look_at, wanted)) if data}

    def look_at(self, location: image_audit.Location) -> image_audit.Data | None:
        """Return what is seen of a location's data, None if the store is none to ask."""
        row = self.records.rows[location.id]
        try:
            if location.path:
                return image_audit.Data(os.stat(location.path).st_size)
            if seen := self.objects.seen(row, self.uris[location.id]):
                return image_audit.Data(seen.size)
            if scheme_of(self.uris[location.id]) not in SIZED:
                return None
            size = size_in(row)
        except FileNotFoundError:
            return image_audit.Data(None)
        except (OSError, RefusalError) as error:
            return image_audit.Data(-1, str(error))
        expected = self.images[location.image_id].size
        return image_audit.Data(-1 if size == UNKNOWN_SIZE and expected else size)


# --------------------------------------------------------------------------------------------------------------- audit


def digest_in(uri: str, store: str, algorithm: str, config_file: str) -> str:
    """Return the hash of the data at *uri* in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    if scheme_of(uri) in ("file", "filesystem"):
        with open(uri.partition("://")[2], "rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
        return digest.hexdigest()
    import glance_store
    from glance import context

    create_stores(config_file)
    blocks, _size = glance_store.get(uri, store, context=context.get_admin_context())
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def wrong_hashes(look: Look) -> Iterator[image_audit.Finding]:
    """Read all data of images in use, and give those whose hash is another than the record's."""
    for location in look.survey.locations:
        image, row = look.images[location.image_id], look.records.images[location.image_id]
        data = look.survey.data.get(location.id)
        if data is None or not location.live or data.size != image.size or not (row.os_hash_value or row.checksum):
            continue
        by = (row.os_hash_algo, row.os_hash_value) if row.os_hash_value else ("md5", row.checksum)
        try:
            if digest_in(look.uris[location.id], location.store, by[0], look.options.config_file) == by[1]:
                continue
            detail = f"has another {by[0]} hash"
        except Exception as error:
            detail = f"can't be read: {error}".replace("\n", " ")
        # It may have been deleted meanwhile.
        again = Look(look.options, only={image.id})
        if any(each.id == location.id and each.live for each in again.survey.locations):
            yield image_audit.Finding("wrong hash", image.id, location.store, detail, image_audit.DECIDE)


def not_looked_at(look: Look) -> list[str]:
    """Return what an audit says nothing about, a sentence each, without a full stop."""
    notes = []
    for store, driver in sorted(CONF.enabled_backends.items()):
        if driver == "file" or store in look.objects.listed:
            continue
        if why := look.objects.unlisted.get(store):
            notes.append(f"data without a record in the store {store} ({driver}) was not looked at: {why}")
            continue
        number = sum(each.live and each.store == store for each in look.survey.locations)
        notes.append(f"data of {number} locations in the store {store} ({driver}) was not looked at")
    if not look.rules.only_host:
        notes.append("the staging folders of other hosts were not looked at")
    return notes


def not_cloned(look: Look) -> list[str]:
    """Return how many images in Ceph are in a format that compute hosts download and convert, a sentence each store."""
    notes = []
    for store in sorted(name for name, driver in CONF.enabled_backends.items() if driver == "rbd"):
        images = {each.image_id for each in look.survey.locations if each.live and each.store == store}
        # What Nova clones (nova/virt/libvirt/imagebackend.py, Rbd.clone).
        number = sum(look.records.images[image].disk_format not in ("raw", "iso") for image in images)
        if number:
            what = f"images of the store {store} that compute hosts can't clone"
            notes.append(f"{what}, since their disk_format is not raw: {number}")
    return notes


def audit(options: argparse.Namespace) -> int:
    """Compare the stores with the database while users go on working: what later looks do not find is no finding."""
    first = Look(options, whole=True)
    found, deadline = image_audit.judge(first.survey), time.monotonic() + PATIENCE
    while found and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        known = {finding.key for finding in found}
        again = Look(options, whole=True, only={finding.image for finding in found})
        found = [finding for finding in image_audit.judge(again.survey) if finding.key in known]
    if options.checksums:
        found += wrong_hashes(first)
    counts = {
        "images": sum(not image.deleted for image in first.images.values()),
        "locations": sum(location.live for location in first.survey.locations),
        "files": len(first.survey.files),
        "hashed": len(first.survey.data) if options.checksums else 0,
    }
    shown = [dataclasses.asdict(finding) for finding in found]
    print(json.dumps({"findings": shown, "counts": counts, "notes": not_looked_at(first) + not_cloned(first)}))
    return 0


# ---------------------------------------------------------------------------------------------------------------- mend


class Mender:
    """Puts findings right, each in a transaction that holds the record of its image.

    What users do to the image waits for that, so no data is removed that an upload has just begun to write. Nothing is
    removed of an id that the database never knew: a wrong database knows none.
    """

    def __init__(self, look: Look) -> None:
        self.look = look
        self.files = {file.path: file for file in look.survey.files}
        self.removed: list[str] = []

    def mend(self, finding: image_audit.Finding) -> str:
        """Put a finding right; returns what was done, "" if it is no longer as it was found."""
        with engine().begin() as connection:
            wanted = IMAGES.select().where(IMAGES.c.id == finding.image).with_for_update()
            image, known = connection.execute(wanted).first(), self.look.records.images.get(finding.image)
            if finding.mend == "task":
                return self.mend_task(connection, finding)
            if finding.store in STAGED and image is None:
                return self.remove_orphan(finding)
            seen = ("status", "deleted", "updated_at")
            if image is None or known is None or any(getattr(image, name) != getattr(known, name) for name in seen):
                return ""
            return getattr(self, f"mend_{finding.mend}")(connection, image, finding)

    def set_image(self, connection: sa.Connection, image: Any, **values: Any) -> None:
        """Change the record of an image."""
        connection.execute(sa.update(IMAGES).where(IMAGES.c.id == image.id).values(updated_at=now(), **values))

    def set_locations(self, connection: sa.Connection, ids: Iterable[int], **values: Any) -> None:
        """Change records of locations."""
        for number in ids:
            connection.execute(sa.update(LOCATIONS).where(LOCATIONS.c.id == number).values(updated_at=now(), **values))

    def remove_data(self, connection: sa.Connection, finding: image_audit.Finding) -> None:
        """Remove the data of locations, unless another record names the same, and say so in their records."""
        for number in finding.locations:
            row, uri = self.look.records.rows[number], self.look.uris[number]
            undone = sa.or_(LOCATIONS.c.deleted.is_(False), LOCATIONS.c.status != "deleted")
            other = sa.or_(LOCATIONS.c.deleted.is_(False), LOCATIONS.c.image_id != row.image_id)
            same = sa.and_(undone, other, LOCATIONS.c.value == row.value, ~LOCATIONS.c.id.in_(finding.locations))
            read_by_others = self.look.readers.get(uri, set()) - {row.image_id}
            shared = read_by_others or connection.execute(LOCATIONS.select().where(same)).first()
            if not shared and scheme_of(uri) not in FOREIGN:
                delete_data(uri, store_of(row), self.look.options.config_file)
        self.set_locations(connection, finding.locations, status="deleted", deleted=True, deleted_at=now())

    def remove_files(self, finding: image_audit.Finding) -> int:
        """Remove files that are still those which were judged; returns how many."""
        removed = 0
        for path in finding.files:
            file = self.files[path]
            if file.inode == image_audit.NO_INODE:
                removed += self.look.objects.remove(file)
                continue
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(path)
                if ((status.st_dev, status.st_ino), status.st_mtime) == (file.inode, file.mtime):
                    os.unlink(path)
                    self.removed.append(path)
                    removed += 1
        return removed

    def remove_orphan(self, finding: image_audit.Finding) -> str:
        """Remove what an import without an image has left behind."""
        return f"removed {finding.files[0]}, left behind by a task" if self.remove_files(finding) else ""

    def make_queued(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> None:
        """Have an image wait for its data: a size or a hash in its record would refuse any other data."""
        self.remove_data(connection, finding)
        self.remove_files(finding)
        nothing = dict.fromkeys(("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"))
        self.set_image(connection, image, status="queued", **nothing)

    def mend_queued(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Remove the data of a refused upload, so that the image can be uploaded or deleted."""
        self.make_queued(connection, image, finding)
        return f"image {image.id}: removed the data of a refused upload or import; it can be uploaded again or deleted"

    def mend_stuck(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Give up an upload or import that nobody works on: it has no file open in this moment either."""
        opened, complete, _since = open_files()
        if not complete or any(self.files[path].inode in opened for path in finding.files):
            return ""
        return self.mend_failed(connection, image, finding)

    def mend_abandoned(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Give up an import that has shown no sign of life for days, wherever its process was."""
        opened, _complete, _since = open_files()
        if any(self.files[path].inode in opened for path in finding.files):
            return ""
        return self.mend_failed(connection, image, finding)

    def mend_failed(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Give up an upload or import that is over."""
        tasks = [task for task in self.look.survey.tasks if task.image_id == image.id and task.under_way]
        if not all(self.is_untouched(connection, task) for task in tasks):
            return ""
        self.make_queued(connection, image, finding)
        notes = sa.and_(PROPERTIES.c.image_id == image.id, PROPERTIES.c.name.in_(NOTES))
        connection.execute(sa.delete(PROPERTIES).where(notes))
        for task in tasks:
            self.end_task(connection, task)
        return f"image {image.id}: was {image.status} and nobody worked on it; it can be uploaded again or deleted"

    def is_untouched(self, connection: sa.Connection, task: image_audit.Task) -> bool:
        """Keep the record of a task from others; returns whether it is as it was found."""
        row = connection.execute(JOBS.select().where(JOBS.c.id == task.id).with_for_update()).first()
        return row is not None and (row.status, seconds_of(row.updated_at) or 0.0) == (task.status, task.updated_at)

    def end_task(self, connection: sa.Connection, task: image_audit.Task) -> None:
        """Have a task end as a failure, as Glance does; glance/domain/__init__.py, Task.fail."""
        expires_at = now() + datetime.timedelta(hours=CONF.task.task_time_to_live)
        ended = sa.update(JOBS).where(JOBS.c.id == task.id)
        connection.execute(ended.values(status="failure", updated_at=now(), expires_at=expires_at))
        connection.execute(sa.update(JOB_INFO).where(JOB_INFO.c.task_id == task.id).values(message=ENDED))

    def mend_task(self, connection: sa.Connection, finding: image_audit.Finding) -> str:
        """End a task that nobody works on any more, and take its lock from an image."""
        (task,) = (each for each in self.look.survey.tasks if each.id == finding.image)
        if not self.is_untouched(connection, task):
            return ""
        self.end_task(connection, task)
        own = sa.and_(PROPERTIES.c.image_id == task.image_id, PROPERTIES.c.deleted.is_(False))
        lock = sa.and_(own, PROPERTIES.c.name == LOCKS[0], PROPERTIES.c.value == task.id)
        # Where data waits for its import stays known.
        if connection.execute(sa.delete(PROPERTIES).where(lock)).rowcount:
            notes = PROPERTIES.c.name.in_([name for name in NOTES if name != STAGE_HOST])
            connection.execute(sa.delete(PROPERTIES).where(sa.and_(own, notes)))
        return f"task {task.id}: was {task.status} and nobody worked on it; it ended as a failure"

    def mend_ghost(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Finish a deletion that was cut off."""
        pending = {"status": PENDING, "deleted": True, "deleted_at": now()}
        self.set_locations(connection, finding.locations, **pending)
        status = PENDING if finding.locations else "deleted"
        self.set_image(connection, image, status=status, deleted=True, deleted_at=now())
        for each in (PROPERTIES, TAGS, MEMBERS):
            own = sa.and_(each.c.image_id == image.id, each.c.deleted.is_(False))
            connection.execute(sa.update(each).where(own).values(deleted=True, deleted_at=now()))
        return f"image {image.id}: finished its deletion, which was cut off"

    def mend_unqueued(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Have the scrubber take up an image that was deleted without its data, when it is due."""
        for number in finding.locations:
            removed = self.look.records.rows[number].deleted_at or image.deleted_at
            self.set_locations(connection, [number], status=PENDING, deleted=True, deleted_at=removed)
        self.set_image(connection, image, status=PENDING)
        return f"image {image.id}: was deleted without its data, which waits for the scrubber now"

    def mend_revive(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Give an image that was not deleted its data back."""
        self.set_locations(connection, finding.locations, status="active", deleted=False, deleted_at=None)
        return f"image {image.id}: has its data again, which a deletion that failed had taken from it"

    def mend_removed(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Remove the copy that a user took from an image."""
        self.remove_data(connection, finding)
        return f"image {image.id}: removed the copy in the store {finding.store}, which a user took from it"

    def mend_file(self, connection: sa.Connection, image: Any, finding: image_audit.Finding) -> str:
        """Remove a file that no record names."""
        undone = sa.or_(LOCATIONS.c.deleted.is_(False), LOCATIONS.c.status != "deleted")
        now_named = connection.execute(LOCATIONS.select().where(sa.and_(undone, LOCATIONS.c.image_id == image.id)))
        if {row.id for row in now_named} - set(self.look.records.rows):
            return ""
        return f"removed {finding.files[0]}, which no record named" if self.remove_files(finding) else ""


def delete_data(uri: str, store: str | None, config_file: str) -> None:
    """Remove data as Glance does; that it is gone already is no fault."""
    import glance_store
    from glance import context

    create_stores(config_file)
    with contextlib.suppress(glance_store.exceptions.NotFound, glance_store.exceptions.StoreDeleteNotSupported):
        glance_store.delete(uri, store, context=context.get_admin_context())


# ------------------------------------------------------------------------------------------- locations that carry keys


def rekey(options: argparse.Namespace) -> int:
    """Write the present keys of stores into the locations of images."""
    done, failed = present_keys(options)
    print(json.dumps({"done": done, "failed": failed}))
    return 0


def present_keys(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Have no location carry former keys of its store; returns (what was done, what failed).

    Up to 2026.1 Glance reads an image in S3 with the keys in its location, and every release one in Swift
    (glance_store/_drivers/s3.py, swift/store.py). A location is changed only if its data is seen with the present keys.
    """
    stores = [name for name, kind in CONF.enabled_backends.items() if kind in stored_objects.PRESENT]
    if not stores:
        return [], []
    create_stores(options.config_file)
    wanted = LOCATIONS.select().where(sa.or_(LOCATIONS.c.deleted.is_(False), LOCATIONS.c.status == PENDING))
    changes: dict[str, list[tuple[Any, str]]] = {name: [] for name in stores}
    with engine().connect() as connection:
        for row in connection.execute(wanted):
            uri = uri_of(row)
            # Releases before stores had names recorded none.
            for name in [store_of(row)] if store_of(row) else stores:
                if name in changes and (new := present(name, uri, row.image_id)) != uri:
                    changes[name].append((row, new))
    done, failed = [], []
    for name, all_changes in changes.items():
        try:
            seen = with_data(name, all_changes)
        except Exception as error:
            # Its text may hold a key.
            failed.append(
                f"the store {name} should list its images with its present keys, found {type(error).__name__}"
            )
            continue
        if all_changes and not seen:
            failed.append(
                f"the store {name} should have the images with former keys in their locations, found none of "
                f"{len(all_changes)} with the present keys: give those of the same account"
            )
        if number := sum(replaced(name, change) for change in seen):
            done.append(f"the store {name}: {number} locations have its present keys now")
    return done, failed


def present(name: str, uri: str, image_id: str) -> str:
    """Return a URI with the present keys of a store; as it is if it is none of that store's."""
    kind = CONF.enabled_backends[name]
    return stored_objects.present(kind, store_named(name), uri, image_id) if scheme_of(uri) == kind else uri


@functools.cache
def store_named(name: str) -> Any:
    """Return the driver's instance of a store."""
    import glance_store

    return glance_store.get_store_from_store_identifier(name)


def with_data(name: str, changes: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Return those of *changes* whose image the present keys list in a store. An audit tells of the others."""
    if not changes:
        return []
    listed = stored_objects.DRIVERS[CONF.enabled_backends[name]].list(store_named(name))
    return [(row, uri) for row, uri in changes if row.image_id in listed]


def replaced(name: str, change: tuple[Any, str]) -> int:
    """Write a URI and its store into the record of a location, unless Glance has changed that; returns how many."""
    row, uri = change
    value = encrypted(uri) if value_is_encrypted(row) else uri
    notes = json.dumps({**json.loads(row.meta_data or "{}"), "store": name})
    same = sa.and_(LOCATIONS.c.id == row.id, LOCATIONS.c.value == row.value)
    with engine().begin() as connection:
        return connection.execute(sa.update(LOCATIONS).where(same).values(value=value, meta_data=notes)).rowcount


def value_is_encrypted(location: Any) -> bool:
    """Whether the URI of a location is encrypted in the database."""
    return bool(CONF.metadata_encryption_key) and "://" not in location.value


def encrypted(uri: str) -> str:
    """Return a URI as the database has it with a key."""
    from glance.common import crypt

    return crypt.urlsafe_encrypt(CONF.metadata_encryption_key, uri)


def mend_all(
    options: argparse.Namespace, only: set[str] | None = None, kinds: Iterable[str] = ()
) -> tuple[list[str], list[str]]:
    """Put right all that can be, of the images *only* and by the ways *kinds*; returns (what was done, what failed)."""
    done, failed = present_keys(options) if only is None else ([], [])
    look = Look(options, only=only)
    mender = Mender(look)
    for finding in image_audit.judge(look.survey):
        if finding.mend and (not kinds or finding.mend in kinds):
            try:
                done += filter(None, [mender.mend(finding)])
            except Exception as error:
                failed.append(not_mended(finding, error))
    if gone := image_audit.without_data(look.survey):
        with engine().begin() as connection:
            mender.set_locations(connection, gone)
    for line in [*done, *failed]:
        say(line)
    return done, failed


def not_mended(finding: image_audit.Finding, error: Exception) -> str:
    """Return a line about a finding that *error* kept from being put right."""
    what = "task" if finding.mend == "task" else "image"
    reason = f"{type(error).__name__}: {error}".replace("\n", " ")
    return f"{what} {finding.image}: {finding.detail}, can't be mended: {reason}"


def staged(options: argparse.Namespace) -> int:
    """Remove what nobody waits for from the folders of imports, and give up imports whose process has ended.

    What has data in a store is left to the scrubber and to repairs of an audit.
    """
    look = Look(options, staged=True)
    mender, given_up, failed = Mender(look), [], []
    parts = [part for finding in image_audit.judge(look.survey) for part in parts_here(mender, finding)]
    for part in () if options.dry_run else parts:
        known = len(mender.removed)
        try:
            line = mender.mend(part)
            given_up += [line] if line and part.mend in GIVEN_UP else []
        except Exception as error:
            failed.append(not_mended(part, error))
        for path in mender.removed[known:]:
            say(f"removed {path}, {mender.files[path].size} bytes, which nothing waits for")
    for line in [*given_up, *failed]:
        say(line)
    print(json.dumps({"found": len(parts), "removed": mender.removed, "given_up": given_up, "failed": failed}))
    return LEFT_BEHIND if failed else 0


def parts_here(mender: Mender, finding: image_audit.Finding) -> list[image_audit.Finding]:
    """Return what of a finding is to be mended in the folders of imports, a finding for each file.

    Staged data of images that the database does not know goes too, since Glance itself removes it whenever it starts
    (glance/housekeeping.py, clean_orphaned_staging_residue).
    """
    unknown = finding.kind == "unknown file" and all(
        mender.files[path].store == image_audit.STAGING for path in finding.files
    )
    if finding.mend in LEFT_OVER or unknown:
        file = dataclasses.replace(finding, mend="file", locations=())
        return [dataclasses.replace(file, store=mender.files[path].store, files=(path,)) for path in finding.files]
    return [finding] if finding.mend in GIVEN_UP and not finding.locations else []


def take_up(options: argparse.Namespace, only: set[str] | None = None, kinds: Iterable[str] = ()) -> int:
    """Mend before the scrubber's own work, which goes on if that fails; returns the exit code."""
    try:
        _done, failed = mend_all(options, only, kinds)
    except Exception as error:
        say(f"stores and database can't be compared: {type(error).__name__}: {error}".replace("\n", " "))
        return 1
    return LEFT_BEHIND if failed else 0


def mend(options: argparse.Namespace) -> int:
    """Put right all that can be."""
    done, failed = mend_all(options)
    print(json.dumps({"mended": done, "failed": failed}))
    return 0


# ------------------------------------------------------------------------------------------------------------ the verbs


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Look after the images that wait to be scrubbed.")
    parser.add_argument("--config-file", default=CONFIG_FILE, help="the configuration of the scrubber, or of the API")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in (scrub, check, mend, audit, staged, rekey, probe, show, postpone, restore):
        added = verbs.add_parser(verb.__name__, help=(verb.__doc__ or "").splitlines()[0])
        added.set_defaults(run=verb)
        if verb in (scrub, check, mend, audit, staged, postpone):
            added.add_argument("--api-config-file", default=API_CONFIG_FILE, help="the API's configuration")
            added.add_argument("--only-host", action="store_true", help="no other host has the API")
            added.add_argument("--stuck-after", type=float, default=86400, help="seconds without a sign of life")
        if verb is audit:
            added.add_argument("--checksums", action="store_true", help="read all data, and compare its hash")
        if verb is staged:
            added.add_argument("--dry-run", action="store_true", help="look only, and change nothing")
        if verb in (check, audit):
            added.add_argument("--late", type=int, default=0, help="seconds that an image may wait beyond scrub_time")
        if verb is check:
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
