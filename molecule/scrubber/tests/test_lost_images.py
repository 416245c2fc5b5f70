"""Data that Glance loses from sight is taken up on every database and in both modes."""

from __future__ import annotations

import contextlib
import json
import threading

# Longer than anything here waits, in seconds.
LONG_AGO = 1_000_000
DATA = "/var/lib/glance"
PROGRAM = "runuser -u glance -- env PYTHONWARNINGS=ignore /opt/glance/libexec/pending_images.py"


def audit(it):
    """Return (kind, image) of all findings on a host."""
    found = json.loads(it.host.check_output(f"{PROGRAM} audit --only-host"))["findings"]
    return sorted((each["kind"], each["image"]) for each in found)


def refuse(it):
    image = it.api.create(disk_format="qcow2")
    assert it.api.upload(image, [bytes(100_000)]).status == 415
    return image


def files(it, image):
    return it.host.check_output("find %s -name %s", DATA, image)


def queued(it, image):
    return it.api.show(image)["status"] == "queued"


def test_refused_upload_is_taken_up(every):
    images = every(refuse)
    assert every(lambda it, image: audit(it) == [("refused data", image)], images).common is True
    assert every.exit_code().common == 0
    assert every(files, images).common == ""
    assert every(queued, images).common is True
    deleted = every(lambda it, image: it.api.request("DELETE", f"/v2/images/{image}").status, images)
    assert deleted.common == 204
    assert every(audit).common == []


def test_copy_that_a_user_removed_goes_when_it_is_due(every):
    images = every.upload("fast", "slow")
    removed = every(lambda it, image: it.api.request("DELETE", f"/v2/stores/slow/{image.id}").status, images)
    assert removed.common == 204
    assert every.exit_code().common == 0
    assert every.stores_of(images).common == ["fast,slow"]
    every.age(images, seconds=LONG_AGO)
    assert every.exit_code().common == 0
    assert every.stores_of(images).common == ["fast"]
    assert every(lambda it, image: it.api.download(image.id) == image.sha256, images).common is True
    assert every(audit).common == []


def test_upload_whose_process_died_is_taken_up(every, kill, wait_until):
    def die(it):
        image, go_on = it.api.create(), threading.Event()

        def send():
            def held():
                yield bytes(100_000)
                go_on.wait(60)

            with contextlib.suppress(OSError):
                it.api.upload(image, held())

        thread = threading.Thread(target=send)
        thread.start()
        try:
            wait_until(lambda: files(it, image))
            kill(it.host, "glance-api.service")
        finally:
            go_on.set()
            thread.join(60)
        wait_until(lambda: it.api.request("GET", "/healthcheck").status == 200, 60)
        assert it.api.show(image)["status"] == "saving"
        it.sql("UPDATE images SET updated_at = '2020-01-01' WHERE id = :image", image=image)
        it.host.check_output("touch --date='2 days ago' %s", f"{DATA}/fast/{image}")
        return image

    images = every(die)
    assert every(lambda it, image: audit(it) == [("stuck", image)], images).common is True
    assert every.exit_code().common == 0
    assert every(files, images).common == ""
    assert every(queued, images).common is True
    assert every(audit).common == []
