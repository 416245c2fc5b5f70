"""Stores of four drivers at once: each takes and gives images, is away while the others serve, and changes its keys."""

from __future__ import annotations

import time
import urllib.parse

import pytest
from testing.api import MIB
from testing.content import blocks, digest
from testing.web import served

STORES = ("file", "ceph", "s3", "swift")
NEW = "2026.2"
# Swift cuts what is larger than 64 MiB into segments of 96.
SIZES = (64 << 10, 64 * MIB, 100 * MIB + 1)
COPY_SECONDS = 120


def whole(seen):
    """Whether no request of the users of any store failed and no body was damaged."""
    failed = {store: traffic.failures[:3] for store, traffic in seen.items() if traffic.failures}
    assert failed == {}, {store: len(traffic.failures) for store, traffic in seen.items()}
    assert sum(traffic.damaged for traffic in seen.values()) == 0
    assert all(traffic.answers > 30 for traffic in seen.values())


@pytest.fixture
def uploaded(u1):
    """Upload an image of so many bytes to a store; gives its id."""

    def run(store, size=MIB + 1):
        image = u1.create()
        assert u1.upload(image, blocks(size), size, store).status == 204
        return image

    return run


def keys_are_changed(storage, playbook, users_of, uploaded, u1, locations):
    """Have each store use its other key, and see that nobody needs the former one any more."""
    before, after = storage.site["keys"], 1 - storage.site["keys"]
    kept = {store: uploaded(store) for store in STORES}
    deleted = {store: uploaded(store) for store in STORES}
    for image in deleted.values():
        assert u1.request("DELETE", f"/v2/images/{image}").status == 204
    storage.edit(keys=after)
    with users_of(*STORES) as seen:
        run = playbook("rotate_secrets.yml", None, "--diff", "-vvv")
    assert run.rc == 0, run.output
    whole(seen)
    former = storage.s3_keys()[before]["access_key"]
    assert not any(former in uri for image in [*kept.values(), *deleted.values()] for uri in locations(image))

    storage.revoke(before)
    try:
        for store, image in kept.items():
            assert u1.download(image) == digest(MIB + 1), store
            assert u1.request("DELETE", f"/v2/images/{image}").status == 204
        for image in deleted.values():
            u1.made.remove(image)
        scrubbed = playbook("scrub.yml", {"glance_scrub_time": 0})
        assert scrubbed.rc == 0, scrubbed.output
        audited = playbook("audit.yml")
        assert audited.rc == 0, audited.output
        assert ") was not looked at" not in audited.output
        again = playbook("site.yml")
        assert (again.rc, again.changed) == (0, 0), again.output
    finally:
        storage.renew(before)


# ---------------------------------------------------------------------------------------------------- a former release


def test_keys_are_changed_under_load_where_locations_carry_them(
    storage, playbook, users_of, uploaded, u1, locations, hosts
):
    assert storage.site["release"] == "2025.1"
    # As glance_store writes a location in Swift where the account is in no file, as with earlier versions of the roles.
    image = uploaded("swift")
    account = storage.ask_keystone("GET", "/v3/users?name=images")["users"][0]["name"]
    password = (storage.lab / "secrets/swift_0").read_text().strip()
    carried = f"service%3A{account}:{urllib.parse.quote(password)}@{storage.keystone.address}:5000/v3"
    (uri,) = locations(image)
    assert uri == f"swift+config://ref1/glance/{image}"
    statement = f"UPDATE image_locations SET value = 'swift+http://{carried}/glance/{image}' WHERE image_id = '{image}'"
    hosts["ceph1"].run_expect([0], "mariadb glance -e %s", statement)
    assert u1.download(image) == digest(MIB + 1)

    keys_are_changed(storage, playbook, users_of, uploaded, u1, locations)
    assert locations(image) == [uri]


def test_an_upgrade_with_all_stores_is_noticed_by_nobody(storage, playbook, users_of, uploaded, u1):
    kept = {store: uploaded(store) for store in STORES}
    with users_of(*STORES) as seen:
        storage.edit(release=NEW)
        run = playbook("upgrade.yml")
    assert run.rc == 0, run.output
    whole(seen)
    for store, image in kept.items():
        assert u1.download(image) == digest(MIB + 1), store


# ------------------------------------------------------------------------------------------------------- this release


