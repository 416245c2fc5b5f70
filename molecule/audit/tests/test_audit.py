"""Data that Glance loses from sight is found by audit.yml and mended by the scrubber; what is in use stays."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import threading
import uuid

import pytest
from testing.content import disk

testinfra_hosts = ["ansible://glance_api"]

IMAGES, STAGING, TASKS = "/var/lib/glance/images", "/var/lib/glance/staging", "/var/lib/glance/tasks"
PROGRAM = "runuser -u glance -- env PYTHONWARNINGS=ignore /opt/glance/libexec/pending_images.py"
DATA = disk(200_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
# Runs as the service user, with the login that the scrubber has.
SQL = """
import configparser, json, sys
import sqlalchemy
config = configparser.RawConfigParser(strict=False)
config.read("/etc/glance/glance-scrubber.conf")
with sqlalchemy.create_engine(config["database"]["connection"]).begin() as connection:
    found = connection.execute(sqlalchemy.text(sys.argv[1]), json.loads(sys.argv[2]))
    print(json.dumps([dict(row) for row in found.mappings()] if found.returns_rows else found.rowcount, default=str))
"""
LOCK = "SELECT name FROM image_properties WHERE image_id = :id AND name = 'os_glance_import_task' AND deleted = false"
# While it is there, every deletion ends with a 500 in its last step: the record says deleted, and is not.
TRIGGER = """
CREATE TRIGGER lab_fault BEFORE UPDATE ON images FOR EACH ROW
BEGIN IF NEW.deleted = 1 AND OLD.deleted = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'lab'; END IF; END
"""


@dataclasses.dataclass
class Box:
    """The host, as these tests look at it."""

    host: object

    def sql(self, statement, **parameters):
        command = "runuser -u glance -- /opt/glance/current/bin/python -W ignore -c %s %s %s"
        return json.loads(self.host.check_output(command, SQL, statement, json.dumps(parameters)))

    def status(self, image):
        return self.sql("SELECT status FROM images WHERE id = :id", id=image)[0]["status"]

    def age(self, image, hours):
        """Let an image's record and its files be as old as that."""
        moment = self.host.check_output("date --utc --date=%s '+%%F %%T'", f"{hours} hours ago")
        for table in ("images", "tasks"):
            column = "id" if table == "images" else "image_id"
            self.sql(f"UPDATE {table} SET updated_at = :moment WHERE {column} = :id", id=image, moment=moment)
        self.host.check_output(
            "find /var/lib/glance -name %s -exec touch --date=%s {} +", f"{image}*", f"{hours} hours ago"
        )

    def audit(self, *options):
        """Return (kind, image, how it is mended) of all findings."""
        found = json.loads(self.host.check_output(f"{PROGRAM} audit --only-host {' '.join(options)}"))
        return {(each["kind"], each["image"], each["mend"]) for each in found["findings"]}

    def scrub(self):
        """Let the scrubber's unit run once; returns what it said."""
        self.host.check_output("systemctl start glance-scrubber.service")
        return self.host.check_output(
            "journalctl --quiet --output=cat --invocation=0 --unit=glance-scrubber.service || "
            "journalctl --quiet --output=cat --lines=50 --unit=glance-scrubber.service"
        )

    def files(self, image):
        return self.host.check_output("find /var/lib/glance -name %s -printf '%%h\\n'", f"{image}*").splitlines()


@pytest.fixture
def box(host):
    """Give the host, with nothing lost of what other tests have left behind."""
    box = Box(host)
    box.scrub()
    return box


@contextlib.contextmanager
def upload_held(api, image, wait_until):
    """Begin an upload, and go on with it when what is given is called; that returns the answer."""
    go_on, answers = threading.Event(), []

    def held():
        yield DATA[:100_000]
        assert go_on.wait(180)
        yield DATA[100_000:]

    def send():
        with contextlib.suppress(OSError):
            answers.append(api.upload(image, held()))

    thread = threading.Thread(target=send)
    thread.start()

    def finish():
        go_on.set()
        thread.join(60)
        return answers[0].status if answers else None

    try:
        wait_until(lambda: api.show(image)["status"] == "saving")
        yield finish
    finally:
        finish()


def refuse_upload(user):
    image = user.create(disk_format="qcow2")
    assert user.upload(image, [DATA]).status == 415
    return image


def refuse_import(user, wait_until):
    image = user.create(disk_format="qcow2")
    assert user.request("PUT", f"/v2/images/{image}/stage", DATA, "application/octet-stream").status == 204
    assert user.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}).status == 202
    wait_until(lambda: user.request("GET", f"/v2/images/{image}/tasks").json["tasks"][0]["status"] == "failure", 60)
    return image


