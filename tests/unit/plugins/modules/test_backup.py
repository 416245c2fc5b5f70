"""A deployment with a database and two file stores is backed up, damaged and restored."""

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import sqlite3
import tarfile
import threading
import uuid

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import backup, database_dump
from file_engine import FileEngine

SCHEMA = """
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE images (id TEXT, name TEXT, size INTEGER, status TEXT, checksum TEXT, os_hash_algo TEXT,
                     os_hash_value TEXT, deleted BOOLEAN);
CREATE TABLE image_locations (image_id TEXT, value TEXT, meta_data TEXT, status TEXT, deleted BOOLEAN);
INSERT INTO alembic_version VALUES ('head');
"""


class Deployment:
    """What site.yml would have made below *root*."""

    def __init__(self, root):
        self.root, self.database, self.directory = root, root / "glance.db", root / "backups"
        (root / "etc").mkdir()
        (root / "2026.2-1a2b").mkdir()
        (root / "current").symlink_to("2026.2-1a2b")
        for store in ("fast", "slow"):
            (root / store).mkdir()
        (root / "etc/glance-api.conf").write_text(
            f"[DEFAULT]\nenabled_backends = fast:file,slow:file,s3:s3\n[database]\nconnection = file:///{self.database}\n"
            f"[fast]\nfilesystem_store_datadir = {root}/fast\n[slow]\nfilesystem_store_datadir = {root}/slow\n"
        )
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(SCHEMA)
        self.options = {
            "directory": str(self.directory),
            "config_directory": str(root / "etc"),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "link": str(root / "current"),
        }

    def sql(self, statement, *values):
        with contextlib.closing(sqlite3.connect(self.database, timeout=60, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def add(self, data=None, stores=("fast",), status="active"):
        """Add an image; returns its id."""
        image, data = str(uuid.uuid4()), os.urandom(5000) if data is None else data
        digest = hashlib.sha512(data).hexdigest()
        md5 = hashlib.md5(data).hexdigest()
        for store in (store for store in stores if store != "s3"):
            (self.root / store / image).write_bytes(data)
            (self.root / store / image).chmod(0o640)
        self.sql("INSERT INTO images VALUES (?, 'n', ?, 'saving', ?, 'sha512', ?, 0)", image, len(data), md5, digest)
        for store in stores:
            place = f"s3://h/{image}" if store == "s3" else f"file://{self.root}/{store}/{image}"
            known = json.dumps({"store": store})
            at = "pending_delete" if status == "pending_delete" else "active"
            self.sql("INSERT INTO image_locations VALUES (?, ?, ?, ?, ?)", image, place, known, at, status != "active")
        self.sql("UPDATE images SET status = ? WHERE id = ?", status, image)
        return image

    def delete(self, image):
        """Delete an image as Glance does, its data first."""
        for store in ("fast", "slow"):
            (self.root / store / image).unlink(missing_ok=True)
        self.sql("UPDATE images SET status = 'deleted', deleted = 1 WHERE id = ?", image)
        self.sql("UPDATE image_locations SET status = 'deleted', deleted = 1 WHERE image_id = ?", image)

    def state(self):
        """Return all records and all data of the images."""
        found = [self.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("images", "image_locations")]
        return found, self.files()

    def files(self):
        return {f"{s}/{p.name}": p.read_bytes() for s in ("fast", "slow") for p in (self.root / s).iterdir()}

    def listed(self):
        return sorted(path.name for path in self.directory.iterdir() if path.name not in (".lock", ".proven.json"))

    def held(self, name):
        """Return the files of images in a backup."""
        images = self.directory / name / "images"
        return {f"{path.parent.name}/{path.name}": path for path in images.rglob("*") if path.is_file()}

    def manifest(self, name):
        return json.loads((self.directory / name / "manifest.json").read_text())


@pytest.fixture
def it(tmp_path, monkeypatch):
    monkeypatch.setitem(database_dump.ENGINES, "file", FileEngine)
    monkeypatch.setitem(database_dump._ENGINES, "file", "file")
    return Deployment(tmp_path)


@pytest.fixture
def back_up(run_module, it):
    def run(name="one", check=False, /, **options):
        return run_module("backup", check, **it.options, name=name, **options)

    return run


@pytest.fixture
def restore(run_module, it):
    def run(name="one", check=False, /, **options):
        return run_module("backup_restore", check, **it.options, name=name, heads={"2026.2": "head"}, **options)

    return run


@pytest.fixture
def after_dump(monkeypatch):
    """Do something after each dump of the database, once for each that is given."""
    steps, dump = [], FileEngine.dump

    def dump_and_more(self, path):
        dump(self, path)
        if steps:
            steps.pop(0)()

    monkeypatch.setattr(FileEngine, "dump", dump_and_more)
    monkeypatch.setattr(backup, "_PATIENCE", 0.1)
    monkeypatch.setattr(backup, "_PAUSE", 0.01)
    return steps


# ----------------------------------------------------------------------------------------------------------- backing up


def test_a_backup_holds_what_its_manifest_says(it, back_up):
    image, both, other = it.add(), it.add(stores=("fast", "slow")), it.add(stores=("s3",))
    (it.root / "fast/unknown").write_bytes(b"x")
    result = back_up()
    assert (result["changed"], result["name"], result["path"]) == (True, "one", str(it.directory / "one"))
    assert result["msg"].startswith("Backed up the database (")
    assert f") and 2 images (9.8 KiB) as one in {it.directory} in " in result["msg"]
    assert result["msg"].endswith(" s; what 1 image has in other stores (s3) is not in it.")
    assert it.held("one").keys() == {f"fast/{image}", f"fast/{both}", f"slow/{both}"}
    assert {key: path.read_bytes() for key, path in it.held("one").items()}.items() <= it.files().items()
    manifest = it.manifest("one")
    assert manifest["dump"]["sha256"] == hashlib.sha256((it.directory / "one/database.file").read_bytes()).hexdigest()
    assert (manifest["release"], manifest["revisions"], manifest["count"]) == ("2026.2", ["head"], 2)
    assert {each["id"]: each["elsewhere"] for each in manifest["images"]} == {image: [], both: [], other: ["s3"]}
    with tarfile.open(it.directory / "one/config/etc.tar") as tar:
        assert "etc/glance-api.conf" in tar.getnames()


def test_only_root_can_look_at_a_backup(it, back_up):
    it.add()
    it.directory.mkdir(mode=0o755)
    back_up(links=False)
    paths = [it.directory, *it.directory.rglob("*")]
    assert {oct(path.stat().st_mode & 0o077) for path in paths if path.name != ".lock"} == {"0o0"}


@pytest.mark.parametrize("links", [True, False])
def test_an_image_outlasts_its_deletion(it, back_up, links):
    image = it.add()
    file = it.root / "fast" / image
    back_up(links=links)
    (held,) = it.held("one").values()
    assert held.samefile(file) is links
    data = file.read_bytes()
    it.delete(image)
    assert held.read_bytes() == data


def test_a_deletion_during_the_backup_leads_to_another_dump(it, back_up, after_dump):
    gone, stays = it.add(), it.add()
    after_dump.append(lambda: it.delete(gone))
    back_up()
    assert it.held("one").keys() == {f"fast/{stays}"}
    assert [image["id"] for image in it.manifest("one")["images"]] == [stays]


@pytest.mark.parametrize("store", ["fast", "s3"])
@pytest.mark.parametrize("status", ["deleted", "pending_delete"])
def test_an_active_image_whose_location_is_gone_is_being_deleted(it, back_up, after_dump, status, store):
    gone, stays = it.add(stores=(store,)), it.add()
    it.sql("UPDATE image_locations SET status = ?, deleted = 1 WHERE image_id = ?", status, gone)
    after_dump.append(lambda: it.delete(gone))
    back_up()
    assert [image["id"] for image in it.manifest("one")["images"]] == [stays]


def test_an_active_image_without_any_location_is_told(it, back_up, monkeypatch):
    monkeypatch.setattr(backup, "_PATIENCE", 0.5)
    image = it.add(stores=())
    assert f"found none or other data for {image}" in back_up()["msg"]
    assert f"without whole data: {image}" in back_up(allow_missing=True)["msg"]


def test_what_was_taken_before_it_went_is_of_use(it, back_up, after_dump):
    """Glance removes data before the record: this image is half gone in every dump but the first."""
    first, second = it.add(), it.add()
    after_dump += [lambda: it.delete(first), (it.root / "fast" / second).unlink]
    back_up()
    assert it.held("one").keys() == {f"fast/{second}"}


def test_what_was_taken_and_is_deleted_then_is_dropped(it, back_up, after_dump):
    first, second, stays = it.add(), it.add(), it.add()
    after_dump.append(lambda: it.delete(first))
    after_dump.append(lambda: None)
    kept = backup.Maker.take_all

    def take_then_delete(self, images):
        lacking = kept(self, images)
        if lacking:
            it.delete(second)
        return lacking

    backup.Maker.take_all = take_then_delete
    try:
        back_up()
    finally:
        backup.Maker.take_all = kept
    assert it.held("one").keys() == {f"fast/{stays}"}


def test_an_image_that_comes_during_the_backup_is_none_of_it(it, back_up, after_dump):
    image = it.add()
    after_dump.append(it.add)
    back_up()
    assert it.held("one").keys() == {f"fast/{image}"}


@pytest.mark.parametrize("links", [True, False])
def test_backups_agree_while_images_come_and_go(it, back_up, links):
    """Users upload and delete without a pause; every active image of every dump has its data in that backup."""
    over, stays = threading.Event(), it.add()

    def use():
        while not over.is_set():
            images = [it.add(), it.add()]
            for image in images:
                it.delete(image)

    users = [threading.Thread(target=use) for _number in range(3)]
    for user in users:
        user.start()
    try:
        results = [back_up(f"n{number}", links=links) for number in range(5)]
    finally:
        over.set()
        for user in users:
            user.join()
    assert [result.get("msg") for result in results if result.get("failed")] == []
    for number in range(5):
        folder = it.directory / f"n{number}"
        with contextlib.closing(sqlite3.connect(folder / "database.file")) as dump:
            active = dict(dump.execute("SELECT id, os_hash_value FROM images WHERE status = 'active'").fetchall())
        held = {path.name: hashlib.sha512(path.read_bytes()).hexdigest() for path in it.held(f"n{number}").values()}
        assert active == held
        assert stays in held


def test_what_the_scrubber_takes_is_not_missed(it, back_up, after_dump):
    image, waits = it.add(), it.add(status="pending_delete")
    after_dump.append((it.root / "fast" / waits).unlink)
    back_up()
    assert it.held("one").keys() == {f"fast/{image}"}


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_an_image_without_whole_data_is_named(it, back_up, after_dump, damage):
    image, stays = it.add(), it.add()
    damage(it.root / "fast" / image)
    refused = back_up()
    assert f"found none or other data for {image}: " in refused["msg"]
    assert it.listed() == []
    made = back_up(allow_missing=True)
    assert made["msg"].endswith(f"; without whole data: {image}.")
    assert it.held("one").keys() == {f"fast/{stays}"}


def test_verifying_finds_a_flipped_bit(it, back_up, after_dump):
    image = it.add()
    (it.root / "fast" / image).write_bytes(b"x" * 5000)
    assert back_up()["changed"]
    assert image in back_up("two", verify=True)["msg"]
    assert it.listed() == ["one"]
    back_up("three", verify=True, allow_missing=True)
    assert it.manifest("three")["count"] == 0


def test_the_database_alone(it, back_up):
    it.add()
    result = back_up(images=False)
    assert it.held("one") == {}
    assert " without images as one in " in result["msg"]
    assert (it.directory / "one/database.file").exists()


def test_a_name_is_the_time_or_what_is_given(it, back_up):
    assert len(back_up("")["name"]) == len("20261126T084500Z")
    assert back_up("", prefix="before-2026.2-")["name"].startswith("before-2026.2-20")


@pytest.mark.parametrize("name", ["../x", ".x", "-x", "x/y", "x\n", "x y", "x.partial", "x" * 129, "{{ x }}"])
def test_a_name_that_can_not_be_is_refused(it, back_up, name):
    assert back_up(name)["msg"].startswith(
        "The image service can't be backed up: glance_backup_name should be of letters"
    )
    assert not it.directory.exists()


def test_no_backup_is_replaced(it, back_up):
    back_up()
    before = it.manifest("one")
    assert f"there is a backup one in {it.directory} already" in back_up()["msg"]
    assert it.manifest("one") == before


def test_check_mode_makes_nothing(it, back_up):
    assert back_up("one", True) | {"invocation": 0} == {
        "changed": True,
        "name": "one",
        "path": str(it.directory / "one"),
        "msg": f"Would back up to {it.directory}/one.",
        "invocation": 0,
    }
    assert not it.directory.exists()


def test_what_a_killed_run_left_is_removed(it, back_up):
    it.add()
    (it.directory / "killed.partial/images").mkdir(parents=True)
    (it.directory / "killed.partial/manifest.json").write_text("{}")
    (it.directory / ".work-x").mkdir()
    back_up()
    assert it.listed() == ["one"]


def test_a_killed_run_leaves_no_backup(it, back_up, run_module, after_dump):
    """A child process is killed after the dump, and another run works."""
    it.add()
    child = os.fork()
    if not child:
        after_dump.append(lambda: os.kill(os.getpid(), 9))
        back_up()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    assert "one.partial" in it.listed()
    assert run_module("backup_info", **it.options)["backups"] == []
    back_up()
    assert it.listed() == ["one"]


def test_two_at_a_time_are_refused(it, back_up):
    it.directory.mkdir()
    with open(it.directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"another backup or restore is at work in {it.directory}" in back_up()["msg"]
    assert back_up()["changed"]


def test_the_oldest_beyond_the_number_go(it, back_up):
    """Those of the database alone are counted by themselves, and what is no backup stays."""
    (it.directory / "mine").mkdir(parents=True)
    for name in ("d", "c", "b"):
        back_up(name)
        manifest = it.manifest(name) | {"time": {"d": "1", "c": "2", "b": "3"}[name]}
        (it.directory / name / "manifest.json").write_text(json.dumps(manifest))
    assert back_up("database", images=False, keep=1)["removed"] == []
    assert back_up("a", keep=2)["removed"] == ["d", "c"]
    assert it.listed() == ["a", "b", "database", "mine"]


def test_fewer_than_none_are_refused(it, back_up):
    assert "glance_backup_keep should be 0 or more, found -1" in back_up(keep=-1)["msg"]
    assert not it.directory.exists()


def test_without_a_service_or_a_login_it_is_said_so(it, back_up):
    config = it.root / "etc/glance-api.conf"
    config.write_text("[DEFAULT]\ndata_api = glance.db.registry.api\n")
    assert "no service on this host has a login to the database" in back_up()["msg"]
    config.unlink()
    assert "run site.yml first" in back_up()["msg"]


def test_the_scrubber_beside_an_api_that_asks_a_registry_has_the_login(it, back_up):
    api = it.root / "etc/glance-api.conf"
    text = api.read_text()
    (it.root / "etc/glance-scrubber.conf").write_text(text)
    api.write_text(text.replace("[database]", "[other]"))
    image = it.add()
    back_up()
    assert it.held("one").keys() == {f"fast/{image}"}


# ------------------------------------------------------------------------------------------------------------ restoring


def damage_all(it, image, flipped):
    """Lose every record and a file, and flip a bit of another one."""
    it.sql("DELETE FROM images")
    (it.root / "fast" / image).unlink()
    data = bytearray((it.root / "fast" / flipped).read_bytes())
    data[100] ^= 1
    (it.root / "fast" / flipped).write_bytes(data)


def test_a_restore_brings_all_back(it, back_up, restore):
    image, flipped = it.add(), it.add(stores=("fast", "slow"))
    waits = it.add(status="pending_delete")
    before = it.state()
    back_up(links=False)
    damage_all(it, image, flipped)
    later = it.add()
    looked = restore(state="verified")
    assert (looked["changed"], looked["put_back"], looked["count"]) == (False, 2, 3)
    assert "is sound: 3 images, 14.6 KiB, every hash as in the database; 2 to be put back." in looked["msg"]
    done = restore()
    assert (done["changed"], done["put_back"], done["unknown_files"]) == (True, 2, 1)
    assert done["msg"] == (
        "Restored one: 3 images, 14.6 KiB, every hash as in the database; 2 files put back, 1 file of the stores that "
        f"it does not know left alone; the previous database is {done['before']}."
    )
    data = it.files().pop(f"fast/{later}")
    assert it.state() == (before[0], {**before[1], f"fast/{later}": data})
    assert (it.root / "fast" / image).stat().st_mode & 0o777 == 0o640
    assert waits in str(before)
    # Nothing is lost: the previous database knows the image that came later.
    assert restore(done["before"])["changed"]
    assert it.sql("SELECT id FROM images") == [(later,)]


def test_a_restore_without_the_images_looks_at_none(it, back_up, restore):
    image, flipped = it.add(), it.add()
    back_up(links=False)
    damage_all(it, image, flipped)
    done = restore(images=False)
    assert done["msg"].startswith(
        "Restored one: the database, no image was looked at; 0 files put back; the previous database"
    )
    assert len(it.sql("SELECT * FROM images")) == 2
    assert not (it.root / "fast" / image).exists()


def test_a_name_that_is_not_there_is_refused_with_those_that_are(it, back_up, restore, run_module):
    back_up()
    back_up("two")
    for name in ("", "three", "one.partial", "../backups/one"):
        assert "glance_backup should " in restore(name)["msg"]
        refused = run_module("backup_info", **it.options, name=name)
        assert refused["msg"].endswith("there is one, two.")


def test_nothing_is_made_where_there_is_no_backup(it, restore):
    assert restore()["msg"].endswith("there is none.")
    assert not it.directory.exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [cut, os.unlink, lambda path: path.write_bytes(b"x" * 5000)])
def test_a_backup_with_damaged_data_changes_nothing(it, back_up, restore, harm):
    image, other = it.add(), it.add()
    back_up(links=False)
    (it.root / "fast" / image).unlink()
    it.sql("DELETE FROM images")
    held = it.held("one")
    for path in held.values():
        harm(path)
    before, listed = it.state(), it.listed()
    for state in ("verified", "restored"):
        refused = restore(state=state)
        assert f"found none for {image} (" in refused["msg"]
        assert (it.state(), it.listed()) == (before, listed)
    done = restore(allow_missing=True)
    assert done["missing"] == [image]
    assert f", every hash as in the database, without {image}; " in done["msg"]
    assert other in str(it.state())


def test_a_damaged_dump_changes_nothing(it, back_up, restore):
    it.add()
    back_up()
    with open(it.directory / "one/database.file", "r+b") as dump:
        dump.write(b"x")
    it.sql("DELETE FROM images")
    before, listed = it.state(), it.listed()
    assert "database.file should have the SHA-256 of manifest.json" in restore()["msg"]
    assert (it.state(), it.listed()) == (before, listed)


def test_a_database_of_another_release_is_refused_unless_it_is_wanted(it, back_up, restore):
    back_up()
    it.sql("UPDATE alembic_version SET version_num = 'next'")
    back_up("two")
    refused = restore("two")
    assert (
        "should be of revision head, which Glance 2026.2 of this host needs, found next of Glance 2026.2: "
        in refused["msg"]
    )
    assert restore("two", other_release=True)["changed"]
    assert restore("one")["changed"]


def test_a_database_of_another_engine_is_refused(it, back_up, restore):
    back_up()
    manifest = it.manifest("one") | {"engine": "mariadb"}
    (it.directory / "one/manifest.json").write_text(json.dumps(manifest))
    assert "should be of file, as the one of this host, found mariadb" in restore(other_release=True)["msg"]


def test_a_present_database_that_can_not_be_saved_stops_the_restore(it, back_up, restore):
    it.add()
    back_up()
    before = it.state()
    it.database.write_bytes(b"no database, whatever it is called" * 100)
    assert "set glance_restore_backup_before to false" in restore()["msg"]
    assert it.database.read_bytes().startswith(b"no database")
    done = restore(backup_before=False)
    assert done["before"] == ""
    assert it.state() == before


def test_check_mode_only_looks(it, back_up, restore):
    image, flipped = it.add(), it.add()
    back_up(links=False)
    damage_all(it, image, flipped)
    before = it.state()
    looked = restore("one", True)
    assert (looked["changed"], looked["put_back"]) == (True, 2)
    assert it.state() == before
    assert it.listed() == ["one"]


def test_what_changes_after_the_look_is_looked_at_again(it, back_up, restore):
    image, other = it.add(), it.add()
    before = it.state()
    back_up(links=False)
    restore(state="verified")
    (it.root / "fast" / image).write_bytes(b"x" * 5000)
    (it.root / "fast" / other).unlink()
    assert restore()["put_back"] == 2
    assert it.state() == before


def test_what_was_whole_is_not_read_again(it, back_up, restore, monkeypatch):
    it.add()
    back_up(links=False)
    restore(state="verified")
    looked = []
    monkeypatch.setattr(
        "ansible_collections.glanceops.image_service.plugins.module_utils.restore.faults_of",
        lambda pairs: looked.extend(pairs) or [],
    )
    assert restore()["count"] == 1
    assert looked == []


def test_a_killed_restore_is_finished_by_another_one(it, back_up, restore, monkeypatch):
    image, flipped = it.add(), it.add()
    before = it.state()
    back_up(links=False)
    damage_all(it, image, flipped)
    child = os.fork()
    if not child:
        FileEngine.restore = lambda _self, _path: os.kill(os.getpid(), 9)
        restore()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    assert restore()["put_back"] == 0
    assert it.state() == before


def test_a_list_tells_what_there_is(it, back_up, run_module):
    it.add()
    back_up()
    (it.directory / "other").mkdir()
    found = run_module("backup_info", **it.options)
    (shown,) = found["backups"]
    assert shown["name"] == "one"
    assert shown["path"] == str(it.directory / "one")
    assert (shown["count"], shown["bytes"], shown["engine"], shown["holds_images"]) == (1, 5000, "file", True)
    assert (found["engine"], found["missing_packages"]) == ("file", [])
