"""What becomes of a changed configuration: in force by one restart, shown in check mode, and its secrets nowhere."""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets

import pytest

testinfra_hosts = ["ansible://glance_api"]


def test_changed_option_takes_one_restart_even_if_the_run_was_killed_before_it(site, killed_playbook, service, api):
    for number in range(4):
        api.create(name=f"glanceops-listed-{number}")
    limited, starts = {"glance_api_config": {"DEFAULT": {"limit_param_default": 3}}}, service.starts()
    config = service.host.file("/etc/glance/glance-api.conf")

    def listed():
        return len(api.request("GET", "/v2/images").json["images"])

    assert listed() >= 4
    run = site(limited)
    assert run.rc == 0, run.output
    assert run.changed > 0
    assert (service.starts() - starts, listed()) == (1, 3)

    run = site(limited)
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
    assert (service.starts() - starts, listed()) == (1, 3)

    killed_playbook("site.yml", None, "Bring the database")
    assert not config.contains("limit_param_default")
    assert (service.starts() - starts, listed()) == (1, 3)

    run = site()
    assert run.rc == 0, run.output
    assert run.changed > 0
    assert service.starts() - starts == 2
    assert listed() >= 4

    run = site()
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
    assert service.starts() - starts == 2


def secret_values():
    return {
        "metadata_encryption_key": secrets.token_hex(16),
        "memcache_secret_key": secrets.token_hex(12),
        "transport_url": secrets.token_hex(12),
    }


def with_secrets(values):
    return {
        "glance_config": {
            "DEFAULT": {
                "metadata_encryption_key": values["metadata_encryption_key"],
                "transport_url": f"rabbit://glance:{values['transport_url']}@127.0.0.1:5672/",
            },
            "keystone_authtoken": {"memcache_secret_key": values["memcache_secret_key"]},
        }
    }


def test_secrets_reach_the_host_and_show_nowhere(site, host):
    old, new = secret_values(), secret_values()
    config = host.file("/etc/glance/glance-api.conf")

    def shown_in(text):
        return [name for values in (old, new) for name, value in values.items() if value in text]

    first = site(with_secrets(old), "--diff", "-vvv")
    assert first.rc == 0, first.output
    assert all(value in config.content_string for value in old.values())
    assert "metadata_encryption_key" in first.output
    assert shown_in(first.output) == []

    second = site(with_secrets(new), "--diff", "-vvv")
    assert second.rc == 0, second.output
    assert all(value in config.content_string for value in new.values())
    assert second.output.count("(changed)") >= len(new)
    assert shown_in(second.output) == []

    # The set before is kept, and for root alone.
    record = host.file("/etc/glance/.sets/glance-api.json")
    kept = {item["path"]: item for item in json.loads(record.content_string)["previous"]}
    before = base64.b64decode(kept[config.path]["content"]).decode()
    assert all(value in before for value in old.values())
    assert (record.user, record.mode & 0o077) == ("root", 0)
    assert host.run("runuser -u glance -- cat %s", record.path).rc != 0
    assert shown_in(host.check_output("journalctl --quiet --output=cat")) == []


def test_database_without_the_images_of_the_present_one_is_refused(site, service, host, api):
    image, before = api.create(name="glanceops-recorded"), service.main_pid
    try:
        run = site({"glance_database_name": "other"})
        assert run.rc != 0
        # Those that can be restored count too.
        assert re.search(r"all (\d+) images of the present one, found that the new one lacks \1 of them", run.failures)
        assert "glance_database_allow_change" in run.failures
        assert service.main_pid == before
        assert api.show(image)["name"] == "glanceops-recorded"
        # A copy that holds them all is as good as the present one.
        host.check_output("mariadb-dump glance | mariadb other")
        run = site({"glance_database_name": "other"})
        assert run.rc == 0, run.output
        assert api.show(image)["name"] == "glanceops-recorded"
        back = site()
        assert back.rc == 0, back.output
    finally:
        host.check_output("mariadb-admin --force drop other")


def test_check_mode_tells_a_change_and_makes_none(site, service):
    before = service.state()
    run = site(None, "--check", "--diff")
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
    run = site({"glance_api_config": {"DEFAULT": {"limit_param_default": 5}}}, "--check", "--diff")
    assert run.rc == 0, run.output
    assert run.changed > 0
    assert "+limit_param_default = 5" in run.output
    assert service.state() == before


def test_authentication_can_be_taken_away_and_put_back(site, host, anonymous, as_user):
    image, address = as_user("u1").create(), host.ansible.get_variables()["ansible_host"]

    def status():
        connection = http.client.HTTPConnection(address, 9292, timeout=10)
        connection.request("GET", f"/v2/images/{image}")
        return connection.getresponse().status

    with pytest.raises(ConnectionRefusedError):
        status()
    allowed = {"glance_api_bind_address": address, "glance_api_allow_unauthenticated_network": True}
    run = site({"glance_auth": "none", **allowed})
    assert run.rc == 0, run.output
    assert status() == 200
    assert host.service("glance-proxy").is_running
    assert "userlist" not in host.file("/etc/glance-proxy/haproxy.cfg").content_string
    back = site()
    assert back.rc == 0, back.output
    with pytest.raises(ConnectionRefusedError):
        status()
    assert anonymous.request("GET", f"/v2/images/{image}").status == 401
    assert as_user("u1").show(image)["status"] == "queued"
    again = site()
    assert (again.rc, again.changed) == (0, 0), again.output
