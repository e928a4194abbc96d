"""Certificates of persons, signed on request: what Live ID gave clients for shared folders (emulated).

Not of hosts: they hold no alternative name and no use as a server, so the root's name constraints have nothing to
permit or refuse, and nobody takes them for a host's. Source: msnp.md 5.7, RFC 2986, RFC 5280.
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.pki.leaves import BACKDATE, LIFE, ORGANIZATION
from emulator.pki.moments import moment

REQUEST_LIMIT = 16 * 1024  # bytes
KEY_BITS = (1024, 4096)  # RSA; clients of 2007 made keys of 1024
DIGESTS = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
_NAME = re.compile(r"[0-9a-f]{16}")  # a CID; a name with dots would be read as a host's


class Applicant:
    """Somebody who wants a certificate: a key of 1024 bits and the request for it, as clients of 2007 made them."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS[0])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MSIDCRL")])
        wanted = x509.CertificateSigningRequestBuilder().subject_name(subject)
        self.request = wanted.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)  # SHA-1 then

    def subject(self, certificate: bytes, root_pem: bytes, now: float) -> str:
        """Whose name the certificate (DER) holds. Raises ValueError: another key, another root, not valid now."""
        found, root = x509.load_der_x509_certificate(certificate), x509.load_pem_x509_certificate(root_pem)
        try:
            found.verify_directly_issued_by(root)
        except (InvalidSignature, TypeError) as error:
            raise ValueError("a certificate of another root") from error
        if found.public_key() != self._key.public_key():
            raise ValueError("a certificate for another key")
        if not found.not_valid_before_utc <= moment(now) <= found.not_valid_after_utc:
            raise ValueError(f"a certificate that is valid from {found.not_valid_before_utc} only, or no more")
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""


def issue_person(root: x509.Certificate, root_key: rsa.RSAPrivateKey, request: bytes, name: str, now: float) -> bytes:
    """The certificate (DER). Subject, extensions and wishes of the request do not count. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a CID: {name[:40]!r}")
    key = _key_of(request)
    builder = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "emulated, not for production"),
                    x509.NameAttribute(NameOID.COMMON_NAME, name),
                ]
            )
        )
        .issuer_name(root.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(moment(now - BACKDATE), root.not_valid_before_utc))
        .not_valid_after(min(moment(now + LIFE), root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    return builder.sign(root_key, hashes.SHA256()).public_bytes(Encoding.DER)


def _key_of(request: bytes) -> rsa.RSAPublicKey:
    if len(request) > REQUEST_LIMIT:
        raise ValueError(f"a certificate request of {len(request)} bytes")
    try:
        wanted = x509.load_der_x509_csr(request)
        key, digest = wanted.public_key(), wanted.signature_hash_algorithm
    except (UnsupportedAlgorithm, TypeError) as error:
        raise ValueError(f"a certificate request that cannot be read: {error}") from error
    if not isinstance(key, rsa.RSAPublicKey) or not KEY_BITS[0] <= key.key_size <= KEY_BITS[1]:
        raise ValueError(f"a certificate request for a key that is not RSA of {KEY_BITS[0]} to {KEY_BITS[1]} bits")
    if not isinstance(digest, DIGESTS):
        raise ValueError("a certificate request with a signature that is not checked here")
    try:
        # by hand, because `is_signature_valid` takes no SHA-1, with which clients of 2007 signed
        key.verify(wanted.signature, wanted.tbs_certrequest_bytes, padding.PKCS1v15(), digest)
    except InvalidSignature as error:
        raise ValueError("a certificate request that is not signed with its own key") from error
    return key


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
