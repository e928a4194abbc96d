"""Signing in to the account: tickets by RST.srf for MSNP15 and later, by Passport 1.4 for MSNP8 to 12.

Not the sign-in to the notification server, which the tickets are for. Source: http.md 2, msnp.md 5.1, 5.2.
"""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import urlsplit

import msgspec

from emulator.client import soap
from emulator.client.network import Network, Unexpected
from emulator.wire import http, markup, passport, rst
from emulator.wire.errors import WireError

RST_PATH = "/RST.srf"
NEXUS_PATH = "/rdr/pprdr.asp"
REDIRECTS = 4  # hops that are followed
CONTACTS, SECURE, MESSENGER, STORAGE = (
    "contacts.msn.com",
    "messengersecure.live.com",
    "messenger.msn.com",
    "storage.msn.com",
)
SITES = (
    rst.Site(rst.PASSPORT),
    rst.Site(rst.CLEAR, "MBI_KEY_OLD"),
    rst.Site(MESSENGER, "?id=507"),
    rst.Site(CONTACTS, "MBI"),
    rst.Site(SECURE, "MBI_SSL"),
    rst.Site("spaces.live.com", "MBI"),
    rst.Site(STORAGE, "MBI_SSL"),
)  # what 8.1 asks for, in its order


class Credentials(msgspec.Struct, frozen=True):
    """Who signs in."""

    address: str
    password: str = msgspec.field(default="")

    def __repr__(self) -> str:
        return f"Credentials({self.address!r})"


class Tickets(msgspec.Struct, frozen=True):
    """What the account's service issued."""

    address: str
    tokens: tuple[rst.Token, ...]

    def __repr__(self) -> str:
        return f"Tickets({self.address!r}, {len(self.tokens)} sites)"

    def for_site(self, name: str) -> str:
        """The ticket of a site, `t=…&p=`. Raises Unexpected when none was issued."""
        for token in self.tokens:
            if token.site.lower() == name.lower() and token.ticket:
                return token.ticket
        raise Unexpected(f"no ticket for {name} was issued")

    @property
    def certificate(self) -> bytes:
        """The certificate for shared folders (DER). Raises Unexpected when none was issued."""
        text = next((token.ticket for token in self.tokens if token.site == rst.SHARED_FOLDERS), "")
        try:
            found = b64decode(text, validate=True)
        except ValueError as error:
            raise Unexpected(f"a certificate that is no base64: {text[:40]!r}") from error
        if not found:
            raise Unexpected("no certificate for shared folders was issued")
        return found

    @property
    def secret(self) -> str:
        """Base64 of the secret that answers the notification server's nonce; "" when none was issued."""
        return next((token.secret for token in self.tokens if token.site == rst.CLEAR), "")


async def tickets(
    network: Network,
    credentials: Credentials,
    *,
    secure: bool = True,
    host: str = "login.live.com",
    request: bytes = b"",
) -> Tickets:
    """Tickets for the sites of 8.1, and for a `request` (DER, PKCS#10) the certificate that shared folders need.

    A redirect is followed.

    Raises Unexpected: refused (`code` is the status that came with the fault, as 0x80048821 for a wrong password),
    no answer of this service.
    """
    wanted = (rst.Site(rst.SHARED_FOLDERS, "MBI_X509_CID", request),) if request else ()
    body = rst.request(rst.Login(credentials.address, credentials.password, (*SITES, *wanted)))
    path = RST_PATH
    for _ in range(REDIRECTS):
        service = soap.Service(network, host, secure=secure, agent=soap.LOGIN_AGENT)
        try:
            response = await service.answer(path, "", body)
        finally:
            service.close()
        host, path, secure_there = _redirected(response) or ("", "", True)
        if not host:
            return _issued(credentials, response)
        secure = secure and secure_there
    raise Unexpected(f"more than {REDIRECTS} redirects of the ticket request")


def _issued(credentials: Credentials, response: http.Response) -> Tickets:
    try:
        outcome = rst.read_answer(response.body)
    except WireError as error:
        raise Unexpected(f"HTTP {response.status}, {error}", status=response.status) from error
    if outcome.fault:
        code = outcome.status or outcome.fault
        raise Unexpected(f"the ticket request was refused: {outcome.fault} {code}", status=response.status, code=code)
    return Tickets(credentials.address, outcome.tokens)


def _redirected(response: http.Response) -> tuple[str, str, bool] | None:
    """Host, path and whether inside TLS, out of a `psf:Redirect`; None for any other answer."""
    try:
        root = markup.parse(response.body)
    except WireError:
        return None
    for path in ("Fault", "Body/Fault"):
        fault = markup.find(root, path)
        if fault is not None and markup.text(fault, "faultcode").endswith(":Redirect"):
            url = markup.text(fault, "redirectUrl") or markup.text(fault, "detail/redirectUrl")
            return _place(url)
    return None


def _place(url: str) -> tuple[str, str, bool]:
    """Host, path with query and whether inside TLS; a URL without a scheme means TLS. Raises Unexpected."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host = parts.hostname or ""
    except ValueError as error:
        raise Unexpected(f"a redirect to {url[:80]!r}") from error
    if not host or parts.scheme not in ("http", "https"):
        raise Unexpected(f"a redirect to {url[:80]!r}")
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), parts.scheme == "https"


async def passport_ticket(
    network: Network,
    credentials: Credentials,
    parameters: str,
    nexus: str = "nexus.passport.com",
    *,
    secure: bool = True,
) -> str:
    """The ticket that answers `USR … TWN S <parameters>`, verbatim. Redirects are followed.

    Raises Unexpected: the password is wrong (`status` 401), the nexus names no place, any other answer.
    """
    urls = await _get(network, nexus, NEXUS_PATH, secure=secure)
    fields = dict(piece.partition("=")[::2] for piece in urls.header("PassportURLs").split(","))
    if "DALogin" not in fields:
        raise Unexpected("the nexus names no place to sign in", status=urls.status)
    host, path, _ = _place(fields["DALogin"])
    authorization = passport.authorization(credentials.address, credentials.password, parameters)
    for _ in range(REDIRECTS):
        response = await _get(network, host, path, secure=secure, authorization=authorization)
        if response.status == 302:
            host, path, _ = _place(response.header("Location"))
            continue
        _, found, rest = response.header("Authentication-Info").partition("from-PP='")
        if response.status != 200 or not found:
            code = "wrong password" if response.status == 401 else ""
            raise Unexpected(f"the sign-in was answered {response.status}", status=response.status, code=code)
        return rest.partition("'")[0]
    raise Unexpected(f"more than {REDIRECTS} redirects of the sign-in")


async def _get(network: Network, host: str, path: str, *, secure: bool, authorization: str = "") -> http.Response:
    headers = [("User-Agent", soap.AGENT), ("Host", host), ("Connection", "Keep-Alive"), ("Cache-Control", "no-cache")]
    if authorization:
        headers.insert(0, ("Authorization", authorization))
    web = await network.web(host, secure=secure)
    try:
        return await web.ask(http.Request("GET", path, tuple(headers)))
    finally:
        web.close()
