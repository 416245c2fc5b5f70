"""What becomes of wrong variables, and what playbooks ask the API as Glance's own user."""

from __future__ import annotations

import re

import pytest
import testinfra

testinfra_hosts = ["ansible://glance_api"]
# What only Keystone or the host can tell; tests/unit/plugins has the rest.
REFUSALS = {
    "only another password": (
        {"glance_keystone_password": "wrong"},
        [
            "glance_keystone_password should be",
            "401",
            "another glance_keystone_user",
            "name glance in glance_identity_re",
        ],
    ),
    "wrong password of the administrator": (
        {"glance_keystone_user": "glance9", "glance_identity_admin": {"user": "admin", "password": "hidden"}},
        ["Keystone at http://", "the user of glance_identity_admin", "401"],
    ),
    "no such domain": (
        {"glance_keystone_user_domain": "Nowhere"},
        ["glance_keystone_user_domain should be the name of a domain", "Nowhere"],
    ),
    "no Keystone there": ({"glance_keystone_url": "http://127.0.0.1:9"}, ["Keystone at http://127.0.0.1:9", "refused"]),
    "option of another plugin": (
        {"glance_config": {"keystone_authtoken": {"application_credential_id": "x"}}},
        ["[keystone_authtoken] application_credential_id is no option of Glance"],
    ),
    "no such region": ({"glance_keystone_region": "Nowhere"}, ["glance_identity_region should be", "Nowhere"]),
    "Keystone is in another region": (
        {"glance_keystone_region": "Nowhere", "glance_identity_region": "RegionOne"},
        ["internal endpoint", "Nowhere"],
    ),
}


@pytest.fixture(scope="module")
def password(lab):
    """The part of Glance's password that no escaping changes."""
    return (lab / "glance_password").read_text().strip()


@pytest.mark.parametrize(("variables", "named"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_names_the_fault_and_leaves_the_service_alone(site, service, api, variables, named):
    before = service.state()
    run = site(variables)
    assert run.rc != 0
    assert [words for words in named if words not in run.failures] == [], run.output
    assert run.changed == 0
    assert "hidden" not in run.failures
    assert service.state() == before
    assert api.request("GET", "/healthcheck").status == 200


def test_scrubber_is_told_nothing_of_keystone(host, password):
    config = host.file("/etc/glance/glance-scrubber.conf").content_string
    assert "connection = mysql" in config
    assert "keystone" not in config
    assert password not in config


def test_status_counts_the_images_of_all_projects(playbook, as_user, service):
    for name in ("u1", "u2"):
        as_user(name).create()
    total, before = len(as_user("admin").request("GET", "/v2/images").json["images"]), service.state()
    run = playbook("status.yml")
    assert run.rc == 0, run.output
    assert run.changed == 0
    assert total >= 2
    assert re.search(rf'"api1 .* active .* 200 OK .* {total} \(', run.output), run.output
    assert service.state() == before


def test_status_says_that_keystone_does_not_answer(host, playbook, site, service):
    keystone = testinfra.get_host("ansible://keystone1")
    before = service.state()
    keystone.check_output("systemctl stop keystone")
    # The timer of the cache does not know of it.
    host.check_output("systemctl start --no-block glance-cache.service")
    try:
        # What changes nothing asks nobody, but where the service is registered.
        rest = site(None, "--limit", "api1")
        assert (rest.rc, rest.changed) == (0, 0), rest.output
        refused = site()
        run = playbook("status.yml")
    finally:
        keystone.check_output("systemctl start keystone")
    assert (refused.rc != 0, refused.changed) == (True, 0), refused.output
    assert re.search(r"Keystone at \S+ should give glance a token, found: .*refused", refused.failures), refused.output
    assert run.rc != 0
    told = r"glance-api on api1 should tell its images, found: POST \S+/v3/auth/tokens: .*refused"
    assert re.search(told, run.failures), run.output
    assert re.search(r'"api1 .* active .* 200 OK ', run.output), run.output
    assert service.state() == before
    # The cache's run waits for Keystone, so that it has not failed.
    after = playbook("status.yml")
    assert after.rc == 0, after.failures


def test_sample_image_is_uploaded_once(playbook, as_user):
    administrator = as_user("admin")

    def samples():
        return administrator.request("GET", "/v2/images?name=sample").json["images"]

    assert not samples()
    first, second = playbook("sample_image.yml"), playbook("sample_image.yml")
    administrator.made += [image["id"] for image in samples()]
    assert (first.rc, second.rc, second.changed) == (0, 0, 0), first.output + second.output
    assert [image["status"] for image in samples()] == ["active"]


def test_deleted_image_of_a_user_comes_back(playbook, as_user):
    owner = as_user("u1")
    image = owner.create(name="deleted")
    assert owner.upload(image, [b"data"]).status == 204
    before = owner.show(image)
    assert owner.request("DELETE", f"/v2/images/{image}").status == 204
    assert owner.request("GET", f"/v2/images/{image}").status == 404
    run = playbook("restore_image.yml", {"image_id": image})
    assert run.rc == 0, run.output
    assert {**owner.show(image), "updated_at": ""} == {**before, "updated_at": ""}


def test_who_has_no_token_is_told_the_address_of_keystone_that_users_reach(anonymous):
    with anonymous.connection() as connection:
        connection.request("GET", "/v2/images")
        answer = connection.getresponse()
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Keystone uri="https://keystone.lab/identity"')
