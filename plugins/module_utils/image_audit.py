# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Glance's database and its stores agree: a judgement over what was found in both, without asking either.

The scrubber's role puts this file beside roles/scrubber/files/pending_images.py, which asks them, so it needs nothing
but Python. Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# Seconds that may lie between two steps of one request, which the database shows one by one.
GRACE = 300.0
# Seconds after which an import has died if its task, or its record where there is no task, was not touched. Glance
# touches the task each minute while it stores (glance/async_/flows/api_image_import.py, _status_callback), and nothing
# while it downloads, unpacks and converts. In ussuri, and for legacy tasks, it touches nothing while it stores either.
ABANDONED = 2 * 86400.0
# Seconds for which a file in the folders of imports has lain still when nobody works on it: who does has it open, or
# one beside it.
STILL = 3600.0
# What an object in a store without files has in place of an inode.
NO_INODE = (0, 0)
# Folders that are no stores: data that waits for its import, and that of legacy tasks.
STAGING, TASKS = "os_glance_staging_store", "os_glance_tasks_store"
UPLOADING = ("saving", "uploading", "importing")
IN_USE = ("active", "deactivated")
DELETED = ("deleted", "pending_delete")
# Data has the id of its image for a name, that of a legacy task too (glance/async_/flows/base_import.py, _ImportToFS),
# or the id of a task. The import plugins image_conversion and image_decompression and legacy tasks add an ending.
_NAME = re.compile(r"(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?P<ending>\.[a-z0-9]{1,12})?\Z")

Inode = tuple[int, int]


def id_in(name: str, store: str) -> str:
    """Return the id of the image or task whose data Glance would call *name* in a folder, "" if it never would."""
    found = _NAME.match(name)
    return found["id"] if found and (store in (STAGING, TASKS) or not found["ending"]) else ""


# ------------------------------------------------------------------------------------------------------- what was found


@dataclass(frozen=True)
class Image:
    """A record of an image; *importing* if an import holds its lock."""

    id: str
    status: str
    deleted: bool = False
    size: int | None = None
    updated_at: float = 0.0
    deleted_at: float | None = None
    importing: bool = False


@dataclass(frozen=True)
class Location:
    """A record of where an image has data.

    *path* is that of a file, "" in other stores. *swept* if Glance marked it together with the image's record, which
    says that nobody has removed the data: what removes data marks the location before (glance/db/sqlalchemy/api.py,
    image_destroy). *shared* if the record of another image names the same data.
    """

    id: int
    image_id: str
    status: str
    deleted: bool = False
    store: str = ""
    path: str = ""
    inode: Inode | None = None
    removed_at: float | None = None
    swept: bool = False
    shared: bool = False

    @property
    def live(self) -> bool:
        """Whether the image is read from there."""
        return not self.deleted and self.status == "active"

    @property
    def undone(self) -> bool:
        """Whether its data is not said to be removed."""
        return self.status != "deleted" or not self.deleted


@dataclass(frozen=True)
class File:
    """A file that is named as Glance names files; *open* if a process of the service has it open."""

    store: str
    path: str
    id: str
    inode: Inode
    mtime: float
    size: int = 0
    open: bool = False


@dataclass(frozen=True)
class Task:
    """A record of a task that is not deleted; *image_id* is "" where it is not told."""

    id: str
    status: str
    updated_at: float
    image_id: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it says that somebody works on it."""
        return self.status in ("pending", "processing")


@dataclass(frozen=True)
class Data:
    """What was seen of a location's data: *size* is None if there is none, -1 if the store does not tell."""

    size: int | None
    fault: str = ""


@dataclass(frozen=True)
class Rules:
    """What the judgement goes by.

    *scrub_time*, *late* and *stuck_after* are seconds. *only_host*: no other host can work on an image. *since*: when
    the oldest process of the service on this host was started, None if that is not known. *sees_open_files*: whether
    it can be told which files are open. *files_only*: there is no store but file stores, all of them on this host.
    """

    now: float
    scrub_time: float = 0.0
    late: float = 0.0
    stuck_after: float = 86400.0
    only_host: bool = False
    since: float | None = None
    sees_open_files: bool = False
    files_only: bool = False


