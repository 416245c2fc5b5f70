"""What an audit of stores and database calls a fault, and what may be mended without a loss."""

import dataclasses

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils.image_audit import (
    ABANDONED,
    GRACE,
    NO_INODE,
    STAGING,
    STILL,
    TASKS,
    Data,
    File,
    Image,
    Location,
    Rules,
    Survey,
    Task,
    id_in,
    judge,
    without_data,
)

X, Y = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
DAY = 86400.0
NOW = 100 * DAY
OLD, YOUNG = NOW - DAY - 1, NOW - 10
PATH = f"/images/{X}"
HERE = Rules(NOW, scrub_time=3600, only_host=True, since=NOW - 30 * DAY, sees_open_files=True, files_only=True)
RESTARTED = dataclasses.replace(HERE, since=NOW - GRACE)
CLUSTER = dataclasses.replace(HERE, only_host=False)
DEAD, SILENT = NOW - ABANDONED - 1, NOW - ABANDONED + 60


def image(status, **other):
    return Image(X, status, **{"size": 5, "updated_at": OLD, **other})


def location(status="active", number=1, **other):
    return Location(number, X, status, **{"store": "file", "path": PATH, **other})


def file(store="file", path=PATH, **other):
    return File(store, path, **{"id": X, "inode": (1, 1), "mtime": OLD, "size": 5, **other})


def found(images=(), locations=(), files=(), tasks=(), data=None, rules=HERE, known_tasks=()):
    """Return (kind, what mends it) of all findings."""
    survey = Survey(
        rules, {each.id: each for each in images}, locations, files, tasks, data or {}, frozenset(known_tasks)
    )
    return [(finding.kind, finding.mend) for finding in judge(survey)]


@pytest.mark.parametrize(
    ("name", "store", "owner"),
    [
        (X, "file", X),
        (f"{X}.part", "file", ""),
        (X.upper(), "file", ""),
        ("readme", "file", ""),
        (f"x{X}", STAGING, ""),
        (f"{X}.qcow2", STAGING, X),
        (f"{X}.converted", TASKS, X),
        (f"{X}.a.b", STAGING, ""),
        (f"{X}\n", "file", ""),
    ],
)
def test_only_what_glance_would_call_so_is_a_file_of_glance(name, store, owner):
    assert id_in(name, store) == owner


GOOD = {"images": [image("active")], "locations": [location()], "files": [file()], "data": {1: Data(5)}}


@pytest.mark.parametrize(
    "survey",
    [
        {},
        GOOD,
        {**GOOD, "data": {}},
        {**GOOD, "data": {1: Data(-1)}},
        {**GOOD, "images": [image("deactivated")]},
        {"images": [image("queued", size=None)]},
        {"images": [image("queued", importing=True)], "locations": [location()], "files": [file()]},
        # Waits for its time, and was scrubbed.
        {
            "images": [image("pending_delete", deleted=True, deleted_at=YOUNG)],
            "locations": [location("pending_delete", deleted=True, removed_at=YOUNG)],
            "files": [file()],
        },
        {
            "images": [image("deleted", deleted=True, deleted_at=OLD)],
            "locations": [location("deleted", deleted=True, removed_at=OLD)],
        },
        # A deletion without delay: Glance has marked both in one second, and the data is gone.
        {
            "images": [image("deleted", deleted=True, deleted_at=OLD)],
            "locations": [location("deleted", deleted=True, swept=True)],
            "data": {1: Data(None)},
        },
        # In the middle of a deletion or of an upload.
        {"images": [image("deleted", updated_at=YOUNG)]},
        {"images": [image("active", updated_at=YOUNG)]},
        # A copy that was removed a moment ago, and one that may be on its way back.
        {**GOOD, "locations": [location(), location("pending_delete", 2, path="/b", deleted=True, removed_at=YOUNG)]},
        {
            **GOOD,
            "images": [image("active", importing=True)],
            "locations": [location(), location("pending_delete", 2, path="/b", deleted=True, removed_at=OLD)],
        },
        # Nova may be at work on it.
        {
            "images": [image("queued", updated_at=NOW - DAY / 2)],
            "files": [file("ceph", f"ceph/{X}", inode=NO_INODE, mtime=NOW - DAY / 2)],
        },
        # Staged data waits for its import as long as the user likes.
        {"images": [image("uploading")], "files": [file(STAGING, f"/staging/{X}")]},
    ],
)
def test_what_agrees_is_no_finding(survey):
    assert found(**survey) == []


DELETED = {"images": [image("deleted", deleted=True)]}
ELSEWHERE = {"locations": [location(path="", store="ceph")]}
GOOD_ELSEWHERE = {"images": [image("active")], **ELSEWHERE}
STOPPED = NOW - STILL - 1


