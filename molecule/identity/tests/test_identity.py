"""What the role identity has in Keystone, and how Glance turns to another user there while it is asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import time

import pytest
import testinfra

testinfra_hosts = ["ansible://glance_api"]
DEFAULT = {"domain": {"name": "Default"}}


@pytest.fixture(scope="module")
def registrar():
    """The host that registers the service, which has Keystone, too."""
    return testinfra.get_host("ansible://keystone1")


@pytest.fixture(scope="module")
def glance_password(lab):
    """Glance's password as the inventory writes it."""
    return f" \"$1'{(lab / 'glance_password').read_text().strip()}%$ "


class Client:
    """Keystone's API, asked for what the role has made there."""

    def __init__(self, keystone):
        self.keystone = keystone

    def request(self, method, path, body=None, token=None):
        """Give status, answer and the token of a login."""
        with contextlib.closing(http.client.HTTPConnection(self.keystone.address, 5000, timeout=60)) as connection:
            headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
            connection.request(method, f"/v3{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}, answer.getheader("X-Subject-Token")

    def log_in(self, user, password, project="service"):
        identity = {"methods": ["password"], "password": {"user": {"name": user, "password": password, **DEFAULT}}}
        scope = {"project": {"name": project, **DEFAULT}}
        return self.request("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})

    def as_administrator(self, method, path, body=None):
        token = self.keystone.token("admin")
        return self.request(method, path, body, token)[1]

    def users(self):
        return {user["name"] for user in self.as_administrator("GET", "/users")["users"]}


@pytest.fixture(scope="module")
def client(keystone):
    return Client(keystone)


def endpoints(client, user, password):
    """Return roles, and the URLs of the image service by interface and region, that a user's token shows."""
    status, answer, _token = client.log_in(user, password)
    assert status == 201, answer
    (image,) = (service for service in answer["token"]["catalog"] if service["type"] == "image")
    assert image["name"] == "glance"
    found = {(each["interface"], each["region_id"]): each["url"] for each in image["endpoints"]}
    assert len(found) == len(image["endpoints"])
    return {role["name"] for role in answer["token"]["roles"]}, found


def test_service_is_registered_for_glances_user(client, glance_password, host):
    roles, urls = endpoints(client, "glance", glance_password)
    assert roles >= {"service", "admin"}
    url = f"http://{host.ansible.get_variables()['ansible_host']}:9292"
    assert urls == {("public", "RegionOne"): url, ("internal", "RegionOne"): url}


def test_run_without_a_change_is_one_login(site, registrar):
    # Nobody asks the administrator, so nobody notices.
    run = site({"glance_identity_admin": {"user": "nobody", "password": "wrong"}}, "--limit", "keystone1", "-vvv")
    assert (run.rc, run.changed) == (0, 0), run.output
    # The login, facts of keystone1, and addresses of the database on a host that this run is limited away from.
    modules = re.findall(r"Using module file \S+/(\w+)\.py", run.output)
    assert sorted(modules) == ["keystone_service", "setup", "setup"]
    # In the result of the task; what came over SSH stands above it.
    assert re.findall(r'^ +"?requests"?: (\d+)', run.output, re.MULTILINE) == ["1"]
    # What needed an SDK is not installed any more.
    assert not registrar.file("/opt/glance-identity").exists


def test_changed_address_is_told_by_check_mode_and_registered(site, client, glance_password):
    elsewhere = {
        "glance_identity_public_url": "https://image.lab:9292",
        "glance_identity_internal_url": "http://10.0.0.1:9292",
        "glance_identity_admin_url": "http://10.0.0.2:9292",
    }
    before = endpoints(client, "glance", glance_password)
    checked = site(elsewhere, "--check", "--tags", "glance_identity")
    assert checked.rc == 0, checked.output
    assert checked.changed
    assert "Keystone lacks public endpoint https://image.lab:9292" in checked.output
    assert endpoints(client, "glance", glance_password) == before
    run = site(elsewhere, "--tags", "glance_identity")
    assert run.rc == 0, run.output
    interfaces = ("public", "internal", "admin")
    expected = {(each, "RegionOne"): elsewhere[f"glance_identity_{each}_url"] for each in interfaces}
    assert endpoints(client, "glance", glance_password) == (before[0], expected)
    back = site(None, "--tags", "glance_identity")
    assert back.rc == 0, back.output
    # Nothing that is there is taken away, so the test does.
    service = client.as_administrator("GET", "/services?type=image")["services"][0]["id"]
    for each in client.as_administrator("GET", f"/endpoints?service_id={service}&interface=admin")["endpoints"]:
        client.as_administrator("DELETE", f"/endpoints/{each['id']}")
    assert endpoints(client, "glance", glance_password) == before


class Fresh:
    """The image API as a user asks it who gets a token for each request; marks each as answered, refused or failed."""

    def __init__(self, api, keystone):
        self.api, self.keystone, self.marks = api, keystone, ""

    def request(self, method, path):
        mark = "F"
        try:
            try:
                token = self.keystone.token("u1")
            except (AssertionError, OSError) as error:
                raise OSError(f"Keystone gave no token: {error}") from error
            try:
                answer = self.api.with_token(token).request(method, path)
            except (ConnectionError, http.client.RemoteDisconnected):
                mark = "r"
                raise
            mark = "." if answer.status == 200 else "F"
            return answer
        finally:
            self.marks += mark


@contextlib.contextmanager
def process_list(lab, names, folder):
    """Write down the command lines of all processes on hosts, over and over, for as long as the context lasts."""
    files, watchers = [], []
    command = "while sleep 0.3; do ps -eo args; done"
    try:
        for name in names:
            files.append(folder / name)
            with files[-1].open("w") as file:
                arguments = ["ssh", "-F", str(lab / "ssh_config"), "-tt", name, command]
                watchers.append(subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=file, stderr=file))
        yield files
    finally:
        for watcher in watchers:
            watcher.terminate()
            watcher.wait(timeout=10)


def test_new_name_and_password_fail_no_request_and_show_nowhere(
    site, client, keystone, glance_password, users_password, lab, host, registrar, service, poller, api_at, tmp_path
):
    fresh = Fresh(api_at(host.ansible.get_variables()["ansible_host"], 9292), keystone)
    secret = "new-$1'\"%secret-of-glance2"
    rotation = {
        "glance_keystone_user": "glance2",
        "glance_keystone_password": secret,
        "glance_identity_retired_users": ["glance"],
    }
    began, starts = int(time.time()), service.starts()
    with process_list(lab, ["api1", "keystone1"], tmp_path) as lists:
        with poller(fresh) as seen:
            run = site(rotation, "--diff", "-vvv")
        assert run.rc == 0, run.output
        assert service.starts() == starts + 1
        # One host: connections are refused while it is restarted, and every request that is taken is answered.
        assert re.fullmatch(r"\.{20,}r*\.+", fresh.marks), (fresh.marks, seen.failures)
        assert client.log_in("glance2", secret)[0] == 201
        assert client.log_in("glance", glance_password)[0] == 401
        assert "glance" not in client.users()
        assert "username = glance2" in host.file("/etc/glance/glance-api.conf").content_string
        again = site(rotation)
        assert (again.rc, again.changed) == (0, 0), again.output
        back = site({"glance_identity_retired_users": ["glance2"]}, "--diff", "-vvv")
    assert back.rc == 0, back.output
    assert client.users() >= {"glance", "admin"}
    assert "glance2" not in client.users()
    assert client.log_in("glance", glance_password)[0] == 201
    places = {"run": run.output, "back": back.output}
    for each in (host, registrar):
        places[f"journal of {each}"] = each.check_output(f"journalctl --quiet --output=cat --since=@{began}")
    places |= {f"processes of {file.name}": file.read_text() for file in lists}
    # The control: that is what the lists hold.
    assert all("sshd" in file.read_text() for file in lists)
    hidden = ["secret-of-glance2", (lab / "glance_password").read_text().strip(), users_password, "gAAAA"]
    assert {name for name, text in places.items() if any(each in text for each in hidden)} == set()


def test_user_of_a_run_that_was_cut_off_is_completed_and_removed_when_every_host_has_turned(site, client):
    user = {"name": "glance3", "domain_id": "default", "password": "of-glance3"}
    client.as_administrator("POST", "/users", {"user": user})
    cut_off = {"glance_keystone_user": "glance3", "glance_keystone_password": "of-glance3"}
    completed = site(cut_off, "--tags", "glance_identity")
    assert completed.rc == 0, completed.output
    assert client.log_in("glance3", "of-glance3")[0] == 201

    later = {"glance_identity_retired_users": ["glance3"]}
    left = site(later, "--tags", "glance_identity")
    assert (left.rc, left.changed) == (0, 0), left.output
    assert "glance3: left in Keystone, since these hosts were not deployed in this run: api1" in left.output
    checked = site(later, "--check")
    assert (checked.rc, checked.changed) == (0, 1), checked.output
    assert "glance3" in client.users()
    run = site(later)
    assert (run.rc, run.changed) == (0, 1), run.output
    assert "glance3" not in client.users()


def test_password_changes_in_place_when_an_outage_is_allowed(site, client, glance_password, as_user):
    run = site({"glance_keystone_password": "in-place", "glance_identity_allow_outage": True})
    try:
        assert run.rc == 0, run.output
        assert client.log_in("glance", "in-place")[0] == 201
        assert client.log_in("glance", glance_password)[0] == 401
        assert as_user("u1").request("GET", "/v2/images").status == 200
    finally:
        back = site({"glance_identity_allow_outage": True})
    assert back.rc == 0, back.output
    assert client.log_in("glance", glance_password)[0] == 201
    assert as_user("u1").request("GET", "/v2/images").status == 200
