"""Leaf certificates of the lab root, all on one RSA key. Not a store: nothing here touches a file.

trustme issues the pattern (subject, key usage, identifiers, key). Its certificates have a critical subjectAltName,
which clients of 2007 may refuse, and it cannot name a CRL distribution point; so each leaf is issued once more from
the pattern with both put right. One key serves all leaves, because making an RSA key costs a hundred signatures.
"""

from __future__ import annotations

from collections.abc import Sequence

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.pki.moments import DAY, moment
from emulator.wire.webfiles import CRL_FOLDER, CRL_NAME

CRL_URL = f"http://crl.microsoft.com{CRL_FOLDER}{CRL_NAME}"
LIFE = 30 * DAY
BACKDATE = DAY
COMMON_NAME_LIMIT = 64  # characters, X.520 ub-common-name
ORGANIZATION = "messenger-lab"


class Leaves:
    """Issues leaves that are valid from one day before `now` for 30 days, never longer than the root."""

    def __init__(self, root: x509.Certificate, root_key: rsa.RSAPrivateKey, now: float) -> None:
        self._root = root
        self._root_key = root_key
        self._start = max(moment(now - BACKDATE), root.not_valid_before_utc)
        self._end = min(moment(now + LIFE), root.not_valid_after_utc)
        pattern = trustme.CA.from_pem(root.public_bytes(Encoding.PEM), _pem(root_key)).issue_cert(
            "messenger-lab.invalid",
            organization_name=ORGANIZATION,
            organization_unit_name="not for production",
            not_before=self._start,
            not_after=self._end,
            key_type=trustme.KeyType.RSA,
        )
        self._pattern = x509.load_pem_x509_certificate(pattern.cert_chain_pems[0].bytes())
        self.key_pem = pattern.private_key_pem.bytes()

    def issue(self, names: Sequence[str]) -> x509.Certificate:
        """A certificate for `names` (lower case, `*.` for one label); the first becomes the common name if it fits.

        Old clients read the common name alone, new ones the alternative names alone. At least one name.
        """
        subject = list(self._pattern.subject)
        if len(names[0]) <= COMMON_NAME_LIMIT:
            subject.append(x509.NameAttribute(NameOID.COMMON_NAME, names[0]))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._root.subject)
            .public_key(self._pattern.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._start)
            .not_valid_after(self._end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._pattern.public_key()), critical=False)
            .add_extension(_distribution_point(), critical=False)
        )
        for kind in (x509.BasicConstraints, x509.KeyUsage, x509.AuthorityKeyIdentifier):
            extension = self._pattern.extensions.get_extension_for_class(kind)
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(self._root_key, hashes.SHA256())


def _distribution_point() -> x509.CRLDistributionPoints:
    where = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(CRL_URL)], relative_name=None, reasons=None, crl_issuer=None
    )
    return x509.CRLDistributionPoints([where])


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
