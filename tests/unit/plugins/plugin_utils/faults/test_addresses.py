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


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("keystone:5000", "keystone:5000"),
        ("ftp://h", "ftp://h"),
        ("https://", "https://"),
        ("https://h/v3?a", "https://h/v3?a"),
        ("https://h\n", "https://h?"),
        ("https://me:hidden@h", "https://********@h"),
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url, found):
    (sentence,) = faults({"glance_keystone_public_url": url})["glance_keystone_public_url"]
    assert sentence == (
        f"glance_keystone_public_url should be a URL such as https://keystone.example.com:5000, found {found}"
    )


@pytest.mark.parametrize("url", ["", "https://h", "http://192.0.2.1:5000/v3", "https://[2001:db8::1]/identity"])
def test_a_url_is_let_through(url):
    assert faults({"glance_keystone_public_url": url}) == {}