def delete_deactivated(user, admin):
    image = user.create()
    assert user.upload(image, [DATA]).status == 204
    assert admin.request("POST", f"/v2/images/{image}/actions/deactivate").status == 204
    assert user.request("DELETE", f"/v2/images/{image}").status == 204
    return image


def test_refused_upload_can_be_uploaded_again_or_deleted(box, as_user, playbook):
    user = as_user("u1")
    again, gone = refuse_upload(user), refuse_upload(user)
    assert box.audit() >= {("refused data", each, "queued") for each in (again, gone)}
    said = box.scrub()
    assert again in said
    assert gone in said
    assert box.files(again) == box.files(gone) == []
    assert user.request("PATCH", f"/v2/images/{again}").status != 500
    # Any data, of another size and hash than that which was refused.
    raw = user.create()
    assert user.upload(raw, [DATA]).status == 204
    at_once = refuse_upload(user)
    assert user.request("DELETE", f"/v2/images/{at_once}").status == 204
    assert box.status(at_once) == "pending_delete"
    restored = playbook("restore_image.yml", {"image_id": at_once})
    assert restored.rc != 0
    assert "it never had data that Glance accepted" in restored.failures
    qcow2 = b"QFI\xfb\x00\x00\x00\x03" + bytes(96) + bytes(65536)
    assert user.upload(again, [qcow2]).status in (204, 415)
    assert user.request("DELETE", f"/v2/images/{gone}").status == 204
    assert user.show(raw)["status"] == "active"
    box.scrub()
    assert box.audit() == set()


def test_deleted_deactivated_image_is_restored_or_scrubbed_like_any_other(box, as_user, playbook):
    user, admin = as_user("u1"), as_user("admin")
    kept, gone = delete_deactivated(user, admin), delete_deactivated(user, admin)
    assert box.audit() >= {("unqueued", each, "unqueued") for each in (kept, gone)}
    restored = playbook("restore_image.yml", {"image_id": kept})
    assert restored.rc == 0, restored.output
    assert user.download(kept) == SHA256

    assert gone in box.scrub()
    assert box.status(gone) == "pending_delete"
    box.sql("UPDATE images SET deleted_at = '2020-01-01' WHERE id = :id", id=gone)
    box.scrub()
    assert (box.status(gone), box.files(gone)) == ("deleted", [])
    refused = playbook("restore_image.yml", {"image_id": gone})
    assert refused.rc != 0
    assert "its data was removed" in refused.failures
    assert box.audit() == set()


def test_refused_import_is_given_up_and_its_files_go(box, as_user, wait_until):
    user = as_user("u1")
    image, deleted = refuse_import(user, wait_until), refuse_import(user, wait_until)
    wait_until(lambda: user.show(image)["status"] == "queued")
    assert user.request("DELETE", f"/v2/images/{deleted}").status == 204
    assert box.files(deleted) == [IMAGES]
    assert box.audit() == set()
    # The end of a task comes before the last steps of its import.
    wait_until(lambda: not box.sql(LOCK, id=image))
    box.age(image, 1)
    box.age(deleted, 25)
    assert box.audit() == {("refused data", image, "queued"), ("file without a record", deleted, "file")}
    box.scrub()
    assert box.files(image) == box.files(deleted) == []
    assert user.show(image)["status"] == "queued"
    assert user.request("DELETE", f"/v2/images/{image}").status == 204
    assert box.audit() == set()


def test_upload_whose_process_died_is_given_up_and_one_that_is_paused_is_not(box, as_user, wait_until, service, kill):
    user = as_user("u1")
    dead = user.create()
    with upload_held(user, dead, wait_until):
        kill(box.host, "glance-api.service")
        wait_until(lambda: service.show("ActiveState") == "active", 60)
        wait_until(lambda: user.request("GET", "/healthcheck").status == 200, 60)
    assert user.show(dead)["status"] == "saving"
    paused = user.create()
    with upload_held(user, paused, wait_until) as finish:
        # A day without a byte; the process has the file open.
        box.age(paused, 48)
        assert {image for _kind, image, _mend in box.audit()} <= {dead}
        box.age(dead, 1)
        assert box.audit() == {("stuck", dead, "stuck")}
        said = box.scrub()
        assert dead in said
        assert paused not in said
        assert box.files(dead) == []
        assert finish() == 204
    assert user.download(paused) == SHA256
    assert user.upload(dead, [DATA]).status == 204
    assert user.download(dead) == SHA256
    assert box.audit() == set()


