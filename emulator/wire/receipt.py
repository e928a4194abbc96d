"""What the far end saw: one receipt per TCP connection or UDP exchange, as JSON-able frozen records.

Not a judgement. Times are seconds of the emulator's wall clock; digests are SHA-256 in hexadecimal.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Endpoint(msgspec.Struct, frozen=True, array_like=True):
    """A transport address as it was seen at that place."""

    address: str
    port: int


class Digest(msgspec.Struct, frozen=True):
    """Count of bytes and their SHA-256 (hex)."""

    size: int
    sha256: str


class TlsFacts(msgspec.Struct, frozen=True):
    """What a server learns from a ClientHello and the finished handshake."""

    sni: str = ""
    client_random: str = ""
    offered: str = ""  # highest version offered, e.g. "TLSv1.3"
    agreed: str = ""  # "" when the handshake did not finish


class Seen(msgspec.Struct, frozen=True):
    """One tagged exchange inside a receipt (an HTTP connection through a proxy may carry several)."""

    protocol: str
    tag: str
    at: float
    facts: dict[str, Any] = {}
    request: Digest | None = None  # None: the digests of the whole stream decide
    response: Digest | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What arrived at one local address from one peer.

    `state`: "half-open" (a SYN whose handshake never finished), "open", "ended". `serial` grows with every change,
    so a later receipt with the same `id` replaces an earlier one. `protocol` is what the first bytes said.
    """

    id: int
    serial: int
    transport: str
    local: Endpoint
    peer: Endpoint
    at: float
    state: str
    protocol: str = ""
    received: Digest | None = None  # application bytes (inside TLS)
    sent: Digest | None = None
    seen: tuple[Seen, ...] = ()
    tls: TlsFacts | None = None
    facts: dict[str, Any] = {}
    end: str = ""  # how the connection ended: "fin", "rst", "closed", ""
    error: str = ""
