"""Dialogue `crl`: the list is the lab root's, valid now, and answered 304 to whoever holds it.

Not a check of any certificate against the list.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from emulator.probe.web import checks
from emulator.probe.web.context import Differs, Steps, WebContext
from emulator.probe.web.requests import CRL_AGENT, condition, request
from emulator.wire.http import Response
from emulator.wire.webfiles import CRL_FOLDER, CRL_NAME

SKEW = 300.0  # seconds by which the two clocks may differ


def dialogue(context: WebContext) -> Steps:
    """GET, then the same with the entity tag received."""
    path = CRL_FOLDER + CRL_NAME
    response = yield request(context, "GET", path, condition(context), agent=CRL_AGENT)
    checks.status(response, 200, "revocation list")
    crl = _signed(response, context.root_pem)
    now = context.now()
    begins, ends = crl.last_update_utc, crl.next_update_utc
    current = ends is not None and begins.timestamp() - SKEW <= now < ends.timestamp()
    checks.that(current, f"the list is valid from {begins} to {ends}", response)
    held = response.header("ETag")
    response = yield request(context, "GET", path, condition(context, held), agent=CRL_AGENT)
    checks.status(response, 304, "revocation list again")
    return {"revoked": len(crl), "this_update": begins.isoformat()}


def _signed(response: Response, root_pem: bytes) -> x509.CertificateRevocationList:
    root = x509.load_pem_x509_certificate(root_pem)
    key = root.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Differs(f"the lab root has a key of an unexpected kind: {type(key).__name__}")
    try:
        crl = x509.load_der_x509_crl(response.body)
    except ValueError as error:
        raise Differs(f"no revocation list: {error}", status=response.status) from error
    checks.that(crl.issuer == root.subject, f"the list of {crl.issuer.rfc4514_string()}", response)
    checks.that(crl.is_signature_valid(key), "the list is not signed by the lab root", response)
    return crl
