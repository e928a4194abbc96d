"""TLS contexts for both ends, lenient on purpose: what a client of 2007 speaks must be spoken.

Not for anything that needs protection: the control channel has its own.
"""

from __future__ import annotations

from collections import OrderedDict

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from emulator.pki.authority import Authority

# Security level 0 lets TLS 1.0 with SHA-1 and AES128-SHA through (Vista's client); RC4 and 3DES are not in the library.
CIPHERS = b"DEFAULT:@SECLEVEL=0"
CONTEXT_LIMIT = 1024  # server contexts kept, one per name asked for

VERSIONS = {
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}


def client_context(highest: str = "TLSv1.3") -> SSL.Context:
    """Context for the probe; `highest` is the highest version offered, a key of `VERSIONS`.

    It accepts every certificate: the chain is evidence (`judge_chain`), and refusing it would lose the rest.
    Raises KeyError for an unknown version.
    """
    context = _context()
    context.set_max_proto_version(VERSIONS[highest])
    context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, ok: True)
    return context


class TlsContexts:
    """Server contexts of one authority, chosen by the name that the client asks for."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._by_name: OrderedDict[str, SSL.Context] = OrderedDict()
        self._default: SSL.Context | None = None

    def server_context(self) -> SSL.Context:
        """Context for a listener: the leaf of the name that the hello asks for, else the one with all names."""
        if self._default is None:
            self._default = _server(*self._authority.default_leaf())
            self._default.set_tlsext_servername_callback(self._choose)
        return self._default

    def _choose(self, connection: SSL.Connection) -> None:
        """Called by OpenSSL inside the handshake, where an exception would be lost: so none may leave."""
        name = (connection.get_servername() or b"").decode("ascii", "replace").lower()
        if not self._authority.may_sign(name):
            return  # foreign or no name: the default certificate shows who answers
        context = self._by_name.get(name)
        if context is None:
            if len(self._by_name) >= CONTEXT_LIMIT:
                self._by_name.popitem(last=False)
            context = self._by_name[name] = _server(*self._authority.leaf(name))
        connection.set_context(context)


def _server(chain_pem: bytes, key_pem: bytes) -> SSL.Context:
    context = _context()
    leaf, *rest = x509.load_pem_x509_certificates(chain_pem)
    context.use_certificate(leaf)
    for certificate in rest:
        context.add_extra_chain_cert(certificate)
    key = load_pem_private_key(key_pem, password=None)
    context.use_privatekey(key)  # type: ignore[arg-type]
    # A resumed session shows no certificate, and every handshake here is evidence.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return context


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(CIPHERS)
    return context