def test_keys_are_changed_under_load(storage, playbook, users_of, uploaded, u1, locations):
    assert storage.site["release"] == NEW
    keys_are_changed(storage, playbook, users_of, uploaded, u1, locations)


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("store", STORES)
def test_an_image_comes_back_from_another_host(as_user, store, size, chunked):
    writer, reader = as_user(host="api1"), as_user(host="api2")
    image = writer.create()
    assert writer.upload(image, blocks(size), None if chunked else size, store).status == 204
    assert reader.show(image)["stores"] == store
    assert reader.download(image) == digest(size)


def test_an_image_is_copied_to_all_stores_and_removed_from_all(as_user, wait_until, playbook, uploaded, u1):
    size = 100 * MIB + 1
    image, admin = uploaded("file", size), as_user("admin")
    copied = admin.request("POST", f"/v2/images/{image}/import", {"method": {"name": "copy-image"}, "all_stores": True})
    assert copied.status == 202, copied
    wait_until(lambda: set(u1.show(image)["stores"].split(",")) == set(STORES), COPY_SECONDS)

    def removed(store):
        # The import, which has put the data everywhere, may have something to do yet.
        answer = admin.request("DELETE", f"/v2/stores/{store}/{image}")
        assert answer.status in (204, 409), answer
        return answer.status == 204

    for store in STORES[:-1]:
        # The data is read from one of those that are left.
        wait_until(lambda store=store: removed(store), 30)
        assert u1.download(image) == digest(size)
    assert u1.show(image)["stores"] == STORES[-1]
    assert u1.request("DELETE", f"/v2/images/{image}").status == 204
    u1.made.clear()
    assert playbook("scrub.yml").rc == 0
    audited = playbook("audit.yml")
    assert audited.rc == 0, audited.output


def test_swift_is_used_with_an_application_credential(storage, hosts, site_of_all, uploaded, u1, playbook):
    number, secret = storage.keystone.application_credential(storage.swift_token())
    kept, deleted = uploaded("swift"), uploaded("swift", 100 * MIB + 1)
    stores = hosts["api1"].ansible.get_variables()["glance_stores"]
    options = {
        name: value
        for name, value in stores["swift"]["options"].items()
        if name not in ("swift_store_user", "swift_store_key")
    }
    options["swift_store_application_credential_id"] = number
    options["swift_store_application_credential_secret"] = secret
    run = site_of_all({"glance_stores": {**stores, "swift": {"driver": "swift", "options": options}}})
    assert run.rc == 0, run.output
    assert secret not in run.output
    assert u1.download(kept) == digest(MIB + 1)
    assert u1.download(uploaded("swift", 100 * MIB + 1)) == digest(100 * MIB + 1)
    assert u1.request("DELETE", f"/v2/images/{deleted}").status == 204
    u1.made.remove(deleted)
    scrubbed = playbook("scrub.yml", {"glance_scrub_time": 0})
    assert scrubbed.rc == 0, scrubbed.output


# ------------------------------------------------------------------------------------------------------------- a proxy


def test_what_goes_out_goes_through_the_proxy_and_no_question_to_keystone(
    hosts, site_of_all, uploaded, u1, wait_until, keystone
):
    address = hosts["swift1"].ansible.get_variables()["ansible_host"]
    run = site_of_all({"glance_http_proxy": f"http://{address}:8888"})
    assert run.rc == 0, run.output
    assert u1.download(uploaded("s3")) == digest(MIB + 1)
    image = u1.create()
    hosts["ceph1"].check_output("mkdir -p /srv/disks && head --bytes 1000000 /dev/zero > /srv/disks/zeros")
    with served(hosts["ceph1"], "/srv/disks") as url:
        wanted = {"method": {"name": "web-download", "uri": f"{url}/zeros"}}
        answer = u1.request("POST", f"/v2/images/{image}/import", wanted)
        assert answer.status == 202, answer
        wait_until(lambda: u1.show(image)["status"] == "active", 60)
    asked = hosts["swift1"].check_output("journalctl --quiet --no-pager --unit tinyproxy")
    assert "s3.lab" in asked
    assert f"GET {url}/zeros" in asked
    assert f"{keystone.address}:5000" not in asked


# ----------------------------------------------------------------------------------------------- each is away in turn

