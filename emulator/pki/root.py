"""The lab root certificate: what it may sign is written into it. Not its storage.

trustme has no words for name constraints, so the root is made with cryptography alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from emulator.pki.moments import DAY, moment

COMMON_NAME = "messenger-lab root (not for production)"
KEY_BITS = 2048  # RSA, because clients of 2007 know no elliptic curves
LIFE = 365 * DAY
BACKDATE = DAY  # clocks of lab machines differ


def make_root(domains: Sequence[str], now: float) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """A self-signed root that may sign DNS names at or below `domains` and nothing else. `now` in seconds.

    All IP addresses are excluded by name: a constraint on DNS names alone would let them through
    (RFC 5280, 4.2.1.10: what is not mentioned is not restricted).
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(now - BACKDATE))
        .not_valid_after(moment(now + LIFE))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(constraints(domains), critical=True)
        .add_extension(identifier, critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def constraints(domains: Sequence[str]) -> x509.NameConstraints:
    """Permitted: the domains. Excluded: every IPv4 and IPv6 address."""
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain) for domain in domains],
        excluded_subtrees=[x509.IPAddress(ip_network(network)) for network in ("0.0.0.0/0", "::/0")],
    )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