@dataclass
class Survey:
    """All that was found. *files* are looked for before records, so what is new has a record."""

    rules: Rules
    images: Mapping[str, Image] = field(default_factory=dict)
    locations: Sequence[Location] = ()
    files: Sequence[File] = ()
    tasks: Sequence[Task] = ()
    # By the id of the location; what was not looked at is not there.
    data: Mapping[int, Data] = field(default_factory=dict)
    # Ids of tasks that have a record, deleted or not.
    known_tasks: frozenset[str] = frozenset()


# ------------------------------------------------------------------------------------------------------ what is wrong


@dataclass(frozen=True)
class Finding:
    """One disagreement. *mend* names what puts it right without a loss, "" if a person has to decide."""

    kind: str
    image: str
    store: str
    detail: str
    action: str
    mend: str = ""
    locations: tuple[int, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What is the same when it is found again."""
        return self.kind, self.image, self.store


SCRUB = "the next run of the scrubber mends it, or glance_audit_repair=true"
DECIDE = "bring the data back from a backup, or delete the image"


class Judge:
    """Looks at one survey."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.rules = survey, survey.rules
        self.locations: dict[str, list[Location]] = defaultdict(list)
        self.files: dict[str, list[File]] = defaultdict(list)
        self.tasks: dict[str, list[Task]] = defaultdict(list)
        for location in survey.locations:
            self.locations[location.image_id].append(location)
        self.named = {location.path for location in survey.locations if location.undone}
        for file in survey.files:
            self.files[file.id].append(file)
        for task in survey.tasks:
            self.tasks[task.image_id].append(task)

    def findings(self) -> list[Finding]:
        """Return all that is wrong, in the order of kinds and ids."""
        found = [finding for image in self.survey.images.values() for finding in self.of_image(image)]
        known = {path for finding in found for path in finding.files}
        found += [finding for file in self.survey.files if file.path not in known for finding in self.of_file(file)]
        # A task ends together with the import of its image.
        ended = {finding.image for finding in found if finding.kind == "stuck" and finding.mend}
        found += [finding for task in self.survey.tasks if task.image_id not in ended for finding in self.of_task(task)]
        return sorted(found, key=lambda finding: (finding.kind, finding.image, finding.store))

    def before(self, moment: float | None, seconds: float) -> bool:
        """Whether *moment* is longer ago than *seconds*."""
        return moment is not None and moment < self.rules.now - seconds

    @property
    def abandoned_after(self) -> float:
        """Seconds after which an import has died, wherever its process was."""
        return max(ABANDONED, self.rules.stuck_after)

    def of_image(self, image: Image) -> Iterable[Finding]:
        """Return what is wrong with an image."""
        if image.status in DELETED:
            return self.of_deleted(image) if image.deleted else self.of_ghost(image)
        if image.deleted:
            return []
        if image.status == "queued":
            return [*self.of_queued(image), *self.of_removed(image)]
        if image.status in UPLOADING:
            return self.of_upload(image)
        return self.of_used(image) if image.status in IN_USE else []

    # ------------------------------------------------------------------------------------------------ deleted images

    def of_ghost(self, image: Image) -> Iterable[Finding]:
        """Judge an image whose deletion was cut off: the API lists it, or nobody sees it, and its data stays."""
        if self.before(image.updated_at, GRACE):
            ids = tuple(location.id for location in self.locations[image.id] if location.undone)
            yield Finding("ghost", image.id, "", f"{image.status}, but not gone from the list", SCRUB, "ghost", ids)

    def of_deleted(self, image: Image) -> Iterable[Finding]:
        """Judge a deleted image: all its data has to be gone or to wait for the scrubber."""
        lost = []
        for location in self.locations[image.id]:
            waits = image.status == "pending_delete" and location.status == "pending_delete"
            there = location.swept and self.size_of(location) is not None
            if not location.shared and ((location.undone and not waits) or (not location.undone and there)):
                lost.append(location)
        if lost:
            stores = ", ".join(sorted({location.store for location in lost}))
            detail = "deleted, but its data is not queued for the scrubber"
            yield Finding("unqueued", image.id, stores, detail, SCRUB, "unqueued", tuple(each.id for each in lost))
        elif image.status == "pending_delete" and self.before(
            image.deleted_at, self.rules.scrub_time + self.rules.late + GRACE
        ):
            yield Finding("overdue", image.id, "", "deleted, and still not scrubbed", "run playbooks/scrub.yml")

    # ------------------------------------------------------------------------------------------------ images in use

    def of_used(self, image: Image) -> Iterable[Finding]:
        """Judge an image that users can read."""
        locations = self.locations[image.id]
        live = [location for location in locations if location.live]
        if not live:
            yield from self.of_unreadable(image)
            return
        for location in live:
            data = self.survey.data.get(location.id)
            if data is None or (data.size == -1 and not data.fault):
                continue
            if data.fault:
                yield Finding("unreadable", image.id, location.store, data.fault, "repair the store, then run it again")
            elif data.size is None:
                yield Finding("missing data", image.id, location.store, "the record's data is not there", DECIDE)
            elif image.size is not None and data.size != image.size:
                detail = f"has {data.size} bytes, should have {image.size}"
                yield Finding("wrong size", image.id, location.store, detail, DECIDE)
        yield from self.of_removed(image)

    def of_unreadable(self, image: Image) -> Iterable[Finding]:
        """Judge an image without a location: a download is empty. Its deletion was cut off, or its upload."""
        if not self.before(image.updated_at, GRACE):
            return
        waiting = [location for location in self.locations[image.id] if location.undone]
        if any(not self.before(location.removed_at, GRACE) for location in waiting):
            return
        there = [location for location in waiting if self.size_of(location) == image.size and image.size is not None]
        if there:
            detail = "a deletion that failed half way has taken its locations; its data is there"
            yield Finding("no location", image.id, there[0].store, detail, SCRUB, "revive", (there[0].id,))
        else:
            detail = f"{image.status}, but a download is empty"
            yield Finding("no location", image.id, "", detail, "delete the image, and upload it again")

    def of_removed(self, image: Image) -> Iterable[Finding]:
        """Judge the copies that a user took from an image with delayed delete: glance-scrubber never looks at them."""
        locations = self.locations[image.id]
        if image.importing or (image.status in IN_USE and not any(location.live for location in locations)):
            return
        for location in locations:
            waits = self.rules.scrub_time + self.rules.late
            if location.undone and not location.live and self.before(location.removed_at, waits):
                detail = "the copy was removed by a user, its data is still there"
                yield Finding("removed copy", image.id, location.store, detail, SCRUB, "removed", (location.id,))

    # ------------------------------------------------------------------------------------------- images without data

    def of_queued(self, image: Image) -> Iterable[Finding]:
        """Judge an image that waits for its data: that of a refused upload is in the way, and nobody sees it."""
        if image.importing:
            return
        rules = self.rules
        live = [location for location in self.locations[image.id] if location.live]
        files = [
            file
            for file in self.files[image.id]
            if file.store != TASKS
            and file.path not in self.named
            and (self.lies_still(file) if file.store == STAGING else not file.open)
            # Nova puts a snapshot into Ceph long before it says so (imagebackend.py, direct_snapshot).
            and self.before(max(file.mtime, image.updated_at), GRACE if file.inode != NO_INODE else rules.stuck_after)
        ]
        if live or files:
            stores = ", ".join(sorted({each.store for each in [*live, *files]}))
            ids, paths = tuple(location.id for location in live), tuple(file.path for file in files)
            detail = "the data of a refused upload or import is still there"
            yield Finding("refused data", image.id, stores, detail, SCRUB, "queued", ids, paths)

    def of_upload(self, image: Image) -> Iterable[Finding]:
        """Judge an upload or import that nobody may be at work on any more.

        A slow one is told by a file that grows or is open, and by a task that was touched. One that is paused holds its
        file open all the same. Staged data that waits for the import has a size, and waits as long as its user likes.
        """
        rules, files = self.rules, self.files[image.id]
        live = [location for location in self.locations[image.id] if location.undone]
        # What works on it has a file open: the one that it writes, or that of the staging folder.
        idle = rules.only_host and rules.files_only and rules.sees_open_files and not live
        over = rules.only_host and rules.since is not None and image.updated_at < rules.since
        # An import that is refused or fails leaves its image like that, without its lock. Glance may keep the staged
        # file open, in the traceback of the failure.
        tasks = self.tasks[image.id]
        ended = bool(tasks) and not any(task.under_way for task in tasks)
        failed = image.status == "importing" and ended and not image.importing
        # After a restart of the host, as after a failure, nobody has to wait for what can't go on.
        still = GRACE if failed or (idle and over) else rules.stuck_after
        if not self.before(image.updated_at, still):
            return
        if any((file.open and not failed) or not self.before(file.mtime, still) for file in files):
            return
        if any(task.under_way and not self.before(task.updated_at, still) for task in tasks):
            return
        staged = image.status == "uploading" and image.size is not None
        if staged and (not rules.only_host or any(file.store == STAGING for file in files)):
            return
        # An upload shows no sign of life in the database. The image of a legacy task is told by the file of that.
        under_way = [task.updated_at for task in tasks if task.under_way]
        imported = image.status == "importing" or bool(under_way) or any(file.store == TASKS for file in files)
        abandoned = imported and self.before(max(under_way, default=image.updated_at), self.abandoned_after)
        mend = "failed" if failed else "stuck" if idle or over else "abandoned" if abandoned else ""
        detail = f"{image.status} for {hours(rules.now - image.updated_at)}, nothing of it moves"
        later = f"wait: an import is given up after {hours(self.abandoned_after)} without a sign of life"
        action = SCRUB if mend else later if imported else "delete the image, if nobody uploads it on another host"
        ids, paths = tuple(each.id for each in live), tuple(file.path for file in files)
        yield Finding("stuck", image.id, "", detail, action, mend, ids, paths)

    def of_task(self, task: Task) -> Iterable[Finding]:
        """Judge a task whose image is in no import: that of a copy or a legacy one, or one whose import never began."""
        if not task.under_way or not self.before(task.updated_at, self.abandoned_after):
            return
        if any(file.open for file in self.files[task.image_id] + self.files[task.id]):
            return
        what = f"a task of image {task.image_id}" if task.image_id else "a task"
        detail = f"{what}, {task.status} for {hours(self.rules.now - task.updated_at)}, nothing of it moves"
        yield Finding("dead task", task.id, "", detail, SCRUB, "task")

    # ---------------------------------------------------------------------------------------------------------- files

    def lies_still(self, file: File) -> bool:
        """Whether nobody works on a file; what an import makes of one lies beside it."""
        if file.store not in (STAGING, TASKS):
            return not file.open and self.before(file.mtime, self.rules.stuck_after)
        seconds = STILL if self.rules.sees_open_files else self.rules.stuck_after
        beside = [each for each in self.files[file.id] if each.store in (STAGING, TASKS)]
        return not any(each.open or not self.before(each.mtime, seconds) for each in beside)

    def of_file(self, file: File) -> Iterable[Finding]:
        """Judge a file: a record names it, or somebody works on it, or it is left over."""
        if not self.lies_still(file) or self.needed(file):
            return
        known = file.id in self.survey.images or (file.store == TASKS and file.id in self.survey.known_tasks)
        if known:
            detail = f"{file.path}, {file.size} bytes: no record names it"
            yield Finding("file without a record", file.id, file.store, detail, SCRUB, "file", (), (file.path,))
        else:
            # A wrong or an older database would know none of the files, and another deployment may have them here.
            detail = f"{file.path}, {file.size} bytes: the database never knew this id"
            action = "find out whose it is, then move it away"
            yield Finding("unknown file", file.id, file.store, detail, action, "", (), (file.path,))

    def needed(self, file: File) -> bool:
        """Whether a file belongs to a record, or may do so."""
        if file.path in self.named:
            return True
        image = self.survey.images.get(file.id)
        if image and not image.deleted and (image.importing or image.status in UPLOADING):
            return True
        if file.store == TASKS:
            return any(task.id == file.id and task.under_way for task in self.survey.tasks)
        if file.store == STAGING:
            return False
        undone = [location for location in self.locations[file.id] if location.undone]
        # A record may name the file by another path, such as that of a link: then it is the same file, or, where the
        # other path is not there, may be.
        return any(location.path and location.inode in (None, file.inode) for location in undone)

    def size_of(self, location: Location) -> int | None:
        """Return how much of a location's data was seen, None for none; -1 if it is there, or may be."""
        data = self.survey.data.get(location.id)
        return -1 if data is None else data.size


def hours(seconds: float) -> str:
    """Return a time such as "26 h" or "5 min"."""
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"


def judge(survey: Survey) -> list[Finding]:
    """Return all that is wrong."""
    return Judge(survey).findings()


def without_data(survey: Survey) -> list[int]:
    """Return the swept locations whose data is gone, so that nobody has to look for it again."""
    gone = [location for location in survey.locations if location.swept and not location.undone]
    return [each.id for each in gone if each.id in survey.data and survey.data[each.id].size is None]
