"""RST2.srf of the clients of 2009: the same tickets in SOAP 1.2, with newer namespaces and a fault inside the body.

The request is read by local names as RST's is (`rst.read_request`). Source: msnp.md 5.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.wire import markup
from emulator.wire.markup import Xml, el
from emulator.wire.rst import PASSPORT, PSF, SHARED_FOLDERS, WSU
from emulator.wire.rst_answer import BAD_PASSWORD, BAD_REQUEST, LIFETIME, Grant, Holder, content_of, passport_header
from emulator.wire.soap import ENVELOPE_12
from emulator.wire.webfiles import soap_date

CONTENT_TYPE = "application/soap+xml; charset=utf-8"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSA = "http://www.w3.org/2005/08/addressing"
WST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
WSP = "http://schemas.xmlsoap.org/ws/2004/09/policy"
ISSUED = "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue"
FRESH = 300  # seconds that the answer itself is good for
INTERNAL = "0x80041012"  # internal code beside a wrong password


def issued(holder: Holder, grants: Sequence[Grant], now: float) -> bytes:
    """Tokens for every site asked, in that order."""
    namespaces = {"xmlns:S": ENVELOPE_12, "xmlns:wsse": WSSE, "xmlns:wsu": WSU, "xmlns:wsa": WSA}
    stamp = el(
        "wsu:Timestamp",
        el("wsu:Created", soap_date(now)),
        el("wsu:Expires", soap_date(now + FRESH)),
        at={"wsu:Id": "TS"},
    )
    header = el(
        "S:Header",
        el("wsa:Action", ISSUED, at={"S:mustUnderstand": "1"}),
        el("wsa:To", WSA + "/anonymous", at={"S:mustUnderstand": "1"}),
        el("wsse:Security", stamp, at={"S:mustUnderstand": "1"}),
        passport_header(holder, now),
    )
    tokens = (_token(number, grant, now) for number, grant in enumerate(grants))
    at = {"xmlns:wst": WST, "xmlns:wsp": WSP}
    collection = el("wst:RequestSecurityTokenResponseCollection", *tokens, at=at)
    return markup.document(el("S:Envelope", header, el("S:Body", collection), at=namespaces))


def _token(number: int, grant: Grant, now: float) -> Xml:
    name, kind, content = content_of(number, grant)
    reference = "wsa:ServiceName" if grant.site == SHARED_FOLDERS else "wsa:Address"
    applies = el("wsp:AppliesTo", el("wsa:EndpointReference", el(reference, grant.site)))
    if grant.refusal:
        error = el("psf:error", el("psf:value", grant.refusal))
        return el("wst:RequestSecurityTokenResponse", applies, el("psf:pp", error, at={"xmlns:psf": PSF}))
    pointer = el("wsse:SecurityTokenReference", el("wsse:Reference", at={"URI": name}))
    secret = el("wst:RequestedProofToken", el("wst:BinarySecret", grant.secret))
    return el(
        "wst:RequestSecurityTokenResponse",
        el("wst:TokenType", "urn:passport:legacy" if grant.site == PASSPORT else kind),
        applies,
        el("wst:Lifetime", el("wsu:Created", soap_date(now)), el("wsu:Expires", soap_date(now + LIFETIME))),
        el("wst:RequestedSecurityToken", content),
        el("wst:RequestedAttachedReference", pointer),
        el("wst:RequestedUnattachedReference", pointer),
        *((secret,) if grant.secret else ()),
    )


def failed() -> bytes:
    """Wrong password or nobody's account."""
    return _fault("wst:FailedAuthentication", "Authentication Failure", BAD_PASSWORD)


def invalid() -> bytes:
    """No XML, no tokens asked for."""
    return _fault("wst:InvalidRequest", "Invalid Request", BAD_REQUEST)


def _fault(subcode: str, text: str, status: str) -> bytes:
    inner = el("psf:internalerror", el("psf:code", INTERNAL), el("psf:text", text))
    fault = el(
        "S:Fault",
        el("S:Code", el("S:Value", "S:Sender"), el("S:Subcode", el("S:Value", subcode))),
        el("S:Reason", el("S:Text", text, at={"xml:lang": "en-US"})),
        el("S:Detail", el("psf:error", el("psf:value", status), inner)),
    )
    at = {"xmlns:S": ENVELOPE_12, "xmlns:wst": WST, "xmlns:psf": PSF}
    return markup.document(el("S:Envelope", el("S:Body", fault), at=at))
