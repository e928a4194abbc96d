"""HTTP as clients of 2007 read it: letter by letter, `Content-Length` spelled so, no chunks; in clear or inside TLS.

Not http.client: it would forgive what libpurple and papyon do not. Source: http.md 1.2.
"""

from __future__ import annotations

import socket
import ssl
import warnings
from typing import NamedTuple

LIMIT = 15.0  # seconds for any answer
PURPLE_AGENT = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"
OFFICIAL_AGENT = "MSN Explorer/9.0 (MSN 8.0; TmstmpExt)"


class Answer(NamedTuple):
    """What came back; `head` ends before the empty line."""

    status: int
    head: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        """A header's value by its exact spelling; "" when it is not there in this spelling."""
        for line in self.head.split("\r\n")[1:]:
            if line.startswith(name + ": "):
                return line[len(name) + 2 :]
        return ""


def old_tls(*, ciphers: str = "DEFAULT:@SECLEVEL=0", version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A context that does not look at certificates, as several clients do; `version` is the only one offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 is the point
            context.minimum_version = context.maximum_version = version
    return context


class Link:
    """One connection to a web host, kept alive as long as the answers say so."""

    def __init__(
        self,
        address: str,
        *,
        secure: bool = False,
        port: int = 0,
        name: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        stream = socket.create_connection((address, port or (443 if secure else 80)), LIMIT)
        self.stream: socket.socket = stream
        if secure:
            self.stream = (context or old_tls()).wrap_socket(stream, server_hostname=name)
        self._buffer = b""

    def exchange(self, request: bytes) -> Answer:
        """One request in its own bytes, one answer as libpurple and papyon take it apart."""
        self.stream.sendall(request)
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        raw, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        head = raw.decode("latin-1")
        assert head.startswith("HTTP/1.1 "), head
        status = int(head[9:12])
        assert "chunked" not in head
        assert status == 304 or "\r\nContent-Length: " in head, head
        length = int(head.partition("\r\nContent-Length: ")[2].partition("\r\n")[0] or 0)
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(status, head, body)

    def _more(self) -> None:
        data = self.stream.recv(65536)
        assert data, "the server closed within an answer"
        self._buffer += data

    def close(self) -> None:
        self.stream.close()


def request(method: str, target: str, host: str, body: bytes = b"", **headers: str) -> bytes:
    """A request's bytes; underscores in names of headers stand for hyphens."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept: */*"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def once(address: str, data: bytes, *, secure: bool = False, context: ssl.SSLContext | None = None) -> Answer:
    """One request on a connection of its own."""
    link = Link(address, secure=secure, context=context)
    try:
        return link.exchange(data)
    finally:
        link.close()


def soap(
    address: str, host: str, path: str, action: str, body: str, *, secure: bool = True, quoted: bool = True, **more: str
) -> Answer:
    """One SOAP call. `action` "" leaves the header out; some clients quote it, some do not."""
    headers = {"Content_Type": "text/xml; charset=utf-8", "User_Agent": OFFICIAL_AGENT, **more}
    if action:
        headers["SOAPAction"] = f'"{action}"' if quoted else action
    headers |= {"Connection": "Keep-Alive", "Cache_Control": "no-cache"}
    return once(address, request("POST", path, host, body.encode(), **headers), secure=secure)
