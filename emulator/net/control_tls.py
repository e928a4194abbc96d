"""The control channel's own certificate: self-signed, made anew at every start, pinned in the join file.

Not signed by the lab root, which may only sign the catalog's names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet import interfaces
from zope.interface import implementer


class ControlCertificate:
    """A key and its certificate. `der` is what the pin is taken from."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "messenger-lab control")])
        start = datetime(2020, 1, 1, tzinfo=UTC)  # the pin decides; dates must only include now
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(int.from_bytes(entropy(16), "big") >> 1)
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=365 * 60))
            .sign(self._key, hashes.SHA256())
        )
        self.der = self._certificate.public_bytes(Encoding.DER)

    def context_factory(self) -> Any:
        """Context factory for a Twisted TLS listener: TLS 1.2 or newer, no client certificate."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.use_certificate(self._certificate)
        context.use_privatekey(self._key)
        return _Ready(context)


@implementer(interfaces.IOpenSSLContextFactory)
class _Ready:
    """Twisted's own CertificateOptions hands pyOpenSSL objects that it is about to drop."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:
        return self._context