def test_staged_data_waits_for_its_import(box, as_user):
    user = as_user("u1")
    image = user.create()
    assert user.request("PUT", f"/v2/images/{image}/stage", DATA, "application/octet-stream").status == 204
    box.age(image, 48)
    assert box.audit() == set()
    box.scrub()
    assert box.files(image) == [STAGING]


def test_what_imports_have_left_goes_from_each_host_within_the_hour(box, as_user):
    user = as_user("u1")
    left, opened, waits = (user.create() for _number in range(3))
    for image in (left, opened):
        assert user.upload(image, [DATA]).status == 204
        box.host.check_output("runuser -u glance -- cp %s/%s %s/", IMAGES, image, STAGING)
    assert user.request("PUT", f"/v2/images/{waits}/stage", DATA, "application/octet-stream").status == 204
    for image in (left, opened, waits):
        box.age(image, 3)
    # A process of the service, which the unit sees from its sandbox.
    reader = f"--unit=lab-reader --uid=glance --property=StandardInput=file:{STAGING}/{opened}"
    box.host.check_output(f"systemd-run --quiet {reader} sleep 600")
    try:
        box.host.check_output("systemctl start glance-staging.service")
        assert box.files(left) == [IMAGES]
        assert sorted(box.files(opened)) == [IMAGES, STAGING]
    finally:
        box.host.check_output("systemctl stop lab-reader")
    box.host.check_output("systemctl start glance-staging.service")
    assert box.files(opened) == [IMAGES]
    assert box.files(waits) == [STAGING]
    said = box.host.check_output("journalctl --quiet --output=cat --unit=glance-staging.service")
    assert all(f"removed {STAGING}/{image}, {len(DATA)} bytes" in said for image in (left, opened))
    assert user.download(left) == user.download(opened) == SHA256


def test_import_that_has_died_is_given_up_whoever_worked_on_it(box, as_user):
    user = as_user("u1")
    image, task = user.create(), str(uuid.uuid4())
    # As a host leaves it that is gone.
    box.sql("UPDATE images SET status = 'importing' WHERE id = :id", id=image)
    box.sql(
        "INSERT INTO tasks (id, type, status, owner, created_at, updated_at, deleted)"
        " SELECT :task, 'api_image_import', 'processing', owner, created_at, updated_at, 0 FROM images WHERE id = :id",
        task=task,
        id=image,
    )
    box.sql(
        "INSERT INTO task_info (task_id, input) VALUES (:task, :input)",
        task=task,
        input=json.dumps({"image_id": image}),
    )
    moment = box.host.check_output("date --utc --date='49 hours ago' '+%%F %%T'")
    box.sql("UPDATE images SET updated_at = :moment WHERE id = :id", id=image, moment=moment)
    box.sql("UPDATE tasks SET updated_at = :moment WHERE id = :id", id=task, moment=moment)
    box.host.check_output("systemctl start glance-staging.service")
    assert user.show(image)["status"] == "queued"
    (ended,) = box.sql("SELECT status, message FROM tasks JOIN task_info ON task_id = id WHERE id = :id", id=task)
    assert ended == {
        "status": "failure",
        "message": "The server that worked on it has ended; the image can be imported again.",
    }
    assert user.upload(image, [DATA]).status == 204
    assert box.audit() == set()


def test_deletion_that_fails_half_way_is_finished(box, as_user):
    user = as_user("u1")
    empty, full = user.create(), user.create()
    assert user.upload(full, [DATA]).status == 204
    box.host.check_output("mariadb --delimiter=// glance -e %s", TRIGGER)
    try:
        for image in (empty, full):
            assert user.request("DELETE", f"/v2/images/{image}").status == 500
    finally:
        box.host.check_output("mariadb glance -e 'DROP TRIGGER lab_fault'")
    assert empty in user.request("GET", "/v2/images").text
    for image in (empty, full):
        box.age(image, 1)
    assert box.audit() == {("ghost", empty, "ghost"), ("ghost", full, "ghost")}
    box.scrub()
    assert empty not in user.request("GET", "/v2/images").text
    assert (box.status(empty), box.status(full)) == ("deleted", "pending_delete")
    assert box.audit() == set()


