"""What an operator does with a deployed service."""

from __future__ import annotations

import contextlib
import hashlib
import re

testinfra_hosts = ["ansible://glance_api"]


def row_of(host_name, output):
    """Return the row of a host in the table that status.yml shows."""
    row = re.search(rf'"({host_name} .*)"', output)
    assert row, output
    return row[1]


def test_run_without_a_change_is_short_and_changes_nothing(site, service, host_name):
    before = service.state()
    # The first run computes the desired state, with the next one the host knows it.
    first, run = site(None), site(None, "-vvv")
    assert first.changed == 0, first.output
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
    # Facts, the lock, the desired state of the database, and one comparison.
    assert sum(counts["ok"] + counts["skipped"] for counts in run.recap.values()) <= 10
    assert host_name in run.recap
    assert 0 < run.output.count("Using module file") <= 2
    assert service.state() == before


def test_service_that_is_still_loading_can_be_restarted(host, service, api, wait_until, kill):
    host.check_output("systemctl restart glance-api")
    try:
        again = host.run("timeout 60 systemctl restart glance-api")
    finally:
        if service.show("ActiveState") == "deactivating":
            kill(host, "glance-api.service")
        wait_until(lambda: api.request("GET", "/v2/images").status == 200)
    assert again.rc == 0, again


def test_sample_image_is_uploaded_once(playbook, api):
    def samples():
        return api.request("GET", "/v2/images?name=sample").json["images"]

    assert not samples()
    first = playbook("sample_image.yml")
    try:
        assert first.rc == 0, first.output
        assert first.changed > 0
        assert [image["status"] for image in samples()] == ["active"]
        second = playbook("sample_image.yml")
        assert second.rc == 0, second.output
        assert second.changed == 0, second.output
        assert len(samples()) == 1
    finally:
        api.made += [image["id"] for image in samples()]


def test_images_of_the_inventory_are_brought_once_and_replaced(playbook, api, tmp_path):
    def listed(hidden):
        found = api.request("GET", f"/v2/images?name=listed&os_hidden={hidden}").json["images"]
        return [image["os_hash_value"] for image in found]

    def bring(data, *options):
        disk.write_bytes(data)
        image = {"name": "listed", "src": str(disk), "disk_format": "raw", "visibility": "public", "keep": 0}
        run = playbook("images.yml", {"glance_images": [{**image, "properties": {"os_distro": "debian"}}]}, *options)
        assert run.rc == 0, run.output
        return run.changed

    disk, first, second = tmp_path / "disk.raw", b"the first", b"the second"
    try:
        assert bring(first, "--check") == 1
        assert listed("false") == []
        assert bring(first) == 1
        assert bring(first) == 0
        assert listed("false") == [hashlib.sha512(first).hexdigest()]
        assert bring(second) == 1
        assert listed("false") == [hashlib.sha512(second).hexdigest()]
        assert listed("true") == []
    finally:
        api.made += [image["id"] for image in api.request("GET", "/v2/images?name=listed").json["images"]]


def test_status_shows_release_health_and_images(playbook, api, host_name, service):
    image = api.create()
    assert api.upload(image, [b"data"]).status == 204
    total, before = len(api.request("GET", "/v2/images").json["images"]), service.state()
    run = playbook("status.yml")
    assert run.rc == 0, run.output
    assert run.changed == 0
    row = row_of(host_name, run.output)
    assert [told for told in ("2026.2", "active", "200 OK", f"{total} (") if f" {told}" not in row] == [], row
    assert service.state() == before


def test_stopped_service_is_told_by_status_and_started_by_the_next_run(playbook, site, host, service, api, host_name):
    starts = service.starts()
    host.check_output("systemctl stop glance-api")
    status = playbook("status.yml")
    run = site()
    assert status.rc != 0
    assert "  inactive  " in row_of(host_name, status.output)
    assert host_name in status.failures
    assert run.rc == 0, run.output
    assert run.changed == 1
    assert service.starts() == starts + 1
    assert api.request("GET", "/v2/images").status == 200


def test_reboot_brings_the_api_back_with_its_images(api, anonymous, host, service, wait_until):
    data = b"from before the reboot"
    image = api.create()
    assert api.upload(image, [data]).status == 204

    def boot():
        return host.check_output("systemctl show --value --property=UserspaceTimestampMonotonic")

    before = boot()
    # The connection may be cut before the command has ended.
    with contextlib.suppress(RuntimeError):
        host.run("systemctl reboot")
    wait_until(lambda: boot() != before, 120)
    wait_until(lambda: service.show("ActiveState") == "active", 60)
    anonymous.open()
    api.port = anonymous.port
    assert wait_until(lambda: api.show(image), 60)["status"] == "active"
    assert api.download(image) == hashlib.sha256(data).hexdigest()
