"""A deleted image comes back with all that it had, or the run says why it can't and changes nothing."""

from __future__ import annotations

import dataclasses
import random
import time
import uuid

import pytest

ACTIVE = {(200, "active", "fast,slow")}
GONE = {(404, "deleted", "")}
PATCH = "application/openstack-images-v2.1-json-patch"
# Glance's own, of an import.
NOTE = """
INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted)
SELECT id, 'os_glance_importing_to_stores', 'slow', created_at, updated_at, false FROM images WHERE id = :image
"""
# Until it is stopped.
SCRUB_ALL_THE_TIME = "while :; do systemctl start glance-scrubber.service; sleep 2; done"
ROUNDS = 3


def make_full(it):
    """Make an image in two stores with properties, tags and members, some of them removed, and some added again."""
    known = {"name": "glanceops für alle", "min_disk": 3, "os_distro": "debian", "tags": ["blue", "again", "lost"]}
    image = it.upload("fast", "slow", again="1", lost="1", **known)
    path = f"/v2/images/{image.id}"

    def ask(method, path, *body):
        answer = it.api.request(method, path, *body)
        assert answer.status < 300, answer

    for member in ("ann", "again", "lost"):
        ask("POST", f"{path}/members", {"member": member})
    for name in ("again", "lost"):
        ask("DELETE", f"{path}/members/{name}")
        ask("DELETE", f"{path}/tags/{name}")
        ask("PATCH", path, [{"op": "remove", "path": f"/{name}"}], PATCH)
    ask("PATCH", path, [{"op": "add", "path": "/again", "value": "2"}], PATCH)
    ask("PUT", f"{path}/tags/again")
    ask("POST", f"{path}/members", {"member": "again"})
    ask("PUT", f"{path}/members/ann", {"status": "accepted"})
    it.sql(NOTE, image=image.id)
    return image


def described(it, image):
    """Return what the API tells of an image and its members, and the SHA-256 of its data."""
    shown = it.api.show(image.id)
    del shown["updated_at"]
    members = it.api.request("GET", f"/v2/images/{image.id}/members").json["members"]
    return {
        **shown,
        "tags": sorted(shown["tags"]),
        "stores": set(shown["stores"].split(",")),
        "members": {(member["member_id"], member["status"], member["created_at"]) for member in members},
        "data": it.api.download(image.id),
    }


def test_image_comes_back_with_all_that_it_had_when_it_was_deleted(every, restore, until):
    images = every(make_full)
    # MariaDB counts in seconds: what is removed in the second of the deletion looks as if removed with the image.
    time.sleep(1.1)
    before = every(described, images)
    for name, told in before.items():
        assert (told["tags"], told["again"], told["stores"]) == (["again", "blue"], "2", {"fast", "slow"})
        assert {member for member, _status, _time in told["members"]} == {"ann", "again"}
        assert told["data"] == images[name].sha256
    every.delete(images)
    assert every.look(images).common == {(404, "pending_delete", "fast,slow")}
    runs = restore(images)
    assert [run.output for run in runs.values() if run.rc != 0 or not run.changed] == []
    for told in before.values():
        assert told.pop("os_glance_importing_to_stores", "slow") == "slow"
        # When an image is deleted, Glance deletes its removed properties once more, and they look like all others.
        told["lost"] = "1"
    assert every(described, images) == before

    # No trace of the deletion is left: another one is like the first.
    every.delete(images, ago=7200)
    assert every.exit_code().common == 0
    until(lambda it, image: it.look(image) == GONE, images)


def test_image_comes_back_from_the_store_that_still_has_it(every, restore):
    images = every.upload("fast", "slow")
    every.delete(images)
    every.remove_data(images, "fast")
    runs = restore(images)
    assert [run.output for run in runs.values() if run.rc != 0] == []
    for name, told in every(described, images).items():
        assert (told["stores"], told["data"]) == ({"slow"}, images[name].sha256)
    left = every.rows(images).values()
    assert [{location["status"] for location in rows["image_locations"]} for rows in left] == 2 * [
        {"active", "deleted"}
    ]


def unknown(it):
    return dataclasses.replace(it.upload("fast"), id=str(uuid.uuid4()))


def malformed(it):
    return dataclasses.replace(it.upload("fast"), id="sample; touch /tmp/glanceops")


