"""Records of what was deleted long ago go, and none that somebody needs to find data by."""

from __future__ import annotations

import contextlib

import pytest

DAY = 86400
CHILDREN = ("image_locations", "image_properties", "image_tags", "image_members")
GONE = {(404, "deleted", "")}
AGE = {"glance_purge_age_days": 30}
TIMER = "systemctl show --value --property=ActiveState,UnitFileState glance-purge.timer"
# As a store gives up a copy while delayed delete is on; its data stays until the image is scrubbed.
COPY_TAKEN = """
UPDATE image_locations SET status = 'pending_delete', deleted = true, deleted_at = created_at
WHERE image_id = :image AND value LIKE '%/slow/%'
"""


def make(it):
    """Make an image with something in every table."""
    image = it.upload("fast", os_distro="debian", tags=["blue"])
    assert it.api.request("POST", f"/v2/images/{image.id}/members", {"member": "ann"}).status == 200
    return image


@pytest.fixture
def scrubbed(every, playbook):
    """Make images whose data was removed a number of days ago."""

    def run(*days):
        images = [every(make) for _each in days]
        for image in images:
            every.delete(image, ago=3700)
        run = playbook("scrub.yml")
        assert run.rc == 0, run.output
        assert every.look(*images).common == GONE
        for image, age in zip(images, days):
            every.age(image, seconds=age * DAY)
        return images

    return run


def left(it, image):
    """Return the tables that have records of an image."""
    return [table for table, rows in it.rows(image).items() if rows]


def test_old_records_go_and_younger_ones_stay(every, playbook, scrubbed):
    old, young = scrubbed(31, 29)
    check = playbook("purge.yml", AGE, "--check")
    assert (check.rc, check.changed) == (0, len(every.names)), check.output
    assert "Would purge 1 record of image_locations, 1 of image_members" in check.output
    assert every(left, old).common == ["images", *CHILDREN]
    run = playbook("purge.yml", AGE)
    assert (run.rc, run.changed) == (0, len(every.names)), run.output
    assert run.output.count(
        "Purged 1 record of image_locations, 1 of image_members, 1 of image_properties, 1 of"
    ) == len(every.names)
    # Its id is given to no other image.
    assert every(left, old).common == ["images"]
    assert every(left, young).common == ["images", *CHILDREN]
    again = playbook("purge.yml", AGE)
    assert (again.rc, again.changed) == (0, 0), again.output
    assert again.output.count("No record was old enough.") == len(every.names)


def test_records_of_images_go_if_told_so(every, playbook, scrubbed):
    old, young = scrubbed(61, 59)
    run = playbook("purge.yml", {**AGE, "glance_purge_images_age_days": 60})
    assert (run.rc, run.changed) == (0, len(every.names)), run.output
    assert every(left, old).common == []
    assert every(left, young).common == ["images"]


def test_purge_without_an_age_is_refused(playbook):
    run = playbook("purge.yml")
    assert run.rc != 0
    assert "run with -e glance_purge_age_days=DAYS" in run.failures


def test_image_that_waits_can_still_be_restored(every, playbook, restore, scrubbed):
    (old,) = scrubbed(31)
    waiting = every(make)
    every.delete(waiting)
    run = playbook("purge.yml", AGE)
    assert (run.rc, run.changed) == (0, len(every.names)), run.output
    assert every(left, old).common == ["images"]
    assert restore(waiting)
    assert every.look(waiting).common == {(200, "active", "fast")}
    shown = every(lambda it, image: it.api.show(image.id), waiting)
    assert every(lambda it, told: (told["tags"], told["os_distro"]), shown).common == (["blue"], "debian")


