"""Certificates for tests, made when they are needed."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


class Party:
    """Somebody with a key and a certificate, issued by another party or by itself."""

    def __init__(self, name, issuer=None, names=(), begin=-DAY, end=DAY, authority=True):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        builder = x509.CertificateBuilder().subject_name(self.subject).issuer_name(issuer.subject)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW + begin).not_valid_after(NOW + end)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        # From Python 3.13 on, ssl wants all three. A key's first use is to sign, the sixth and seventh an authority's.
        uses = x509.KeyUsage(True, *[False] * 4, authority, authority, False, False)
        own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        for extension in (uses, own, above):
            builder = builder.add_extension(extension, critical=extension is uses)
        if names:
            general = [x509.IPAddress(n) if not isinstance(n, str) else x509.DNSName(n) for n in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    @property
    def variables(self):
        """The variables of a host that is this party."""
        return {"glance_tls_certificate": self.pem, "glance_tls_key": self.key_pem()}

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, passphrase=None):
        how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        pkcs8 = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, pkcs8, how).decode()
