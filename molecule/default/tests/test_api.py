"""What users of the image API notice."""

from __future__ import annotations

import base64
import hashlib
import threading

import pytest
from testing.content import disk

testinfra_hosts = ["ansible://glance_api"]

KIB, MIB = 1 << 10, 1 << 20
ODD = 12_345

# One grey pixel, arithmetic coding.
JPEG_HEAD = "ffd8ffe000104a46494600010101004800480000"
JPEG_TAIL = (
    "ffdb0043000302020202020302020203030303040604040404040806060506090808090a090a0c0f0c0a0b0e0b09090d110d0e0f1010"
    "11100a0c12131210130f101010ffc9000b080001000101011100ffcc000600101005ffda0008010100003f00d2cf20ffd9"
)


@pytest.fixture
def image_status(module, host_name, lab):
    """Run the module of that name as the administrator, whose password is on no command line."""
    password = f"{{{{ lookup('ansible.builtin.file', '{lab}/users_password') }}}}"
    return lambda options: module(host_name, "image_status", {"username": "admin", "password": password, **options})


def jpeg() -> bytes:
    """Return a JPEG of about 256 KiB, most of it comments."""
    comment = b"\xff\xfe\xff\xff" + b"x" * 0xFFFD
    return bytes.fromhex(JPEG_HEAD) + 4 * comment + bytes.fromhex(JPEG_TAIL)


def blocks_of(total: int, size: int, digest):
    """Give random data in blocks of *size* bytes and an odd last one, all of it added to *digest*."""
    for start in range(0, total, size):
        block = disk(min(size, total - start))
        digest.update(block)
        yield block


@pytest.mark.parametrize("chunk", [64 * KIB, MIB, 2 * MIB, 16 * MIB], ids=["64KiB", "1MiB", "2MiB", "16MiB"])
def test_chunked_upload_comes_back_bit_for_bit(api, chunk):
    total, digest = max(40 * MIB, 3 * chunk) + ODD, hashlib.sha256()
    image = api.create()
    answer = api.upload(image, blocks_of(total, chunk, digest))
    assert answer.status == 204, answer
    shown = api.show(image)
    assert (shown["status"], shown["size"]) == ("active", total)
    assert api.download(image) == digest.hexdigest()


def test_upload_with_content_length_comes_back_bit_for_bit(api):
    total, digest = 40 * MIB + ODD, hashlib.sha256()
    image = api.create()
    answer = api.upload(image, blocks_of(total, MIB, digest), length=total)
    assert answer.status == 204, answer
    assert api.show(image)["status"] == "active"
    assert api.download(image) == digest.hexdigest()


def test_jpeg_declared_as_qcow2_is_refused_with_the_reason(api):
    image = api.create(disk_format="qcow2")
    answer = api.upload(image, [jpeg()])
    assert answer.status == 415, answer
    assert "qcow2" in answer.text
    assert "format" in answer.text
    assert api.show(image)["status"] == "queued"


def test_qcow2_declared_as_qcow2_becomes_active(api, host):
    made = "disk=$(mktemp) && qemu-img create -q -f qcow2 $disk 64M && base64 $disk && rm $disk"
    disk = base64.b64decode(host.check_output(made))
    image = api.create(disk_format="qcow2")
    answer = api.upload(image, [disk])
    assert answer.status == 204, answer
    assert api.show(image)["status"] == "active"
    assert api.download(image) == hashlib.sha256(disk).hexdigest()


def test_upload_in_flight_survives_a_restart(api, upload_over_restart):
    image, sent = upload_over_restart()
    assert api.show(image)["status"] == "active"
    assert api.download(image) == sent


def test_image_status_tells_images_by_name_and_by_id(api, image_status):
    image = api.create(name="glanceops-by-name")
    assert api.upload(image, [b"data"]).status == 204
    found = image_status({"names": ["glanceops-by-name"], "ids": [image, "no-such-id"]})
    told = {(each["id"], each["name"], each["status"], each["size"]) for each in found["images"]}
    assert told == {(image, "glanceops-by-name", "active", 4), ("no-such-id", None, "absent", None)}
    assert found["counts"] == {"active": 1, "absent": 1}
    assert found["changed"] is False


def test_image_status_asks_for_many_ids_in_one_request(api, image_status):
    images = [api.create(name=f"glanceops-many-{number}") for number in range(30)]
    found = image_status({"ids": images})
    assert [each["id"] for each in found["images"]] == images
    assert found["counts"] == {"queued": 30}
    assert found["requests"] == 1


def test_image_status_waits_for_an_upload_to_end(api, image_status, wait_until):
    image, go_on, results = api.create(), threading.Event(), []

    def held():
        yield b"first"
        assert go_on.wait(60)
        yield b"last"

    def wait_for_active():
        options = {"ids": [image], "wait_for": ["active"], "timeout": 60, "interval": 0.2}
        results.append(image_status(options))

    upload = threading.Thread(target=api.upload, args=(image, held()))
    waiting = threading.Thread(target=wait_for_active)
    upload.start()
    try:
        wait_until(lambda: api.show(image)["status"] == "saving")
        waiting.start()
        # Its first look is over by the end of three single looks, one after the other, even on a busy machine.
        for _look in range(3):
            assert image_status({"ids": [image]})["counts"] == {"saving": 1}
        assert not results
    finally:
        go_on.set()
        upload.join(60)
        waiting.join(60)
    (found,) = results
    assert found["failed"] is False, found
    assert found["counts"] == {"active": 1}
    assert found["requests"] > 1


def test_image_status_fails_at_once_for_a_deleted_image_and_finds_it_absent(api, image_status):
    image = api.create()
    assert api.request("DELETE", f"/v2/images/{image}").status == 204
    found = image_status({"ids": [image], "wait_for": ["active"], "timeout": 60})
    assert found["failed"] is True
    assert found["reason"] == "impossible"
    assert found["elapsed"] < 10
    assert image in found["msg"]
    found = image_status({"ids": [image], "wait_for": ["absent"], "timeout": 60})
    assert found["failed"] is False, found
    assert found["counts"] == {"absent": 1}
