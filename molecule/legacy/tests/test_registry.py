"""The API reaches its records through the registry alone, and everything works as it does without one."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import re
import urllib.parse

testinfra_hosts = ["ansible://glance_api"]
MIB = 1 << 20


def test_image_comes_back_bit_for_bit_and_its_record_is_in_the_database_behind_the_registry(api, registry):
    data = random.Random(1).randbytes(3 * MIB + 12345)
    image = api.create(name="through the registry", os_distro="debian", tags=["blue"])
    assert api.upload(image, [data[:MIB], data[MIB:]]).status == 204
    assert api.download(image) == hashlib.sha256(data).hexdigest()
    assert api.show(image)["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert registry.status(image) == "active"


def test_api_has_no_way_to_the_database(api, host, registry, connections, lab):
    # As it stands in a URL.
    password = urllib.parse.quote((lab / "password").read_text().strip(), safe="")
    database = f"{registry.address}:3306"
    # So that every process has asked for something.
    for _number in range(8):
        assert api.request("GET", "/v2/images").status == 200
    assert database in connections(registry.host, "glance-registry")
    assert database not in connections(host, "glance-api")
    assert host.file("/etc/glance/glance-scrubber.conf").contains(password)
    assert not host.file("/etc/glance/glance-api.conf").contains(password)


def test_registry_knows_no_store(registry):
    config = registry.host.file("/etc/glance/glance-registry.conf").content_string
    assert "connection = mysql" in config
    assert "filesystem_store" not in config


def test_without_its_registry_the_api_answers_with_an_error(api, registry, wait_until):
    registry.host.check_output("systemctl stop glance-registry")
    try:
        assert api.request("GET", "/v2/images").status == 500
        assert registry.host.check_output("systemctl show --value --property=Result glance-registry") == "success"
    finally:
        registry.host.check_output("systemctl start glance-registry")
    wait_until(lambda: api.request("GET", "/v2/images").status == 200)


def test_request_in_flight_is_answered_when_the_registry_is_restarted(registry, wait_until):
    def show(name):
        return registry.host.check_output("systemctl show --value --property=%s glance-registry", name)

    before = show("MainPID")
    body = json.dumps([{"command": "image_get_all", "kwargs": {"limit": 1}}]).encode()
    connection = http.client.HTTPConnection(registry.address, 9191, timeout=30)
    connection.putrequest("POST", "/rpc")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    # Until a process of the registry has taken it, and waits for the rest.
    taken = "ss --no-header --tcp --processes state established sport = :9191 | grep --count glance-registry"
    wait_until(lambda: registry.host.run(taken).stdout.strip() != "0")
    registry.host.check_output("systemctl --no-block restart glance-registry")
    # By then its other processes have ended (the held master has them as zombies), hence all were told to.
    others = "pgrep --count --runstates D,R,S --parent %s"
    wait_until(lambda: registry.host.run(others, before).stdout.strip() == "1")
    assert show("ActiveState") == "deactivating"
    connection.send(body[5:])
    assert connection.getresponse().status == 200
    wait_until(lambda: show("ActiveState") == "active" and show("MainPID") != before)


def test_upload_in_flight_survives_a_restart_of_the_api(api, upload_over_restart):
    image, sent = upload_over_restart()
    assert api.show(image)["status"] == "active"
    assert api.download(image) == sent


def described(api, image):
    """Return what the API tells of an image and its members, but for the time of the last change."""
    members = api.request("GET", f"/v2/images/{image}/members").json["members"]
    known = [(member["member_id"], member["status"]) for member in members]
    return {**api.show(image), "updated_at": "", "members": known}


def test_deleted_image_comes_back_until_it_is_scrubbed(api, host, registry, playbook):
    data = random.Random(2).randbytes(MIB)
    image = api.create(name="deleted", os_distro="debian", tags=["blue"])
    assert api.upload(image, [data]).status == 204
    assert api.request("POST", f"/v2/images/{image}/members", {"member": "ann"}).status == 200
    before = described(api, image)
    assert api.request("DELETE", f"/v2/images/{image}").status == 204
    assert (api.request("GET", f"/v2/images/{image}").status, registry.status(image)) == (404, "pending_delete")

    run = playbook("restore_image.yml", {"image_id": image})
    assert run.rc == 0, run.output
    assert described(api, image) == before
    assert api.download(image) == hashlib.sha256(data).hexdigest()

    assert api.request("DELETE", f"/v2/images/{image}").status == 204
    assert host.file(f"/var/lib/glance/images/{image}").size == MIB
    registry.sql(f"UPDATE images SET deleted_at = '2001-01-01' WHERE id = '{image}'")
    run = playbook("scrub.yml")
    assert run.rc == 0, run.output
    assert not host.file(f"/var/lib/glance/images/{image}").exists
    assert registry.status(image) == "deleted"


def test_status_shows_the_registry(playbook):
    run = playbook("status.yml")
    assert run.rc == 0, run.output
    assert run.changed == 0
    row = re.search(r'"(registry1 .*)"', run.output)
    assert row, run.output
    assert [told for told in ("ussuri", "active", ":9191", "200 OK") if f"{told}" not in row[1]] == [], row
