# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of Glance's database and of its file stores that agree with each other, and the way back."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import database_dump
from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import Engine, Tables
from ansible_collections.glanceops.image_service.plugins.module_utils.image_files import (
    Image,
    Options,
    Place,
    acting_as,
    connection_of,
    faults_of,
    file_stores,
    images_in,
    read_options,
    sha256_of,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.releases import installed_release
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, list_of, size_of

FORMAT = 1
MADE_BY = "glanceops.image_service"
MANIFEST = "manifest.json"
# What the module documentation calls a name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
PARTIAL = ".partial"
_WORK = ".work-"
_LOCK = ".lock"
_NAMED_IDS = 20
_BLOCK = 1 << 20
# An ioctl of Linux that lets two files share their blocks until one is written to (linux/fs.h).
_FICLONE = 0x40049409
# Seconds after which an active image without a file is none that is being deleted, and those in which all has to agree.
_PATIENCE = 20.0
_LIMIT = 300.0
_PAUSE = 0.2


# Of every module for backups; documented in the fragment backup.
OPTIONS: dict[str, Any] = {
    "directory": {"type": "path", "default": "/var/backups/glance"},
    "config_directory": {"type": "path", "default": "/etc/glance"},
    "config_files": {
        "type": "list",
        "elements": "str",
        "default": ["glance-api.conf", "glance-scrubber.conf", "glance-registry.conf"],
    },
    "user": {"type": "str", "default": "glance"},
    "link": {"type": "path", "default": "/opt/glance/current"},
    "release": {"type": "str", "default": ""},
}


class BackupError(Exception):
    """Something can't be backed up or restored; the text is one sentence for the operator, without a full stop."""


@contextlib.contextmanager
def failing(module: Any, lead: str) -> Iterator[None]:
    """End *module* with a sentence that begins with *lead* when something can't be done."""
    try:
        yield
    except (BackupError, database_dump.DumpError) as error:
        reason = str(error)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        reason = f"{place}{error.strerror or error}"
    else:
        return
    module.fail_json(msg=f"{lead}: {reason.rstrip('.')}.")


@dataclass(frozen=True)
class Service:
    """The service of a host, as its configuration files say; *release* is the one that is installed."""

    engine: Engine
    stores: Mapping[str, Sequence[str]]
    user: str
    release: str
    config_directory: str


def find_service(parameters: Mapping[str, Any], work: str) -> Service:
    """Look at the configuration files for the login to the database and the stores; raises BackupError."""
    found: list[Options] = []
    for name in parameters["config_files"]:
        with contextlib.suppress(FileNotFoundError):
            found.append(read_options(pathlib.Path(parameters["config_directory"], name).read_text(encoding="utf-8")))
    if not found:
        raise BackupError(f"there is no service of Glance in {parameters['config_directory']}: run site.yml first")
    urls = [url for url in map(connection_of, found) if url]
    if not urls:
        raise BackupError(
            "no service on this host has a login to the database, since the API asks a registry: put the scrubber on "
            "this host, which has one and reaches the stores, and run site.yml"
        )
    login = database_dump.parse_url(urls[0])
    with_stores = [options for options in found if options["DEFAULT"].get("enabled_backends")]
    return Service(
        database_dump.ENGINES[login.engine](login, work),
        file_stores(with_stores[0]) if with_stores else {},
        parameters["user"],
        installed_release(parameters["link"], parameters["release"]),
        parameters["config_directory"],
    )


# ----------------------------------------------------------------------------------------------------- the directory


@contextlib.contextmanager
def locked(directory: str) -> Iterator[str]:
    """Have the folder of backups for oneself; gives a folder to work in. Removes what a killed run has left."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    with open(os.path.join(directory, _LOCK), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(f"another backup or restore is at work in {directory}: wait for its end") from error
        for name in os.listdir(directory):
            if name.startswith(_WORK) or name.endswith(PARTIAL):
                shutil.rmtree(os.path.join(directory, name))
        work = tempfile.mkdtemp(prefix=_WORK, dir=directory)
        try:
            yield work
        finally:
            shutil.rmtree(work)


def read_manifest(folder: str) -> dict[str, Any] | None:
    """Return what a backup says of itself, None if this is none of ours."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("made_by") == MADE_BY else None


def backups_in(directory: str) -> list[dict[str, Any]]:
    """Return the manifests of all backups, the oldest first."""
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    folders = [os.path.join(directory, name) for name in names if NAME.match(name) and not name.endswith(PARTIAL)]
    found = [{**manifest, "path": folder} for folder in folders if (manifest := read_manifest(folder))]
    return sorted(found, key=lambda manifest: manifest["time"])


def summary_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown of a backup."""
    shown = ("name", "path", "time", "release", "engine", "revisions", "holds_images", "count", "bytes")
    return {key: manifest[key] for key in shown if key in manifest}


def find_backup(directory: str, name: str) -> dict[str, Any]:
    """Return the manifest of a backup by its name; raises BackupError that lists those that are there."""
    there = backups_in(directory)
    for manifest in there:
        if os.path.basename(manifest["path"]) == name:
            if manifest["format"] != FORMAT:
                raise BackupError(f"the backup {name} should be of format {FORMAT}, found {manifest['format']}")
            return manifest
    names = ", ".join(os.path.basename(manifest["path"]) for manifest in there) or "none"
    wanted = f"should be a backup in {directory}, found no {name}" if name else "should name a backup, found none"
    raise BackupError(f"glance_backup {wanted}: there is {names}")


def superfluous(backups: Sequence[Mapping[str, Any]], keep: int, made: Mapping[str, Any]) -> list[str]:
    """Return the folders of the oldest of *backups*, in order, beyond *keep* of the kind that was *made*; 0 keeps all.

    One of the database alone never takes the place of one with images.
    """
    same = [backup for backup in backups if backup["holds_images"] == made["holds_images"]]
    old = same[:-keep] if keep > 0 else []
    return [backup["path"] for backup in old if backup["name"] != made["name"]]


# ---------------------------------------------------------------------------------------------------------- a backup


@dataclass(frozen=True)
class BackupRequest:
    """What a backup is to be."""

    directory: str
    name: str
    images: bool = True
    links: bool = True
    verify: bool = False
    allow_missing: bool = False
    keep: int = 0

    @property
    def folder(self) -> str:
        """Where it lies."""
        return os.path.join(self.directory, self.name)


def write_json(path: str, content: Any) -> None:
    """Write a file that is there whole or not at all."""
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def flush(*paths: str) -> None:
    """Have files and folders on the disk."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_tar(path: str, folder: str) -> None:
    """Keep a folder with its owners and modes."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname=os.path.basename(folder))


def take(place: Place, image: Image, target: str, links: bool, user: str) -> bool:
    """Have the data of *image* in the file *target*; returns whether it is whole, as far as its size tells."""
    try:
        with acting_as(user):
            handle = os.open(place.path, os.O_RDONLY)
    except OSError:
        return False
    with open(handle, "rb") as source:
        found = os.fstat(source.fileno())
        if image.size is not None and found.st_size != image.size:
            return False
        place.mode = found.st_mode & 0o777
        folder = os.path.dirname(target)
        for each in (os.path.dirname(folder), folder):
            with contextlib.suppress(FileExistsError):
                os.mkdir(each, 0o700)
        # It may be a link to the store, which must not be written to.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        if links:
            with contextlib.suppress(OSError):
                os.link(place.path, target)
                # The name may belong to another file by now.
                if os.path.samestat(found, os.stat(target)):
                    return True
                os.unlink(target)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            try:
                fcntl.ioctl(copy, _FICLONE, source.fileno())
            except OSError:
                shutil.copyfileobj(source, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
            return os.fstat(copy.fileno()).st_size == found.st_size


def ids_of(images: Iterable[str]) -> str:
    """Return the first ids for a sentence."""
    ids = sorted(set(images))
    return list_of(ids[:_NAMED_IDS], len(ids))


class Maker:
    """Makes one backup."""

    def __init__(self, service: Service, request: BackupRequest) -> None:
        self.service, self.request = service, request
        self.partial = request.folder + PARTIAL
        self.dump = os.path.join(self.partial, f"database.{service.engine.suffix}")
        self.held: dict[tuple[str, str, str | None], Place] = {}

    def run(self) -> dict[str, Any]:
        """Make it under another name, and give it its own when it is whole; returns the manifest."""
        os.mkdir(self.partial, mode=0o700)
        try:
            os.mkdir(os.path.join(self.partial, "config"), mode=0o700)
            tar = f"{os.path.basename(self.service.config_directory)}.tar"
            write_tar(os.path.join(self.partial, "config", tar), self.service.config_directory)
            tables, images = self.agreeing() if self.request.images else self.look()
            manifest = self.manifest(tables, images)
            write_json(os.path.join(self.partial, MANIFEST), manifest)
            flush(self.dump, self.partial)
            os.rename(self.partial, self.request.folder)
            flush(self.request.directory)
        except BaseException:
            shutil.rmtree(self.partial)
            raise
        return {**manifest, "path": self.request.folder}

    def look(self) -> tuple[Tables, list[Image]]:
        """Dump the database, and return what the dump itself says."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.dump)
        os.close(os.open(self.dump, os.O_WRONLY | os.O_CREAT, 0o600))
        self.service.engine.dump(self.dump)
        tables = self.service.engine.read(self.dump)
        with acting_as(self.service.user):
            return tables, images_in(tables, self.service.stores)

    def agreeing(self) -> tuple[Tables, list[Image]]:
        """Dump until there is a file for every image of the dump; returns what the last one says.

        What is active was whole before the dump and never changes; it only goes, and Glance removes its file and then
        its locations before its record, or with delayed delete leaves its locations to the scrubber before its record
        (glance/location.py, store_utils.py). So each dump is read, and what it names is taken after it: a file that is
        there is the right one. One that is not belongs to an image that is being deleted, as does an active image
        without a location that is to stay, and another dump shows that. What was taken for a dump before is kept: the
        next one lacks only images that came and went since.
        """
        since: dict[str, float] = {}
        deadline = time.monotonic() + _LIMIT
        while True:
            tables, images = self.look()
            missing, now = self.take_all(images), time.monotonic()
            again = any(image in since for image in missing)
            since = {image: since.get(image, now) for image in missing}
            lost = [image for image in missing if now - since[image] >= _PATIENCE]
            if len(lost) == len(missing) or (lost and not self.request.allow_missing) or now > deadline:
                break
            if again:
                time.sleep(_PAUSE)
        if self.request.verify:
            missing += self.damaged(images)
        if missing and not self.request.allow_missing:
            raise BackupError(
                f"every active image should have its whole data in its store, found none or other data for "
                f"{ids_of(missing)}: bring it back there, delete these images, or set glance_backup_allow_missing to "
                "true"
            )
        self.drop_others(images)
        return tables, images

    def take_all(self, images: Iterable[Image]) -> list[str]:
        """Take what is not held yet; returns the ids of images of which something is missing."""
        missing = []
        for image in images:
            if image.lost:
                missing.append(image.id)
            for place in image.places:
                key = (image.id, place.path, image.os_hash_value or image.checksum)
                held = self.held.get(key)
                if held is None:
                    name = os.path.join("images", place.store, os.path.basename(place.path))
                    target = os.path.join(self.partial, name)
                    if take(place, image, target, self.request.links, self.service.user):
                        held = self.held[key] = replace(place, held=name)
                if held is not None:
                    place.held, place.mode = held.held, held.mode
                elif place.required:
                    missing.append(image.id)
        return missing

    def damaged(self, images: Iterable[Image]) -> list[str]:
        """Return the ids of images whose held data is not what their record says; that is not held then."""
        held = [(place, image) for image in images for place in image.places if place.held]
        faults = faults_of([(os.path.join(self.partial, place.held), image) for place, image in held])
        wrong = [pair for pair, fault in zip(held, faults) if fault]
        for place, _image in wrong:
            place.held = ""
        return [image.id for place, image in wrong if place.required]

    def drop_others(self, images: Iterable[Image]) -> None:
        """Remove what was taken for a dump before and is not wanted by the last one."""
        wanted = {place.held for image in images for place in image.places}
        for held in self.held.values():
            if held.held not in wanted:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.partial, held.held))

    def manifest(self, tables: Tables, images: list[Image]) -> dict[str, Any]:
        """Return what the backup says of itself."""
        held = [image for image in images if any(place.held for place in image.places)]
        return {
            "made_by": MADE_BY,
            "format": FORMAT,
            "name": self.request.name,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "release": self.service.release,
            "engine": self.service.engine.login.engine,
            "revisions": sorted(str(row["version_num"]) for row in tables["alembic_version"]),
            "dump": {
                "file": os.path.basename(self.dump),
                "bytes": os.path.getsize(self.dump),
                "sha256": sha256_of(self.dump),
            },
            "holds_images": self.request.images,
            "count": len(held),
            "bytes": sum(image.size or 0 for image in held),
            "images": [asdict(image) for image in images],
        }