CEPH, S3, SWIFT = ("ceph1", "ceph-osd@0"), ("ceph1", "ceph-radosgw@rgw.ceph1"), ("swift1", "swift-proxy")
STOPPED = ("systemctl stop {0}", "systemctl reset-failed {0}; systemctl start {0}")
# Connections are taken, and nothing is answered.
SILENT = ("systemctl kill --signal STOP {0}", "systemctl kill --signal CONT {0}")
AWAY = {
    # The gateway of S3 has its data in Ceph.
    "ceph": (CEPH, STOPPED, ("ceph", "s3")),
    "s3": (S3, STOPPED, ("s3",)),
    "s3, silent": (S3, SILENT, ("s3",)),
    "swift": (SWIFT, STOPPED, ("swift",)),
    "swift, silent": (SWIFT, SILENT, ("swift",)),
}


@pytest.mark.parametrize(("storage", "ways", "stores"), AWAY.values(), ids=AWAY)
def test_while_a_store_is_away_the_others_serve(storage, ways, stores, hosts, users_of, uploaded, u1, wait_until):
    host, unit = storage
    leave, come_back = (way.format(unit) for way in ways)
    kept = {store: uploaded(store) for store in STORES}
    serving = [store for store in STORES if store not in stores]
    with users_of(*serving) as seen:
        hosts[host].check_output(leave)
        try:
            for store in stores:
                image = u1.create()
                began = time.monotonic()
                refused = u1.upload(image, blocks(MIB), MIB, store)
                assert (refused.status, time.monotonic() - began < 60) == (503, True), refused
                assert f"The store {store} can't be used at present. Try again later." in refused.text
                got = u1.request("GET", f"/v2/images/{kept[store]}/file")
                assert got.status == 503, got
            wait_until(lambda: all(traffic.answers > 100 for traffic in seen.values()), 120)
        finally:
            hosts[host].check_output(come_back)
        for store in stores:
            wait_until(lambda store=store: u1.download(kept[store]) == digest(MIB + 1), 90)
    whole(seen)


# --------------------------------------------------------------------------------------- what can't be is told before

WRONG = {
    "bucket": (
        "s3",
        {"s3_store_bucket": "others", "s3_store_create_bucket_on_put": False},
        "the store s3 should take data, found",
    ),
    "S3 key": ("s3", {"s3_store_secret_key": "wrong"}, "the store s3 should take data, found"),
    "CA": ("s3", {"s3_store_cacert": "/etc/ssl/certs/ca-certificates.crt"}, "the store s3 should take data, found"),
    "S3 host": ("s3", {"s3_store_host": "https://s3.lab:444"}, "the store s3 should take data, found"),
    "region": ("swift", {"swift_store_region": "nowhere"}, "the store swift should take data, found"),
    "Swift key": ("swift", {"swift_store_key": "wrong"}, "the store swift should take data, found"),
    "project": ("swift", {"swift_store_user": "images"}, "such as service:glance, found no colon"),
    "auth version": ("swift", {"swift_store_auth_version": "2"}, "should be one of 3, found '2'"),
    "auth address": (
        "swift",
        {"swift_store_auth_address": "http://127.0.0.1:9/v3"},
        "the store swift should take data, found",
    ),
    "container": ("swift", {"swift_store_container": "a/b"}, "the store swift should take data, found"),
    "pool": ("ceph", {"rbd_store_pool": "imagse"}, "the pool imagse of the store ceph should be there, found none"),
    "directory": ("file", {"filesystem_store_datadir": "/proc/images"}, "should"),
}


@pytest.mark.parametrize(("store", "options", "said"), WRONG.values(), ids=WRONG)
def test_a_store_that_can_not_work_is_refused_before_a_change(hosts, playbook, store, options, said):
    stores = hosts["api1"].ansible.get_variables()["glance_stores"]
    stores = {**stores, store: {**stores[store], "options": {**stores[store]["options"], **options}}}
    state = "cat /etc/glance/*.conf /etc/ceph/* | sha256sum"
    before = {name: hosts[name].check_output("sh -c %s", state) for name in ("api1", "api2")}
    run = playbook("site.yml", {"glance_stores": stores})
    assert (run.rc != 0, run.changed) == (True, 0), run.output
    assert said in run.failures
    print(run.failures)
    assert {name: hosts[name].check_output("sh -c %s", state) for name in before} == before
