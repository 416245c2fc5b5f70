# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in stores that have no folder on this host, how it is removed, and with which keys it is found.

glance_store itself can't list a store. The scrubber's role puts this file beside pending_images.py, which asks; *store*
is always the driver's instance of a store. An object has the id of its image for a name; Swift cuts large ones into
ID-00001 and so on (glance_store/_drivers/swift/store.py, add).
"""

from __future__ import annotations

import contextlib
import datetime
import http
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
SEGMENT = re.compile(r"(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d{5}\Z")
# glance_store calls the snapshot of each image in Ceph so.
SNAPSHOT = "snap"


class Stored(NamedTuple):
    """An object: its size in bytes, and when it was last written, in seconds since the epoch."""

    size: int
    written: float


Listing = Mapping[str, "Stored | None"]
"""Objects by id; None for what has to be asked for one by one."""


# ----------------------------------------------------------------------------------------------------------------- Ceph


@contextlib.contextmanager
def pool(store: Any) -> Iterator[Any]:
    """Open the pool of a store."""
    with store.get_connection(conffile=store.conf_file, rados_id=store.user) as client:
        context = client.open_ioctx(store.pool)
        try:
            yield context
        finally:
            context.close()


def rbd_list(store: Any) -> Listing:
    """Return the names of all images in the pool of a store."""
    import rbd

    with pool(store) as context:
        return dict.fromkeys(filter(ID.match, rbd.RBD().list(context)))


def rbd_look(store: Any, image_id: str) -> Stored | None:
    """Look at one; librbd notes once a minute that an image was written to."""
    import rbd

    try:
        with pool(store) as context, rbd.Image(context, image_id, read_only=True) as image:
            written = image.modify_timestamp().replace(tzinfo=datetime.timezone.utc)
            return Stored(image.size(), written.timestamp())
    except rbd.ImageNotFound:
        return None


def rbd_remove(store: Any, image_id: str) -> None:
    """Remove one with its snapshot; raises if somebody reads it, or has a clone of it."""
    store._delete_image(store.pool, image_id, SNAPSHOT)


# ------------------------------------------------------------------------------------------------------------------- S3


def s3_reads_keys(store: Any) -> bool:
    """Whether the driver reads an object with the keys in its location, as those up to 2026.1 do."""
    return bool(inspect.signature(store._create_s3_client).parameters)


def s3_client(store: Any) -> Any:
    """Return a client with the present keys of a store."""
    present = {"accesskey": store.access_key, "secretkey": store.secret_key, "bucket": store.bucket}
    keys = types.SimpleNamespace(**present, scheme=store.scheme)
    return store._create_s3_client(*([keys] if s3_reads_keys(store) else []))


def s3_list(store: Any) -> Listing:
    """Return all objects in the bucket of a store."""
    pages = s3_client(store).get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    entries = [entry for page in pages for entry in page.get("Contents", ())]
    return {
        entry["Key"]: Stored(entry["Size"], entry["LastModified"].timestamp())
        for entry in entries
        if ID.match(entry["Key"])
    }


def s3_remove(store: Any, image_id: str) -> None:
    """Remove one."""
    s3_client(store).delete_object(Bucket=store.bucket, Key=image_id)


# ---------------------------------------------------------------------------------------------------------------- Swift


def swift_entries(store: Any) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    """Return a connection, and all entries of the containers of a store, each with its container."""
    connection = store.get_connection(store.create_location("any"))
    containers = [each["name"] for each in connection.get_account(prefix=store.container, full_listing=True)[1]]
    # The first digits of an image's id follow where there are several.
    several = getattr(store.conf, store.backend_group).swift_store_multiple_containers_seed
    named = re.compile(rf"{re.escape(store.container)}{'(_[0-9a-f-]+)?' if several else ''}\Z")
    found = []
    for container in filter(named.match, containers):
        found += [(container, entry) for entry in connection.get_container(container, full_listing=True)[1]]
    return connection, found


def swift_owner(name: str) -> str:
    """Return the id of the image that an object or a segment is of; nothing for another one."""
    segment = SEGMENT.match(name)
    return segment["id"] if segment else name if ID.match(name) else ""


def swift_list(store: Any) -> Listing:
    """Return all images in the containers of a store, each with all its segments."""
    found: dict[str, Stored] = {}
    for _container, entry in swift_entries(store)[1]:
        if owner := swift_owner(entry["name"]):
            written = datetime.datetime.fromisoformat(entry["last_modified"]).replace(tzinfo=datetime.timezone.utc)
            before = found.get(owner, Stored(0, 0.0))
            found[owner] = Stored(before.size + entry["bytes"], max(before.written, written.timestamp()))
    return found


def swift_size(store: Any, uri: str) -> int | None:
    """Return the size of what is at a URI, None if nothing is; the driver itself gives 0 for all that goes wrong."""
    import swiftclient
    from glance_store import location

    place = location.get_location_from_uri_and_backend(uri, store.backend_group, conf=store.conf).store_location
    try:
        return int(store.get_connection(place).head_object(place.container, place.obj)["content-length"])
    except swiftclient.ClientException as error:
        if error.http_status == http.HTTPStatus.NOT_FOUND:
            return None
        raise


def swift_remove(store: Any, image_id: str) -> None:
    """Remove one with all its segments, which may be there without it."""
    connection, entries = swift_entries(store)
    for container, entry in entries:
        if swift_owner(entry["name"]) == image_id:
            connection.delete_object(container, entry["name"])


# ------------------------------------------------------------------------------------------------------------ any store


class Driver(NamedTuple):
    """What a driver can do. Where it tells all when it lists, it looks at one by listing again."""

    list: Callable[[Any], Listing]
    remove: Callable[[Any, str], None]
    look: Callable[[Any, str], Stored | None] | None = None


DRIVERS = {
    "rbd": Driver(rbd_list, rbd_remove, rbd_look),
    "s3": Driver(s3_list, s3_remove),
    "swift": Driver(swift_list, swift_remove),
}


def lists(driver: str, store: Any) -> bool:
    """Whether the objects of a store can be listed. Swift with an account for each user has no list of accounts."""
    return driver in DRIVERS and type(store).__name__ != "MultiTenantStore"


def look(driver: str, store: Any, image_id: str, listed: Listing) -> Stored | None:
    """Return what is known of an object; None if it is gone."""
    one = DRIVERS[driver].look
    return one(store, image_id) if one else listed.get(image_id)


def remove(driver: str, store: Any, image_id: str, seen: Stored) -> bool:
    """Remove an object if it is still as it was seen; returns whether it was."""
    now = look(driver, store, image_id, {} if DRIVERS[driver].look else DRIVERS[driver].list(store))
    if now != seen:
        return False
    DRIVERS[driver].remove(store, image_id)
    return True


# ----------------------------------------------------------------------------------------------------------------- keys

_URI = re.compile(r"(?P<scheme>[a-z0-9+]+)://((?P<keys>[^@]*)@)?(?P<host>.+)/(?P<container>[^/]+)/(?P<name>[^/]+)\Z")


def _host(url: str) -> str:
    return url.partition("://")[2].strip("/") if "://" in url else url.strip("/")


def s3_present(store: Any, uri: str, image_id: str) -> str:
    """Return a URI as the driver would write it now: with the present keys, or without any if it reads none there."""
    found = _URI.match(uri)
    own = found and (found["host"], found["container"], found["name"]) == (_host(store.s3_host), store.bucket, image_id)
    if not found or not own:
        return uri
    keys = f"{store.access_key}:{store.secret_key}@" if s3_reads_keys(store) else ""
    return f"{found['scheme']}://{keys}{found['host']}/{found['container']}/{found['name']}"


def swift_present(store: Any, uri: str, image_id: str) -> str:
    """Return a URI with the name of the store's account in swift_store_config_file in place of its address and keys.

    Without such a file, locations have the address of a user's own account and no keys.
    """
    found = _URI.match(uri)
    options = getattr(store.conf, store.backend_group)
    if not found or not options.swift_store_config_file:
        return uri
    container = store.get_container_name(image_id, store.container)
    own = (found["host"], found["container"], found["name"]) == (_host(store.auth_address), container, image_id)
    return f"swift+config://{options.default_swift_reference}/{container}/{image_id}" if own else uri


def is_kept_as(driver: str, store: Any, uri: str, image_id: str) -> bool:
    """Whether a URI ends like that of an image's own object in a store."""
    containers = {
        "s3": lambda: store.bucket,
        "swift": lambda: store.get_container_name(image_id, store.container),
    }
    return driver in containers and uri.endswith(f"/{containers[driver]()}/{image_id}")


PRESENT = {"s3": s3_present, "swift": swift_present}


def present(driver: str, store: Any, uri: str, image_id: str) -> str:
    """Return the URI of an image's location as the store would write it now, keys included.

    What is not the store's own object by its host, its container and its name stays as it is: a user may have given its
    location, and would be lent the keys of the store for it.
    """
    return PRESENT[driver](store, uri, image_id)
