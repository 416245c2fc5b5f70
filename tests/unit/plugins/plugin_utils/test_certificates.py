import ipaddress

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.certificates import (
    alternative_names,
    faults,
    host_name,
)
from parties import DAY, NOW, Party

ROOT = Party("root")
BETWEEN = Party("between", ROOT)
OTHER = Party("other")
NAMES = ("api1.example.com", "*.pool.example.com", ipaddress.ip_address("192.0.2.11"))
HOST = Party("api1", ROOT, NAMES, authority=False)
BELOW = Party("api2", BETWEEN, NAMES, authority=False)


@pytest.mark.parametrize(
    "given",
    [
        ("", ""),
        ("", "", ROOT.pem),
        (HOST.pem, HOST.key_pem()),
        (HOST.pem, HOST.key_pem(), ROOT.pem),
        (HOST.pem, HOST.key_pem(), OTHER.pem + ROOT.pem),
        # A host that is its own authority.
        (HOST.pem, HOST.key_pem(), HOST.pem),
        (BELOW.pem + BETWEEN.pem, BELOW.key_pem(), ROOT.pem),
        (BELOW.pem, BELOW.key_pem(), BETWEEN.pem),
        (HOST.pem, HOST.key_pem(), ROOT.pem, "API1.example.com"),
        (HOST.pem, HOST.key_pem(), ROOT.pem, "any.pool.example.com"),
        (HOST.pem, HOST.key_pem(), ROOT.pem, "192.0.2.11"),
    ],
)
def test_what_fits_together_has_no_fault(given):
    assert faults(*given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((HOST.pem, ""), "glance_tls_key should be given where glance_tls_certificate is, found none"),
        (("", HOST.key_pem()), "glance_tls_certificate should be given where glance_tls_key is, found none"),
        (("words", HOST.key_pem()), "glance_tls_certificate should hold a certificate as PEM, found something else"),
        ((HOST.key_pem(), HOST.key_pem()), "glance_tls_certificate should hold a certificate as PEM"),
        ((HOST.pem, "words"), "glance_tls_key should be a private key as PEM, found something else"),
        ((HOST.pem, HOST.pem), "glance_tls_key should be a private key as PEM, found something else"),
        ((HOST.pem, HOST.key_pem(b"x")), "glance_tls_key should be a key without a passphrase"),
        ((HOST.pem, OTHER.key_pem()), "glance_tls_key should be the key of glance_tls_certificate, found another one"),
        ((HOST.pem, HOST.key_pem(), "words"), "glance_tls_ca should hold certificates as PEM, found something else"),
        (("", "", "words"), "glance_tls_ca should hold certificates as PEM, found something else"),
        (
            (HOST.pem, HOST.key_pem(), OTHER.pem),
            "glance_tls_ca should hold the issuer of glance_tls_certificate, CN=root",
        ),
        ((BELOW.pem, BELOW.key_pem(), ROOT.pem), "the issuer of glance_tls_certificate, CN=between, found others"),
        ((HOST.pem, HOST.key_pem(), "", "example.com"), "should name example.com"),
        ((HOST.pem, HOST.key_pem(), "", "a.b.pool.example.com"), "should name a.b.pool.example.com"),
        ((HOST.pem, HOST.key_pem(), "", "192.0.2.12"), "found api1.example.com, *.pool.example.com, 192.0.2.11"),
        ((OTHER.pem, OTHER.key_pem(), "", "other"), "glance_tls_certificate should name other"),
    ],
)
def test_what_does_not_is_told(given, sentence):
    (found,) = faults(*given)
    assert sentence in found


@pytest.mark.parametrize(("begin", "end"), [(-2 * DAY, -DAY), (DAY, 2 * DAY)])
def test_a_certificate_of_another_time(begin, end):
    party = Party("x", begin=begin, end=end)
    (found,) = faults(party.pem, party.key_pem())
    assert found == (
        f"glance_tls_certificate should be valid today, found one from {NOW + begin:%Y-%m-%d} to {NOW + end:%Y-%m-%d}"
    )


def test_no_sentence_holds_the_key():
    lines = OTHER.key_pem().splitlines()[1:-1]
    said = " ".join(faults(HOST.pem, OTHER.key_pem(), OTHER.pem, "x") + faults(HOST.pem, "\n".join(lines)))
    assert [line for line in lines if line in said] == []


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (HOST.pem, "api1.example.com"),
        (Party("x", names=(ipaddress.ip_address("::1"), "*.example.com", "b.example.com")).pem, "b.example.com"),
        (OTHER.pem, ""),
        ("", ""),
        ("words", ""),
    ],
)
def test_first_host_name(certificate, name):
    assert host_name(certificate) == name


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], []),
        (["api1", "*.example.com"], ["DNS:api1", "DNS:*.example.com"]),
        (["192.0.2.11", "::1", "2001:DB8::1"], ["IP:192.0.2.11", "IP:::1", "IP:2001:DB8::1"]),
        # No address, though of digits and dots.
        (["192.0.2", "192.0.2.256", "1"], ["DNS:192.0.2", "DNS:192.0.2.256", "DNS:1"]),
        (["localhost", "", "127.0.0.1", "localhost", ""], ["DNS:localhost", "IP:127.0.0.1"]),
    ],
)
def test_names_of_a_certificate_to_be_say_their_kind(given, names):
    assert alternative_names(given) == names
