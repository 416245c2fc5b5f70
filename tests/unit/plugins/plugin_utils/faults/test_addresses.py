import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import NAMES, faults


@pytest.mark.parametrize(
    "address", ["0", "", "1.2.3", "300.1.1.1", "127.0.0.1:9292", "[::1]", "a b", "-a", "*", "http://h"]
)
@pytest.mark.parametrize("name", NAMES)
def test_what_nothing_can_listen_on_is_refused(name, address):
    assert faults({name: address})[name][0].startswith(f"{name} should be an address of the host")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "2001:db8::1", "api1", "api-1.example.com", "0.lan"])
def test_an_address_is_let_through(address):
    assert faults({"glance_api_bind_address": address}) == {}
