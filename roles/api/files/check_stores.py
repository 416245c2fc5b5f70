"""Refuse a configuration that no longer reaches images: their store, their directory or their keys have gone from it.

Runs with the libraries of the release, before the files that it is given take the place of those that work:

check_stores.py CONFIG_FILE RELEASE DRIVERS

DRIVERS, separated by commas, are those whose images the release reads with the keys in their locations, where no
scrubber brings these to the present ones.
Ends with 0 if every image can be reached, or if there is no database yet; otherwise with 1 and one line on stderr for
each thing that is wrong.
"""

from __future__ import annotations

import collections
import configparser
import functools
import json
import os
import sys
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

# Waiting for the scrubber is data that has to be reached, too.
LOCATIONS = """
SELECT image_locations.value AS value, image_locations.meta_data AS meta_data, images.deleted AS deleted
FROM image_locations JOIN images ON images.id = image_locations.image_id
WHERE image_locations.status IN ('active', 'pending_delete')
ORDER BY image_locations.id
"""
# Drivers whose options may lead to another storage that works as well, and how many images are looked for there.
REMOTE, SAMPLE = ("rbd", "s3", "swift"), 3
KEYS = {"s3": ("s3_store_access_key", "s3_store_secret_key"), "swift": ("user", "key")}
WAY = (
    "keep it, or have the images in another store first (import method copy-image), or at a new directory "
    "with a link at the old path, or set glance_abandon_images to true"
)


class Repeated(dict):
    """Options of a section, of which one that is given again has all values, one a line."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            value = self[key] + value
        super().__setitem__(key, value)


def folders(config: configparser.RawConfigParser, drivers: Mapping[str, str]) -> set[str]:
    """Return the directories of all file stores, as they are on the disk."""
    found = []
    for store in (store for store, driver in drivers.items() if driver == "file"):
        several = config.get(store, "filesystem_store_datadirs", fallback="").split("\n")
        several = [path.rpartition(":")[0] or path for path in several if path]
        found += several or [config.get(store, "filesystem_store_datadir", fallback="/var/lib/glance/images")]
    return {os.path.realpath(folder) for folder in found}


def drivers_of(text: str) -> dict[str, str]:
    """Return the driver of each store of enabled_backends."""
    pairs = [pair.partition(":") for pair in text.split(",") if pair.strip()]
    return {store.strip(): driver.strip() for store, _colon, driver in pairs}


def unreached(
    locations: Iterable[tuple[str, str]], stores: Iterable[str], directories: set[str], accounts: Mapping[str, Any]
) -> list[str]:
    """Return the place of each of *locations*, (URI, store), that is in none of *stores* or *directories*.

    *accounts* are those of the stores in Swift, by store and name. Glance finds the store of a file by its directory,
    whatever the record calls it (glance/common/store_utils.py, update_store_in_locations). An encrypted URI whose
    key is not known tells its store alone.
    """
    found = []
    for uri, store in locations:
        scheme, separator, path = uri.partition("://")
        if separator and scheme in ("file", "filesystem"):
            folder = os.path.dirname(path)
            if os.path.realpath(folder) not in directories:
                found.append(f"the directory {folder}")
        elif store and store not in stores:
            found.append(f"the store {store}")
        elif scheme == "swift+config":
            account, stores_asked = path.partition("/")[0], [store] if store else list(accounts)
            if not any(account in accounts.get(each, {}) for each in stores_asked):
                found.append(f"the account {account}{f' of the store {store}' if store else ''}")
    return found


def sentence(places: Sequence[str]) -> str:
    """Return what an operator reads."""
    counts = collections.Counter(places)
    named = " and ".join(f"{place} ({number})" for place, number in sorted(counts.items()))
    return f"the data of all images should be in a store of glance_stores, found some in {named}: {WAY}"


class Account(configparser.ConfigParser):
    """A file with accounts, read as glance_store/_drivers/swift/utils.py, SwiftConfigParser, reads it."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return a value without the quotes around it."""
        value = super().get(*args, **kwargs)
        return value[1:-1] if value and value[0] in "\"'" else value


def accounts_of(config: configparser.RawConfigParser, drivers: Mapping[str, str]) -> dict[str, Any]:
    """Return the accounts of each store in Swift by their names, as the files of a configuration have them."""
    found = {}
    for store in (store for store, driver in drivers.items() if driver == "swift"):
        found[store] = Account()
        found[store].read(config.get(store, "swift_store_config_file", fallback="") or [])
    return found


