"""What a client says of its way to Glance steers no link, and no target of a request makes Glance stumble.

What a trusted proxy says does: test_guessing.py has one.
"""

from __future__ import annotations

import http.client
import json

import pytest

testinfra_hosts = ["ansible://glance_api"]

STEERING = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "evil",
    "X-Forwarded-Port": "666",
    "Forwarded": "host=evil.example;proto=https",
    "Host": "evil.example",
}
# Status of a request with the method and target, and without a password.
TARGETS = {
    ("OPTIONS", "*"): 200,
    ("GET", "*"): 400,
    ("OPTIONS", "/%ff"): 400,
    ("OPTIONS", "/v2/images/%ed%a0%80"): 400,
    ("GET", "/v2/%c3%a4"): 401,
    ("OPTIONS", "/v2/images/%00"): 400,
    ("OPTIONS", f"/{'a' * 30000}"): 414,
    ("OPTIONS", f"/?{'a' * 30000}"): 414,
    ("GET", "evil.example:80"): 400,
    ("GET", "?limit=1"): 400,
}


def links(api, headers):
    with api.connection() as connection:
        connection.request("GET", "/versions", headers={**api.headers, **headers})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return {link["href"] for version in json.loads(body)["versions"] for link in version["links"]}


@pytest.mark.parametrize("name", STEERING)
def test_a_header_of_the_client_steers_no_link(as_user, name):
    member = as_user("u1")
    assert not {href for href in links(member, {name: STEERING[name]}) if "evil" in href or "666" in href}


def test_a_client_reaches_the_links_it_gets(as_user):
    member = as_user("u1")
    assert links(member, {}) == {f"http://127.0.0.1:{member.port}/v2/"}


@pytest.mark.parametrize("name", ["X_Forwarded_Host", "X-Forwarded_Host", "x_forwarded-host"])
def test_other_spellings_are_refused(as_user, name):
    assert as_user("u1").asked_with({name: "evil.example"}).request("GET", "/versions").status == 400


@pytest.mark.parametrize(("method", "target"), TARGETS, ids=[f"{method} {target[:20]}" for method, target in TARGETS])
def test_targets_get_a_clean_answer(anonymous, host, method, target):
    with anonymous.connection() as connection:
        connection._validate_path = lambda url: None
        connection.request(method, target)
        answer = connection.getresponse()
        assert answer.status == TARGETS[method, target], answer.read()
    assert anonymous.request("GET", "/healthcheck").status == http.client.OK