@pytest.mark.parametrize(
    ("survey", "finding"),
    [
        ({**GOOD, "data": {1: Data(None)}}, ("missing data", "")),
        ({**GOOD, "data": {1: Data(4)}}, ("wrong size", "")),
        ({**GOOD, "data": {1: Data(-1, "it is down")}}, ("unreadable", "")),
        ({**GOOD, "images": [image("queued")]}, ("refused data", "queued")),
        ({"images": [image("queued")], "files": [file()]}, ("refused data", "queued")),
        ({"images": [image("queued")], "files": [file(STAGING)]}, ("refused data", "queued")),
        ({"images": [image("queued")], "files": [file("ceph", inode=NO_INODE)]}, ("refused data", "queued")),
        # The status of a deletion that was cut off, before and after the locations.
        ({"images": [image("deleted")], "locations": [location()], "files": [file()]}, ("ghost", "ghost")),
        ({"images": [image("pending_delete")]}, ("ghost", "ghost")),
        # A member deleted a deactivated image.
        (
            {
                "images": [image("deleted", deleted=True, deleted_at=OLD)],
                "locations": [location("deleted", deleted=True, swept=True)],
                "files": [file(mtime=YOUNG)],
                "data": {1: Data(5)},
            },
            ("unqueued", "unqueued"),
        ),
        (
            {
                "images": [image("deleted", deleted=True, deleted_at=OLD)],
                "locations": [location("pending_delete", deleted=True, removed_at=OLD)],
            },
            ("unqueued", "unqueued"),
        ),
        (
            {
                "images": [image("pending_delete", deleted=True, deleted_at=OLD)],
                "locations": [location("pending_delete", deleted=True, removed_at=OLD)],
            },
            ("overdue", ""),
        ),
        ({"images": [image("active")]}, ("no location", "")),
        (
            {
                "images": [image("active")],
                "locations": [location("pending_delete", deleted=True, removed_at=OLD)],
                "data": {1: Data(5)},
            },
            ("no location", "revive"),
        ),
        (
            {
                **GOOD,
                "locations": [location(), location("pending_delete", 2, path="/b", deleted=True, removed_at=OLD)],
            },
            ("removed copy", "removed"),
        ),
        # What is left of a copy that failed: the record names another file.
        (
            {**GOOD, "locations": [location(path="/fast/x", inode=(1, 2))]},
            ("file without a record", "file"),
        ),
        ({"images": [image("deleted", deleted=True)], "files": [file()]}, ("file without a record", "file")),
        ({"files": [file(TASKS)], "known_tasks": [X]}, ("file without a record", "file")),
        # A legacy task names what it fetches by the image that it makes.
        ({"files": [file(TASKS)], "images": [image("deleted", deleted=True)]}, ("file without a record", "file")),
        ({"files": [file(TASKS)], "images": [image("queued")]}, ("file without a record", "file")),
        ({"files": [file(TASKS)], "images": [image("active")], **ELSEWHERE}, ("file without a record", "file")),
        # Of imports, it is known by the hour that nobody works on them.
        ({"files": [file(STAGING, mtime=STOPPED)], **DELETED}, ("file without a record", "file")),
        ({"files": [file(STAGING, mtime=STOPPED)], **GOOD_ELSEWHERE}, ("file without a record", "file")),
        ({"files": [file(STAGING, mtime=STOPPED)], "images": [image("queued")]}, ("refused data", "queued")),
        # Nothing is removed of what this database never knew, be it a wrong one.
        ({"files": [file()]}, ("unknown file", "")),
        ({"files": [file(STAGING)], "known_tasks": [X]}, ("unknown file", "")),
    ],
)
def test_what_disagrees_is_found(survey, finding):
    assert found(**survey) == [finding]


