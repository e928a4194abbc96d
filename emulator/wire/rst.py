"""Tickets by RST.srf as a client sees them: the request for several security tokens, and the answer read.

Not what the service answers (`rst_answer`), not Passport 1.4 (`passport`). Source: http.md 2.1 to 2.3, msnp.md 5.2.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://schemas.xmlsoap.org/ws/2003/06/secext"
WSP = "http://schemas.xmlsoap.org/ws/2002/12/policy"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSA = "http://schemas.xmlsoap.org/ws/2004/03/addressing"
WST = "http://schemas.xmlsoap.org/ws/2004/04/trust"
PS = "http://schemas.microsoft.com/Passport/SoapServices/PPCRL"
PSF = "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"
XENC = "http://www.w3.org/2001/04/xmlenc#"

PASSPORT = "http://Passport.NET/tb"  # site of the token that renews others
CLEAR = "messengerclear.live.com"  # site of the sign-in ticket: it comes with a secret
CONTACTS = "contacts.msn.com"
SHARED_FOLDERS = "p2pslc.messenger.msn.com"  # asks for a certificate instead of a ticket (msnp.md 5.7)
PKCS10 = PS + "#PKCS10"
X509 = PS + "#X509v3"  # ours: the original's name is unknown

SITES_LIMIT = 32

FAILED = "wsse:FailedAuthentication"
INVALID = "S:Client"


class Site(msgspec.Struct, frozen=True):
    """Who the ticket is for; the policy is not looked at. `request` is a certificate request (DER, PKCS#10)."""

    address: str
    policy: str = ""
    request: bytes = b""


class Login(msgspec.Struct, frozen=True):
    """What a client asks for, in its order. An account or password of "" means: none was given."""

    account: str
    password: str
    sites: tuple[Site, ...]


class Token(msgspec.Struct, frozen=True):
    """One issued token. `secret` (base64) and `ticket` are "" where the answer holds none."""

    site: str
    id: str
    ticket: str
    secret: str
    expires: str


class Outcome(msgspec.Struct, frozen=True):
    """An answer read: tokens, or the fault's code and status."""

    tokens: tuple[Token, ...] = ()
    fault: str = ""
    status: str = ""


def request(login: Login) -> bytes:
    """The envelope that clients of MSNP15 send (prefixes as in captures; servers go by namespace)."""
    at = {"xmlns": SOAP, "xmlns:wsse": WSSE, "xmlns:wsp": WSP, "xmlns:wsa": WSA, "xmlns:wst": WST}
    info = el(
        "ps:AuthInfo",
        el("ps:HostingApp", "{7108E71A-9926-4FCB-BCC9-9A9D3F32E423}"),
        el("ps:BinaryVersion", 4),
        el("ps:UIVersion", 1),
        el("ps:Cookies"),
        el("ps:RequestParams", "AQAAAAIAAABsYwQAAAAxMDMz"),  # one pair: lc = 1033, the client's language
        at={"xmlns:ps": PS, "Id": "PPAuthInfo"},
    )
    who = el(
        "wsse:UsernameToken",
        el("wsse:Username", login.account),
        el("wsse:Password", login.password),
        at={"Id": "user"},
    )
    asked = (_ask(number, site) for number, site in enumerate(login.sites))
    body = el("ps:RequestMultipleSecurityTokens", *asked, at={"xmlns:ps": PS, "Id": "RSTS"})
    return markup.document(el("Envelope", el("Header", info, el("wsse:Security", who)), el("Body", body), at=at))


def _ask(number: int, site: Site) -> Xml:
    policy = (el("wsse:PolicyReference", at={"URI": site.policy}),) if site.policy else ()
    supporting: tuple[Xml, ...] = ()
    if site.request:
        at = {"ValueType": PKCS10, "EncodingType": "wsse:Base64Binary"}
        token = el("wsse:BinarySecurityToken", b64encode(site.request).decode(), at=at)
        supporting = (el("wst:Supporting", token),)
    reference = "wsa:ServiceName" if site.address == SHARED_FOLDERS else "wsa:Address"
    return el(
        "wst:RequestSecurityToken",
        el("wst:RequestType", "http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue"),
        el("wsp:AppliesTo", el("wsa:EndpointReference", el(reference, site.address))),
        *policy,
        *supporting,
        at={"Id": f"RST{number}"},
    )


def read_request(data: bytes) -> Login:
    """Parse a request by local names. Raises WireError: no XML, no envelope, no token asked for, more than 32."""
    root = markup.parse(data)
    if markup.local(root) != "Envelope":
        raise WireError(f"not a SOAP envelope but {markup.local(root)}")
    asked = markup.every(root, "Body/RequestMultipleSecurityTokens/RequestSecurityToken")
    asked = asked or markup.every(root, "Body/RequestSecurityToken")
    if not 0 < len(asked) <= SITES_LIMIT:
        raise WireError(f"{len(asked)} security tokens asked for, 1 to {SITES_LIMIT} are served")
    reference = "AppliesTo/EndpointReference/"
    sites = tuple(
        Site(
            markup.text(one, reference + "Address") or markup.text(one, reference + "ServiceName"),
            markup.attribute(markup.find(one, "PolicyReference"), "URI"),
            _decoded(markup.text(one, "Supporting/BinarySecurityToken")),
        )
        for one in asked
    )
    who = markup.find(root, "Header/Security/UsernameToken")
    return Login(markup.text(who, "Username"), markup.text(who, "Password"), sites)


def read_answer(data: bytes) -> Outcome:
    """Tokens or fault, as clients read them. Raises WireError when it is neither."""
    root = markup.parse(data)
    fault = markup.find(root, "Fault")
    if fault is None:
        fault = markup.find(root, "Body/Fault")
    if fault is not None:
        status = markup.text(root, "Header/pp/reqstatus") or markup.text(fault, "pp/reqstatus")
        return Outcome(fault=markup.text(fault, "faultcode"), status=status)
    path = "Body/RequestSecurityTokenResponseCollection/RequestSecurityTokenResponse"
    tokens = tuple(
        Token(
            markup.text(one, "AppliesTo/EndpointReference/Address")
            or markup.text(one, "AppliesTo/EndpointReference/ServiceName"),
            markup.attribute(markup.find(one, "RequestedSecurityToken/BinarySecurityToken"), "Id"),
            markup.text(one, "RequestedSecurityToken/BinarySecurityToken"),
            markup.text(one, "RequestedProofToken/BinarySecret"),
            markup.text(one, "LifeTime/Expires"),
        )
        for one in markup.every(root, path)
    )
    if not tokens:
        raise WireError(f"neither tokens nor a fault in {markup.local(root)}")
    return Outcome(tokens=tokens)


def _decoded(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        return b""