def name_of_now(directory: str, prefix: str) -> str:
    """Return *prefix* and the time in UTC, such as 20261126T084500Z, with a number where that is there already."""
    name = prefix + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(os.path.join(directory, name)))


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module C(backup) with its options *params*; return what it answers.

    Raises BackupError, DumpError and OSError.
    """
    begun, directory = time.monotonic(), params["directory"]
    name = params["name"] or name_of_now(directory, params["prefix"])
    choices = ("images", "links", "verify", "allow_missing", "keep")
    request = BackupRequest(directory, name, **{key: params[key] for key in choices})
    judge(request)
    service = find_service(params, "")
    if check_mode:
        return {"changed": True, "name": name, "path": request.folder, "msg": f"Would back up to {request.folder}."}
    with locked(directory) as work:
        service.engine.work = work
        manifest = make(service, request)
        removed = prune(directory, request.keep, manifest)
    also = f", and removed {', '.join(removed)}" if removed else ""
    return {
        "changed": True,
        "name": name,
        "path": request.folder,
        "backup": summary_of(manifest),
        "removed": removed,
        "msg": f"Backed up {in_words(manifest)} as {name} in {directory} in {time.monotonic() - begun:.1f} s"
        f"{also}{not_held_in_words(manifest)}.",
    }


def judge(request: BackupRequest) -> None:
    """Raise BackupError for a backup that can't be made under its name, or that should keep fewer than none."""
    if not NAME.match(request.name) or request.name.endswith(PARTIAL):
        raise BackupError(
            "glance_backup_name should be of letters, digits and ._-, begin with one of the first two, have 128 of "
            f"them at most and not end with {PARTIAL}, found {json.dumps(request.name)}"
        )
    if request.keep < 0:
        raise BackupError(f"glance_backup_keep should be 0 or more, found {request.keep}")
    if os.path.lexists(request.folder):
        raise BackupError(
            f"there is a backup {request.name} in {request.directory} already: give another name, or none"
        )