def active(it):
    return it.upload("fast")


def scrubbed(it):
    image = it.upload("fast")
    it.delete(image, ago=7200)
    while it.look(image) != GONE:
        it.exit_code()
    return image


def lost(it):
    image = it.upload("fast")
    it.delete(image)
    it.remove_data(image, "fast")
    return image


def cut(it):
    image = it.upload("fast")
    it.delete(image)
    it.host.check_output("truncate --size=-1 %s", f"/var/lib/glance/fast/{image.id}")
    return image


# Each at one of the deployments, to be quick: the kind of database has no part in what is refused.
REFUSALS = [
    {"mariadb1": scrubbed, "postgresql1": lost},
    {"mariadb1": malformed, "postgresql1": active},
    {"mariadb1": unknown, "postgresql1": cut},
]
REASONS = {
    unknown: "no image of that id",
    malformed: "should be the id",
    active: "status is active",
    scrubbed: "removed, by the scrubber",
    lost: "data was removed",
    cut: "99999 bytes",
}


@pytest.mark.parametrize("cases", REFUSALS)
def test_refusal_says_why_and_changes_nothing(every, restore, cases):
    def state(it, image):
        return it.rows(image), it.units(), it.show("MainPID"), it.host.run("ls /tmp/glanceops").rc

    images = every(lambda it: cases[it.name](it))
    before = every(state, images)
    runs = restore(images)
    for name, run in runs.items():
        assert run.rc != 0
        assert run.changed == 0
        (sentence,) = run.failures.splitlines()
        assert REASONS[cases[name]] in sentence
        assert images[name].id in sentence
    assert every(state, images) == before


def test_run_that_knows_of_the_image_is_over_before_the_image_is_active(every, restore, until):
    """The run is held up by images that come first, since they are younger, and whose data is gone already."""
    images = every.upload("fast", "slow")
    every.delete(images, ago=7200)
    before = every.rows(images)
    every.keep_busy(400)
    for it in every.deployments:
        if it.mode == "timer":
            it.host.check_output("systemctl start --no-block glance-scrubber")
    until(lambda it: "deleted" in it.busy_statuses())
    runs = restore(images)
    # A daemon that is restarted may leave the last step of an image to the check.
    until(lambda it: it.exit_code() == 0 and "pending_delete" not in it.busy_statuses())
    until(ended, runs, images)
    time.sleep(1)
    assert every(ended, runs, images).common is True
    for name, rows in every.rows(images).items():
        deleted_at = before[name]["images"][0]["deleted_at"] if runs[name].rc else None
        assert rows["images"][0]["deleted_at"] == deleted_at


def test_no_image_is_ever_active_without_its_data(every, restore, until):
    """Images become due around the moment of their restore, while the scrubber runs all the time."""
    restored = {name: [] for name in every.names}
    due_in = dict.fromkeys(every.names, 3.0)
    timers = [it for it in every.deployments if it.mode == "timer"]
    for it in timers:
        it.host.check_output("systemd-run --unit=glanceops-loop sh -c %s", SCRUB_ALL_THE_TIME)
    try:
        for _round in range(ROUNDS):
            images = every.upload("fast", "slow", size=3_000_000)
            every.delete(images, ago=every(lambda it: 3600 - due_in[it.name]))
            runs = restore(images)
            until(ended, runs, images)
            for name, run in runs.items():
                restored[name] += [images[name]] if run.rc == 0 else []
                # Towards the moment at which either may win.
                due_in[name] *= random.uniform(0.5, 1) if run.rc == 0 else random.uniform(1, 2)
    finally:
        for it in timers:
            it.host.check_output("systemctl stop glanceops-loop")
    # Whatever a run knew of them that was under way, they are still there.
    assert every.exit_code().common == 0
    found = {it.name: it.look(*restored[it.name]) for it in every.deployments}
    print(f"restored of {ROUNDS}:", {name: len(images) for name, images in restored.items()}, due_in)
    assert set().union(*found.values()) <= ACTIVE


def ended(it, run, image):
    """Whether an image is what the run that was to restore it has told."""
    assert run.rc == 0 or "remove" in run.failures, run.output
    return it.look(image) == (ACTIVE if run.rc == 0 else GONE)
