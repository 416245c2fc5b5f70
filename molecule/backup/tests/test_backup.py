"""Backups that are made while users work, and restored after all kinds of damage."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

BACKUPS = "/var/backups/glance"
DATA = "/var/lib/glance"
ENGINES = ("mariadb1", "postgresql1")
# What is new on a host when a restore is at work, while tables come back.
AT_WORK = {
    "mariadb1": f"{BACKUPS}/before-restore-*Z",
    "postgresql1": f"{BACKUPS}/.work-*/restore.sql",
}


def said(run: Any) -> list[str]:
    """Return the sentences that debug tasks showed, one for each host."""
    return re.findall(r'"msg": "((?:Backed up|Restored|Backup) [^"]*)"', run.output)


def back_up(playbook: Any, name: str, **variables: Any) -> Any:
    done = playbook("backup.yml", {"glance_backup_name": name, **variables})
    assert done.rc == 0, done.output
    return done


def restore(playbook: Any, name: str, **variables: Any) -> Any:
    return playbook("restore.yml", {"glance_backup": name, **variables})


def test_what_users_do_meanwhile_is_no_matter(every, users, playbook):
    """Three backups under load; the last is restored when records are gone, files are gone and bits are flipped."""
    kept = {it.name: [it.upload() for _number in range(4)] for it in every}
    runs, spans = [], []
    with users() as seen:
        for name in ("first", "second", "third"):
            began = time.monotonic()
            runs.append(back_up(playbook, name))
            spans.append((began, time.monotonic()))
    answers = {name: (traffic.failures, traffic.damaged) for name, traffic in seen.items()}
    assert answers == {name: ([], 0) for name in ENGINES}
    for traffic in seen.values():
        assert min(sum(began < moment < ended for moment in traffic.good) for began, ended in spans) > 3
    assert [len(said(run)) for run in runs] == [2, 2, 2]
    held = {it.name: [it.checked(name) for name in ("first", "second", "third")] for it in every}
    for it in every:
        assert all(set(kept[it.name]) <= set(images) for images in held[it.name])
    # Images of these users are in backups.
    assert any(set(images) > set(kept[it.name]) for it in every for images in held[it.name])
    units = [it.units() for it in every]

    for it in every:
        gone, flipped, *_others = kept[it.name]
        it.sql("DELETE FROM image_locations", "DELETE FROM image_properties", "DELETE FROM images")
        it.host.check_output("rm %s", f"{DATA}/fast/{gone}")
        it.replace(f"{DATA}/fast/{flipped}")
    done = restore(playbook, "third")
    assert done.rc == 0, done.output
    assert [sentence for sentence in said(done) if sentence.startswith("Restored third: ")] != []
    for it in every:
        assert it.active() == held[it.name][2]
        for image, value in held[it.name][2].items():
            assert it.downloads(image) == value
        for image in kept[it.name]:
            assert it.downloads(image, "sha256") == it.known[image]
    assert [it.units() for it in every] == units
    again = playbook("site.yml")
    assert (again.rc, again.changed) == (0, 0), again.output


def test_a_damaged_backup_changes_nothing(every, playbook):
    images = {it.name: it.upload() for it in every}
    back_up(playbook, "one", glance_backup_links=False)
    before = [(it.main_pid(), it.sql("SELECT id, status FROM images")) for it in every]
    for it in every:
        it.replace(f"{BACKUPS}/one/images/fast/{images[it.name]}")
        it.host.check_output("rm %s", f"{DATA}/fast/{images[it.name]}")
    done = restore(playbook, "one")
    assert done.rc != 0
    for it in every:
        assert f"found none for {images[it.name]} (the first has another sha512 hash)" in done.failed[it.name]
    assert [(it.main_pid(), it.sql("SELECT id, status FROM images")) for it in every] == before
    assert [it.backups() for it in every] == [["one"]] * 2
    for it in every:
        it.host.check_output(f"printf x >>{BACKUPS}/one/database.*")
    done = restore(playbook, "one", glance_restore_images=False)
    assert done.rc != 0
    assert all("should have the SHA-256 of manifest.json" in sentence for sentence in done.failed.values())
    assert [it.main_pid() for it in every] == [pid for pid, _rows in before]


def test_a_killed_backup_is_none(every, playbook):
    images = {it.name: [it.upload(40 << 20) for _number in range(3)] for it in every}
    for it in every:
        it.kill_when(f"{BACKUPS}/*.partial/images/fast/*")
    done = playbook("backup.yml", {"glance_backup_name": "killed", "glance_backup_links": False})
    assert done.rc != 0
    assert [it.backups() for it in every] == [["killed.partial"]] * 2
    assert "there is none" in restore(playbook, "killed").failures
    back_up(playbook, "killed", glance_backup_links=False)
    assert [it.backups() for it in every] == [["killed"]] * 2
    assert [set(it.checked("killed")) for it in every] == [set(images[it.name]) for it in every]


def test_a_killed_restore_is_finished_by_another_one(every, playbook):
    images = {it.name: [it.upload(), it.upload()] for it in every}
    back_up(playbook, "one")
    later = {it.name: it.upload() for it in every}
    for it in every:
        it.sql("DELETE FROM image_locations", "UPDATE images SET status = 'queued'")
        it.host.check_output("rm %s", f"{DATA}/fast/{images[it.name][0]}")
        it.kill_when(AT_WORK[it.name])
    done = restore(playbook, "one")
    assert done.rc != 0
    assert set(done.failed) == set(ENGINES)
    assert all("The image service is stopped: " in sentence for sentence in done.failed.values())
    done = restore(playbook, "one")
    assert done.rc == 0, done.output
    for it in every:
        assert sorted(it.active()) == sorted(images[it.name])
        assert [it.downloads(image, "sha256") for image in images[it.name]] == [it.known[i] for i in images[it.name]]
        # Nothing is lost: what came later is in the backup of before, and its file is there.
        assert len([name for name in it.backups() if name.startswith("before-restore-")]) == 2
        assert it.host.file(f"{DATA}/fast/{later[it.name]}").exists


def test_a_restore_can_be_taken_back(every, playbook):
    """Also where a table and a column are there that the backup does not know, as of a newer release."""
    back_up(playbook, "empty", glance_backup_images=False)
    images = {it.name: it.upload() for it in every}
    for it in every:
        it.sql("CREATE TABLE newer (image_id VARCHAR(36), FOREIGN KEY(image_id) REFERENCES images (id))")
        it.sql("ALTER TABLE images ADD COLUMN newer INTEGER")
    done = restore(playbook, "empty")
    assert done.rc == 0, done.output
    assert {count for it in every for (count,) in it.sql("SELECT count(*) FROM images")} == {0}
    for it in every:
        assert it.host.run("runuser -u glance -- /opt/glance/current/bin/glance-manage db version").rc == 0
        with pytest.raises(AssertionError, match="newer"):
            it.sql("SELECT * FROM newer")
        (before,) = [name for name in it.backups() if name.startswith("before-restore-")]
        it.host.check_output(f"mv {BACKUPS}/{before} {BACKUPS}/before")
    done = restore(playbook, "before")
    assert done.rc == 0, done.output
    for it in every:
        assert list(it.active()) == [images[it.name]]
        assert it.downloads(images[it.name], "sha256") == it.known[images[it.name]]
        it.sql("DROP TABLE newer", "ALTER TABLE images DROP COLUMN newer")


def test_another_release_is_refused(every, playbook):
    for it in every:
        it.sql("UPDATE alembic_version SET version_num = 'earlier'")
    back_up(playbook, "earlier")
    for it in every:
        it.sql("UPDATE alembic_version SET version_num = '2024_1_contract01'")
    done = restore(playbook, "earlier")
    assert done.rc != 0
    assert all("found earlier of Glance 2026.2: " in sentence for sentence in done.failed.values())


def test_names_and_secrets(every, playbook):
    """With every word that Ansible can print, which the end of all tests looks through for passwords."""
    for it in every:
        it.upload()
    done = playbook("backup.yml", {"glance_backup_keep": 1}, "-vvv")
    assert done.rc == 0, done.output
    for it in every:
        (name,) = it.backups()
        assert re.fullmatch(r"20\d{6}T\d{6}Z", name)
        it.host.check_output(f"mv {BACKUPS}/{name} {BACKUPS}/one")
    done = playbook("restore.yml", {}, "-vvv")
    assert set(done.failed) == set(ENGINES)
    assert all(sentence.endswith(": there is one.\n") for sentence in done.failed.values())
    assert "glance_backup_name should be of" in playbook("backup.yml", {"glance_backup_name": "../x"}).failures
    assert playbook("backup.yml", {"glance_backup_name": "new"}, "--check").rc == 0
    assert playbook("restore.yml", {"glance_backup": "one"}, "--check").rc == 0
    assert [it.backups() for it in every] == [["one"]] * 2
    done = restore(playbook, "one", glance_restore_images=False)
    assert done.rc == 0, done.output
