"""With Keystone for the API and the registry behind it, everything works for those who may, and for nobody else."""

from __future__ import annotations

import hashlib
import http.client
import json
import random

import pytest

testinfra_hosts = ["ansible://glance_api"]
# The registry listens on an address that others reach, which is right with Keystone.
VARIABLES = {
    "glance_auth": "keystone",
    "glance_registry_allow_unauthenticated_network": False,
    "glance_delayed_delete": False,
}
DATA = random.Random(5).randbytes(100_000)


@pytest.fixture(scope="module")
def deleted(tunnel):
    """Two images that are deleted while there is no Keystone, with delayed delete."""
    images = [tunnel.create(name="deleted", os_distro="debian") for _number in range(2)]
    for image in images:
        assert tunnel.upload(image, [DATA]).status == 204
        assert tunnel.request("DELETE", f"/v2/images/{image}").status == 204
    tunnel.made.clear()
    return images


@pytest.fixture(scope="module", autouse=True)
def authenticated(playbook, deleted):
    """Turn Keystone on for all hosts, and off after the tests of this file."""
    run = playbook("site.yml", VARIABLES)
    try:
        assert run.rc == 0, run.output
        yield run
    finally:
        back = playbook("site.yml")
        assert back.rc == 0, back.output


def ask_registry(registry, headers):
    """Ask the registry for the records of images, as an API does; returns status and answer."""
    body = json.dumps([{"command": "image_get_all", "kwargs": {"limit": 100}}])
    connection = http.client.HTTPConnection(registry.address, 9191, timeout=30)
    connection.request("POST", "/rpc", body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_second_run_changes_nothing(authenticated, playbook):
    assert authenticated.changed
    run = playbook("site.yml", VARIABLES)
    assert (run.rc, run.changed) == (0, 0), run.output


def test_image_goes_through_the_registry_and_back(as_user, registry):
    owner, data = as_user("u1"), random.Random(4).randbytes(1_000_000)
    image = owner.create(name="through the registry", os_distro="debian")
    assert owner.upload(image, [data]).status == 204
    assert owner.download(image) == hashlib.sha256(data).hexdigest()
    assert registry.status(image) == "active"
    assert registry.sql(f"SELECT owner FROM images WHERE id = '{image}'") == owner.show(image)["owner"]
    assert owner.request("DELETE", f"/v2/images/{image}").status == 204
    assert owner.request("GET", f"/v2/images/{image}").status == 404
    assert registry.status(image) == "deleted"


def test_api_and_registry_answer_nobody_without_a_token(api, as_user, registry, keystone):
    image = as_user("u1").create(name="not for all")
    assert api.request("GET", "/v2/images").status == 401
    assert ask_registry(registry, {})[0] == 401
    assert ask_registry(registry, {"X-Auth-Token": "made up"})[0] == 401
    # The control: the same question with a token has an answer, the images of that user.
    status, shown = ask_registry(registry, {"X-Auth-Token": keystone.token("u1")})
    assert (status, image in shown) == (200, True)
    status, shown = ask_registry(registry, {"X-Auth-Token": keystone.token("u2")})
    assert (status, image in shown) == (200, False)


def test_image_of_one_project_does_not_exist_for_another(as_user):
    owner, other, administrator = as_user("u1"), as_user("u2"), as_user("admin")
    image, data = owner.create(name="private", visibility="private"), b"of p1"
    assert owner.upload(image, [data]).status == 204
    asked = [
        other.request("GET", f"/v2/images/{image}"),
        other.request("GET", f"/v2/images/{image}/file"),
        other.request("DELETE", f"/v2/images/{image}"),
    ]
    assert [answer.status for answer in asked] == [404] * 3

    def listed(api):
        return image in {each["id"] for each in api.request("GET", "/v2/images").json["images"]}

    assert [listed(each) for each in (owner, other, administrator)] == [True, False, True]
    assert owner.download(image) == hashlib.sha256(data).hexdigest()


def test_images_deleted_before_are_restored_and_scrubbed(as_user, deleted, host, registry, playbook):
    restored, scrubbed = deleted
    assert [registry.status(image) for image in deleted] == ["pending_delete"] * 2
    run = playbook("restore_image.yml", {"image_id": restored})
    assert run.rc == 0, run.output
    administrator = as_user("admin")
    administrator.made.append(restored)
    assert administrator.show(restored)["os_distro"] == "debian"
    assert administrator.download(restored) == hashlib.sha256(DATA).hexdigest()

    registry.sql(f"UPDATE images SET deleted_at = '2001-01-01' WHERE id = '{scrubbed}'")
    assert host.file(f"/var/lib/glance/images/{scrubbed}").exists
    run = playbook("scrub.yml")
    assert run.rc == 0, run.output
    assert not host.file(f"/var/lib/glance/images/{scrubbed}").exists
    assert registry.status(scrubbed) == "deleted"


def test_delayed_delete_through_the_registry_is_refused(playbook, service):
    before = service.state()
    run = playbook("site.yml", {**VARIABLES, "glance_delayed_delete": True})
    assert run.rc != 0
    assert "glance_delayed_delete should be false" in run.failures, run.output
    assert run.changed == 0
    assert service.state() == before


def test_status_logs_in(playbook):
    run = playbook("status.yml", {"glance_auth": "keystone"})
    assert run.rc == 0, run.output
    assert run.changed == 0


def test_registry_without_keystone_behind_an_api_with_it_is_refused(playbook, registry):
    before = registry.host.check_output("systemctl show --property=InvocationID glance-registry")
    open_to_all = {"glance_registry_config": {"paste_deploy": {"flavor": None}}}
    run = playbook("site.yml", {**VARIABLES, **open_to_all}, "--tags", "glance_registry")
    assert run.rc != 0
    assert "[paste_deploy] flavor should be set by glance_auth" in run.failures, run.output
    assert run.changed == 0
    assert registry.host.check_output("systemctl show --property=InvocationID glance-registry") == before
