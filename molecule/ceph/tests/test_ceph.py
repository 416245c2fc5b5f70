"""Images in Ceph as users and operators meet them: of any size, cloned, deleted, restored, and while Ceph is away."""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time

import pytest
from testing.api import MIB
from testing.content import blocks, digest
from testing.crowd import ROUNDS, USERS, work
from testing.web import served

SIZES = (64 << 10, 8 * MIB, 8 * MIB + 1, 1024 * MIB)
API_HOSTS = ("api1", "api2", "api3")
# glance_store's driver gives up a request to Ceph after this (rados_connect_timeout in roles/common/files/drivers.yml).
GIVES_UP = 30


@pytest.fixture
def uploaded(u1):
    """Upload an image of so many bytes; gives its id."""

    def run(size, api=u1, **properties):
        image = api.create(**properties)
        assert api.upload(image, blocks(size), size).status == 204
        return image

    return run


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_an_image_comes_back_from_another_host(u1, as_user_at, ceph, size, chunked):
    image = u1.create()
    assert u1.upload(image, blocks(size), None if chunked else size).status == 204
    assert as_user_at("api3", "u1").download(image) == digest(size)
    assert ceph(f"rbd info images/{image}")["size"] == size
    assert u1.show(image)["size"] == size


def test_a_part_is_answered_with_the_whole(u1, uploaded):
    image = uploaded(100_000)
    part = u1.asked_with({"Range": "bytes=10-19"}).request("GET", f"/v2/images/{image}/file")
    # The driver can't read parts; a server may give the whole (RFC 9110, 14.2).
    assert (part.status, len(part.body)) == (200, 100_000)
    beyond = u1.asked_with({"Range": "bytes=100000-"}).request("GET", f"/v2/images/{image}/file")
    assert beyond.status == 416


def test_eight_users_at_once_get_what_they_ask_for(as_user_at):
    # What is staged on one host can't be imported by another one with basic.
    members = work([as_user_at(host, "u1") for host in API_HOSTS], imports=False)
    assert [fault for member in members for fault in member.faults] == []
    assert len({image for member in members for image in member.images}) == USERS * ROUNDS


