"""What a proxy is used for, as libraries of Python read the variables."""

import urllib.request

import pytest
from ansible_collections.glanceops.image_service.plugins.filter.outbound_proxy import FilterModule

URL = "http://proxy.example.com:3128"
DIRECT = [
    ".internal.example.com",
    "192.0.2.7",
    "fd00::7",
    "https://keystone.example.com:5000/v3",
    "http://[fd00::8]:80",
    "",
]


@pytest.fixture
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for variable in FilterModule().filters()["outbound_proxy"](URL, DIRECT):
        monkeypatch.setenv(*variable.split("=", 1))


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("host", "by_proxy"),
    [
        ("images.example.com", True),
        ("192.0.2.8", True),
        ("xinternal.example.com", True),
        ("localhost", False),
        ("127.0.0.1:9292", False),
        ("a.internal.example.com", False),
        ("192.0.2.7:443", False),
        ("fd00::7", False),
        ("fd00::8", False),
        ("keystone.example.com:5000", False),
    ],
)
def test_hosts_of_ones_own_are_reached_directly(host, by_proxy):
    assert urllib.request.getproxies() == {
        "http": URL,
        "https": URL,
        "no": "localhost,127.0.0.1,::1,[::1],.internal.example.com,192.0.2.7,fd00::7,[fd00::7],keystone.example.com,"
        "fd00::8,[fd00::8]",
    }
    assert bool(urllib.request.proxy_bypass(host)) != by_proxy


def test_without_a_proxy_there_is_nothing():
    assert FilterModule().filters()["outbound_proxy"]("", DIRECT) == []
