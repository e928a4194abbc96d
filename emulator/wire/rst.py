"""Tickets by RST.srf: the request for several security tokens, its answer and its faults, at both ends.

Not Passport 1.4 (`passport`) and not RST2 of 2009. Source: http.md 2.1 to 2.3, msnp.md 5.2 to 5.4.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import msgspec

from emulator.wire import markup, passport
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el, joined
from emulator.wire.webfiles import soap_date

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

SITES_LIMIT = 32
LIFETIME = 86_400  # seconds
SECRET = 24  # bytes

FAILED = "wsse:FailedAuthentication"
INVALID = "S:Client"


class Site(msgspec.Struct, frozen=True):
    """Who the ticket is for; the policy is not looked at."""

    address: str
    policy: str = ""


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
    return el(
        "wst:RequestSecurityToken",
        el("wst:RequestType", "http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue"),
        el("wsp:AppliesTo", el("wsa:EndpointReference", el("wsa:Address", site.address))),
        *policy,
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
        )
        for one in asked
    )
    who = markup.find(root, "Header/Security/UsernameToken")
    return Login(markup.text(who, "Username"), markup.text(who, "Password"), sites)


def issued(login: Login, *, ticket: str, now: float, entropy: Callable[[int], bytes]) -> bytes:
    """Tokens for every site asked, in that order, all holding `ticket`; they live 24 hours."""
    numbers = passport.numbers(login.account)
    names = {
        "MainBrandID": "MSFT",
        "IsWinLiveUser": "true",
        "CID": numbers.cid_hex,
        "AuthMembername": login.account,
        "Country": "US",
        "Language": "1033",
        "Flags": "40100643",
    }
    header = el(
        "psf:pp",
        el("psf:serverVersion", 1),
        el("psf:PUID", numbers.puid_hex),
        el("psf:configVersion", "3.0.869.0"),
        el("psf:uiVersion", "3.0.869.0"),
        el("psf:authstate", "0x48803"),
        el("psf:reqstatus", "0x0"),
        _server_info(now),
        el("psf:cookies"),
        el("psf:browserCookies"),
        el("psf:credProperties", *(el("psf:credProperty", v, at={"Name": k}) for k, v in names.items())),
        el("psf:extProperties", el("psf:extProperty", numbers.cid_hex, at={"Name": "CID"})),
        el("psf:response"),
        at={"xmlns:psf": PSF},
    )
    at = {"xmlns:wst": WST, "xmlns:wsse": WSSE, "xmlns:wsu": WSU, "xmlns:wsp": WSP, "xmlns:wsa": WSA}
    tokens = (_token(number, site, ticket, now, entropy) for number, site in enumerate(login.sites))
    body = el("wst:RequestSecurityTokenResponseCollection", *tokens, at=at)
    envelope = el("S:Envelope", el("S:Header", header), el("S:Body", body), at={"xmlns:S": SOAP})
    return markup.document(envelope)


def _server_info(now: float) -> Xml:
    at = {"Path": "Emu", "RollingUpgradeState": "ExclusiveNew", "LocVersion": "0", "ServerTime": soap_date(now)}
    return el("psf:serverInfo", "EMULOGN01", at=at)


def _token(number: int, site: Site, ticket: str, now: float, entropy: Callable[[int], bytes]) -> Xml:
    legacy = site.address == PASSPORT
    name = f"BinaryDAToken{number}" if legacy else f"Compact{number}"  # bitlbee and libpurple read the digits
    kind = "urn:passport" if legacy else "urn:passport:compact"
    if legacy:
        content = el(
            "EncryptedData",
            el("EncryptionMethod", at={"Algorithm": XENC + "tripledes-cbc"}),
            el(
                "ds:KeyInfo",
                el("ds:KeyName", "http://Passport.NET/STS"),
                at={"xmlns:ds": "http://www.w3.org/2000/09/xmldsig#"},
            ),
            el("CipherData", el("CipherValue", _base64(entropy(64)))),
            at={"xmlns": XENC, "Id": name, "Type": XENC + "Element"},
        )
    else:
        content = el("wsse:BinarySecurityToken", ticket, at={"Id": name})
    secret = el("wst:RequestedProofToken", el("wst:BinarySecret", _base64(entropy(SECRET))))
    return el(
        "wst:RequestSecurityTokenResponse",
        el("wst:TokenType", "urn:passport:legacy" if legacy else kind),
        el("wsp:AppliesTo", el("wsa:EndpointReference", el("wsa:Address", site.address))),
        el("wst:LifeTime", el("wsu:Created", soap_date(now)), el("wsu:Expires", soap_date(now + LIFETIME))),
        el("wst:RequestedSecurityToken", content),
        el(
            "wst:RequestedTokenReference",
            el("wsse:KeyIdentifier", at={"ValueType": kind}),
            el("wsse:Reference", at={"URI": f"#{name}"}),
        ),
        *((secret,) if legacy or site.address == CLEAR else ()),
    )


def failed(now: float) -> bytes:
    """Wrong password: the fault stands beside the body, with status 0x80048821."""
    header = el(
        "psf:pp",
        el("psf:serverVersion", 1),
        el("psf:authstate", "0x80048800"),
        el("psf:reqstatus", "0x80048821"),
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
        el("psf:reqstatus", "0x80048820"),
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
            markup.text(one, "AppliesTo/EndpointReference/Address"),
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


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