@pytest.mark.parametrize(
    "survey",
    [
        # Young, open, or of a record that is in flux.
        {"images": [image("deleted", deleted=True)], "files": [file(mtime=YOUNG)]},
        {"images": [image("deleted", deleted=True)], "files": [file(open=True)]},
        {
            "images": [image("active", importing=True)],
            "locations": [location(path="/a", inode=(1, 2))],
            "files": [file()],
        },
        {"files": [file(TASKS)], "tasks": [Task(X, "processing", YOUNG)], "known_tasks": [X]},
        # The same file by another path, or what may be that.
        {**GOOD, "locations": [location(path="/link/x", inode=(1, 1))]},
        {**GOOD, "locations": [location(path="/elsewhere/x", inode=None)]},
        # The record of another image names it.
        {
            "images": [image("deleted", deleted=True), Image(Y, "active", updated_at=OLD)],
            "locations": [Location(2, Y, "active", path=PATH)],
            "files": [file()],
        },
        # A refused upload, a moment ago.
        {"images": [image("queued", updated_at=YOUNG)], "files": [file(mtime=YOUNG)]},
        # An import was at work within the hour, on it or on what it makes of it, or has it open.
        *(
            {"files": [file(STAGING, mtime=STOPPED), other], **images}
            for images in (DELETED, GOOD_ELSEWHERE, {"images": [image("queued")]})
            for other in (
                file(STAGING, f"{PATH}.raw", mtime=NOW - STILL + 60),
                file(STAGING, f"{PATH}.raw", mtime=STOPPED, open=True),
            )
        ),
        {"files": [file(TASKS, open=True)], "images": [image("queued")]},
        {"files": [file(TASKS)], "images": [image("saving", updated_at=YOUNG)]},
        # Where open files can't be seen, a day has to do.
        {
            "files": [file(STAGING, mtime=STOPPED)],
            "rules": dataclasses.replace(HERE, sees_open_files=False),
            **GOOD_ELSEWHERE,
        },
        # A copy to another store, whose task is younger than its lock's patience.
        {"files": [file(STAGING)], **ELSEWHERE, "images": [image("active", importing=True)]},
    ],
)
def test_file_that_may_be_needed_stays(survey):
    assert found(**survey) == []


def test_data_that_another_image_has_is_not_queued_for_removal():
    deleted = [image("deleted", deleted=True, deleted_at=OLD)]
    swept = location("deleted", deleted=True, swept=True)
    assert found(deleted, [swept], data={1: Data(5)}) == [("unqueued", "unqueued")]
    assert found(deleted, [dataclasses.replace(swept, shared=True)], data={1: Data(5)}) == []


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["stuck"]),
        ({"files": [file()]}, ["stuck"]),
        # A slow upload grows, a paused one has its file open, an import touches its task.
        ({"files": [file(mtime=YOUNG)]}, []),
        ({"files": [file(open=True)]}, []),
        ({"files": [file(STAGING, open=True)]}, []),
        ({"tasks": [Task(Y, "processing", YOUNG, X)]}, []),
        ({"tasks": [Task(Y, "processing", OLD, X)]}, ["stuck"]),
        # It began after the host was started.
        ({"images": {"updated_at": NOW - GRACE - 5}}, []),
        ({"images": {"updated_at": NOW - GRACE - 5}, "rules": RESTARTED}, ["stuck"]),
        ({"images": {"updated_at": NOW - GRACE - 5}, "rules": RESTARTED, "files": [file(mtime=YOUNG)]}, []),
        ({"images": {"updated_at": NOW - GRACE - 5}, "rules": RESTARTED, "files": [file(open=True)]}, []),
        # Nobody but that host can tell, or the store shows nothing before its end.
        ({"rules": dataclasses.replace(HERE, only_host=False)}, [""]),
        ({"rules": dataclasses.replace(HERE, files_only=False)}, [""]),
        ({"rules": dataclasses.replace(HERE, sees_open_files=False)}, [""]),
        ({"rules": dataclasses.replace(RESTARTED, files_only=False)}, ["stuck"]),
    ],
)
def test_upload_is_given_up_only_when_nobody_can_be_at_work(status, changes, expected):
    survey = {**changes, "images": [image(status, **{"size": None, **changes.get("images", {})})]}
    assert [mend for _kind, mend in found(**survey)] == expected


@pytest.mark.parametrize(
    ("survey", "expected"),
    [
        # Its task, or its record where it has no task, is too old for an import.
        ({"tasks": [Task(Y, "processing", DEAD, X)]}, [("stuck", "abandoned")]),
        ({"tasks": [Task(Y, "pending", DEAD, X)]}, [("stuck", "abandoned")]),
        ({}, [("stuck", "abandoned")]),
        ({"tasks": [Task(Y, "processing", DEAD, X), Task(X, "failure", YOUNG, X)]}, [("stuck", "abandoned")]),
        ({"files": [file(STAGING, mtime=DEAD)]}, [("stuck", "abandoned")]),
        # A copy in one of its stores does not make it live.
        ({"locations": [location()]}, [("stuck", "abandoned")]),
        # A legacy task is told by its file, since it does not name its image.
        ({"images": ["saving"], "files": [file(TASKS, mtime=DEAD)]}, [("stuck", "abandoned")]),
        ({"images": ["saving"], "tasks": [Task(Y, "processing", DEAD, X)]}, [("stuck", "abandoned")]),
        # Touched within two days, by whatever.
        ({"tasks": [Task(Y, "processing", SILENT, X)]}, [("stuck", "")]),
        (
            {"tasks": [Task(Y, "processing", DEAD, X), Task(X, "processing", SILENT, X)]},
            [("dead task", "task"), ("stuck", "")],
        ),
        ({"images": ["importing", SILENT]}, [("stuck", "")]),
        # Somebody works on it here.
        ({"files": [file(STAGING, mtime=DEAD, open=True)], "tasks": [Task(Y, "processing", DEAD, X)]}, []),
        ({"files": [file(STAGING, mtime=YOUNG)]}, []),
        # An operator who has more patience.
        ({"rules": dataclasses.replace(CLUSTER, stuck_after=3 * DAY)}, []),
        # An upload shows no sign of life, however long it takes.
        ({"images": ["saving"]}, [("stuck", "")]),
        ({"images": ["saving"], "files": [file(mtime=DEAD)]}, [("stuck", "")]),
        ({"images": ["uploading"]}, [("stuck", "")]),
    ],
)
def test_import_without_a_sign_of_life_is_given_up_in_a_cluster(survey, expected):
    status, updated_at = [*survey.get("images", ["importing"]), DEAD][:2]
    given = {"rules": CLUSTER, **survey, "images": [image(status, size=None, updated_at=updated_at)]}
    assert found(**given) == expected


