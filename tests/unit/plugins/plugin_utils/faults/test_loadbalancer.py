import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import loadbalancer

FACTS = {"default_ipv4": {"address": "198.18.0.1"}}
RIGHT = {
    "glance_loadbalancer_services": {"glance_api": {"port": 9292, "servers": {"a": "198.18.0.9", "b": "198.18.0.10"}}},
    "glance_loadbalancer_addresses": ["198.18.0.1"],
    "glance_loadbalancer_virtual_address": "",
}
TWO = {
    "glance_loadbalancer_addresses": ["198.18.0.1", "198.18.0.2"],
    "glance_loadbalancer_virtual_address": "198.18.0.100",
}


def service(**more):
    return {"glance_loadbalancer_services": {"glance_api": {"port": 9292, "servers": {"a": "198.18.0.9"}, **more}}}


def faults(given, *services, **beside):
    return loadbalancer.faults({**RIGHT, **given, hosts.SERVICES: set(services), **beside})


SHAPE = "glance_api in glance_loadbalancer_services should have a port, and its servers as a dict, found another value"
UNREACHED = "the servers of glance_loadbalancer_services should have addresses that the balancers reach, found "


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"glance_loadbalancer_services": {}},
            "glance_loadbalancer_services should name what is balanced, found nothing",
        ),
        ({"glance_loadbalancer_services": {"glance_api": "a"}}, SHAPE),
        ({"glance_loadbalancer_services": {"glance_api": {"servers": {}}}}, SHAPE),
        (service(servers=["198.18.0.9"]), SHAPE),
        (
            service(servers={"a": "127.0.0.1", "b": "0.0.0.0", "c": "::", "d": "198.18.0.9", "e": "127.0.0.1"}),
            f"{UNREACHED}127.0.0.1, 0.0.0.0, ::: set glance_api_bind_address on the API hosts",
        ),
        (
            service(server_certificates={"a": "PEM", "b": "", "c": ""}),
            "either all servers of a service or none should have a certificate, found none for b, c: set "
            "glance_tls_certificate there too",
        ),
        (
            {**TWO, "glance_loadbalancer_virtual_address": ""},
            "glance_loadbalancer_virtual_address should be an address that clients use, found none: with 2 balancers "
            "it moves to another one when one fails",
        ),
        (
            {**TWO, "glance_loadbalancer_addresses": ["198.18.0.2", "198.18.0.3"]},
            "glance_loadbalancer_addresses should hold 198.18.0.1, the address of this host's default route, found "
            "198.18.0.2, 198.18.0.3",
        ),
    ],
)
def test_what_can_not_be_balanced_is_refused_on_balancers(given, told):
    ((sentence,),) = list(faults(given, "glance_loadbalancer", **{hosts.FACTS: FACTS}).values())
    assert sentence.startswith(told)
    assert faults(given, "glance_api", **{hosts.FACTS: FACTS}) == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        TWO,
        service(server_certificates={"a": "PEM", "b": "PEM"}),
        service(server_certificates={"a": "", "b": ""}),
        service(servers={"a": "api1", "b": "2001:db8::1"}),
        # An address that is not known, which topology tells.
        service(servers={"a": None}),
    ],
)
def test_what_can_be_balanced_is_let_through(given):
    assert faults(given, "glance_loadbalancer", **{hosts.FACTS: FACTS}) == {}


def test_nothing_is_said_of_what_is_not_known():
    assert loadbalancer.faults({hosts.SERVICES: {"glance_loadbalancer"}, hosts.FACTS: FACTS}) == {}
    wrong = {**TWO, "glance_loadbalancer_addresses": ["198.18.0.2"]}
    assert faults(wrong, "glance_loadbalancer") == {}
