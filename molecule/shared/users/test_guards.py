"""What the guards keep from Glance: changes that nobody may make, malformed requests, downloads from its own host."""

from __future__ import annotations

import json
import socket

import pytest
import testinfra

testinfra_hosts = ["ansible://glance_api"]
PATCH = "application/openstack-images-v2.1-json-patch"
OLD_PATCH = "application/openstack-images-v2.0-json-patch"
JSON = "application/json"

# Answers with 100,000 bytes, or with a redirect (/to/URL), and keeps a list of what it was asked.
SERVER = """
import http.server, socket, sys, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/run/lab-asked", "a") as seen:
            print(self.path, file=seen, flush=True)
        target = urllib.parse.unquote(self.path.partition("/to/")[2])
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0" if target else "100000")
        self.end_headers()
        self.wfile.write(b"" if target else bytes(100000))
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(("::", 80), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def asked(wait_until):
    """Serve HTTP on all addresses of two hosts; gives their addresses and what that of the API was asked."""
    (api_host,), (other,) = (testinfra.get_hosts([f"ansible://{group}"]) for group in ("glance_api", "web"))
    own, away = (each.ansible.get_variables()["ansible_host"] for each in (api_host, other))
    for each in (api_host, other):
        each.check_output("rm -f /run/lab-asked && touch /run/lab-asked")
        each.check_output("systemd-run --quiet --unit=lab-guards python3 -c %s", SERVER)
    ask = "python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1]).read()' http://%s/control"
    # The control: each hears the other, and the first one itself on loopback.
    wait_until(lambda: api_host.run(ask % away).rc == 0)
    wait_until(lambda: other.run(ask % own).rc == 0)
    api_host.check_output(ask % "127.0.0.1")
    assert api_host.check_output("cat /run/lab-asked").split() == ["/control"] * 2
    try:
        yield {
            "own": own,
            "away": away,
            "seen": lambda: [
                path for path in api_host.check_output("cat /run/lab-asked").split() if path != "/control"
            ],
        }
    finally:
        for each in (api_host, other):
            each.check_output("systemctl stop lab-guards")


@pytest.fixture
def downloaded(as_user, wait_until):
    """Ask for a web-download as a member; gives the status of the answer, and of the image at its end."""

    def downloaded(uri):
        api = as_user("u1")
        image = api.create(disk_format="raw")
        answer = api.request("POST", f"/v2/images/{image}/import", {"method": {"name": "web-download", "uri": uri}})
        if answer.status != 202:
            return answer.status, api.show(image)["status"]

        def ended():
            (task,) = api.request("GET", f"/v2/images/{image}/tasks").json["tasks"]
            return task["status"] in ("success", "failure")

        wait_until(ended, 60)
        return answer.status, api.show(image)["status"]

    return downloaded


def number(address):
    return int.from_bytes(socket.inet_aton(address), "big")


def spellings(own):
    """Return URLs of the API's host and of what stands for it, none of which a user may have it ask."""
    addresses = ["127.0.0.1", "0.0.0.0", own]
    hosts = ["localhost", "127.1", "0", "[::]", "[::1]", "169.254.169.254", "[fd00:ec2::254]"]
    for address in addresses:
        hosts += [address, f"{number(address)}", f"{number(address):#x}", f"0{number(address):o}"]
        hosts += [f"[::ffff:{address}]", f"[64:ff9b::{address}]", f"{address}."]
    return [f"http://{host}/secret" for host in hosts]


def test_a_download_reaches_the_host_in_no_spelling(asked, downloaded):
    found = {uri: downloaded(uri) for uri in spellings(asked["own"])}
    assert {uri: states for uri, states in found.items() if states[1] == "active"} == {}
    assert asked["seen"]() == []
    # Most are refused at once, with a reason.
    assert found[f"http://{asked['own']}/secret"] == (400, "queued")


def test_a_redirect_does_not_lead_to_the_host(asked, downloaded):
    found = {uri: downloaded(f"http://{asked['away']}/to/{uri}") for uri in spellings(asked["own"])}
    assert {uri: states for uri, states in found.items() if states[1] == "active"} == {}
    assert asked["seen"]() == []
    # The control: other redirects are followed.
    assert downloaded(f"http://{asked['away']}/to/http://{asked['away']}/image") == (202, "active")


@pytest.mark.parametrize("pointer", ["/owner", "//owner", "/ owner", "/owner "])
@pytest.mark.parametrize("operation", ["add", "replace", "remove"])
def test_a_member_gives_no_image_away(as_user, operation, pointer):
    member = as_user("u1")
    image = member.create()
    owner = member.show(image)["owner"]
    changes = {
        PATCH: [
            {"op": "add", "path": "/mark", "value": "made"},
            {"op": operation, "path": pointer, "value": "another project"},
        ],
        OLD_PATCH: [{"add": "/mark", "value": "made"}, {operation: pointer, "value": "another project"}],
    }
    for kind, change in changes.items():
        answer = member.request("PATCH", f"/v2/images/{image}", change, kind)
        # "//owner" is no pointer for Glance.
        assert answer.status in (400, 403), answer
        assert member.show(image)["owner"] == owner
        assert "mark" not in member.show(image)


