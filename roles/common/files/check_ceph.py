"""Look whether stores in Ceph can be used: a monitor answers, lets the user in, and its pool is there and takes data.

Runs with the host's rados and rbd, as the service user, before a configuration takes the place of the one that works:

check_ceph.py CONFIG_FILE

Ends with 0 if all stores of the driver rbd can be used; otherwise with 1 and a line on stderr for each that can't.
Glance itself says no more than BackendException, or waits for minutes.
"""

from __future__ import annotations

import configparser
import errno
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import rados
import rbd

PROGRAM = "check_ceph"
# That each step may take. A monitor of a working cluster answers in milliseconds, one that is asked first may be down.
SECONDS = 15
TIMEOUTS = ("client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout")


class StoreError(Exception):
    """A store that can't be used; the text is the sentence about it."""


def stores(path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give name and options of the stores of the driver rbd in a configuration file."""
    config = configparser.RawConfigParser(strict=False, interpolation=None, delimiters="=")
    config.read(path)
    pairs = [pair.partition(":") for pair in config.get("DEFAULT", "enabled_backends", fallback="").split(",")]
    for name, _colon, driver in pairs:
        if driver.strip() == "rbd":
            section = name.strip()
            yield section, dict(config[section]) if config.has_section(section) else {}


def client_of(name: str, user: str, conf: str) -> Any:
    """Return a client that is yet to be connected."""
    try:
        client = rados.Rados(conffile=conf, rados_id=user)
    except rados.Error as error:
        raise StoreError(
            f"rbd_store_ceph_conf of the store {name} should name a configuration file of Ceph that Glance can read, "
            f"found {error}: correct it, or give glance_ceph_monitors"
        ) from error
    for option in TIMEOUTS:
        client.conf_set(option, str(SECONDS))
    return client


def connect(name: str, client: Any, user: str) -> None:
    """Connect a client; raises StoreError."""
    monitors, keyring = client.conf_get("mon_host") or "no address", client.conf_get("keyring")
    try:
        client.connect()
    except rados.TimedOut as error:
        raise StoreError(
            f"the store {name} should reach a monitor of Ceph within {SECONDS} s, found no answer from {monitors}: "
            "correct glance_ceph_monitors (mon_host), or let this host reach its ports 3300 and 6789"
        ) from error
    except (rados.PermissionDeniedError, rados.PermissionError) as error:
        raise StoreError(
            f"Ceph should let client.{user} of the store {name} in, found that it refuses the key: compare it with "
            f"'ceph auth get client.{user}'"
        ) from error
    except rados.Error as error:
        # Without a key, a monitor offers what the client can't do.
        if isinstance(error, rados.ObjectNotFound) or error.errno == errno.EOPNOTSUPP:
            raise StoreError(
                f"the store {name} should have a key of client.{user}, found none in {keyring}: give glance_ceph_key, "
                "or a keyring in glance_files"
            ) from error
        raise StoreError(
            f"the store {name} should connect to Ceph at {monitors} as client.{user}, found {error}: correct the "
            "addresses, or the key"
        ) from error


def use(name: str, client: Any, user: str, pool: str) -> None:
    """Make an image of a byte in a pool, and remove it; raises StoreError."""
    try:
        context = client.open_ioctx(pool)
    except rados.ObjectNotFound as error:
        raise StoreError(
            f"the pool {pool} of the store {name} should be there, found none in Ceph: correct rbd_store_pool, or make "
            f"it ('ceph osd pool create {pool}' and 'rbd pool init {pool}')"
        ) from error
    image = f"glance-check-{uuid.uuid4()}"
    try:
        rbd.RBD().create(context, image, 1, old_format=False)
        rbd.RBD().remove(context, image)
    except (rbd.PermissionError, rados.PermissionError) as error:
        raise StoreError(
            f"client.{user} of the store {name} should be allowed to write to the pool {pool}, found that it is not: "
            f"run ceph auth caps client.{user} mon 'profile rbd' osd 'profile rbd pool={pool}'"
        ) from error
    except (rbd.OSError, rados.Error) as error:
        raise StoreError(
            f"the pool {pool} of the store {name} should take data within {SECONDS} s, found {error}: look at 'ceph -s'"
        ) from error
    finally:
        context.close()


def check(name: str, options: dict[str, str]) -> None:
    """Raise StoreError if a store can't be used."""
    user, conf = options.get("rbd_store_user", "None"), options.get("rbd_store_ceph_conf", "")
    client = client_of(name, user, conf)
    try:
        connect(name, client, user)
        use(name, client, user, options.get("rbd_store_pool", "images"))
    finally:
        client.shutdown()


def main(path: str) -> int:
    """Check all stores of a configuration file; returns the exit code."""
    wrong = 0
    for name, options in stores(path):
        try:
            check(name, options)
        except StoreError as error:
            print(f"{PROGRAM}: {error}".replace("\n", " "), file=sys.stderr, flush=True)
            wrong = 1
    return wrong


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    # A client without an answer keeps its threads.
    os._exit(code)
