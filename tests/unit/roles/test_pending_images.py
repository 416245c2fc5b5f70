"""What the program removes of imports on a host, and which of them it gives up: with real files and a real database.

The records are in SQLite, in the columns that the program reads. Of Glance and of oslo nothing is there, so that a look
at a store would fail.
"""

import datetime
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import types

import pytest
import sqlalchemy as sa

PROJECT = pathlib.Path(__file__).parents[3]
PROGRAM = PROJECT / "roles/scrubber/files/pending_images.py"
X, Y, Z = (f"{digit * 8}-0000-4000-8000-{digit * 12}" for digit in "abc")
HOUR = 3600
OLD, DEAD = 3 * HOUR, 49 * HOUR
TABLES = ("IMAGES", "LOCATIONS", "PROPERTIES", "TAGS", "MEMBERS", "JOBS", "JOB_INFO")
LOCK, TO_STORES, STAGE_HOST = "os_glance_import_task", "os_glance_importing_to_stores", "os_glance_stage_host"


@pytest.fixture(scope="module")
def program():
    database = types.SimpleNamespace(options=None)
    stubs = {
        "oslo_config": types.SimpleNamespace(cfg=types.SimpleNamespace(ConfigOpts=types.SimpleNamespace)),
        "oslo_db": database,
        "oslo_db.sqlalchemy": types.SimpleNamespace(enginefacade=None),
    }
    spec = importlib.util.spec_from_file_location("pending_images", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # What the program is put beside on a host.
        patch.syspath_prepend(PROJECT / "plugins/module_utils")
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        spec.loader.exec_module(module)
    for name in ("image_audit", "stored_objects"):
        sys.modules.pop(name)
    return module


class Host:
    """The folders of imports of a host, and the records that all hosts share."""

    def __init__(self, program, folder, monkeypatch):
        self.program, self.folder = program, folder
        self.config = folder / "glance-api.conf"
        sections = []
        for name, section in (("staging", "os_glance_staging_store"), ("tasks", "os_glance_tasks_store")):
            (folder / name).mkdir()
            sections.append(f"[{section}]\nfilesystem_store_datadir = {folder / name}\n")
        self.config.write_text("".join(sections))
        engine = sa.create_engine(f"sqlite:///{folder}/records")
        metadata = sa.MetaData()
        for name in TABLES:
            table = getattr(program, name)
            columns = [sa.Column(each.name, sa.Text if name == "JOB_INFO" else each.type) for each in table.c]
            sa.Table(table.name, metadata, *columns)
        metadata.create_all(engine)
        self.engine, self.rows = engine, 0
        # A store that this test can't list: whoever asks it fails.
        values = {"scrub_time": 0, "enabled_backends": {"ceph": "rbd"}, "metadata_encryption_key": None}
        conf = types.SimpleNamespace(**values, task=types.SimpleNamespace(task_time_to_live=48))
        open_files = program.open_files
        # A service user sees all of its processes; the user of a test may have some that it can't look into.
        self.sees_all = True
        monkeypatch.setattr(program, "open_files", lambda: (open_files()[0], self.sees_all, None))
        monkeypatch.setattr(program, "CONF", conf)
        monkeypatch.setattr(program, "engine", lambda: engine)

    def add(self, table, age=0, **values):
        """Add a record that was touched *age* seconds ago."""
        self.rows += 1
        touched = self.program.now() - datetime.timedelta(seconds=age)
        defaults = {"id": self.rows, "deleted": False, "updated_at": touched}
        known = getattr(self.program, table)
        with self.engine.begin() as connection:
            connection.execute(known.insert().values({**defaults, **values} if table != "JOB_INFO" else values))

    def image(self, image, status, age=DEAD, **values):
        self.add("IMAGES", age, id=image, status=status, **values)

    def task(self, task, image="", status="processing", age=DEAD):
        self.add("JOBS", age, id=task, status=status)
        self.add("JOB_INFO", task_id=task, input=json.dumps({"image_id": image} if image else {}), message="")

    def note(self, image, **notes):
        for name, value in notes.items():
            self.add("PROPERTIES", image_id=image, name=name, value=value)

    def file(self, name, age=OLD, size=5):
        path = self.folder / name
        path.write_bytes(b"x" * size)
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))
        return path

    def options(self, *arguments):
        return self.program.parse(["staged", f"--api-config-file={self.config}", *arguments])

    def staged(self, *arguments):
        return self.program.staged(self.options(*arguments))

    @property
    def left(self):
        return sorted(
            str(path.relative_to(self.folder))
            for name in ("staging", "tasks")
            for path in self.folder.glob(f"{name}/*")
        )

    def found(self, table, *columns):
        with self.engine.connect() as connection:
            rows = connection.execute(getattr(self.program, table).select()).mappings()
            return sorted(tuple(row[column] for column in columns) for row in rows)


