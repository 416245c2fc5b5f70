"""That all who speak do so over TLS, know whom they speak to, and notice nothing when a certificate is renewed."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import threading

import pytest
from testing.content import disk

API_HOSTS = ("api1", "api2")
DOORS = ("balancer1", *API_HOSTS)
IMAGES = "/var/lib/glance/images"
MIB = 1 << 20


def starts(host):
    """Return how often systemd has started the API, and the HAProxy before it."""
    started = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
    units = f"{started} UNIT=glance-api.service + {started} UNIT=glance-proxy.service"
    return len(host.check_output(f"journalctl --quiet --output=cat {units}").splitlines())


def serial(address, port=9292):
    """Return the certificate that is shown at an address."""
    return ssl.get_server_certificate((address, port))


@pytest.fixture(scope="module")
def at(lab):
    """Folder with the certificates of the scenario."""
    return lab / "certificates"


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory, playbook):
    """Folder with another authority, and certificates of it for the same hosts."""
    folder = tmp_path_factory.mktemp("other")
    run = playbook("certificates.yml", {"glance_certificates_directory": str(folder)})
    assert run.rc == 0, run.output
    return folder


def test_image_goes_through_the_balancer_and_links_say_https(api_of):
    api = api_of("balancer1")
    content = disk(MIB)
    try:
        image = api.create()
        assert api.upload(image, [content], len(content)).status == 204
        links = [link["href"] for version in api.request("GET", "/").json["versions"] for link in version["links"]]
    finally:
        api.remove_made()
    assert links
    assert [link for link in links if not link.startswith(f"https://{api.address}:9292/")] == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_opens_to_tls_of_today_alone(door, addresses, api_at, tls):
    api = api_at(addresses[door], 9292)
    assert api.request("GET", "/healthcheck").status == 200
    plain = api_at(addresses[door], 9292)
    plain.context = None
    with pytest.raises((OSError, ConnectionError)):
        plain.request("GET", "/healthcheck")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cadata="\n".join(map(ssl.DER_cert_to_PEM_cert, tls.get_ca_certs(binary_form=True))))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    plain.context = old
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        plain.request("GET", "/healthcheck")
    # The control: the same client is let in with what is newer.
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert plain.request("GET", "/healthcheck").status == 200


@pytest.mark.parametrize("name", API_HOSTS)
def test_glance_itself_is_on_no_network(name, hosts):
    listening = hosts[name].check_output("ss --listening --tcp --processes --no-header --numeric")
    assert re.search(r":9292\b.*haproxy", listening)
    assert "uwsgi" not in listening


def test_what_was_staged_on_one_host_is_imported_by_another(api_of, wait_until):
    here, there = (api_of(name) for name in API_HOSTS)
    content = disk(MIB)
    image = here.create()
    try:
        staged = here.request("PUT", f"/v2/images/{image}/stage", content, "application/octet-stream")
        assert staged.status == 204, staged
        answer = there.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}})
        assert answer.status == 202, answer
        wait_until(lambda: there.show(image)["status"] == "active", 60)
        # It has the data, and asked the one that has it over TLS.
        assert here.download(image) == hashlib.sha256(content).hexdigest()
    finally:
        here.remove_made()


def test_the_database_is_asked_over_tls(hosts, api_of, playbook):
    database = hosts["backend1"]
    of_glance = "SELECT Host FROM mysql.user WHERE User = 'glance'"
    user = database.check_output("mariadb --skip-column-names --execute %s", of_glance)
    alter = f"ALTER USER 'glance'@'{user.strip()}' REQUIRE "
    database.check_output("mariadb --execute %s", f"{alter} SSL")
    try:
        # With new connections.
        run = playbook("restart.yml")
        assert run.rc == 0, run.output
        api = api_of("balancer1")
        api.create()
        api.remove_made()
    finally:
        database.check_output("mariadb --execute %s", f"{alter} NONE")


def test_a_database_of_another_authority_is_not_talked_to(hosts, playbook, other_authority):
    database, before = hosts["backend1"], starts(hosts["api1"])
    for kind in ("pem", "key"):
        text = (other_authority / f"backend1.{kind}").read_text()
        database.check_output("printf %%s %s > %s", text, f"/etc/mysql/glance-tls.{kind}")
    database.check_output("mariadb --execute 'FLUSH SSL'")
    try:
        changed = {"glance_config": {"DEFAULT": {"limit_param_default": 20}}}
        refused = playbook("site.yml", changed, "--limit", "api1")
        assert re.search(
            r"the database at \S+ should let glance in, found: .*certificate verify failed", refused.failures
        )
    finally:
        run = playbook("site.yml")
        assert run.rc == 0, run.output
    assert starts(hosts["api1"]) == before


def test_a_server_of_another_authority_gets_no_request(hosts, servers, other_authority, api_of, wait_until, playbook):
    pair = "".join((other_authority / f"api1.{kind}").read_text() for kind in ("pem", "key"))
    api = hosts["api1"]
    api.check_output("printf %%s %s > /etc/glance-proxy/tls.pem", pair)
    api.check_output("systemctl reload glance-proxy")
    try:
        wait_until(lambda: servers() == {"api1": "DOWN", "api2": "UP"}, 30)
        assert api_of("balancer1").request("GET", "/v2/images").status == 200
    finally:
        # The playbook sees what is not as it says.
        before = starts(api)
        run = playbook("site.yml")
        assert run.rc == 0, run.output
    assert run.changed > 0
    assert starts(api) == before
    wait_until(lambda: servers() == {"api1": "UP", "api2": "UP"}, 30)


def test_a_renewed_certificate_is_shown_and_nobody_notices(hosts, addresses, api_of, user_at_work, playbook, at):
    before = {door: serial(addresses[door]) for door in DOORS}
    restarts = {name: starts(hosts[name]) for name in API_HOSTS}
    balancer = hosts["balancer1"].check_output("systemctl show --value --property=MainPID haproxy")
    database = hosts["backend1"].check_output("systemctl show --value --property=MainPID mariadb")
    api = api_of("balancer1")
    sent, image, go_on, answers = [], api.create(), threading.Event(), []

    def slowly():
        while not go_on.wait(1):
            sent.append(os.urandom(1 << 10))
            yield sent[-1]
        sent.append(os.urandom(MIB))
        yield sent[-1]

    upload = threading.Thread(target=lambda: answers.append(api.upload(image, slowly())))
    upload.start()
    try:
        with user_at_work() as seen:
            made = playbook("certificates.yml", {"glance_certificates_renew": True}, "--diff", "-vvv")
            assert made.rc == 0, made.output
            run = playbook("site.yml", None, "--diff", "-vvv")
            assert run.rc == 0, run.output
    finally:
        go_on.set()
        upload.join()
    assert [answer.status for answer in answers] == [204]
    # On one of the hosts, which share no data.
    whole = hashlib.sha256(b"".join(sent)).hexdigest()
    assert whole in [api_of(name).download(image) for name in API_HOSTS if hosts[name].file(f"{IMAGES}/{image}").exists]
    api.remove_made()
    assert seen["failures"] == []
    assert seen["images"] > 10
    for door in DOORS:
        assert serial(addresses[door]) != before[door]
        assert serial(addresses[door]).strip() == (at / f"{door}.pem").read_text().strip()
    shown = hosts["backend1"].check_output(
        f"openssl s_client -starttls mysql -connect {addresses['backend1']}:3306 </dev/null 2>/dev/null | openssl x509"
    )
    assert shown.strip() == (at / "backend1.pem").read_text().strip()
    # Read anew, not started anew.
    assert {name: starts(hosts[name]) for name in API_HOSTS} == restarts
    assert hosts["balancer1"].check_output("systemctl show --value --property=MainPID haproxy") == balancer
    assert hosts["backend1"].check_output("systemctl show --value --property=MainPID mariadb") == database
    # The other lines hold the public key besides.
    secrets = [(at / f"{name}.key").read_text().splitlines()[1] for name in hosts]
    journals = "".join(host.check_output("journalctl --quiet --output=cat") for host in hosts.values())
    assert all(secrets)
    assert [secret for secret in secrets if secret in made.output + run.output + journals] == []


def test_another_user_of_glance_in_keystone_is_noticed_by_nobody(playbook, user_at_work, hosts):
    before = {name: starts(hosts[name]) for name in API_HOSTS}
    rotation = {
        "glance_keystone_user": "glance2",
        "glance_keystone_password": "secret-of-glance2",
        "glance_identity_retired_users": ["glance"],
    }
    try:
        with user_at_work() as seen:
            run = playbook("site.yml", rotation)
    finally:
        back = playbook("site.yml", {"glance_identity_retired_users": ["glance2"]})
    assert (run.rc, back.rc) == (0, 0), run.output + back.output
    assert "glance: removed from Keystone" in run.output
    assert "glance2: removed from Keystone" in back.output
    assert {name: starts(hosts[name]) > number for name, number in before.items()} == dict.fromkeys(API_HOSTS, True)
    assert seen["failures"] == []
    assert seen["images"] > 10


def test_keys_are_read_by_nobody_else(hosts):
    wanted = {
        "balancer1": ("/etc/haproxy/tls.pem", "root", "root", 0o600),
        "api1": ("/etc/glance-proxy/tls.pem", "root", "haproxy", 0o640),
        "backend1": ("/etc/mysql/glance-tls.key", "root", "mysql", 0o640),
    }
    for name, (path, user, group, mode) in wanted.items():
        found = hosts[name].file(path)
        assert "PRIVATE KEY" in found.content_string
        assert (found.user, found.group, found.mode) == (user, group, mode)
    assert hosts["api1"].run("runuser -u glance -- cat /etc/glance-proxy/tls.pem").rc != 0


def test_playbooks_ask_the_api_over_tls(playbook):
    run = playbook("status.yml")
    assert run.rc == 0, run.output
    assert len(re.findall(r'"api[12] .* 200 OK ', run.output)) == 2, run.output


def test_units_are_as_hard_as_without(hosts):
    for name in API_HOSTS:
        for unit in ("glance-api", "glance-proxy"):
            shown = hosts[name].check_output("systemd-analyze security --no-pager %s.service", unit)
            assert float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)[1]) <= 1.5


REFUSED = {
    "another authority": (
        lambda at, other: {"glance_tls_ca": (other / "ca.pem").read_text()},
        ["glance_tls_ca should hold the issuer"],
    ),
    "key of another host": (
        lambda at, other: {"glance_tls_key": (at / "backend1.key").read_text()},
        ["glance_tls_key should be the key of glance_tls_certificate"],
    ),
    "certificate of another host": (
        lambda at, other: {
            f"glance_tls_{kind}": (at / f"backend1.{end}").read_text()
            for kind, end in (("key", "key"), ("certificate", "pem"))
        },
        ["glance_tls_certificate should name 10.", "found backend1"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_comes_before_any_change(case, at, other_authority, playbook, hosts):
    variables, sentences = REFUSED[case]
    before = {name: starts(host) for name, host in hosts.items()}
    run = playbook("site.yml", variables(at, other_authority))
    assert run.rc != 0
    assert [sentence for sentence in sentences if sentence not in run.failures] == [], run.output
    assert run.changed == 0
    assert "PRIVATE KEY" not in run.output
    assert {name: starts(host) for name, host in hosts.items()} == before