@pytest.mark.parametrize(
    ("survey", "expected"),
    [
        # A legacy task, which names no image, and a copy to another store.
        ({"tasks": [Task(Y, "processing", DEAD)]}, [("dead task", "task")]),
        ({"tasks": [Task(Y, "processing", DEAD, X)], **GOOD}, [("dead task", "task")]),
        ({"tasks": [Task(Y, "pending", DEAD, X)], "images": [image("deleted", deleted=True)]}, [("dead task", "task")]),
        # Its import never began: what was staged waits for another.
        (
            {
                "tasks": [Task(Y, "pending", DEAD, X)],
                "images": [image("uploading", updated_at=DEAD)],
                "files": [file(STAGING, mtime=DEAD)],
            },
            [("dead task", "task")],
        ),
        # Whoever changes an image does not keep its import alive.
        (
            {"tasks": [Task(Y, "processing", DEAD, X)], "images": [image("importing", updated_at=YOUNG)]},
            [("dead task", "task")],
        ),
        ({"tasks": [Task(Y, "processing", SILENT)]}, []),
        ({"tasks": [Task(Y, "processing", DEAD)], "rules": dataclasses.replace(CLUSTER, stuck_after=3 * DAY)}, []),
        ({"tasks": [Task(Y, "failure", DEAD)]}, []),
        ({"tasks": [Task(Y, "success", DEAD)]}, []),
        ({"tasks": [Task(X, "processing", DEAD)], "files": [file(TASKS, mtime=DEAD, open=True)]}, []),
        (
            {
                **GOOD,
                "tasks": [Task(Y, "processing", DEAD, X)],
                "images": [image("active", importing=True)],
                "files": [file(STAGING, mtime=DEAD, open=True)],
            },
            [],
        ),
    ],
)
def test_task_that_nobody_works_on_is_found(survey, expected):
    assert found(**{"rules": CLUSTER, **survey}) == expected


def test_what_is_given_up_later_says_when():
    survey = Survey(CLUSTER, {X: image("importing")})
    (finding,) = judge(survey)
    assert finding.action == "wait: an import is given up after 48 h without a sign of life"


def test_import_that_failed_is_given_up_at_once_on_any_host():
    rules = dataclasses.replace(HERE, only_host=False)
    before = NOW - GRACE - 1
    survey = {"images": [image("importing", updated_at=before)], "rules": rules}
    assert found(**survey, tasks=[Task(Y, "failure", before, X)]) == [("stuck", "failed")]
    # Glance keeps the staged file of a failed import open.
    kept = [file(STAGING, f"/staging/{X}", open=True)]
    assert found(**survey, files=kept, tasks=[Task(Y, "failure", before, X)]) == [("stuck", "failed")]
    assert found(**survey, tasks=[Task(Y, "failure", before, X), Task(X, "processing", before, X)]) == []
    assert found([image("importing", updated_at=before, importing=True)], tasks=[Task(Y, "failure", before, X)]) == []


def test_staged_data_that_is_lost_is_given_up():
    assert found([image("uploading")]) == [("stuck", "stuck")]
    assert found([image("uploading")], rules=dataclasses.replace(HERE, only_host=False)) == []


def test_location_is_looked_at_once_for_data_that_nobody_removed():
    swept = location("deleted", deleted=True, swept=True)
    assert without_data(Survey(HERE, locations=[swept], data={1: Data(None)})) == [1]
    assert without_data(Survey(HERE, locations=[swept], data={1: Data(5)})) == []
    assert without_data(Survey(HERE, locations=[swept])) == []
