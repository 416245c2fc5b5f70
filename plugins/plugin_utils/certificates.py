# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a host's certificate, key and authorities, found out on the control machine.

All texts are PEM. ``cryptography`` is there, since ansible-core itself needs it.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Iterator

from ansible.errors import AnsibleFilterError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
except ImportError:  # ansible-core asks for it, but a distribution may package the two apart
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

CERTIFICATE, KEY, AUTHORITIES = "glance_tls_certificate", "glance_tls_key", "glance_tls_ca"


def load(text: str) -> list[x509.Certificate]:
    """Return the certificates of *text*; ValueError when it holds none or holds one that can't be read."""
    if not HAS_CRYPTOGRAPHY:
        raise AnsibleFilterError(
            "The Python that runs Ansible should have the package cryptography, found none: install it."
        )
    return x509.load_pem_x509_certificates(text.encode())


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that *certificate* is for; nobody looks at its common name any more."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    hosts = found.get_values_for_type(x509.DNSName)
    return [*hosts, *(str(address) for address in found.get_values_for_type(x509.IPAddress))]


def alternative_names(given: Iterable[str]) -> list[str]:
    """Return each name or address that is *given*, once, with its kind before it, as OpenSSL writes subjectAltName."""
    return [f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in dict.fromkeys(given) if name]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def names(name: str, certificate: x509.Certificate) -> bool:
    """Whether *certificate* is for the host or address *name*; a leading ``*.`` stands for one label (RFC 6125)."""
    known = [one.lower() for one in names_of(certificate)]
    try:
        return str(ipaddress.ip_address(name)) in known
    except ValueError:
        return name.lower() in known or f"*.{name.lower().partition('.')[2]}" in known


def _validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    # The names without _utc are the only ones before cryptography 42, and are on their way out.
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = datetime.timezone.utc
    return certificate.not_valid_before.replace(tzinfo=utc), certificate.not_valid_after.replace(tzinfo=utc)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    # Before cryptography 40, which Debian 12 has, the name has to do.
    if not hasattr(certificate, "verify_directly_issued_by"):
        return certificate.issuer == issuer.subject
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_trusted(chain: list[x509.Certificate], authorities: list[x509.Certificate]) -> bool:
    """Whether the first of *chain* leads, over the others as far as needed, to one of *authorities*."""
    last, left = chain[0], chain[1:]
    while last not in authorities and not any(_issued_by(last, authority) for authority in authorities):
        following = next((one for one in left if _issued_by(last, one)), None)
        if following is None:
            return False
        left.remove(following)
        last = following
    return True


def _public(key: object) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(der, form)  # type: ignore[attr-defined]


def _key_faults(text: str, certificate: x509.Certificate) -> Iterator[str]:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        yield f"{KEY} should be a key without a passphrase, found one with: services start when nobody is there"
    except Exception:  # of many kinds, and with words that might hold some of the key
        yield f"{KEY} should be a private key as PEM, found something else"
    else:
        if _public(key.public_key()) != _public(certificate.public_key()):
            yield f"{KEY} should be the key of {CERTIFICATE}, found another one"


def _certificate_faults(certificate: x509.Certificate, name: str, now: datetime.datetime) -> Iterator[str]:
    begin, end = _validity(certificate)
    if not begin <= now <= end:
        yield f"{CERTIFICATE} should be valid today, found one from {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
    if name and not names(name, certificate):
        found = ", ".join(names_of(certificate)) or "no name at all"
        wanted = f"{name}, by which others reach this host"
        yield f"{CERTIFICATE} should name {wanted}, found {found}; see glance_api_tls_name"


def faults(certificate: str, key: str, authorities: str = "", name: str = "") -> list[str]:
    """Return one sentence for each thing that can't be right.

    *name* is the host name or address that others reach the host by, if it is known. Without *authorities*, the system
    of whoever asks decides whom it trusts, and nothing is said of the issuer. No sentence holds anything of the key.
    """
    trusted: list[x509.Certificate] = []
    if authorities:
        try:
            trusted = load(authorities)
        except ValueError:
            return [f"{AUTHORITIES} should hold certificates as PEM, found something else"]
    if not certificate and not key:
        return []
    if not certificate or not key:
        given, missing = (CERTIFICATE, KEY) if certificate else (KEY, CERTIFICATE)
        return [f"{missing} should be given where {given} is, found none"]
    try:
        chain = load(certificate)
    except ValueError:
        return [f"{CERTIFICATE} should hold a certificate as PEM, found something else"]
    found = [
        *_certificate_faults(chain[0], name, datetime.datetime.now(datetime.timezone.utc)),
        *_key_faults(key, chain[0]),
    ]
    if trusted and not is_trusted(chain, trusted):
        issuer = chain[-1].issuer.rfc4514_string()
        found.append(f"{AUTHORITIES} should hold the issuer of {CERTIFICATE}, {issuer}, found others")
    return found


def host_name(certificate: str) -> str:
    """Return the first host name that *certificate* is for, "" when it has none, is none or is empty."""
    try:
        found = names_of(load(certificate)[0])
    except ValueError:
        return ""
    return next((name for name in found if not _is_address(name) and "*" not in name), "")
