import json
import os

import pytest

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
IMAGE = {"id": ID, "name": "debian", "size": 300, "checksum": "c0ffee", "stores": ["fast"], "dropped": []}


def prints(text):
    return f"cat <<'EOT'\n{text}\nEOT"


@pytest.mark.parametrize("state", ["postponed", "active"])
def test_check_mode_changes_nothing(scrubber, state):
    result = scrubber.run("image_restore", True, image_id=ID, state=state)
    assert result["skipped"] is True
    assert scrubber.calls == []


def test_an_image_is_postponed(scrubber):
    known = {"id": ID, "name": "debian", "size": 300, "deleted_at": "2026-11-22 01:02:03.000004"}
    scrubber.on("postpone", prints(json.dumps(known)))
    result = scrubber.run("image_restore", image_id=ID, state="postponed")
    assert (result["changed"], result["deleted_at"]) == (True, "2026-11-22 01:02:03.000004")
    assert scrubber.calls == [f"pending_images postpone {ID}"]


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, f"pending_images restore {ID}"),
        ({"deleted_at": ""}, f"pending_images restore {ID}"),
        (
            {"deleted_at": "2026-11-22 01:02:03.000004"},
            f"pending_images restore {ID} --deleted-at=2026-11-22 01:02:03.000004",
        ),
    ],
)
def test_an_image_is_restored(scrubber, options, call):
    # A store's library may print lines of its own.
    scrubber.on("restore", prints(f"hello\n{json.dumps(IMAGE)}"))
    result = scrubber.run("image_restore", image_id=ID, **options)
    assert (result["changed"], result["image"]) == (True, IMAGE)
    assert result["msg"] == f"Image debian is active again: 300 bytes in fast, id {ID}."
    assert scrubber.calls == [call]


@pytest.mark.parametrize(
    ("image", "msg"),
    [
        ({"name": None}, "The image is active again: 300 bytes in fast, id {}."),
        ({"name": ""}, "The image is active again: 300 bytes in fast, id {}."),
        ({"size": None}, "Image debian is active again: 0 bytes in fast, id {}."),
        ({"size": 1610612736}, "Image debian is active again: 1.5 GiB in fast, id {}."),
        ({"name": "ü x"}, "Image ü x is active again: 300 bytes in fast, id {}."),
        ({"stores": ["fast", "slow"]}, "Image debian is active again: 300 bytes in fast, slow, id {}."),
        (
            {"dropped": ["slow"]},
            "Image debian is active again: 300 bytes in fast (no longer in slow), id {}.",
        ),
        (
            {"dropped": ["slow", "s3"]},
            "Image debian is active again: 300 bytes in fast (no longer in slow, s3), id {}.",
        ),
    ],
)
def test_what_is_shown_of_a_restored_image(scrubber, image, msg):
    scrubber.on("restore", prints(json.dumps({**IMAGE, **image}, ensure_ascii=False)))
    assert scrubber.run("image_restore", image_id=ID)["msg"] == msg.format(ID)


@pytest.mark.parametrize("state", ["postponed", "active"])
@pytest.mark.parametrize(
    "reason",
    [
        "there is no image of that id in the database",
        "its data was removed, by the scrubber or by a deletion without delay",
        "it is not deleted: its status is active",
        "its data is being removed just now",
    ],
)
def test_a_refusal_gives_the_programs_sentence(scrubber, state, reason):
    verb = "postpone" if state == "postponed" else "restore"
    scrubber.on(verb, f"echo 'WARNING something' >&2; echo \"pending_images: {reason}\" >&2; exit 1")
    result = scrubber.run("image_restore", image_id=ID, state=state)
    assert (result["failed"], result["msg"]) == (True, f"Image {ID} should be active again, found: {reason}.")


def test_a_refusal_with_a_full_stop_gets_no_second_one(scrubber):
    reason = "its data in the store s3 can't be looked at: No."
    scrubber.on("restore", f'echo "pending_images: {reason}" >&2; exit 1')
    assert scrubber.run("image_restore", image_id=ID)["msg"].endswith("can't be looked at: No.")


def test_what_a_store_says_is_shown_without_secrets(scrubber):
    reason = "its data in the store swift can't be looked at: swift+https://glance:hunter2@keystone/x password=hunter2"
    scrubber.on("restore", f'echo "pending_images: {reason}" >&2; exit 1')
    result = scrubber.run("image_restore", image_id=ID)
    assert "swift+https://********@keystone/x password=********" in result["msg"]
    assert "hunter2" not in json.dumps(result)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'pending_images: OperationalError: no such host' >&2; exit 1", "OperationalError: no such host"),
        ("exit 137", "ended with exit code 137 and printed nothing"),
        ("echo hello", "should print a line of JSON, found: hello"),
    ],
)
@pytest.mark.parametrize("state", ["postponed", "active"])
def test_what_is_no_refusal_names_the_image_too(scrubber, state, script, reason):
    scrubber.on("postpone", script)
    scrubber.on("restore", script)
    result = scrubber.run("image_restore", image_id=ID, state=state)
    assert result["failed"] is True
    assert result["msg"].startswith(f"Image {ID} should be active again, found: ")
    assert result["msg"].endswith(f"{reason}.")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"program": "/none/x.py"}, "the scrubber is not deployed to this host: run site.yml first"),
        ({"user": "no-such-user"}, "there is no user named no-such-user on this host: run site.yml first"),
    ],
)
@pytest.mark.parametrize("state", ["postponed", "active"])
def test_a_host_without_the_scrubber_is_told_so(scrubber, state, options, reason):
    result = scrubber.run("image_restore", image_id=ID, state=state, **options)
    assert (result["failed"], result["msg"]) == (True, f"Image {ID} should be active again, found: {reason}.")
    assert scrubber.calls == []
