"""What RST.srf answers: tokens for every site that was asked for, a refusal, or another place to ask.

Not the check of the password, and not the SOAP 1.2 form of 2009 (`rst2`). Source: http.md 2.2, 2.3, clients.md 1, 2.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import msgspec

from emulator.wire import markup
from emulator.wire.markup import Xml, el, joined
from emulator.wire.rst import FAILED, INVALID, PASSPORT, PSF, SHARED_FOLDERS, SOAP, WSA, WSP, WSSE, WST, WSU, X509, XENC
from emulator.wire.webfiles import soap_date

LIFETIME = 86_400  # seconds
BAD_PASSWORD = "0x80048821"
BAD_REQUEST = "0x80048820"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in, as the answer's header shows it. `cid` is signed."""

    address: str
    cid: int
    puid: int
    country: str
    language: int

    @property
    def cid_hex(self) -> str:
        return f"{self.cid & 0xFFFFFFFFFFFFFFFF:016x}"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a site gets: a ticket, or a `certificate` (DER), or the `refusal` of this one site (a status).

    `secret` (base64) proves possession of the ticket; "" leaves it out. `cipher` is that of the renewal token.
    """

    site: str
    ticket: str = ""
    secret: str = ""
    cipher: bytes = b""
    certificate: bytes = b""
    refusal: str = ""


def issued(holder: Holder, grants: Sequence[Grant], now: float) -> bytes:
    """Tokens for every site asked, in that order, numbered by it; they live 24 hours."""
    at = {"xmlns:wst": WST, "xmlns:wsse": WSSE, "xmlns:wsu": WSU, "xmlns:wsp": WSP, "xmlns:wsa": WSA}
    tokens = (_token(number, grant, now) for number, grant in enumerate(grants))
    body = el("wst:RequestSecurityTokenResponseCollection", *tokens, at=at)
    head = el("S:Header", passport_header(holder, now))
    return markup.document(el("S:Envelope", head, el("S:Body", body), at={"xmlns:S": SOAP}))


def passport_header(holder: Holder, now: float) -> Xml:
    """`psf:pp` of a success."""
    names = {
        "MainBrandID": "MSFT",
        "IsWinLiveUser": "true",
        "CID": holder.cid_hex,
        "AuthMembername": holder.address,
        "Country": holder.country,
        "Language": str(holder.language),
        "Flags": "40100643",
    }
    return el(
        "psf:pp",
        el("psf:serverVersion", 1),
        el("psf:PUID", f"{holder.puid:016X}"),
        el("psf:configVersion", "3.0.869.0"),
        el("psf:uiVersion", "3.0.869.0"),
        el("psf:authstate", "0x48803"),
        el("psf:reqstatus", "0x0"),
        _server_info(now),
        el("psf:cookies"),
        el("psf:browserCookies"),
        el("psf:credProperties", *(el("psf:credProperty", v, at={"Name": k}) for k, v in names.items())),
        el("psf:extProperties", el("psf:extProperty", holder.cid_hex, at={"Name": "CID"})),
        el("psf:response"),
        at={"xmlns:psf": PSF},
    )


def _server_info(now: float) -> Xml:
    at = {"Path": "Emu", "RollingUpgradeState": "ExclusiveNew", "LocVersion": "0", "ServerTime": soap_date(now)}
    return el("psf:serverInfo", "EMULOGN01", at=at)


def content_of(number: int, grant: Grant) -> tuple[str, str, Xml]:
    """Name, kind and element of a token; the number in the name counts the sites asked for (clients.md 1)."""
    if grant.site == PASSPORT:
        name = f"BinaryDAToken{number}"
        return name, "urn:passport", _encrypted(name, grant.cipher)
    if grant.certificate:  # the wire form of this answer is nowhere described: emulated
        name = f"X509Tok{number}"
        at = {"Id": name, "ValueType": X509, "EncodingType": "wsse:Base64Binary"}
        return name, X509, el("wsse:BinarySecurityToken", b64encode(grant.certificate).decode(), at=at)
    name = f"Compact{number}"
    return name, "urn:passport:compact", el("wsse:BinarySecurityToken", grant.ticket, at={"Id": name})


def _encrypted(name: str, cipher: bytes) -> Xml:
    return el(
        "EncryptedData",
        el("EncryptionMethod", at={"Algorithm": XENC + "tripledes-cbc"}),
        el(
            "ds:KeyInfo",
            el("ds:KeyName", "http://Passport.NET/STS"),
            at={"xmlns:ds": "http://www.w3.org/2000/09/xmldsig#"},
        ),
        el("CipherData", el("CipherValue", b64encode(cipher).decode())),
        at={"xmlns": XENC, "Id": name, "Type": XENC + "Element"},
    )


def _token(number: int, grant: Grant, now: float) -> Xml:
    name, kind, content = content_of(number, grant)
    reference = "wsa:ServiceName" if grant.site == SHARED_FOLDERS else "wsa:Address"
    applies = el("wsp:AppliesTo", el("wsa:EndpointReference", el(reference, grant.site)))
    if grant.refusal:
        status = el("psf:pp", el("psf:reqstatus", grant.refusal), at={"xmlns:psf": PSF})
        fault = el("S:Fault", el("faultcode", "wst:InvalidRequest"), el("faultstring", "Invalid Request"), status)
        return el("wst:RequestSecurityTokenResponse", applies, fault)
    secret = el("wst:RequestedProofToken", el("wst:BinarySecret", grant.secret))
    return el(
        "wst:RequestSecurityTokenResponse",
        el("wst:TokenType", "urn:passport:legacy" if grant.site == PASSPORT else kind),
        applies,
        el("wst:LifeTime", el("wsu:Created", soap_date(now)), el("wsu:Expires", soap_date(now + LIFETIME))),
        el("wst:RequestedSecurityToken", content),
        el(
            "wst:RequestedTokenReference",
            el("wsse:KeyIdentifier", at={"ValueType": kind}),
            el("wsse:Reference", at={"URI": f"#{name}"}),
        ),
        *((secret,) if grant.secret else ()),
    )


def failed(now: float) -> bytes:
    """Wrong password: the fault stands beside the body, with status 0x80048821."""
    header = el(
        "psf:pp",
        el("psf:serverVersion", 1),
        el("psf:authstate", "0x80048800"),
        el("psf:reqstatus", BAD_PASSWORD),
        _server_info(now),
        el("psf:cookies"),
        el("psf:response"),
    )
    return _fault(FAILED, "Authentication Failure", head=el("S:Header", header))


def invalid(now: float) -> bytes:
    """No XML or no credentials: `S:Client`, status 0x80048820."""
    header = el(
        "psf:pp",
        el("psf:serverVersion", 1),
        el("psf:authstate", "0x80048800"),
        el("psf:reqstatus", BAD_REQUEST),
        _server_info(now),
        el("psf:cookies"),
        el("psf:response"),
    )
    return _fault(INVALID, "Invalid Request", head=el("S:Header", header))


def redirect(url: str) -> bytes:
    """Go elsewhere: the client repeats its request at `url`."""
    return _fault("psf:Redirect", "Redirect", extra=el("psf:redirectUrl", url))


def _fault(code: str, text: str, *, head: Xml = Xml(""), extra: Xml = Xml("")) -> bytes:
    at = {"xmlns:S": SOAP, "xmlns:wsse": WSSE, "xmlns:psf": PSF}
    fault = el("S:Fault", el("faultcode", code), el("faultstring", text), extra)
    return markup.document(el("S:Envelope", joined(head, fault), at=at))