@pytest.fixture
def host(program, tmp_path, monkeypatch):
    return Host(program, tmp_path, monkeypatch)


@pytest.fixture
def opened():
    """Have another process of this user keep a file open."""
    processes = []

    def opened(path):
        with path.open() as file:
            processes.append(subprocess.Popen(["sleep", "600"], stdin=file))

    yield opened
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("records", "files", "left"),
    [
        # Nobody waits for these: all that an import makes of them goes too.
        ({"images": [("active",)]}, [X, f"{X}.raw", f"{X}.uc", f"{X}.part"], []),
        ({"images": [("deactivated",)]}, [X], []),
        ({"images": [("deleted", {"deleted": True})]}, [X, f"{X}.qcow2"], []),
        ({"images": [("pending_delete", {"deleted": True})]}, [X], []),
        ({"images": [("queued",)]}, [X, f"{X}.raw"], []),
        # Of a database that does not know it, Glance itself removes it at its next start.
        ({}, [X], []),
        # A user may import it later, an import is at work, or a copy to another store.
        ({"images": [("uploading", {"size": 5})]}, [X], [X]),
        ({"images": [("importing", {"age": HOUR})]}, [X, f"{X}.raw"], [X, f"{X}.raw"]),
        ({"images": [("active",)], "lock": True, "tasks": [(Y, X, "processing", HOUR)]}, [X], [X]),
        ({"images": [("queued",)], "lock": True, "tasks": [(Y, X, "pending", HOUR)]}, [X], [X]),
        # An import has changed it, or what it makes of it, within the hour.
        ({"images": [("active",)], "age": HOUR - 60}, [X], [X]),
        ({"images": [("queued",)], "beside": f"{X}.raw"}, [X], [X, f"{X}.raw"]),
        # No name that Glance gives.
        (
            {"images": [("active",)]},
            ["notes.txt", f"x{X}", f"{X}.a.b", f".{X}"],
            ["notes.txt", f"x{X}", f"{X}.a.b", f".{X}"],
        ),
    ],
)
def test_what_nobody_waits_for_goes(host, capsys, records, files, left):
    for status, *values in records.get("images", ()):
        host.image(X, status, **(values[0] if values else {}))
    for task in records.get("tasks", ()):
        host.task(*task)
    if records.get("lock"):
        host.note(X, **{LOCK: Y})
    for name in files:
        host.file(f"staging/{name}", records.get("age", OLD))
    if "beside" in records:
        host.file(f"staging/{records['beside']}", HOUR - 60)
    assert host.staged() == 0
    assert host.left == sorted(f"staging/{name}" for name in left)
    gone = sorted(f"{host.folder}/staging/{name}" for name in {*files} - {*left})
    told = capsys.readouterr()
    assert sorted(json.loads(told.out)["removed"]) == gone
    assert [line.split(",")[0] for line in sorted(told.err.splitlines())] == [
        f"pending_images: removed {path}" for path in gone
    ]


def test_what_a_process_has_open_stays_with_all_beside_it(host, opened):
    host.image(X, "active")
    host.image(Y, "active")
    opened(host.file(f"staging/{X}"))
    for name in (f"{X}.raw", Y):
        host.file(f"staging/{name}")
    assert host.staged() == 0
    assert host.left == [f"staging/{X}", f"staging/{X}.raw"]


def test_where_open_files_cannot_be_seen_a_day_has_to_do(host):
    host.image(X, "active")
    host.image(Y, "active")
    host.sees_all = False
    host.file(f"staging/{X}", 23 * HOUR)
    host.file(f"staging/{Y}", 25 * HOUR)
    assert host.staged() == 0
    assert host.left == [f"staging/{X}"]