def test_nothing_goes_while_an_image_waits_that_is_older(every, playbook, scrubbed):
    (old,) = scrubbed(31)
    stuck = every(make)
    with contextlib.ExitStack() as stack:
        for it in every.deployments:
            stack.enter_context(it.read_only("fast"))
        every.delete(stuck, ago=40 * DAY)
        run = playbook("purge.yml", AGE)
        every(lambda it: it.host.run("systemctl start glance-scrubber-check.service"))
        assert every.look(stuck).common == {(404, "pending_delete", "fast")}
    assert run.rc != 0
    for it in every.deployments:
        told = "nothing is purged while images that were deleted before wait to be scrubbed, 1 in all: "
        assert f"{told}{stuck[it.name].id}." in run.failed[it.name]
    assert every(left, old).common == ["images", *CHILDREN]
    assert every(left, stuck).common == ["images", *CHILDREN]

    assert playbook("scrub.yml").rc == 0
    every.age(stuck, seconds=31 * DAY)
    run = playbook("purge.yml", AGE)
    assert run.rc == 0, run.output
    assert every(left, old).common == every(left, stuck).common == ["images"]


def test_copy_that_was_taken_from_an_image_is_found_when_that_is_scrubbed(every, playbook, scrubbed):
    (old,) = scrubbed(31)
    image = every.upload("fast", "slow")
    every.sql("UPDATE image_locations SET created_at = '2020-01-01' WHERE status = 'active'")
    every(lambda it, image: it.sql(COPY_TAKEN, image=image.id), image)
    run = playbook("purge.yml", AGE)
    assert run.rc == 0, run.output
    assert every(left, old).common == ["images"]
    assert every.look(image).common == {(200, "active", "fast,slow")}
    every.delete(image, ago=3700)
    assert playbook("scrub.yml").rc == 0
    assert every.look(image).common == GONE


@pytest.fixture
def site(playbook):
    """Run site.yml for what purges; the timer is taken away after it."""

    def run(variables):
        return playbook("site.yml", variables, "--tags", "glance_api,glance_purge")

    yield run
    done = run(None)
    assert done.rc == 0, done.output


def test_timer_purges_and_a_failure_is_told(every, playbook, site, scrubbed):
    run = site({**AGE, "glance_purge_calendar": "Sun 04:00"})
    assert run.rc == 0, run.output
    assert every(lambda it: it.host.check_output(TIMER).split()).common == ["active", "enabled"]
    again = site({**AGE, "glance_purge_calendar": "Sun 04:00"})
    assert (again.rc, again.changed) == (0, 0), again.output

    (old,) = scrubbed(31)
    every(lambda it: it.host.check_output("systemctl start glance-purge.service"))
    assert every(left, old).common == ["images"]
    (old,) = scrubbed(31)
    stuck = every(make)
    with contextlib.ExitStack() as stack:
        for it in every.deployments:
            stack.enter_context(it.read_only("fast"))
        every.delete(stuck, ago=40 * DAY)
        assert every(lambda it: it.host.run("systemctl start glance-purge.service").rc).common == 1
        status = playbook("status.yml")
    assert every(left, old).common == ["images", *CHILDREN]
    for it in every.deployments:
        told = f"glance-purge.service on {it.name} should have succeeded, found: purge_records: nothing is purged"
        assert told in status.failed[it.name]
        assert stuck[it.name].id in status.failed[it.name]

    assert playbook("scrub.yml").rc == 0
    every(lambda it: it.host.check_output("systemctl start glance-purge.service"))
    status = playbook("status.yml")
    assert status.rc == 0, status.output


def test_timer_is_taken_away_and_a_wrong_calendar_refused(every, site):
    wrong = site({**AGE, "glance_purge_calendar": "some day"})
    assert wrong.rc != 0
    assert "Failed to parse calendar specification" in wrong.failures, wrong.output
    run = site(AGE)
    assert run.rc == 0, run.output
    gone = site(None)
    assert gone.rc == 0, gone.output
    assert every(lambda it: it.host.run("find /etc /opt -name '*purge*'").stdout).common == ""
    assert every(lambda it: it.host.check_output(TIMER).split()).common == ["inactive"]
    again = site(None)
    assert (again.rc, again.changed) == (0, 0), again.output
