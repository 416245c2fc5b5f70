"""Whoever guesses passwords is slowed down, whoever has one is not, and neither learns which users there are."""

from __future__ import annotations

import base64
import statistics
import time

import pytest

testinfra_hosts = ["ansible://glance_api"]

# More than an address may send in a minute.
MANY = 14
LIMITED = {401, 429}


@pytest.fixture(autouse=True)
def forgotten(host):
    """Have HAProxy forget what it was asked before, and after, which a reload does."""
    host.check_output("systemctl reload glance-proxy")
    yield
    host.check_output("systemctl reload glance-proxy")


def listing(anonymous):
    return anonymous.request("GET", "/v2/images").status


def guess(anonymous, user="admin", times=MANY):
    return [listing(anonymous.with_password(user, f"wrong-{number}")) for number in range(times)]


def test_wrong_passwords_are_limited_and_right_ones_are_not(anonymous, as_user):
    assert listing(as_user("u1")) == 200
    statuses = guess(anonymous)
    assert statuses[0] == 401
    assert statuses[-1] == 429
    # Known since before, from the very same address.
    assert listing(as_user("u1")) == 200
    # Somebody without any password is told to send one.
    assert listing(anonymous) == 401
    assert anonymous.request("GET", "/healthcheck").status == 200


def test_the_limit_says_when_to_try_again(anonymous):
    guess(anonymous)
    with anonymous.with_password("admin", "wrong").connection() as connection:
        wrong = base64.b64encode(b"admin:wrong").decode()
        connection.request("GET", "/v2/images", headers={"Authorization": f"Basic {wrong}"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Retry-After")) == (429, "60")
        assert b"Too many wrong passwords" in answer.read()


def test_a_client_gets_no_new_tries_by_a_header(anonymous):
    guess(anonymous)
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        for number in range(2):
            asked = anonymous.with_password("admin", "wrong").asked_with({name: f"192.0.2.{number}"})
            assert listing(asked) == 429


def test_a_trusted_proxy_is_believed_its_clients_are_limited_each_and_a_password_is_forgotten_at_once(
    anonymous, as_user, users_password, site
):
    assert listing(as_user("u1")) == 200
    users = [
        {"name": name, "project": name, "roles": ["admin"], "password": users_password} for name in ("admin", "u2")
    ]
    run = site({"glance_api_trusted_proxies": ["127.0.0.0/8"], "glance_basic_users": users})
    assert run.rc == 0, run.output
    assert listing(anonymous.with_password("u1", users_password)) == 401
    one, other = (anonymous.asked_with({"X-Forwarded-For": f"10.9.9.9, 192.0.2.{number}"}) for number in (1, 2))
    assert guess(one)[-1] == 429
    assert listing(other.with_password("admin", "wrong")) == 401
    assert listing(as_user("u2").asked_with({"X-Forwarded-For": "192.0.2.2"})) == 200
    said = {"X-Forwarded-Host": "image.example.com", "X-Forwarded-Proto": "https"}
    versions = as_user("u2").asked_with(said).request("GET", "/versions").json["versions"]
    assert {link["href"] for each in versions for link in each["links"]} == {"https://image.example.com/v2/"}


def test_users_that_are_there_take_as_long_as_others(anonymous, host):
    """The time of the answer tells nothing; without the dummy user, the ratio is 4 to 16."""

    def seconds(user):
        host.check_output("systemctl reload glance-proxy")
        times = []
        for number in range(8):
            began = time.monotonic()
            assert listing(anonymous.with_password(user, f"{'x' * 150}{number}")) == 401
            times.append(time.monotonic() - began)
        return min(times)

    ratios = [seconds("u1") / seconds("nobody") for _number in range(3)]
    assert 0.5 < statistics.median(ratios) < 2


def test_credentials_that_nobody_has_are_not_hashed(anonymous):
    long = anonymous.with_password("admin", "x" * 400)
    assert {listing(long) for _number in range(2 * MANY)} == {401}
    # Not counted either, since they cost nothing.
    assert listing(anonymous.with_password("admin", "wrong")) == 401


def test_two_logins_in_one_request_are_refused(anonymous, as_user):
    member, admin = as_user("u1"), as_user("admin")
    assert (listing(member), listing(admin)) == (200, 200)
    with anonymous.connection() as connection:
        connection.putrequest("GET", "/v2/tasks")
        connection.putheader("Authorization", "Basic " + base64.b64encode(b"admin:wrong").decode())
        connection.putheader("Authorization", member.headers["Authorization"])
        connection.endheaders()
        assert connection.getresponse().status == 400