def test_only_files_of_these_folders_themselves_are_looked_at(host):
    host.image(X, "active")
    kept = host.file(X)
    link, folder = host.folder / f"staging/{X}", host.folder / f"staging/{X}.raw"
    link.symlink_to(kept)
    folder.mkdir()
    below = host.file(f"staging/{X}.raw/{X}")
    for path in (link, folder):
        os.utime(path, (kept.stat().st_mtime,) * 2, follow_symlinks=False)
    assert host.staged() == 0
    assert kept.exists()
    assert below.exists()
    assert host.left == [f"staging/{X}", f"staging/{X}.raw"]


@pytest.mark.parametrize("folder", ["images", "staging"])
def test_folder_of_images_is_none_of_imports(host, monkeypatch, folder):
    host.image(X, "deleted", deleted=True)
    (host.folder / folder).mkdir(exist_ok=True)
    path, folders = host.file(f"{folder}/{X}", DEAD), host.program.folders
    monkeypatch.setattr(host.program, "folders", lambda options: [("files", str(path.parent)), *folders(options)])
    assert host.staged() == 0
    assert path.exists()


@pytest.mark.parametrize("owner", [X, Y])
def test_what_a_legacy_task_has_left_goes_once_the_task_has_ended(host, owner):
    # The image that it makes is named nowhere in its record.
    host.image(X, "queued")
    host.task(Y)
    host.file(f"tasks/{owner}")
    host.file(f"tasks/{owner}.converted")
    assert host.staged() == 0
    ((status, expires_at),) = host.found("JOBS", "status", "expires_at")
    assert status == "failure"
    assert datetime.timedelta(hours=47) < expires_at - host.program.now() < datetime.timedelta(hours=49)
    assert host.found("JOB_INFO", "message") == [(host.program.ENDED,)]
    host.staged()
    assert host.left == []


def test_import_that_died_can_be_begun_again_in_a_cluster(host, capsys):
    host.image(X, "importing", size=7, checksum="c", os_hash_value="h")
    host.task(Y, X)
    host.note(X, **{LOCK: Y, TO_STORES: "ceph", "os_distro": "debian"})
    # Another one, which is alive.
    host.image(Z, "importing")
    host.task(X, Z, age=HOUR)
    host.note(Z, **{LOCK: X})
    host.file(f"staging/{X}", DEAD)
    assert host.staged() == 0
    assert host.found("IMAGES", "id", "status") == [(X, "queued"), (Z, "importing")]
    assert host.found("IMAGES", "id", "size", "checksum", "os_hash_value")[0] == (X, None, None, None)
    assert host.found("PROPERTIES", "image_id", "name") == [(X, "os_distro"), (Z, LOCK)]
    assert host.found("JOBS", "id", "status") == [(X, "processing"), (Y, "failure")]
    assert host.found("JOB_INFO", "task_id", "message") == [(X, ""), (Y, host.program.ENDED)]
    assert host.left == []
    told = capsys.readouterr()
    (given_up,) = json.loads(told.out)["given_up"]
    assert given_up == f"image {X}: was importing and nobody worked on it; it can be uploaded again or deleted"
    assert f"pending_images: {given_up}" in told.err.splitlines()


def test_import_with_data_in_a_store_is_left_to_who_reaches_the_store(host):
    host.image(X, "importing")
    host.task(Y, X)
    host.file(f"staging/{X}", DEAD)
    host.add("LOCATIONS", image_id=X, status="active", value="rbd://f/p/i/snap", meta_data='{"store": "ceph"}')
    assert host.staged() == 0
    assert host.found("IMAGES", "status") == [("importing",)]
    assert host.found("JOBS", "status") == [("processing",)]
    assert host.left == [f"staging/{X}"]


def test_import_that_never_began_leaves_its_data_where_it_is_known(host):
    host.image(X, "uploading", size=5)
    host.task(Y, X, "pending")
    host.note(X, **{LOCK: Y, STAGE_HOST: "http://a1:9292"})
    host.file(f"staging/{X}", DEAD)
    assert host.staged() == 0
    assert host.found("IMAGES", "status", "size") == [("uploading", 5)]
    assert host.found("PROPERTIES", "name") == [(STAGE_HOST,)]
    assert host.found("JOBS", "status") == [("failure",)]
    assert host.left == [f"staging/{X}"]