def test_uploads_without_a_size_do_not_disturb_each_other(u1, as_user_at):
    """The driver keeps the size of the one that it writes in an object that requests might share."""
    sizes = (3, MIB, 5 * MIB, 9 * MIB, 17 * MIB, 33 * MIB, 12_345_678, 65_536)
    images, wrong = {u1.create(): size for size in sizes}, []

    def upload(image, size):
        answer = u1.upload(image, blocks(size))
        if answer.status != 204 or as_user_at("api2", "u1").download(image) != digest(size):
            wrong.append((size, answer))

    threads = [threading.Thread(target=upload, args=pair) for pair in images.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.fixture
def disks(hosts):
    """Have a folder for disks on a host that is none of Glance's, and qemu-img; gives the host."""
    hosts["ceph1"].check_output("apt-get install --yes --no-install-recommends qemu-utils && mkdir -p /srv/disks")
    return hosts["ceph1"]


def test_an_audit_says_how_many_images_can_not_be_cloned(u1, disks, playbook):
    disks.check_output("qemu-img create -q -f qcow2 /srv/disks/small 1M")
    data = base64.b64decode(disks.check_output("base64 --wrap=0 /srv/disks/small"))
    assert u1.upload(u1.create(disk_format="qcow2"), [data]).status == 204
    audited = playbook("audit.yml")
    assert audited.rc == 0, audited.output
    said = "Images of the store ceph that compute hosts can't clone, since their disk_format is not raw: 1."
    assert said in audited.output


def test_an_import_is_converted_to_raw_so_that_it_can_be_cloned(u1, disks, wait_until, ceph):
    disks.check_output("head --bytes 2M /dev/urandom > /srv/disks/raw")
    disks.check_output("qemu-img convert -f raw -O qcow2 /srv/disks/raw /srv/disks/qcow2")
    image = u1.create(disk_format="qcow2")
    with served(disks, "/srv/disks") as url:
        wanted = {"method": {"name": "web-download", "uri": f"{url}/qcow2"}}
        answer = u1.request("POST", f"/v2/images/{image}/import", wanted)
        assert answer.status == 202, answer
        wait_until(lambda: u1.show(image)["status"] == "active", 60)
    assert u1.show(image)["disk_format"] == "raw"
    assert ceph(f"rbd info images/{image}")["size"] == 2 * MIB
    assert u1.download(image) == disks.check_output("sha256sum /srv/disks/raw").split()[0]


# -------------------------------------------------------------------------------------------------- clones and deletion


@pytest.fixture(params=[1, 2], ids=["protected snapshot", "snapshot in use"])
def clone(request, ceph, hosts):
    """Clone an image as Nova and Cinder do, in both formats of clones; gives the function."""
    made = []

    def make(image):
        made.append(image)
        options = f"--rbd-default-clone-format {request.param}"
        hosts["ceph1"].check_output(f"rbd clone {options} images/{image}@snap images/clone-of-{image}")

    make.format = request.param
    yield make
    for image in made:
        hosts["ceph1"].run(f"rbd rm images/clone-of-{image}")
    for each in ceph("rbd trash ls images"):
        hosts["ceph1"].run(f"rbd trash rm images/{each['id']}")


def test_an_image_with_a_clone_is_deleted_and_the_clone_lives(u1, uploaded, playbook, clone, ceph, hosts):
    image = uploaded(8 * MIB)
    clone(image)
    assert u1.request("DELETE", f"/v2/images/{image}").status == 204
    u1.made.clear()
    scrubbed = playbook("scrub.yml")
    there = [each["image"] if isinstance(each, dict) else each for each in ceph("rbd ls images")]
    if clone.format == 1:
        # Ceph refuses it while the clone needs the snapshot; it waits.
        assert scrubbed.rc != 0
        assert image in scrubbed.failures
        assert image in there
    else:
        assert scrubbed.rc == 0, scrubbed.output
        assert image not in there
        assert [each["name"] for each in ceph("rbd trash ls images")] == [image]
    sent = digest(8 * MIB)
    assert hosts["ceph1"].check_output(f"rbd export images/clone-of-{image} - | sha256sum").split()[0] == sent
    hosts["ceph1"].check_output(f"rbd rm images/clone-of-{image}")
    assert playbook("scrub.yml").rc == 0
    assert image not in ceph("rbd ls images")


def test_a_deleted_image_is_restored_bit_for_bit(u1, uploaded, playbook, site_of_all):
    assert site_of_all({"glance_scrub_time": 3600}).rc == 0
    image = uploaded(9 * MIB, os_distro="debian")
    assert u1.request("DELETE", f"/v2/images/{image}").status == 204
    assert u1.request("GET", f"/v2/images/{image}").status == 404
    restored = playbook("restore_image.yml", {"image_id": image})
    assert restored.rc == 0, restored.output
    assert (u1.show(image)["status"], u1.show(image)["os_distro"]) == ("active", "debian")
    assert u1.download(image) == digest(9 * MIB)


def test_an_audit_finds_data_that_is_gone(u1, uploaded, playbook, hosts):
    image = uploaded(MIB)
    hosts["ceph1"].check_output(
        f"rbd snap unprotect images/{image}@snap && rbd snap purge images/{image} && rbd rm images/{image}"
    )
    found = playbook("audit.yml")
    assert found.rc != 0
    assert "missing data" in found.output
    assert image in found.output


# ------------------------------------------------------------------------------------------------------------- security


def test_the_key_is_readable_for_glance_alone(hosts, lab, playbook):
    key = (lab / "secrets/ceph_key_of_glance").read_text()
    for name in API_HOSTS:
        keyring = hosts[name].file("/etc/ceph/ceph.client.glance.keyring")
        assert (keyring.mode, keyring.user, keyring.group) == (0o640, "root", "glance")
        assert key in keyring.content_string
        holding = hosts[name].run("grep --recursive --files-with-matches %s /etc /opt/glance/libexec /run", key)
        assert holding.stdout.split() == ["/etc/ceph/ceph.client.glance.keyring"]
    other = base64.b64encode(base64.b64decode(key)[:12] + secrets.token_bytes(16)).decode()
    shown = playbook("site.yml", {"glance_ceph_key": other}, "--check", "--diff", "-vvv")
    assert key not in shown.output
    assert other not in shown.output


# ----------------------------------------------------------------------------------------- what can't be is told before


def of_store(**options):
    return {"glance_stores": {"ceph": {"driver": "rbd", "options": options}}}


WRONG = {
    "pool": (
        of_store(rbd_store_pool="imagse"),
        "the pool imagse of the store ceph should be there, found none in Ceph",
    ),
    "key": (
        {"glance_ceph_key": "{other}"},
        "Ceph should let client.glance of the store ceph in, found that it refuses",
    ),
    "user": (of_store(rbd_store_user="nobody"), "Ceph should let client.nobody of the store ceph in"),
    "monitor": (
        {"glance_ceph_monitors": ["{silent}"]},
        "should reach a monitor of Ceph within 15 s, found no answer from",
    ),
    "rights": (
        {**of_store(rbd_store_user="reader"), "glance_ceph_key": "{reader}"},
        "client.reader of the store ceph should be allowed to write to the pool images, found that it is not",
    ),
    "driver": (
        {"glance_stores": {"ceph": {"driver": "rdb"}}},
        "should be one of file, http, rbd, s3, swift, found rdb",
    ),
    "cinder": (
        {"glance_stores": {"ceph": {"driver": "cinder"}}},
        "found cinder: it attaches volumes to this host as root",
    ),
}


@pytest.mark.parametrize(("variables", "said"), WRONG.values(), ids=WRONG)
def test_a_store_that_can_not_work_is_refused_before_a_change(hosts, playbook, variables, said):
    rights = "mon 'profile rbd' osd 'profile rbd-read-only pool=images'"
    address = hosts["ceph1"].ansible.get_variables()["ansible_host"]
    known = {
        "other": base64.b64encode(b"\1\0" + bytes(8) + b"\x10\0" + secrets.token_bytes(16)).decode(),
        "reader": hosts["ceph1"].check_output(f"ceph auth get-or-create-key client.reader {rights}"),
        "silent": address.rpartition(".")[0] + ".250",
    }

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(part) for key, part in value.items()}
        return [filled(part) for part in value] if isinstance(value, list) else value.format(**known)

    before = hosts["api3"].check_output("sha256sum /etc/glance/glance-api.conf /etc/ceph/*")
    run = playbook("site.yml", filled(variables), "--limit", "localhost,api3")
    assert (run.rc != 0, run.recap["api3"]["changed"]) == (True, 0), run.output
    assert said in run.failures
    assert not any(secret in run.output for secret in (known["other"], known["reader"]))
    assert hosts["api3"].check_output("sha256sum /etc/glance/glance-api.conf /etc/ceph/*") == before