def test_an_administrator_gives_an_image_to_another_project(as_user):
    member, administrator = as_user("u1"), as_user("admin")
    image, other = member.create(), as_user("u2").create()
    project = administrator.show(other)["owner"]
    change = [{"op": "add", "path": "/owner", "value": project}]
    answer = administrator.request("PATCH", f"/v2/images/{image}", change, PATCH)
    assert (answer.status, administrator.show(image)["owner"]) == (200, project), answer
    assert member.request("GET", f"/v2/images/{image}").status == 404
    administrator.request("DELETE", f"/v2/images/{image}")


@pytest.mark.parametrize("name", ["image_id", "base", "extra_properties", "context", "delete", "__class__", "_status"])
@pytest.mark.parametrize("operation", ["add", "replace"])
def test_nobody_changes_what_is_inside_of_glance(as_user, operation, name):
    member = as_user("u1")
    image, other = member.create(name="mine"), member.create(name="the other")
    change = [
        {"op": operation, "path": f"/{name}", "value": other},
        {"op": "replace", "path": "/name", "value": "taken"},
    ]
    answer = member.request("PATCH", f"/v2/images/{image}", change, PATCH)
    # A name that the object does not have is a property of the user's own.
    expected = {"add": {200, 403}, "replace": {409, 403}}[operation] if name == "_status" else {403}
    assert answer.status in expected, answer
    assert member.show(other)["name"] == "the other"


def nested(text, depth=3000):
    return (text * depth).encode()


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/v2/images", b"[1]", JSON),
        ("POST", "/v2/images", b"[]", JSON),
        ("POST", "/v2/images", nested("["), JSON),
        ("POST", "/v2/images", nested('{"a":'), JSON),
        ("POST", "/v2/images", b'{"name": "\\ud800"}', JSON),
        ("POST", "/v2/images", b'{"name": "a\\u0000b"}', JSON),
        ("POST", "/v2/images", b'{"\\ud800": "x"}', JSON),
        ("POST", "/v2/images", json.dumps({"long": "x" * 70_000}).encode(), JSON),
        ("POST", "/v2/images", b"{}", "multipart/form-data"),
        ("PATCH", "/v2/images/{image}", b'[{"op": "add", "path": 1, "value": 1}]', PATCH),
        ("PATCH", "/v2/images/{image}", b'[{"op": "add", "path": null, "value": 1}]', PATCH),
        ("PATCH", "/v2/images/{image}", b'[{"op": ["add"], "path": "/a", "value": 1}]', PATCH),
        ("PATCH", "/v2/images/{image}", b'[{"add": {}, "value": "a"}]', OLD_PATCH),
        ("PATCH", "/v2/images/{image}", b'[{"op": "replace", "path": "/\\ud800", "value": "a"}]', PATCH),
        ("POST", "/v2/images/{image}/import", b'{"method": 1}', JSON),
        ("POST", "/v2/images/{image}/import", b'{"method": {"name": ["x"]}}', JSON),
        ("POST", "/v2/images/{image}/import", b"[]", JSON),
        ("POST", "/v2/images/{image}/members", b"[]", JSON),
        ("POST", "/v2/images/{image}/members", b'{"member": {"a": 1}}', JSON),
        ("GET", "/v2/images?locations=x", None, JSON),
        ("GET", "/v2/images?name=%ff", None, JSON),
        ("GET", "/v2/images?name=a%00b", None, JSON),
        ("GET", "/v2/images/%ff", None, JSON),
        ("DELETE", "/v2/images/%C3%28", None, JSON),
        ("GET", "/v2/images/%00", None, JSON),
        ("GET", "/v2/metadefs/namespaces?limit=x", None, JSON),
        ("GET", "/v2/metadefs/namespaces?sort_key=x", None, JSON),
    ],
)
def test_what_is_no_request_is_the_fault_of_the_client(as_user, host, method, path, body, kind):
    member = as_user("u1")
    image = member.create()
    answer = member.request(method, path.format(image=image), body, kind)
    assert answer.status in (400, 404, 409, 413, 415), answer
    assert member.show(image)["status"] == "queued"


@pytest.mark.parametrize("header", [{"Range": "bytes=-"}, {"Content-Range": "bytes */100"}])
def test_a_range_that_is_none_is_refused(as_user, header):
    member = as_user("u1")
    image = member.create()
    assert member.upload(image, [bytes(100)]).status == 204
    assert member.asked_with(header).request("GET", f"/v2/images/{image}/file").status == 416


def test_a_long_request_id_is_refused(as_user):
    assert as_user("u1").asked_with({"X-OpenStack-Request-ID": "x" * 65}).request("GET", "/v2/images").status == 431


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X_Forwarded_Proto", "X-Forwarded_Proto", "X-Forwarded-Prefix"])
def test_no_header_ends_a_worker(anonymous, host, name):
    ended = "journalctl --quiet --output=cat --unit=glance-api --grep 'died, killed' | wc --lines"
    before = host.check_output(ended)
    for value in ("\xff", "http,\xff", "https\xff"):
        answer = anonymous.asked_with({name: value}).request("GET", "/healthcheck")
        assert answer.status in (200, 400), answer
    assert host.check_output(ended) == before
