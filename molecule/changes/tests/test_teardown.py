"""Taking the service down; the last of the tests, in the order in which they stand here."""

from __future__ import annotations

import hashlib

testinfra_hosts = ["ansible://glance_api"]

UNITS = [
    *("glance-api.service", "glance-scrubber.service", "glance-scrubber.timer", "glance-scrubber-check.service"),
    *("glance-staging.service", "glance-staging.timer"),
]
GONE = ["/opt/glance", "/etc/glance", *(f"/etc/systemd/system/{unit}" for unit in UNITS)]


def test_teardown_in_check_mode_changes_nothing(playbook, service):
    before = service.state()
    run = playbook("teardown.yml", None, "--check")
    assert run.rc == 0, run.output
    assert run.changed > 0
    assert service.state() == before


def test_teardown_keeps_images_for_the_next_deployment(playbook, api, host):
    data = b"from before the teardown" * 1000
    image = api.create(name="glanceops-kept")
    assert api.upload(image, [data]).status == 204

    run = playbook("teardown.yml")
    assert run.rc == 0, run.output
    assert not [path for path in GONE if host.file(path).exists]
    assert [unit for unit in UNITS if host.run("systemctl cat %s", unit).rc == 0] == []
    assert host.run("systemctl --quiet is-active glance-scrubber.timer").rc != 0
    assert host.run("pgrep -u glance").rc == 1
    assert host.file(f"/var/lib/glance/images/{image}").size == len(data)
    assert (
        host.check_output("mariadb glance --skip-column-names --execute 'SELECT id FROM images'").split().count(image)
        == 1
    )
    run = playbook("teardown.yml")
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output

    run = playbook("site.yml")
    assert run.rc == 0, run.output
    assert api.show(image)["status"] == "active"
    assert api.download(image) == hashlib.sha256(data).hexdigest()


def test_teardown_removes_data_and_user_if_told_so(playbook, api, host):
    image = api.create(name="glanceops-removed")
    assert api.upload(image, [b"data"]).status == 204
    run = playbook("teardown.yml", {"glance_teardown_data": True})
    assert run.rc == 0, run.output
    assert not [path for path in [*GONE, "/var/lib/glance"] if host.file(path).exists]
    assert not host.user("glance").exists
    assert not host.group("glance").exists
    assert "glance" not in host.check_output("mariadb --execute 'SHOW DATABASES; SELECT user FROM mysql.user'").split()
    api.made.clear()

    run = playbook("site.yml")
    assert run.rc == 0, run.output
    assert api.request("GET", "/v2/images").json["images"] == []
