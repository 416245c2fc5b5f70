import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_loopback
from ansible_collections.glanceops.image_service.plugins.test import loopback as t


@pytest.mark.parametrize(
    "address", ["localhost", "127.0.0.1", "127.0.0.2", "127.255.255.255", "::1", "0:0:0:0:0:0:0:1"]
)
def test_reachable_from_its_own_host_alone(address):
    assert is_loopback(address) is True


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "::",
        "128.0.0.1",
        "126.255.255.255",
        "10.0.0.1",
        "192.168.1.10",
        "::2",
        "fe80::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        # Names may resolve to anything.
        "localhost.example.com",
        "localhost6",
        "glance1",
        "",
        "127.1",
        "127.0.0.1:9292",
        "[::1]",
        "127.0.0.1/8",
    ],
)
def test_others_may_reach_it(address):
    assert is_loopback(address) is False


def test_ansible_finds_the_test():
    assert t.TestModule().tests() == {"loopback": is_loopback}
