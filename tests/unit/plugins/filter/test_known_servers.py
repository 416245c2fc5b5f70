import pytest
from ansible_collections.glanceops.image_service.plugins.filter import known_servers as k

SERVERS = {"registry": ["api3 192.0.2.13:9292"], "api": ["api1 192.0.2.11:9292", "api2 192.0.2.12:9292"]}


@pytest.mark.parametrize(
    ("servers", "known"),
    [
        ({"api1": "192.0.2.11", "api2": "192.0.2.12"}, ["api1", "api2"]),
        # Of one that only another backend has.
        ({"api1": "192.0.2.11", "api3": "192.0.2.13"}, ["api1"]),
        # With another address.
        ({"api1": "192.0.2.11", "api2": "192.0.2.1"}, ["api1"]),
        # Somebody has to be there.
        ({"api5": "192.0.2.15", "api6": "192.0.2.16"}, ["api5", "api6"]),
    ],
)
@pytest.mark.parametrize("ports", [{"server_port": 9292}, {"server_ports": {f"api{n}": 9292 for n in range(1, 7)}}])
def test_servers_that_are_new_are_left_out(servers, known, ports):
    services = {"api": {"port": 80, **ports, "servers": servers, "tls": False}}
    found = k.FilterModule().filters()["known_servers"](services, SERVERS)
    assert found == {"api": {**services["api"], "servers": {name: servers[name] for name in known}}}


@pytest.mark.parametrize("servers", [{}, {"api": []}, {"api": ["api1 192.0.2.11:1", "api2 192.0.2.12:1"]}])
def test_first_configuration_has_all(servers):
    services = {"api": {"port": 9292, "servers": {"api1": "192.0.2.11", "api2": "192.0.2.12"}}}
    assert k.known_servers(services, servers) == services
