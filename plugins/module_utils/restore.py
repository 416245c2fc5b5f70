# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a backup."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.backup import (
    MANIFEST,
    BackupError,
    BackupRequest,
    Service,
    find_backup,
    find_service,
    ids_of,
    images_of,
    locked,
    make,
    name_of_now,
    write_json,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import DumpError
from ansible_collections.glanceops.image_service.plugins.module_utils.image_files import (
    Image,
    Place,
    acting_as,
    faults_of,
    images_in,
    sha256_of,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of

_PROVEN = ".proven.json"
_BLOCK = 1 << 20


@dataclass
class Findings:
    """What a restore would find: places that are whole, those to be put back, and images whole nowhere."""

    whole: list[tuple[Place, Image]] = field(default_factory=list)
    to_put_back: list[tuple[Place, Image]] = field(default_factory=list)
    lost: list[tuple[Image, str]] = field(default_factory=list)


class Restorer:
    """Restores one backup, in a directory that is locked."""

    def __init__(self, service: Service, directory: str, name: str, images: bool) -> None:
        self.service, self.directory = service, directory
        self.manifest = find_backup(directory, name)
        # A backup of the database alone knows nothing of what files there were.
        self.with_images = images and self.manifest["holds_images"]
        self.folder = self.manifest["path"]
        self.dump = os.path.join(self.folder, self.manifest["dump"]["file"])
        self.images = images_of(self.manifest)

    def judge_database(self, heads: Mapping[str, str], other_release: bool) -> None:
        """Raise BackupError unless the dump is undamaged and one for the database and the release of this host."""
        engine, release = self.service.engine.login.engine, self.service.release
        if self.manifest["engine"] != engine:
            raise BackupError(
                f"its database should be of {engine}, as the one of this host, found {self.manifest['engine']}"
            )
        if not os.path.exists(self.dump) or sha256_of(self.dump) != self.manifest["dump"]["sha256"]:
            raise BackupError(f"{self.dump} should have the SHA-256 of {MANIFEST}, found another: it is damaged")
        head, found = heads.get(release, ""), self.manifest["revisions"]
        if head and head not in found and not other_release:
            raise BackupError(
                f"its database should be of revision {head}, which Glance {release} of this host needs, found "
                f"{', '.join(found) or 'none'} of Glance {self.manifest['release']}: deploy that release first, or set "
                "glance_restore_other_release to true and bring the database to the schema after it"
            )

    def find(self) -> Findings:
        """Hold every file against its record, those in the stores first."""
        found = Findings()
        if not self.with_images:
            return found
        pairs = [(place, image) for image in self.images for place in image.places if place.required or place.held]
        proven = self.read_proofs()
        with acting_as(self.service.user):
            unknown = [pair for pair in pairs if proven.get(pair[0].path, [0]) != stamp_of(pair[0].path)]
            faults = dict(zip(map(key_of, unknown), faults_of([(place.path, image) for place, image in unknown])))
        found.whole = [pair for pair in pairs if not faults.get(key_of(pair))]
        others = [pair for pair in pairs if faults.get(key_of(pair))]
        held = [pair for pair in others if pair[0].held]
        in_backup = faults_of([(os.path.join(self.folder, place.held), image) for place, image in held])
        found.to_put_back = [pair for pair, fault in zip(held, in_backup) if not fault]
        found.lost = [(image, fault) for (place, image), fault in zip(held, in_backup) if fault and place.required]
        found.lost += [(image, "is not in it") for place, image in others if not place.held]
        return found

    def judge_images(self, found: Findings, allow_missing: bool) -> None:
        """Raise BackupError if data of an active image is whole nowhere."""
        if found.lost and not allow_missing:
            reason = f"the first {found.lost[0][1]}"
            raise BackupError(
                f"the data of every image should be whole in the backup or in its store, found none for "
                f"{ids_of(image.id for image, _fault in found.lost)} ({reason}): take another backup, or set "
                "glance_restore_allow_missing to true to go without these images"
            )

    def read_proofs(self) -> dict[str, list[int]]:
        """Return the stamps of files that `note` has noted for this backup, by path."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            with open(os.path.join(self.directory, _PROVEN), encoding="utf-8") as file:
                noted = json.load(file)
            if noted["sha256"] == self.manifest["dump"]["sha256"]:
                return noted["stamps"]
        return {}

    def note(self, found: Findings) -> None:
        """Note which files were whole, so that no service has to rest while they are read once more."""
        with acting_as(self.service.user):
            stamps = {place.path: stamp_of(place.path) or [0] for place, _image in found.whole}
        noted = {"sha256": self.manifest["dump"]["sha256"], "stamps": stamps}
        write_json(os.path.join(self.directory, _PROVEN), noted)

    def put_back(self, place: Place, image: Image) -> None:
        """Have the data of *image* in its store again, whole or not at all; it is held against the hash on the way."""
        fresh = os.path.join(os.path.dirname(place.path), f".restored-{os.path.basename(place.path)}")
        algorithm, wanted = image.hashed_by or ("sha256", "")
        digest = hashlib.new(algorithm)
        with open(os.path.join(self.folder, place.held), "rb") as held, acting_as(self.service.user):
            with open(fresh, "wb") as copy:
                while block := held.read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            if wanted and digest.hexdigest() != wanted:
                os.unlink(fresh)
                raise BackupError(f"{place.held} should have the {algorithm} hash of its record, found another")
            os.chmod(fresh, place.mode)
            os.replace(fresh, place.path)

    def restore_database(self, work: str) -> None:
        """Put the database back, and see that it says what the backup says."""
        self.service.engine.restore(self.dump)
        again = os.path.join(work, f"restored.{self.service.engine.suffix}")
        self.service.engine.dump(again)
        tables = self.service.engine.read(again)
        revisions = sorted(str(row["version_num"]) for row in tables["alembic_version"])
        found = {image.id: facts_of(image) for image in images_in(tables, self.service.stores, lambda _path: True)}
        if revisions != self.manifest["revisions"] or found != {image.id: facts_of(image) for image in self.images}:
            raise BackupError("the restored database should say what the backup says of images, found other records")

    def unknown_files(self) -> int:
        """Count the files of the stores that the backup knows nothing of; they are left alone."""
        known = {place.path for image in self.images for place in image.places}
        with acting_as(self.service.user):
            return sum(
                entry.is_file() and entry.path not in known
                for folders in self.service.stores.values()
                for folder in folders
                if os.path.isdir(folder)
                for entry in os.scandir(folder)
            )


def verb_of(params: Mapping[str, Any], check_mode: bool) -> str:
    """Return what is done with a backup, for a sentence: "restored" or "verified"."""
    return "restored" if params["state"] == "restored" and not check_mode else "verified"


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers.

    Raises BackupError, DumpError and OSError.
    """
    name, directory = params["name"], params["directory"]
    service = find_service(params, "")
    # Raises what locked() would hide by making the directory.
    find_backup(directory, name)
    with locked(directory) as work:
        service.engine.work = work
        restorer = Restorer(service, directory, name, params["images"])
        restorer.judge_database(params["heads"], params["other_release"])
        found = restorer.find()
        restorer.judge_images(found, params["allow_missing"])
        result = proven(found)
        if verb_of(params, check_mode) == "verified":
            if restorer.with_images and not check_mode:
                restorer.note(found)
            words = f"Backup {name} is sound: {in_words(result, restorer)}; {result['put_back']} to be put back."
            return {"changed": check_mode, "msg": words, **result}
        before = save_present(service, directory) if params["backup_before"] else ""
        for place, image in found.to_put_back:
            restorer.put_back(place, image)
        restorer.restore_database(work)
        others = restorer.unknown_files() if restorer.with_images else 0
    words = f"Restored {name}: {in_words(result, restorer)}; {count_of(result['put_back'], 'file')} put back"
    if others:
        words += f", {count_of(others, 'file')} of the stores that it does not know left alone"
    words += f"; the previous database is {before}." if before else "."
    return {"changed": True, "before": before, "unknown_files": others, "msg": words, **result}


def save_present(service: Service, directory: str) -> str:
    """Back up the present database; returns the name of that backup."""
    name = name_of_now(directory, "before-restore-")
    try:
        make(service, BackupRequest(directory, name, images=False))
    except (BackupError, DumpError) as error:
        raise BackupError(
            f"the present database should be backed up first, found: {error}; set glance_restore_backup_before to "
            "false if it is not worth it"
        ) from error
    return name


def proven(found: Findings) -> dict[str, object]:
    """Return the images whose data was held against a hash, and what is told of the others."""
    images = {image.id: image for _place, image in [*found.whole, *found.to_put_back]}
    return {
        "count": len(images),
        "bytes": sum(image.size or 0 for image in images.values()),
        "put_back": len(found.to_put_back),
        "missing": sorted({image.id for image, _fault in found.lost}),
    }


def in_words(result: dict, restorer: Restorer) -> str:
    """Return what was looked at as the middle of a sentence."""
    if not restorer.with_images:
        return "the database, no image was looked at"
    unhashed = sum(image.hashed_by is None for image in restorer.images)
    of_those = f" (but of {unhashed} that has none)" if unhashed else ""
    missing = f", without {', '.join(result['missing'])}" if result["missing"] else ""
    images = f"{count_of(result['count'], 'image')}, {size_of(result['bytes'])}"
    return f"{images}, every hash as in the database{of_those}{missing}"


def facts_of(image: Image) -> tuple[Any, ...]:
    """Return what two looks at an image have in common."""
    return image.status, image.size, image.checksum, image.os_hash_algo, image.os_hash_value


def key_of(pair: tuple[Place, Image]) -> str:
    """Return what tells places apart."""
    return pair[0].path


def stamp_of(path: str) -> list[int]:
    """Return what changes when anybody writes to a file, [] if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
