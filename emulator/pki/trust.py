"""Whose certificate was shown: chain and name judged against the lab root. Decides nothing about a connection."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import service_identity
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import crypto
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from emulator.judge.observation import Certificate
from emulator.pki.moments import moment


def judge_chain(chain: Sequence[x509.Certificate], root_pem: bytes, host: str, now: float) -> Certificate:
    """What the near end was shown, leaf first, as a fact for the judge.

    `trusted`: OpenSSL builds a path to the lab root (dates at `now`, in seconds, and name constraints included; no
    revocation). `matches`: the leaf names `host` (RFC 6125). Raises ValueError for an empty chain.
    """
    if not chain:
        raise ValueError("no certificate was shown")
    leaf = chain[0]
    return Certificate(
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        sha256=leaf.fingerprint(hashes.SHA256()).hex(),
        trusted=_trusted(chain, root_pem, now),
        matches=_matches(leaf, host),
    )


def _trusted(chain: Sequence[x509.Certificate], root_pem: bytes, now: float) -> bool:
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(root_pem)))
    store.set_time(moment(now))
    rest = [crypto.X509.from_cryptography(certificate) for certificate in chain[1:]]
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(chain[0]), rest)
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _matches(leaf: x509.Certificate, host: str) -> bool:
    try:
        if _is_address(host):
            verify_certificate_ip_address(leaf, host)
        else:
            verify_certificate_hostname(leaf, host)
    except (service_identity.VerificationError, service_identity.CertificateError, ValueError):
        return False  # another name, no name at all, or one that cannot be read
    return True


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
