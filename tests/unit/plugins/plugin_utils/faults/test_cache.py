import ipaddress

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import cache
from parties import Party

RELEASES = {"2026.2": {}, "ussuri": {"cache_driver": "sqlite"}}
TWO = {
    "glance_release": "2026.2",
    "glance_cache_max_bytes": 1,
    "glance_api_bind_address": "127.0.0.1",
    "glance_api_port": 9292,
    "glance_api_tls_name": "",
    "glance_tls_certificate": "",
    "glance_deployment_hosts": ["a", "b"],
    "glance_api_hosts": ["a", "b"],
}
CERTIFICATE = Party("a", names=["a.lan", ipaddress.ip_address("127.0.0.1")]).pem


def own(url):
    return {"glance_config": {"DEFAULT": {"worker_self_reference_url": url}}}


def faults(given, *services):
    return cache.faults({**TWO, **given, hosts.SERVICES: set(services), hosts.RELEASES: RELEASES})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:9292"),
        ({"glance_api_bind_address": "0.0.0.0", "glance_cache_max_bytes": "1000"}, "http://127.0.0.1:9292"),
        ({"glance_api_bind_address": "::", "glance_api_port": 9393}, "http://[::1]:9393"),
        ({"glance_tls_certificate": CERTIFICATE}, "https://127.0.0.1:9292"),
        # Without a certificate, it is no name.
        ({"glance_api_tls_name": "a.lan"}, "http://127.0.0.1:9292"),
        (own("http://localhost:9292"), "http://localhost:9292"),
    ],
)
@pytest.mark.parametrize("service", ["glance_api", "glance_cache"])
def test_hosts_with_a_cache_that_call_themselves_the_same_are_refused(given, url, service):
    (sentence,) = faults(given, service)["glance_api_bind_address"]
    assert sentence == (
        "glance_api_bind_address should be an address of the host's own, or glance_api_tls_name its name, while "
        f"several hosts have an image cache, found {url}: each host keeps its records under that"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"glance_cache_max_bytes": 0},
        {"glance_cache_max_bytes": "0"},
        {"glance_api_bind_address": "198.18.0.9"},
        {"glance_api_bind_address": "2001:db8::1"},
        {"glance_api_tls_name": "a.lan", "glance_tls_certificate": CERTIFICATE},
        {"glance_deployment_hosts": ["a"]},
        {"glance_deployment_hosts": ["a", "scrubber"], "glance_api_hosts": ["a"]},
        {"glance_release": "ussuri"},
        own("https://a.lan:9292"),
        {**own("http://localhost"), "glance_api_config": {"DEFAULT": {"worker_self_reference_url": "http://a.lan"}}},
        own(None),
    ],
)
def test_a_cache_of_each_host_is_let_through(given):
    assert faults(given, "glance_api") == {}


def test_nothing_is_said_before_the_hosts_and_the_address_are_known():
    for name in ("glance_api_hosts", "glance_deployment_hosts", "glance_api_bind_address"):
        given = {key: value for key, value in TWO.items() if key != name}
        assert cache.faults({**given, hosts.SERVICES: {"glance_api"}}) == {}
    assert faults({}, "glance_scrubber") == {}