def make(service: Service, request: BackupRequest) -> dict[str, Any]:
    """Make a backup, in a directory that is locked; returns its manifest. Never takes the place of another one."""
    judge(request)
    return Maker(service, request).run()


def prune(directory: str, keep: int, made: Mapping[str, Any]) -> list[str]:
    """Remove the oldest backups beyond *keep*; returns their names."""
    removed = []
    for folder in superfluous(backups_in(directory), keep, made):
        # A removal that is cut off leaves something that is no backup any more.
        os.rename(folder, folder + PARTIAL)
        shutil.rmtree(folder + PARTIAL)
        removed.append(os.path.basename(folder))
    return removed


def images_of(manifest: Mapping[str, Any]) -> list[Image]:
    """Return the images of a manifest."""
    return [Image(**{**image, "places": [Place(**place) for place in image["places"]]}) for image in manifest["images"]]


def in_words(manifest: Mapping[str, Any]) -> str:
    """Return what a backup holds."""
    database = f"the database ({size_of(manifest['dump']['bytes'])})"
    if not manifest["holds_images"]:
        return f"{database} without images"
    return f"{database} and {count_of(manifest['count'], 'image')} ({size_of(manifest['bytes'])})"


def not_held_in_words(manifest: Mapping[str, Any]) -> str:
    """Return how much of the images a backup does not hold, as the end of a sentence, "" for nothing."""
    words = ""
    if not manifest["holds_images"]:
        return words
    images = images_of(manifest)
    elsewhere = [image for image in images if image.elsewhere]
    if elsewhere:
        stores = ", ".join(sorted({store for image in elsewhere for store in image.elsewhere}))
        words += f"; what {count_of(len(elsewhere), 'image')} has in other stores ({stores}) is not in it"
    missing = [image.id for image in images if image.lost or any(p.required and not p.held for p in image.places)]
    return f"{words}; without whole data: {ids_of(missing)}" if missing else words
