import pytest
from ansible.errors import AnsibleError
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import auth

RELEASES = {"2026.1": {"server": "uwsgi"}, "2025.2": {"server": "eventlet"}, "ussuri": {"registry": True}}
KEYSTONE = {
    "glance_auth": "keystone",
    "glance_keystone_url": "https://keystone.lan:5000/v3",
    "glance_keystone_password": "hidden$",
}
BASIC = {
    "glance_auth": "basic",
    "glance_release": "2026.1",
    "glance_api_bind_address": "127.0.0.1",
    "glance_tls_certificate": "",
    "glance_api_import_methods": ["glance-direct"],
}
NONE = {"glance_auth": "none", "glance_api_bind_address": "::1", "glance_registry_bind_address": "127.0.0.1"}
OPEN = {"glance_api_bind_address": "0.0.0.0"}
TWO = {"glance_deployment_hosts": ["a", "b", "scrubber"], "glance_api_hosts": ["a", "b"]}
DELAYED = {"glance_release": "ussuri", "glance_registry_host": "r1", "glance_delayed_delete": True}


def faults(given, *services):
    return auth.faults({**given, hosts.SERVICES: set(services), hosts.RELEASES: RELEASES})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"glance_keystone_url": ""},
            "glance_keystone_url should be the URL of Keystone while glance_auth is keystone, such as "
            "https://keystone.example.com:5000, found none",
        ),
        ({"glance_keystone_url": "keystone:5000"}, "found keystone:5000"),
        ({"glance_keystone_url": "http://me:hidden@127.0.0.1"}, "found http://********@127.0.0.1"),
        ({"glance_keystone_url": "https://h?a"}, "found https://h?a"),
        (
            {"glance_keystone_password": ""},
            "glance_keystone_password should be set while glance_auth is keystone, found none; keep it in a vault",
        ),
        (
            {"glance_keystone_password": "hid\\$den"},
            "glance_keystone_password should hold no backslash before a dollar sign, which no configuration file of "
            "Glance can hold",
        ),
    ],
)
def test_what_keystone_can_not_be_asked_with_is_refused_on_every_host(given, sentence):
    for services in ((), ("glance_scrubber",), ("glance_api", "glance_registry")):
        ((told,),) = list(faults({**KEYSTONE, **given}, *services).values())
        assert told.endswith(sentence)
        assert "hid" not in told
    assert faults({**KEYSTONE, **given, "glance_auth": "none"}) == {}


@pytest.mark.parametrize("password", ["a", "\\", "$\\", "\\\\ $", "$$"])
def test_a_password_of_keystone_is_let_through(password):
    assert faults({**KEYSTONE, "glance_keystone_password": password}, "glance_api") == {}


def test_a_registry_answers_no_delayed_deletion_with_keystone():
    (told,) = faults({**KEYSTONE, **DELAYED}, "glance_api")["glance_delayed_delete"]
    assert told == (
        "glance_delayed_delete should be false while glance_auth is keystone and the API asks a registry, found true: "
        "Glance ussuri would answer every deletion with 401"
    )
    for right in ({"glance_delayed_delete": "no"}, {"glance_registry_host": ""}, {"glance_release": "2026.1"}):
        assert faults({**KEYSTONE, **DELAYED, **right}, "glance_api") == {}
    assert faults({**KEYSTONE, **DELAYED}, "glance_scrubber") == {}


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "api1", "localhost.example.com"])
def test_nobody_is_let_in_from_the_network_without_authentication(address):
    (told,) = faults({**NONE, "glance_api_bind_address": address}, "glance_api")["glance_api_bind_address"]
    assert told == (
        f"glance_api_bind_address should be a loopback address while glance_auth is none, found {address}: anybody "
        "there could change and delete every image (glance_api_allow_unauthenticated_network allows it)"
    )


@pytest.mark.parametrize(
    ("given", "services"),
    [
        (NONE, ["glance_api", "glance_registry"]),
        ({**NONE, "glance_api_bind_address": "localhost"}, ["glance_api"]),
        ({**NONE, **OPEN}, ["glance_scrubber", "glance_loadbalancer"]),
        ({**NONE, **OPEN, "glance_api_allow_unauthenticated_network": "yes"}, ["glance_api"]),
        ({**NONE, "glance_registry_bind_address": "0.0.0.0"}, ["glance_api"]),
        # Refused as what they are, or not known before facts.
        ({"glance_auth": "none"}, ["glance_api", "glance_registry"]),
        ({**OPEN}, ["glance_api"]),
    ],
)
def test_who_asks_nobody_is_let_through_on_loopback(given, services):
    assert faults(given, *services) == {}


@pytest.mark.parametrize("mode", ["none", "basic"])
def test_a_registry_that_others_reach_needs_keystone(mode):
    given = {"glance_auth": mode, "glance_registry_bind_address": "192.0.2.1"}
    (told,) = faults(given, "glance_registry")["glance_registry_bind_address"]
    assert told == (
        "glance_registry_bind_address should be a loopback address while the registry has no authentication, found "
        "192.0.2.1: anybody there could change and delete every record (glance_registry_allow_unauthenticated_network "
        "allows it)"
    )
    assert faults({**given, "glance_registry_allow_unauthenticated_network": True}, "glance_registry") == {}
    assert faults({**given, **KEYSTONE}, "glance_registry") == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"glance_release": "2025.2"},
            "glance_auth should be none or keystone for Glance 2025.2, found basic: its server can't listen where "
            "HAProxy alone reaches it, which 2026.1 and newer can",
        ),
        (
            OPEN,
            "glance_api_bind_address should be a loopback address while glance_auth is basic, found 0.0.0.0: passwords "
            "would cross the network as they are (set glance_tls_certificate; glance_api_allow_cleartext_passwords "
            "allows it)",
        ),
        (
            TWO,
            "glance_api_import_methods should not hold glance-direct while glance_auth is basic and there are several "
            "API hosts: one of them could not import what was staged on another one",
        ),
    ],
)
def test_what_passwords_can_not_be_used_with_is_refused_on_api_hosts(given, sentence):
    ((told,),) = list(faults({**BASIC, **given}, "glance_api").values())
    assert told == sentence
    assert faults({**BASIC, **given}, "glance_scrubber") == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**OPEN, "glance_tls_certificate": "PEM"},
        {**OPEN, "glance_api_allow_cleartext_passwords": True},
        # Nothing is known of the certificate.
        {"glance_auth": "basic", "glance_release": "2026.1", **OPEN},
        {**TWO, "glance_api_import_methods": ["web-download"]},
        # Hosts of other deployments, and an API and a scrubber.
        {**TWO, "glance_deployment_hosts": ["a"]},
        {"glance_deployment_hosts": ["a", "b"], "glance_api_hosts": ["a"]},
        {"glance_deployment_hosts": ["a", "b"]},
    ],
)
def test_what_passwords_can_be_used_with_is_let_through(given):
    given = {**(BASIC if "glance_auth" not in given else {}), **given}
    assert faults(given, "glance_api") == {}


def test_passwords_need_what_hashes_them(monkeypatch):
    def lacking(*_arguments, **_options):
        raise AnsibleError("no passlib")

    monkeypatch.setattr(auth, "do_encrypt", lacking)
    (told,) = faults(BASIC, "glance_api")["glance_auth"]
    assert told.startswith("Ansible should be able to hash passwords on this machine while glance_auth is basic, found")
    assert faults({**BASIC, "glance_auth": "none"}, "glance_api") == {}
