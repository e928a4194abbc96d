"""SOAP and plain HTTP calls of a client: how requests look, and what an answer that is none becomes.

Not the content of any call. Source: http.md 1.1, 1.4.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.client.network import Network, Unexpected, Web
from emulator.wire import http, soap
from emulator.wire.errors import WireError
from emulator.wire.http import Headers

AGENT = "MSMSGS"
LOGIN_AGENT = (
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; IDCRL 4.100.313.1; IDCRL-cfg 4.0.5633.0; "
    "App msnmsgr.exe, 8.1.178.0, {7108E71A-9926-4FCB-BCC9-9A9D3F32E423})"
)  # form known from 14.0, the numbers of 8.1 are a guess
BOOK_AGENT = "MSN Explorer/9.0 (MSN 8.0; TmstmpExt)"  # address book and profile


def request(host: str, path: str, action: str, body: bytes, *, agent: str = AGENT) -> http.Request:
    """A SOAP request; `action` "" sends none (ticket requests)."""
    headers: Headers = (
        ("Accept", "*/*"),
        ("User-Agent", agent),
        ("Host", host),
        ("Content-Type", soap.CONTENT_TYPE),
        ("Cache-Control", "no-cache"),
        ("Connection", "Keep-Alive"),
    )
    if action:
        headers = (("SOAPAction", f'"{action}"'), *headers)
    return http.Request("POST", path, headers, body)


def read(response: http.Response) -> Element:
    """The answer's payload. Raises Unexpected: a fault (`code`), another status, no SOAP at all."""
    try:
        reply = soap.read_reply(response.body)
    except WireError as error:
        raise Unexpected(f"HTTP {response.status}, {error}", status=response.status) from error
    code = soap.errorcode(reply)
    if code or response.status != 200:
        raise Unexpected(f"HTTP {response.status}, fault {code or 'none'}", status=response.status, code=code)
    return reply


class Service:
    """One SOAP service on one host; the connection is opened with the first call and kept."""

    def __init__(self, network: Network, host: str, *, secure: bool, agent: str = AGENT) -> None:
        self._network = network
        self._host = host
        self._secure = secure
        self._agent = agent
        self._web: Web | None = None

    async def answer(self, path: str, action: str, body: bytes) -> http.Response:
        """The answer, whatever it is. Raises ClientError when there is none."""
        if self._web is None:
            self._web = await self._network.web(self._host, secure=self._secure)
        try:
            return await self._web.ask(request(self._host, path, action, body, agent=self._agent))
        except BaseException:
            self.close()
            raise

    async def call(self, path: str, action: str, body: bytes) -> Element:
        """The answer's payload. Raises ClientError, Unexpected for a fault."""
        return read(await self.answer(path, action, body))

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._web is not None:
            self._web.close()
            self._web = None
