"""What HAProxy makes of passwords and of what clients say of themselves, and how users change."""

from __future__ import annotations

import re
import secrets

import pytest
from passlib.hash import sha512_crypt

testinfra_hosts = ["ansible://glance_api"]

# What Glance would believe, in the spellings that a server may take for the same.
FORGED = {
    "X-Roles": "admin",
    "X_Roles": "admin",
    "x-ROLES": "admin",
    "X-Project-Id": "p2",
    "X_PROJECT_ID": "p2",
    "X-Tenant-Id": "p2",
    "X-User-Id": "admin",
    "X-Is-Admin-Project": "True",
    "X-Identity-Status": "Confirmed",
    "X_Identity_Status": "Confirmed",
    "OpenStack-System-Scope": "all",
    "X-Service-Catalog": "no JSON",
}


@pytest.fixture
def images(as_user):
    """Have an image of each of two projects; gives both."""
    made = {}
    for name in ("u1", "u2"):
        api = as_user(name)
        made[name] = api.create()
        assert api.upload(made[name], [name.encode()]).status == 204
    return made


def listed(api):
    answer = api.request("GET", "/v2/images")
    assert answer.status == 200, answer
    return {image["id"] for image in answer.json["images"]}


@pytest.mark.parametrize("name", FORGED)
def test_what_a_client_says_of_itself_does_not_count(anonymous, as_user, images, name):
    header = {name: FORGED[name]}
    assert anonymous.asked_with(header).request("GET", "/v2/images").status == 401
    member = as_user("u1").asked_with(header)
    seen = listed(member)
    assert images["u1"] in seen
    assert images["u2"] not in seen
    assert member.request("DELETE", f"/v2/images/{images['u2']}").status == 404
    assert member.request("GET", "/v2/tasks").status == 403


def test_all_of_it_at_once_does_not_count_either(anonymous, as_user, images):
    assert anonymous.asked_with(FORGED).request("GET", "/v2/images").status == 401
    member = as_user("u1").asked_with(FORGED)
    assert images["u2"] not in listed(member)
    assert member.request("GET", "/v2/tasks").status == 403


def test_headers_that_users_need_reach_glance(as_user):
    member = as_user("u1")
    image = member.create()
    # An unknown store is refused, so it was heard.
    answer = member.upload(image, [b"x"], store="attic")
    assert answer.status == 400, answer
    assert "attic" in answer.text


def test_nobody_but_haproxy_reaches_glance_itself(host, as_user):
    ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/glance-api/http.socket')"
    socket_file = host.file("/run/glance-api/http.socket")
    assert (socket_file.user, socket_file.group, socket_file.mode) == ("glance", "haproxy", 0o660)
    assert host.run("runuser -u nobody -- python3 -c %s", ask).rc != 0
    # The control.
    assert host.run("runuser -u haproxy -- python3 -c %s", ask).rc == 0
    listening = host.check_output("ss --no-header --listening --numeric --tcp --processes 'sport = 9292'")
    assert "haproxy" in listening
    assert "glance" not in listening


def test_haproxy_runs_with_little_and_can_read_no_secret_of_glance(host):
    assert host.check_output("systemctl show --value --property=User glance-proxy") == "haproxy"
    exposure = host.check_output("systemd-analyze security --no-pager glance-proxy.service | tail -n 1")
    assert float(re.search(r"(\d+\.\d)", exposure)[1]) <= 1.5, exposure
    assert host.run("runuser -u haproxy -- cat /etc/glance/glance-api.conf").rc != 0
    assert host.run("runuser -u glance -- cat /etc/glance-proxy/haproxy.cfg").rc != 0
    # The control.
    assert host.run("runuser -u glance -- cat /etc/glance/glance-api.conf").rc == 0
    assert host.run("runuser -u haproxy -- cat /etc/glance-proxy/haproxy.cfg").rc == 0


def test_changed_users_count_at_once_and_no_request_fails(site, service, poller, as_user, users_password, anonymous):
    new = secrets.token_urlsafe(12)
    users = [
        {"name": "u1", "project": "p1", "password": new},
        {"name": "u3", "project": "p3", "password": f"{new} ä\"'$:", "roles": ["member"]},
        {"name": "reader1", "project": "p1", "password": users_password, "roles": ["reader"]},
        {"name": "hashed", "project": "p3", "password_hash": sha512_crypt.hash(new)},
    ]
    before = service.main_pid
    with poller(as_user("reader1")) as seen:
        run = site({"glance_basic_users": users}, "--diff")
    assert run.rc == 0, run.output
    assert run.changed > 0
    assert "user u1 password ******** (changed)" in run.output
    assert new not in run.output
    assert seen.answers > 20
    assert not seen.failures
    assert service.main_pid == before
    statuses = {
        "u1 before": anonymous.with_password("u1", users_password),
        "u1": anonymous.with_password("u1", new),
        "u2": anonymous.with_password("u2", users_password),
        "u3": anonymous.with_password("u3", f"{new} ä\"'$:"),
        "hashed": anonymous.with_password("hashed", new),
    }
    found = {name: each.request("GET", "/v2/images").status for name, each in statuses.items()}
    assert found == {"u1 before": 401, "u1": 200, "u2": 401, "u3": 200, "hashed": 200}
    back = site()
    assert back.rc == 0, back.output
    assert service.main_pid == before
    assert as_user("u2").request("GET", "/v2/images").status == 200


def test_only_our_haproxy_starts_with_the_host(host):
    enabled = {name: host.service(name).is_enabled for name in ("glance-api", "glance-proxy", "haproxy")}
    assert enabled == {"glance-api": True, "glance-proxy": True, "haproxy": False}