def test_lock_that_another_import_has_taken_over_stays(host):
    host.image(X, "active")
    host.task(Y, X)
    host.task(Z, X, age=HOUR)
    host.note(X, **{LOCK: Z, TO_STORES: "ceph"})
    assert host.staged() == 0
    assert host.found("PROPERTIES", "name", "value") == [(LOCK, Z), (TO_STORES, "ceph")]
    assert host.found("JOBS", "id", "status") == [(Y, "failure"), (Z, "processing")]


@pytest.mark.parametrize("status", ["importing", "active"])
def test_import_that_shows_a_sign_of_life_meanwhile_goes_on(host, status):
    host.image(X, status)
    host.task(Y, X)
    host.note(X, **{LOCK: Y})
    host.file(f"staging/{X}", DEAD)
    look = host.program.Look(host.options(), staged=True)
    found = [each for each in host.program.image_audit.judge(look.survey) if each.mend in host.program.GIVEN_UP]
    assert len(found) == 1
    with host.engine.begin() as connection:
        connection.execute(sa.update(host.program.JOBS).values(updated_at=host.program.now()))
    assert host.program.Mender(look).mend(found[0]) == ""
    assert host.found("IMAGES", "status") == [(status,)]
    assert host.found("JOBS", "status") == [("processing",)]
    assert host.found("PROPERTIES", "name") == [(LOCK,)]
    assert host.left == [f"staging/{X}"]


def test_image_that_changes_meanwhile_keeps_its_file(host):
    host.image(X, "active")
    host.file(f"staging/{X}")
    look = host.program.Look(host.options(), staged=True)
    (found,) = (each for each in host.program.image_audit.judge(look.survey) if each.files)
    with host.engine.begin() as connection:
        connection.execute(sa.update(host.program.IMAGES).values(updated_at=host.program.now()))
    assert host.program.Mender(look).mend(found) == ""
    assert host.left == [f"staging/{X}"]


def test_dry_run_changes_nothing(host, capsys):
    host.image(X, "importing")
    host.image(Y, "active")
    host.task(Z, X)
    for image in (X, Y):
        host.file(f"staging/{image}", DEAD)
    assert host.staged("--dry-run") == 0
    assert json.loads(capsys.readouterr().out) == {"found": 2, "removed": [], "given_up": [], "failed": []}
    assert host.found("IMAGES", "status") == [("active",), ("importing",)]
    assert host.left == [f"staging/{X}", f"staging/{Y}"]


def test_file_that_cannot_be_removed_is_told_and_the_others_go(host, capsys, monkeypatch):
    host.image(X, "active")
    host.image(Y, "active")
    for image in (X, Y):
        host.file(f"staging/{image}")
    unlink = os.unlink

    def refuse(path):
        if path.endswith(X):
            raise PermissionError(13, "Permission denied", path)
        unlink(path)

    monkeypatch.setattr(host.program.os, "unlink", refuse)
    assert host.staged() == host.program.LEFT_BEHIND
    assert host.left == [f"staging/{X}"]
    (failed,) = json.loads(capsys.readouterr().out)["failed"]
    assert failed.startswith(f"image {X}: ")
    assert "can't be mended: PermissionError" in failed


def test_mend_and_audit_keep_what_no_database_knows(host, capsys):
    host.program.CONF.enabled_backends = {}
    host.file(f"staging/{X}", DEAD)
    host.file(f"tasks/{Y}", DEAD)
    arguments = ["mend", f"--api-config-file={host.config}", "--only-host"]
    assert host.program.mend(host.program.parse(arguments)) == 0
    assert json.loads(capsys.readouterr().out) == {"mended": [], "failed": []}
    assert host.left == [f"staging/{X}", f"tasks/{Y}"]


def test_scrubber_of_a_cluster_gives_up_what_died_on_another_host(host, capsys):
    host.program.CONF.enabled_backends = {}
    host.image(X, "importing")
    host.image(Z, "importing", age=HOUR)
    host.task(Y, X)
    assert host.program.mend(host.program.parse(["mend", f"--api-config-file={host.config}"])) == 0
    assert len(json.loads(capsys.readouterr().out)["mended"]) == 1
    assert host.found("IMAGES", "id", "status") == [(X, "queued"), (Z, "importing")]
    assert host.found("JOBS", "status") == [("failure",)]
