"""Deleted images wait, are scrubbed when they are due, and are told when they can't be."""

from __future__ import annotations

import contextlib
import re

GONE = {(404, "deleted", "")}
# Longer than any check is patient, in seconds.
LONG_AGO = 1_000_000


def test_deleted_image_is_scrubbed_when_it_is_due_and_not_before(every, playbook):
    two, one = every.upload("fast", "slow"), every.upload("slow")
    every.delete(two, one)
    run = playbook("scrub.yml")
    assert run.rc == 0, run.output
    assert every.look(two).common == {(404, "pending_delete", "fast,slow")}
    assert every.look(one).common == {(404, "pending_delete", "slow")}

    every.age(two, one, seconds=3600)
    run = playbook("scrub.yml")
    assert run.rc == 0, run.output
    assert every.look(two, one).common == GONE


def test_store_that_cannot_delete_is_told_until_it_is_repaired(every, playbook):
    stuck, free = every.upload("fast", size=123_457), every.upload("slow")
    with contextlib.ExitStack() as stack:
        for it in every.deployments:
            stack.enter_context(it.read_only("fast"))
        every.delete(stuck, free, ago=LONG_AGO)
        scrub = playbook("scrub.yml")
        assert 0 not in every.exit_code().values()
        assert every(lambda it: it.units()[it.judge][1]).common == "failed"
        status = playbook("status.yml")
        assert every.look(stuck).common == {(404, "pending_delete", "fast")}
    assert every.look(free).common == GONE
    for it in every.deployments:
        told = it.journal(it.judge)[-1]
        assert stuck[it.name].id in told
        assert free[it.name].id not in told
        assert stuck[it.name].id in scrub.failed[it.name]
        assert it.name in status.failed
        assert re.search(rf'"{it.name} .* 1 image, 120.6 KiB, 1 due, oldest deleted \d', status.output), status.output
    assert scrub.rc != 0
    assert status.rc != 0

    scrub = playbook("scrub.yml")
    assert scrub.rc == 0, scrub.output
    assert every.look(stuck).common == GONE
    assert every.exit_code().common == 0
    assert every(lambda it: it.units()[it.judge][1]).common == "inactive"
    status = playbook("status.yml")
    assert status.rc == 0, status.output


def test_image_whose_data_is_scrubbed_already_is_finished(every, until):
    """A scrubber that is killed just before its last step leaves such an image, and never looks at it again."""
    images = every.upload("fast")
    every.delete(images)
    every.sql("UPDATE image_locations SET status = 'deleted'")
    every.remove_data(images, "fast")
    every.age(images, seconds=LONG_AGO)
    assert every.exit_code().common == 0
    until(lambda it, image: it.look(image) == GONE, images)


def test_scrubber_that_is_killed_is_made_good_by_the_next_run(every, until, wait_until):
    images = every.upload_many(8, "fast")

    def kill(it, images):
        it.delete(*images, ago=LONG_AGO)
        if it.mode == "timer":
            it.host.check_output("systemctl start --no-block glance-scrubber.service")
        it.host.check_output("sleep 1; systemctl kill --signal=KILL glance-scrubber.service || true")
        wait_until(lambda: it.show("ActiveState") not in ("activating", "deactivating"))

    every(kill, images)
    until(lambda it: it.exit_code() == 0)
    assert every(lambda it, these: it.look(*these), images).common == GONE
