"""Taking the hosts down; the last of the tests, in the order in which they stand here."""

from __future__ import annotations

IMAGES = "/var/lib/glance/images"
OTHER = "/var/lib/glance/other"
UNIT = "/etc/systemd/system/var-lib-glance-images.mount"


def test_what_an_operator_has_mounted_is_not_removed(hosts, upload, share, playbook):
    upload("api1")
    before = share.sums()
    host = hosts["api1"]
    host.check_output(f"mkdir {OTHER} && mount -t tmpfs tmpfs {OTHER} && echo precious >{OTHER}/file")
    try:
        run = playbook("teardown.yml", {"glance_teardown_data": True}, "--limit", "api1")
        assert run.rc != 0
        assert "/var/lib/glance should have nothing mounted in it before it is removed" in run.failed["api1"]
        assert f"tmpfs at {OTHER}" in run.failed["api1"]
        assert host.file(f"{OTHER}/file").content_string == "precious\n"
    finally:
        host.check_output(f"umount {OTHER}")
    assert share.sums() == before


def test_teardown_with_data_leaves_the_share_alone(hosts, share, playbook):
    before = share.sums()
    assert before
    run = playbook("teardown.yml", {"glance_teardown_data": True})
    assert run.rc == 0, run.output
    assert share.sums() == before
    for host in hosts.values():
        assert not [path for path in ("/var/lib/glance", "/etc/glance", UNIT) if host.file(path).exists]
        assert IMAGES not in host.check_output("cat /proc/self/mountinfo")
        assert not host.user("glance").exists
    run = playbook("teardown.yml", {"glance_teardown_data": True})
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