def present_keys(config: configparser.RawConfigParser, store: str, driver: str, accounts: Mapping[str, Any]) -> str:
    """Return user and key of a store, as the URI of a location has them."""
    if driver == "swift":
        section = accounts[store]
        name = config.get(store, "default_swift_reference", fallback="ref1")
        values = [section.get(name, option, fallback="") for option in KEYS[driver]]
    else:
        values = [config.get(store, option, fallback="").replace("$$", "$") for option in KEYS[driver]]
    return ":".join(values)


def with_other_keys(locations: Iterable[tuple[str, str]], store: str, driver: str, present: str) -> int:
    """Return how many of *locations*, (URI, store), have other keys of a store in them than the *present* ones.

    Those of releases before stores had names are of any of the driver.
    """
    number = 0
    for uri, name in locations:
        keys, separator, _place = uri.partition("://")[2].partition("@")
        of_store = name == store or (not name and uri.startswith(driver))
        number += of_store and bool(separator) and present not in (keys, urllib.parse.unquote(keys))
    return number


@functools.cache
def make_stores(path: str) -> None:
    """Make the stores of a configuration file known to glance_store, as glance/cmd/scrubber.py does."""
    import glance_store
    from glance.common import config

    config.CONF.import_opt("enabled_backends", "glance.common.wsgi")
    config.parse_args(args=[f"--config-file={path}"])
    glance_store.register_store_opts(config.CONF)
    glance_store.create_multi_stores(config.CONF)


def is_elsewhere(path: str, store: str, uris: Sequence[str]) -> bool:
    """Whether a store, as a configuration file has it, has nothing at any of *uris*, and says so for each."""
    from glance_store import exceptions, multi_backend

    make_stores(path)
    for uri in uris:
        try:
            next(iter(multi_backend.get(uri, store)[0]), b"")
        except exceptions.NotFound:
            continue
        except Exception:
            # That it can't be used is told by the trial of the server.
            return False
        return False
    return True


def elsewhere_sentence(store: str, driver: str, number: int) -> str:
    """Return what an operator reads about a store that has none of so many images."""
    return (
        f"the store {store} should have the images that the database names there, found none of the last {number}: "
        f"the account, the cluster or the keys of its driver {driver} lead to other data. Correct them, or set "
        "glance_abandon_images to true"
    )


def keys_sentence(store: str, driver: str, images: int, release: str) -> str:
    """Return what an operator reads about the keys of a store with so many images."""
    return (
        f"the keys of the store {store} should stay as they are with Glance {release} while images lie there and no "
        f"host is in glance_scrubber, found others, and {images} image{'s' if images > 1 else ''}: {driver} is asked "
        "for each with the keys of its upload, until the scrubber has written the present ones into its location. Add "
        "a host to glance_scrubber, or set glance_abandon_images to true and leave the former keys valid at the storage"
    )


def read(connection: str) -> list[tuple[str, str]]:
    """Return the URI and the store of all data; none of a database that is not there yet."""
    try:
        with sa.create_engine(connection).connect() as found:
            rows = found.execute(sa.text(LOCATIONS)).fetchall()
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        # That it can't be reached is told by the trial of the server.
        return []
    return [(row.value, json.loads(row.meta_data or "{}").get("store", "")) for row in rows]


def decrypted(uri: str, key: str) -> str:
    """Return a URI as it is without encryption; Base64 has no colon."""
    if not key or "://" in uri:
        return uri
    from glance.common import crypt

    return crypt.urlsafe_decrypt(key.replace("$$", "$"), uri)


def parsed(path: str) -> configparser.RawConfigParser:
    """Return what stands in a configuration file; nothing if it is not there."""
    config = configparser.RawConfigParser(strict=False, interpolation=None, delimiters="=", dict_type=Repeated)
    config.read(path)
    return config


def main(path: str, release: str, kept: str) -> int:
    """Compare the records with a configuration; returns the exit code."""
    config = parsed(path)
    connection = config.get("database", "connection", fallback="").replace("$$", "$")
    drivers = drivers_of(config.get("DEFAULT", "enabled_backends", fallback=""))
    if not connection or not drivers:
        return 0
    locations = [
        (decrypted(uri, config.get("DEFAULT", "metadata_encryption_key", fallback="")), store)
        for uri, store in read(connection)
    ]
    accounts = accounts_of(config, drivers)
    places = unreached(locations, drivers, folders(config, drivers), accounts)
    told = [sentence(places)] if places else []
    for store, driver in sorted(drivers.items()):
        if driver in kept.split(","):
            images = with_other_keys(locations, store, driver, present_keys(config, store, driver, accounts))
            told += [keys_sentence(store, driver, images, release)] if images else []
        sample = [uri for uri, name in locations if name == store][-SAMPLE:] if driver in REMOTE else []
        if sample and not told and is_elsewhere(path, store, sample):
            told.append(elsewhere_sentence(store, driver, len(sample)))
    for each in told:
        print(f"check_stores: {each}", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