def test_playbook_shows_what_a_person_has_to_decide_and_repairs_the_rest(box, as_user, playbook):
    user = as_user("u1")
    missing, short, flipped = (user.create() for _number in range(3))
    for image in (missing, short, flipped):
        assert user.upload(image, [DATA]).status == 204
    refused, stranger = refuse_upload(user), str(uuid.uuid4())
    box.host.check_output(
        f"cd {IMAGES} && mv {missing} /root/ && cp -a {short} {flipped} /root/ && truncate --size=5 {short} && "
        f"printf x | dd of={flipped} bs=1 seek=7 conv=notrunc status=none && "
        f"touch --date='2 days ago' {stranger} && touch --date='2 days ago' notes.txt"
    )
    try:
        run = playbook("audit.yml", {"glance_audit_checksums": True})
        assert run.rc != 0
        assert run.changed == 0
        for kind, image in (
            ("missing data", missing),
            ("wrong size", short),
            ("wrong hash", flipped),
            ("refused data", refused),
            ("unknown file", stranger),
        ):
            assert re.search(rf"{kind} +{image} +file", run.output), (kind, run.output)
        assert "5 findings" in run.failures
        assert "notes.txt" not in run.output

        run = playbook("audit.yml", {"glance_audit_repair": True})
        assert run.rc != 0
        assert "3 findings; repaired 1" in run.failures
        assert box.files(stranger) == [IMAGES]
        assert box.files(refused) == []
    finally:
        box.host.check_output(
            f"cd {IMAGES} && mv /root/{missing} /root/{short} /root/{flipped} . && rm -f {stranger} notes.txt"
        )
    run = playbook("audit.yml", {"glance_audit_checksums": True})
    assert run.rc == 0, run.output
    assert "the database and the stores agree" in run.output


def test_audit_finds_nothing_while_users_create_upload_and_delete(box, as_user):
    stop, failures = threading.Event(), []

    def work(name):
        user = as_user(name)
        while not stop.is_set():
            image = user.create()
            answers = [user.upload(image, [DATA]).status, user.request("DELETE", f"/v2/images/{image}").status]
            failures.extend(each for each in answers if each != 204)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("u1", "u1", "u2")]
    for thread in threads:
        thread.start()
    try:
        found = [box.audit("--checksums") for _number in range(5)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert found == [set()] * 5
    assert failures == []


def test_wrong_database_removes_nothing(box, as_user):
    user = as_user("u1")
    image = user.create()
    assert user.upload(image, [DATA]).status == 204
    leftover = user.create()
    assert user.upload(leftover, [DATA]).status == 204
    config = "/etc/glance/lab-other.conf"
    connection = box.host.check_output("sed -n 's/^connection = //p' /etc/glance/glance-scrubber.conf")
    other = re.sub(r"/glance(\?|$)", r"/lab_other\1", connection)
    assert other != connection
    box.host.check_output(
        f"cp -a /etc/glance/glance-scrubber.conf {config} && chgrp glance {config} && chmod 640 {config}"
    )
    box.host.check_output("mariadb -e 'CREATE DATABASE lab_other'")
    account = box.host.check_output(
        "mariadb -BNe \"SELECT CONCAT(user, '@', host) FROM mysql.user WHERE user = 'glance'\""
    )
    for each in account.split():
        box.host.check_output("mariadb -e %s", "GRANT ALL ON lab_other.* TO '{}'@'{}'".format(*each.split("@")))
    try:
        box.host.check_output(f"sed -i 's#^connection = .*#connection = {other}#' {config}")
        box.host.check_output(
            f"runuser -u glance -- /opt/glance/current/bin/glance-manage --config-file {config} db sync"
        )
        box.host.check_output(f"touch --date='3 days ago' {IMAGES}/*")
        before = box.host.check_output(f"ls {IMAGES}")
        mended = box.host.check_output(f"{PROGRAM} --config-file {config} mend --only-host")
        assert json.loads(mended) == {"mended": [], "failed": []}
        found = json.loads(box.host.check_output(f"{PROGRAM} --config-file {config} audit --only-host"))["findings"]
        assert {each["kind"] for each in found} == {"unknown file"}
        assert {image, leftover} <= {each["image"] for each in found}
        # And one that does not answer.
        box.host.check_output(f"sed -i 's#/lab_other#/lab_nowhere#' {config}")
        assert box.host.run(f"{PROGRAM} --config-file {config} mend --only-host").rc == 1
        assert box.host.check_output(f"ls {IMAGES}") == before
    finally:
        box.host.check_output("mariadb -e 'DROP DATABASE lab_other'")
        box.host.check_output(f"rm {config}")
    assert user.download(image) == SHA256
    # Files of other tests are old now.
    box.scrub()
    assert box.audit() == set()