# ----------------------------------------------------------------------------------------------------- while it is away


class Users:
    """Users who create, upload, list, download and delete, all in all 20 requests a second; each request is noted."""

    REQUESTS_PER_SECOND, NUMBER = 20, 10

    def __init__(self, apis):
        self.apis, self.over, self.seen = apis, threading.Event(), []
        self.threads = [threading.Thread(target=self.use, args=(number,)) for number in range(self.NUMBER)]

    def ask(self, api, method, path, expected, body=None, kind="application/json"):
        began = time.monotonic()
        answer = api.request(method, path, body, kind)
        self.seen.append((began, time.monotonic() - began, method, path, answer.status, answer.text))
        return answer if answer.status == expected else None

    def steps(self, api):
        while not self.over.is_set():
            made = self.ask(
                api, "POST", "/v2/images", 201, {"name": "away", "disk_format": "raw", "container_format": "bare"}
            )
            yield
            path = f"/v2/images/{made.json['id']}"
            sent = self.ask(api, "PUT", f"{path}/file", 204, os.urandom(64 << 10), "application/octet-stream")
            yield
            self.ask(api, "GET", "/v2/images?limit=5", 200)
            yield
            if sent:
                self.ask(api, "GET", f"{path}/file", 200)
                yield
            self.ask(api, "DELETE", path, 204)
            yield

    def use(self, number):
        pace, following = self.NUMBER / self.REQUESTS_PER_SECOND, time.monotonic()
        for _step in self.steps(self.apis[number % len(self.apis)]):
            following = max(following + pace, time.monotonic() - 1)
            self.over.wait(max(0, following - time.monotonic()))


def test_a_ceph_that_is_away_for_a_minute_is_told_and_comes_back(as_user_at, hosts, wait_until, ceph, uploaded, u1):
    kept = uploaded(9 * MIB)
    users = Users([as_user_at(host, "u1") for host in API_HOSTS])
    for thread in users.threads:
        thread.start()
    try:
        wait_until(lambda: len(users.seen) > 100, 60)
        hosts["ceph1"].check_output("systemctl stop ceph-osd@0")
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped + 60, 70)
        hosts["ceph1"].check_output("systemctl reset-failed ceph-osd@0; systemctl start ceph-osd@0")
        wait_until(lambda: ceph("ceph osd stat")["num_up_osds"] == 1, 60)
        back = time.monotonic()
        wait_until(lambda: time.monotonic() > back + GIVES_UP + 10, GIVES_UP + 20)
    finally:
        users.over.set()
        for thread in users.threads:
            thread.join(120)
    failed = [each for each in users.seen if each[4] not in (200, 201, 204)]
    assert {(each[2], each[4]) for each in failed} <= {("PUT", 503), ("GET", 503)}, failed[:3]
    assert all("The store ceph can't be used at present. Try again later." in each[5] for each in failed)
    # What does not ask Ceph goes on, and nothing fails any more once it is back.
    assert max(each[1] for each in users.seen if "limit" in each[3] or each[2] in ("POST", "DELETE")) < 5
    assert [each for each in failed if each[0] > back + GIVES_UP] == []
    assert u1.download(kept) == digest(9 * MIB)


# ------------------------------------------------------------------------------------------------------ taken down last


def test_teardown_takes_the_key_and_leaves_all_images(playbook, hosts, ceph, uploaded, u1):
    image = uploaded(MIB)
    u1.made.clear()
    down = playbook("teardown.yml", {"glance_teardown_data": True})
    assert down.rc == 0, down.output
    for name in API_HOSTS:
        assert not hosts[name].file("/etc/ceph/ceph.client.glance.keyring").exists
    assert image in ceph("rbd ls images")
