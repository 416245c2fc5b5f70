# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in file stores: what a dump of the database says of them, and whether their files are as it says."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import Tables, is_true
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of

_BLOCK = 1 << 20


# ------------------------------------------------------------------------------------------------ what the host says

Options = dict[str, dict[str, list[str]]]


def read_options(text: str) -> Options:
    """Read a configuration file as oslo.config does: by section and option, all values of a repeated one."""
    found: Options = {}
    section, last = found.setdefault("DEFAULT", {}), ""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            last = ""
        elif line[:1].isspace() and last:
            section[last][-1] += f"\n{stripped}"
        elif stripped.startswith("["):
            section, last = found.setdefault(stripped[1:].partition("]")[0], {}), ""
        else:
            last, _sign, value = (part.strip() for part in re.split(r"([=:])", stripped, maxsplit=1))
            section.setdefault(last, []).append(value.strip('"') if value.startswith('"') else value)
    return found


def connection_of(options: Options) -> str:
    """Return the URL of the database, "" if there is none or the records are asked of a registry."""
    url = options.get("database", {}).get("connection", [""])[-1]
    return url.replace("$$", "$")


def file_stores(options: Options) -> dict[str, list[str]]:
    """Return the directories of each file store by its name; glance_store/_drivers/filesystem.py has the default."""
    backends = options["DEFAULT"].get("enabled_backends", [""])[-1]
    pairs = [part.strip().partition(":") for part in backends.strip("{}").split(",") if part.strip()]
    stores = {}
    for name in (name.strip() for name, _colon, driver in pairs if driver.strip() == "file"):
        section = options.get(name, {})
        several = [re.sub(r":\d+$", "", value) for value in section.get("filesystem_store_datadirs", [])]
        one = section.get("filesystem_store_datadir", ["/var/lib/glance/images"])[-1]
        stores[name] = [os.path.normpath(directory) for directory in several or [one] if directory]
    return stores


@contextlib.contextmanager
def acting_as(user: str) -> Iterator[None]:
    """Do as *user* what is done to stores: on a share, root may be nobody. Does nothing unless this is root."""
    if os.geteuid() != 0:
        yield
        return
    account = pwd.getpwnam(user)
    groups = os.getgroups()
    os.setgroups([account.pw_gid])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


# ----------------------------------------------------------------------------------------- what a dump says of images


@dataclass
class Place:
    """Where an image's data lies: a file of a store, and from `held` on the same below the backup's folder.

    Not `required` is what waits for the scrubber, which may take it at any moment.
    """

    store: str
    path: str
    required: bool
    held: str = ""
    mode: int = 0o640


@dataclass
class Image:
    """An image that has data. *elsewhere* are stores that no backup holds, where it has data to keep."""

    id: str
    status: str
    size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    places: list[Place] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """Whether users may ask for it and find nothing: what deletes it takes its locations before the record."""
        wanted = self.elsewhere or any(place.required for place in self.places)
        return self.status != "pending_delete" and not wanted

    @property
    def hashed_by(self) -> tuple[str, str] | None:
        """The algorithm and the value to hold data against, the older MD5 only where there is no other."""
        if self.os_hash_value and self.os_hash_algo in hashlib.algorithms_available:
            return str(self.os_hash_algo), self.os_hash_value
        return ("md5", self.checksum) if self.checksum else None


def store_with(path: str, stores: Mapping[str, Sequence[str]]) -> str:
    """Return the file store that *path* lies in, "" for none: a record may name any file of the host."""
    if path != os.path.normpath(path):
        return ""
    return next((name for name, folders in stores.items() if os.path.dirname(path) in folders), "")


def places_of(row: Mapping[str, str | None], stores: Mapping[str, Sequence[str]]) -> list[Place]:
    """Return where the file of a location may be, in the first of the places that is there; [] for other stores."""
    value, status = str(row["value"]), row["status"]
    required = status == "active"
    scheme, separator, path = value.partition("://")
    if separator:
        store = store_with(path, stores) if scheme == "file" else ""
        return [Place(store, path, required)] if store else []
    # Encrypted with metadata_encryption_key; a file store calls its file by the image's id.
    folders = stores.get(noted_store(row), [])
    return [Place(noted_store(row), os.path.join(folder, str(row["image_id"])), required) for folder in folders]


def noted_store(row: Mapping[str, str | None]) -> str:
    """Return the store that a location names."""
    try:
        noted = json.loads(row.get("meta_data") or "{}")
    except ValueError:
        return ""
    return str(noted.get("store", "")) if isinstance(noted, dict) else ""


def images_in(
    tables: Tables, stores: Mapping[str, Sequence[str]], there: Callable[[str], bool] = os.path.exists
) -> list[Image]:
    """Return the images of a dump that have data, with their places; others have nothing to be held."""
    images = {}
    for row in tables["images"]:
        if row["status"] in ("active", "deactivated", "pending_delete"):
            size = row["size"]
            names = ("checksum", "os_hash_algo", "os_hash_value")
            images[row["id"]] = Image(
                str(row["id"]), str(row["status"]), None if size is None else int(size), *(row.get(n) for n in names)
            )
    for row in tables["image_locations"]:
        image = images.get(row["image_id"])
        waits = row["status"] == "pending_delete"
        if image is None or not (waits or (row["status"] == "active" and not is_true(row["deleted"]))):
            continue
        places = places_of(row, stores)
        place = next((place for place in places if there(place.path)), places[0] if places else None)
        if place is None and not waits:
            image.elsewhere.append(noted_store(row) or str(row["value"]).partition("://")[0])
        elif place and place.path not in [other.path for other in image.places]:
            image.places.append(replace(place, required=place.required and image.status != "pending_delete"))
    return sorted(images.values(), key=lambda image: image.id)


# ------------------------------------------------------------------------------------------------------------- hashes


def digest_of(file: BinaryIO, algorithm: str) -> str:
    """Return the hash of the rest of *file* in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def fault_of(path: str, image: Image) -> str:
    """Return what is wrong with the data of *image* in the file *path*, "" if it is as the record says."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if image.size is not None and size != image.size:
                return f"has {count_of(size, 'byte')}, not {image.size}"
            if image.hashed_by and digest_of(file, image.hashed_by[0]) != image.hashed_by[1]:
                return f"has another {image.hashed_by[0]} hash"
    except OSError as error:
        return (error.strerror or "can't be read").lower()
    return ""


def faults_of(pairs: Sequence[tuple[str, Image]]) -> list[str]:
    """Do `fault_of` for many files, as many at a time as there are CPUs."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda pair: fault_of(*pair), pairs))


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return digest_of(file, "sha256")
