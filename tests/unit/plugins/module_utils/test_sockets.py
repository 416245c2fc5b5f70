import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils.sockets import takes_all


@pytest.mark.parametrize(
    ("address", "takes"),
    [
        *[(address, True) for address in ("0.0.0.0", "::", "*", "0:0::0")],
        *[(address, False) for address in ("127.0.0.1", "localhost", "::1", "192.0.2.1", "api.example.com", "", None)],
    ],
)
def test_a_socket_that_takes_all_addresses(address, takes):
    assert takes_all(address) is takes
