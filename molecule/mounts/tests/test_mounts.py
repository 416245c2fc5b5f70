"""Hosts that share their images by a mount, and what becomes of images when it is not there."""

from __future__ import annotations

import contextlib
import re

IMAGES = "/var/lib/glance/images"
UNIT = "var-lib-glance-images.mount"
SOURCE = "images@database1:/srv/images"


def active(host, unit="glance-api"):
    return host.run("systemctl is-active %s", unit).stdout.strip()


def source(host, path=IMAGES):
    return host.run("findmnt --noheadings --output=SOURCE --mountpoint %s", path).stdout.strip()


def test_what_one_host_takes_another_gives(apis, upload, share):
    for one, other in (("api1", "api2"), ("api2", "api1")):
        image, digest = upload(one)
        assert apis[other].download(image) == digest
        assert share.sums()[image] == digest


def test_glance_has_the_same_number_everywhere(hosts, share):
    assert {host.check_output("id -u glance; id -g glance") for host in hosts.values()} == {"790\n790"}
    assert share.host.check_output("stat --format='%%u %%g' /srv/images".replace("%%", "%")) == "790 790"


def test_the_scrubber_of_one_host_removes_what_was_uploaded_to_another(apis, hosts, upload, share):
    image, digest = upload("api1")
    assert apis["api1"].request("DELETE", f"/v2/images/{image}").status == 204
    assert share.sums()[image] == digest
    hosts["api2"].check_output("systemctl start glance-scrubber.service")
    assert image not in share.sums()


def test_without_its_mount_a_host_serves_nothing_and_writes_nothing(
    apis, hosts, upload, share, playbook, site_of_all, wait_until
):
    image, digest = upload("api1")
    host, before = hosts["api1"], share.sums()
    with share.closed():
        host.check_output("umount %s", IMAGES)
        wait_until(lambda: active(host) == "inactive")
        refused = host.run("systemctl start glance-api")
        assert refused.rc != 0
        assert "dependency job" in refused.stderr
        assert active(host) != "active"
        assert "Dependency failed" in host.check_output("journalctl --quiet --output=cat --unit=glance-api --lines=5")

        run = playbook("site.yml")
        assert set(run.failed) == {"api1"}, run.output
        assert f"{SOURCE} should be mounted at {IMAGES}, found: " in run.failed["api1"]
        assert source(host) == ""

        # Neither a service nor the run has left anything below, and nobody but root could.
        assert host.check_output("find %s -mindepth 1", IMAGES) == ""
        assert host.run("runuser -u glance -- touch %s", f"{IMAGES}/file").rc != 0
        assert apis["api2"].download(image) == digest

    assert source(host) == ""
    run = site_of_all()
    assert run.rc == 0, run.output
    assert source(host) == SOURCE
    apis["api1"].open()
    assert apis["api1"].download(image) == digest
    assert share.sums() == before
    run = site_of_all()
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output


def test_after_a_reboot_a_host_serves_again_by_itself(apis, hosts, upload, wait_until):
    image, digest = upload("api2")
    host = hosts["api1"]
    boot = host.check_output("cat /proc/sys/kernel/random/boot_id; systemctl show --property=UserspaceTimestamp")
    # The connection ends with the host, before or after the command.
    with contextlib.suppress(RuntimeError):
        host.run("systemctl reboot")
    look = "cat /proc/sys/kernel/random/boot_id; systemctl show --property=UserspaceTimestamp"
    wait_until(lambda: host.check_output(look) != boot, 60)
    wait_until(lambda: active(host) == "active", 60)
    assert source(host) == SOURCE
    apis["api1"].open()
    assert apis["api1"].download(image) == digest


def test_a_shared_mount_needs_a_number_for_the_user(playbook):
    run = playbook("site.yml", {"glance_user_id": 0})
    assert run.rc != 0
    assert re.search(r"glance_user_id should be set for api[12], api[12], found none", run.failures), run.output
    assert run.changed == 0


def test_a_number_that_somebody_else_has_is_refused(hosts, playbook):
    number = hosts["api1"].check_output("id -u messagebus")
    run = playbook("site.yml", {"glance_user_id": number})
    assert set(run.failed) == {"api1", "api2"}, run.output
    assert f"the user glance should have the number {number}, found 790" in run.failed["api1"]
    assert f"the number {number} should be free for the user glance, found messagebus with it" in run.failed["api1"]
    assert run.changed == 0, run.output


def test_another_source_is_refused_while_the_old_one_is_mounted(inventory_mount, playbook):
    run = playbook("site.yml", {"glance_mounts": [{**inventory_mount, "src": "images@database1:/srv/other"}]})
    assert set(run.failed) == {"api1", "api2"}, run.output
    assert f"should be mounted from images@database1:/srv/other, found {SOURCE} there" in run.failed["api1"]
    assert run.changed == 0, run.output


def test_files_that_a_mount_would_hide_are_refused(inventory_mount, hosts, playbook):
    other = {**inventory_mount, "path": "/etc/ssh/sshd_config.d"}
    hosts["api2"].check_output("touch %s", f"{other['path']}/x.conf")
    run = playbook("site.yml", {"glance_mounts": [inventory_mount, other]}, "--limit", "localhost,database1,api2")
    assert set(run.failed) == {"api2"}, run.output
    assert f"{other['path']} should be empty before {SOURCE} is mounted there" in run.failed["api2"]
    assert run.changed == 0, run.output


def test_a_folder_that_root_may_not_give_away_is_refused_with_what_to_do(inventory_mount, hosts, site_of_all):
    path, unit = "/srv/other", "/etc/systemd/system/srv-other.mount"
    other = {**inventory_mount, "path": path, "src": "images@database1:/srv/other"}
    before = [active(host) for host in hosts.values()]
    run = site_of_all(
        {
            "glance_mounts": [inventory_mount, other],
            "glance_stores": {
                "file": {"driver": "file", "options": {"filesystem_store_datadir": IMAGES}},
                "other": {"driver": "file", "options": {"filesystem_store_datadir": path}},
            },
        }
    )
    assert run.rc != 0
    assert (
        f"{path} should be a directory of 790:790 with mode 0750, found what root may not change" in run.failed["api1"]
    )
    assert [active(host) for host in hosts.values()] == before
    assert {source(host, path) for host in hosts.values()} == {"images@database1:/srv/other"}

    # What has left the variable has no unit any more, and is not torn away from who may still use it.
    run = site_of_all()
    assert run.rc == 0, run.output
    for host in hosts.values():
        assert not host.file(unit).exists
        assert source(host, path)
        assert active(host) == "active"
        host.check_output("umount %s", path)
    run = site_of_all()
    assert run.changed == 0, run.output
