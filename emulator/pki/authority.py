"""The lab's certificate authority: one root in one directory, leaves for the catalog's names, a revocation list.

Not a public authority: its name constraints make every other name and every IP address worthless.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from emulator.catalog import Catalog
from emulator.derive.names import certificate_names, covered, fold, is_host_name, permitted_domains
from emulator.pki.leaves import Leaves
from emulator.pki.moments import DAY, moment
from emulator.pki.persons import issue_person
from emulator.pki.root import constraints, make_root
from emulator.pki.store import REMEDY, CertificateError, Revocation, Store

ExportFormat = Literal["pem", "der", "windows"]

CRL_LIFE = 7 * DAY
LEAF_LIMIT = 1024  # leaves kept; SNI is the client's word, so the table must not grow with it


class Authority:
    """Signs for the names of one catalog. All times are seconds since the epoch.

    Leaves live 30 days from the `now` that was given, so an emulator that runs longer must be started again.
    """

    def __init__(
        self, store: Store, catalog: Catalog, root: x509.Certificate, key: rsa.RSAPrivateKey, now: float
    ) -> None:
        self._store = store
        self._root = root
        self._key = key
        self._domains = permitted_domains(catalog)
        self._default_names = certificate_names(catalog)
        self._leaves = Leaves(root, key, now)
        self._issued: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._default: x509.Certificate | None = None

    @classmethod
    def create(cls, directory: Path, catalog: Catalog, now: float, *, replace: bool = False) -> Authority:
        """Make a root for the catalog's names and keep it in `directory` (0700; key 0600).

        Raises CertificateError when a root is there already (unless `replace`) or the directory cannot be written.
        """
        store = Store(directory)
        store.prepare(replace=replace)
        root, key = make_root(permitted_domains(catalog), now)
        store.write(store.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        store.write(store.root, root.public_bytes(Encoding.PEM), 0o644)
        return cls(store, catalog, root, key, now)

    @classmethod
    def open(cls, directory: Path, catalog: Catalog, now: float) -> Authority:
        """The authority kept in `directory`.

        Raises CertificateError, naming file and remedy: missing, malformed, expired, key of another root, key that
        others may read, or a root made for other names than the catalog's.
        """
        store = Store(directory)
        root = _load_root(store)
        key = _load_key(store, root)
        if not root.not_valid_before_utc <= moment(now) < root.not_valid_after_utc:
            span = f"{root.not_valid_before_utc:%Y-%m-%d} to {root.not_valid_after_utc:%Y-%m-%d}"
            raise CertificateError(f"{store.root}: valid from {span}, which is not now. {REMEDY}, or set the clock.")
        _check_constraints(store, root, permitted_domains(catalog))
        return cls(store, catalog, root, key, now)

    @classmethod
    def open_or_create(cls, directory: Path, catalog: Catalog, now: float) -> Authority:
        """As `open`; as `create` when neither certificate nor key is there."""
        store = Store(directory)
        if store.root.exists() or store.key.exists():
            return cls.open(directory, catalog, now)
        return cls.create(directory, catalog, now)

    @property
    def root_pem(self) -> bytes:
        """The root certificate, PEM."""
        return self._root.public_bytes(Encoding.PEM)

    def export(self, format: ExportFormat) -> bytes:
        """The root certificate for import elsewhere: PEM for most systems, DER for Android.

        `windows` is the PKCS#7 store (.p7b) that `certutil -addstore Root FILE` and a double click import.
        """
        if format == "windows":
            return serialize_certificates([self._root], Encoding.DER)
        return self._root.public_bytes({"pem": Encoding.PEM, "der": Encoding.DER}[format])

    def may_sign(self, name: str) -> bool:
        """True for a well-formed host name that the root's constraints permit."""
        return is_host_name(name) and covered(name, self._domains)

    def leaf(self, name: str) -> tuple[bytes, bytes]:
        """Certificate chain and key (PEM both) for one host name; made once, then kept.

        Raises CertificateError for a name that the root may not sign.
        """
        name = fold(name)
        if name not in self._issued:
            if not self.may_sign(name):
                raise CertificateError(f"{name!r}: outside the name constraints of {self._store.root}.")
            if len(self._issued) >= LEAF_LIMIT:
                self._issued.popitem(last=False)
            self._issued[name] = self._leaves.issue((name,))
        return self._pair(self._issued[name])

    def default_leaf(self) -> tuple[bytes, bytes]:
        """Chain and key (PEM both) of the certificate that names everything, for clients without SNI.

        Its wildcards cover one label each, as clients read them (RFC 6125, 6.4.3).
        """
        if self._default is None:
            self._default = self._leaves.issue(self._default_names)
        return self._pair(self._default)

    def sign_request(self, request: bytes, name: str, now: float) -> bytes:
        """Certificate (DER) of a person for the key in a certificate request (PKCS#10, DER), valid for 30 days.

        `name` becomes the common name; of the request only its key counts. Raises ValueError for one that is malformed,
        not signed with its own key, or whose key is unfit.
        """
        return issue_person(self._root, self._key, request, name, now)

    def revoke(self, serial: int, now: float) -> None:
        """Put a leaf's serial number on the revocation list, for good. A `serve` that runs hands it out at once."""
        self._store.add_revocation(Revocation(f"{serial:x}", now))

    def crl(self, now: float) -> bytes:
        """The revocation list as of `now`: DER, signed by the root, next update in 7 days (RFC 5280, 5)."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._root.subject)
            .last_update(moment(now))
            .next_update(moment(now + CRL_LIFE))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.CRLNumber(int(now)), critical=False)
        )
        for entry in self._store.revocations():
            revoked = x509.RevokedCertificateBuilder().serial_number(int(entry.serial, 16))
            builder = builder.add_revoked_certificate(revoked.revocation_date(moment(entry.at)).build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _pair(self, certificate: x509.Certificate) -> tuple[bytes, bytes]:
        # The root rides along: the near end can then show who signed, also when it does not trust it.
        return certificate.public_bytes(Encoding.PEM) + self.root_pem, self._leaves.key_pem


def _load_root(store: Store) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(store.read(store.root))
    except ValueError as error:
        raise CertificateError(f"{store.root}: not a PEM certificate. {REMEDY}.") from error


def _load_key(store: Store, root: x509.Certificate) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(store.read_key(), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{store.key}: not an unencrypted PEM key. {REMEDY}.") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != root.public_key():
        raise CertificateError(f"{store.key}: not the key of {store.root.name}. {REMEDY}.")
    return key


def _check_constraints(store: Store, root: x509.Certificate, domains: tuple[str, ...]) -> None:
    try:
        found: x509.NameConstraints | None = root.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        found = None
    if found != constraints(domains):
        raise CertificateError(f"{store.root}: made for other names than this catalog's. {REMEDY}.")
