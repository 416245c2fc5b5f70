import ipaddress

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import tls
from parties import Party

LOCAL, HOST, SIX = (
    Party(name, names=[ipaddress.ip_address(name)]) for name in ("127.0.0.1", "198.18.0.9", "2001:db8::9")
)
NAMED = Party("api1", names=["api1.lan"])
NOTHING = {"glance_tls_certificate": "", "glance_tls_key": "", "glance_tls_ca": "", "glance_api_tls_name": ""}


def faults(given, *services):
    return tls.faults({**NOTHING, **given, hosts.SERVICES: set(services)})


@pytest.mark.parametrize(
    ("given", "name", "told"),
    [
        ({"glance_tls_certificate": "words"}, "glance_tls_key", "should be given where glance_tls_certificate is"),
        ({"glance_tls_key": "hidden"}, "glance_tls_certificate", "should be given where glance_tls_key is, found none"),
        ({**LOCAL.variables, "glance_tls_certificate": "a"}, "glance_tls_certificate", "should hold a certificate"),
        ({**LOCAL.variables, "glance_tls_key": "hidden"}, "glance_tls_key", "should be a private key as PEM, found"),
        ({**LOCAL.variables, "glance_tls_key": HOST.key_pem()}, "glance_tls_key", "should be the key of"),
        ({"glance_tls_ca": "words"}, "glance_tls_ca", "should hold certificates as PEM, found something else"),
        ({**LOCAL.variables, "glance_tls_ca": HOST.pem}, "glance_tls_ca", "should hold the issuer of"),
    ],
)
def test_what_no_service_can_use_is_refused_on_every_host(given, name, told):
    for services in ((), ("glance_loadbalancer",), ("glance_api",)):
        (sentence,) = faults({"glance_api_bind_address": "127.0.0.1", **given}, *services)[name]
        assert sentence.startswith(f"{name} {told}")
        assert "hidden" not in sentence


# By what others reach the API, and what its certificate names.
WRONG = [
    ("127.0.0.1", "", HOST, "127.0.0.1"),
    ("0.0.0.0", "", HOST, "127.0.0.1"),
    ("::", "", HOST, "::1"),
    ("2001:db8::1", "", SIX, "2001:db8::1"),
    ("198.18.0.9", "api2.lan", NAMED, "api2.lan"),
    ("198.18.0.9", "api1.lan", HOST, "api1.lan"),
]
RIGHT = [
    ("127.0.0.1", "", LOCAL),
    ("0.0.0.0", "", LOCAL),
    ("2001:db8::9", "", SIX),
    ("198.18.0.9", "", HOST),
    ("198.18.0.9", "api1.lan", NAMED),
]


@pytest.mark.parametrize(("address", "name", "party", "wanted"), WRONG)
def test_a_certificate_of_another_host_is_refused_on_an_api_host(address, name, party, wanted):
    given = {**party.variables, "glance_api_bind_address": address, "glance_api_tls_name": name}
    (sentence,) = faults(given, "glance_api")["glance_tls_certificate"]
    assert sentence.startswith(f"glance_tls_certificate should name {wanted}, by which others reach this host, found ")
    # A balancer is reached by what no variable says.
    assert faults(given, "glance_loadbalancer") == {}


@pytest.mark.parametrize(("address", "name", "party"), RIGHT)
def test_the_certificate_of_the_host_is_let_through(address, name, party):
    given = {**party.variables, "glance_api_bind_address": address, "glance_api_tls_name": name}
    assert faults(given, "glance_api") == {}


def test_nothing_is_said_of_what_is_not_known():
    assert tls.faults({}) == {}
    assert faults({}, "glance_api") == {}
    # An address that waits for facts.
    assert faults(HOST.variables, "glance_api") == {}
    assert tls.faults({"glance_tls_certificate": "words", "glance_tls_ca": ""}) == {}
