"""CONNECT through an HTTP proxy, as a talk. Not absolute-form requests (those are ordinary HTTP), not SOCKS."""

from __future__ import annotations

import re

import msgspec

from emulator.wire.errors import WireError
from emulator.wire.talk import Send, Talk, Until

HEAD_LIMIT = 16 * 1024  # bytes of the proxy's answer head

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r\n")


class Tunnel(msgspec.Struct, frozen=True):
    """The proxy's answer: `status` 200 to 299 means the tunnel is open; `head` is the answer's head as text."""

    status: int
    head: str


def connect(host: str, port: int, *, agent: str, authorization: str = "") -> Talk[Tunnel]:
    """Ask for a tunnel. `authorization` is the value of Proxy-Authorization, or "". Raises WireError if not HTTP."""
    rows = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", f"User-Agent: {agent}"]
    if authorization:
        rows.append(f"Proxy-Authorization: {authorization}")
    rows.append("Proxy-Connection: Keep-Alive")
    yield Send("\r\n".join((*rows, "", "")).encode("latin-1"))
    head = yield Until(b"\r\n\r\n", HEAD_LIMIT)
    found = _STATUS.match(head)
    if found is None:
        raise WireError(f"the proxy does not speak HTTP: {head[:60]!r}")
    return Tunnel(int(found[1]), head.decode("latin-1"))
