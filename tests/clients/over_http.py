"""MSNP inside HTTP as five programs do it: how they open, how they address, how they take `X-MSN-Messenger` apart.

Not the gateway's own words: each family has its own. Source: http.md 12, msnp.md 4.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import NamedTuple

import web
from lines import Wire

OPENER = "gateway.messenger.hotmail.com"
Where = tuple[str, str, bool]  # session id, host to go on at, closed


def papyon(header: str) -> Where:
    """Split at `;` and at `=`: a piece without `=` is a ValueError, and so is a trailing semicolon."""
    fields = {}
    for piece in header.split(";"):
        name, value = (word.strip() for word in piece.split("=", 1))
        fields[name] = value
    return fields["SessionID"], fields["GW-IP"], fields.get("Session") == "close"


def purple(header: str) -> Where:
    """Split at `; `, exactly one blank."""
    fields = dict(piece.split("=", 1) for piece in header.split("; "))
    return fields["SessionID"], fields["GW-IP"], "Session" in fields


def emesene(header: str) -> Where:
    """All before the literal `; GW-IP=` is the session; the second piece is the host: order matters."""
    session = header.split("; GW-IP=")[0].replace("SessionID=", "")
    host = header.split("; ")[1].replace("GW-IP=", "")
    return session, host, header.endswith("; Session=close")


def amsn(header: str) -> Where:
    """A list of pairs."""
    fields = dict(piece.strip().partition("=")[::2] for piece in header.split(";"))
    return fields["SessionID"], fields["GW-IP"], fields.get("Session") == "close"


class Manner(NamedTuple):
    """How one family uses the gateway."""

    take_apart: Callable[[str], Where]
    absolute: bool = False  # POST http://host/…
    empty_open: bool = False  # the first command goes in a second request
    pipelined: bool = False  # VER, CVR and USR in the body that opens
    kind: str = "application/x-msn-messenger"
    lifespan: int = 0  # seconds that a poll may be held
    secure: bool = False  # inside TLS, by the later name


MANNERS = {
    "papyon": Manner(papyon),
    "libpurple": Manner(purple, absolute=True),
    "emesene": Manner(emesene),
    "amsn": Manner(amsn, absolute=True, empty_open=True, kind="text/xml; charset=utf-8"),
    "msnpsharp": Manner(purple, pipelined=True, lifespan=3),
    "bitlbee": Manner(papyon, lifespan=5, secure=True),
}


class Gateway(Wire):
    """One session behind the gateway; what is said waits for the next request, what is not there yet is polled for."""

    def __init__(self, address: str, manner: Manner, server: str = "NS", target: str = "messenger.hotmail.com") -> None:
        super().__init__(self._send, self._receive)
        self._address, self._manner = address, manner
        self.ahead = manner.pipelined
        self._host = "geo.gateway.messenger.live.com" if manner.secure else OPENER
        self._query = f"Action=open&Server={server}&IP={target}"
        self._session = ""
        self.closed = False
        self.requests = 0
        self._link: web.Link | None = None
        self._waiting = b""
        self._arrived = b""
        if manner.empty_open:
            self._exchange(self._query, b"")

    def _send(self, data: bytes) -> None:
        if not self._session:
            self._waiting += data
            if not self._manner.pipelined or b"USR" in self._waiting or b"ANS" in self._waiting:
                data, self._waiting = self._waiting, b""
                self._exchange(self._query, data)
            return
        self._exchange(f"SessionID={self._session}", data)

    def _receive(self) -> bytes:
        """Poll until something comes; a bounded number of times."""
        for _ in range(60):
            if self._arrived:
                data, self._arrived = self._arrived, b""
                return data
            if self.closed:
                return b""
            span = f"&Lifespan={self._manner.lifespan}" if self._manner.lifespan else ""
            self._exchange(f"Action=poll&SessionID={self._session}{span}", b"")
        raise AssertionError("sixty polls without a byte")

    def _exchange(self, query: str, body: bytes) -> None:
        assert not self.closed
        self.requests += 1
        if self._link is None:
            context: ssl.SSLContext | None = web.old_tls() if self._manner.secure else None
            self._link = web.Link(self._address, secure=self._manner.secure, name=self._host, context=context)
        scheme = f"http://{self._host}" if self._manner.absolute else ""
        request = web.request(
            "POST",
            f"{scheme}/gateway/gateway.dll?{query}",
            self._host,
            body,
            Accept_Language="en-us",
            User_Agent="MSMSGS",
            Pragma="no-cache",
            Connection="Keep-Alive",
            Proxy_Connection="Keep-Alive",
            Content_Type=self._manner.kind,
        )
        answer = self._link.exchange(request)
        assert answer.head.startswith("HTTP/1.1 200 OK\r\n"), answer.head  # libpurple takes no other line
        assert answer.header("Content-Type") == "application/x-msn-messenger"
        self._session, host, self.closed = self._manner.take_apart(answer.header("X-MSN-Messenger"))
        self._arrived += answer.body
        if host != self._host:  # papyon, libpurple and aMSN go on there
            self._host = host
            self._link.close()
            self._link = None

    def hang_up(self) -> None:
        """Drop the connection to the web server."""
        if self._link is not None:
            self._link.close()


def open_gateway(address: str, family: str, server: str = "NS", target: str = "messenger.hotmail.com") -> Gateway:
    """A session in the manner of a family."""
    return Gateway(address, MANNERS[family], server, target)
