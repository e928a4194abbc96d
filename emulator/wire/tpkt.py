"""TPKT (RFC 1006) and the X.224 connection phase with Microsoft's negotiation block. Not MCS (mcs.py).

Source: dossier media.md 6.1, 6.2 (verified with tshark). TPKT big-endian, negotiation block little-endian.
"""

from __future__ import annotations

import msgspec

from emulator.wire.errors import WireError
from emulator.wire.talk import Exactly, Talk

SIZE_LIMIT = 4096  # bytes of one packet with its head
DATA = b"\x02\xf0\x80"  # X.224 data, end of TSDU
CONNECT_REQUEST, CONNECT_CONFIRM = 0xE0, 0xD0
REFERENCE = 0x1234  # our own source reference in a confirm
NEG_REQUEST, NEG_RESPONSE, NEG_FAILURE = 1, 2, 3
TLS_NOT_ALLOWED = 2  # failure code


class Negotiation(msgspec.Struct, frozen=True):
    """RDP_NEG_REQ, _RSP or _FAILURE. `value`: protocols asked for, protocol selected, or failure code."""

    kind: int
    value: int
    flags: int = 0


class Connection(msgspec.Struct, frozen=True):
    """An X.224 CR or CC. `cookie` is the text line before the negotiation block, without CRLF."""

    code: int
    destination: int = 0
    source: int = 0
    cookie: str = ""
    negotiation: Negotiation | None = None


def pack(payload: bytes) -> bytes:
    """A TPKT packet."""
    return b"\x03\x00" + (len(payload) + 4).to_bytes(2, "big") + payload


def pack_data(payload: bytes) -> bytes:
    """A TPKT packet with X.224 data."""
    return pack(DATA + payload)


def read() -> Talk[bytes]:
    """Payload of the next TPKT packet; 7 to 4096 bytes with its head."""
    head = yield Exactly(4)
    size = int.from_bytes(head[2:], "big")
    if head[:2] != b"\x03\x00" or not 7 <= size <= SIZE_LIMIT:
        raise WireError(f"not a TPKT packet: {head.hex()}")
    return (yield Exactly(size - 4))


def read_data() -> Talk[bytes]:
    """Payload of the next X.224 data packet."""
    payload = yield from read()
    if payload[:3] != DATA or len(payload) == 3:
        raise WireError(f"not X.224 data: {payload[:3].hex()}")
    return payload[3:]


def pack_connection(connection: Connection) -> bytes:
    """A CR or CC in its TPKT packet."""
    variable = f"{connection.cookie}\r\n".encode() if connection.cookie else b""
    if connection.negotiation is not None:
        block = connection.negotiation
        variable += bytes((block.kind, block.flags, 8, 0)) + block.value.to_bytes(4, "little")
    head = connection.destination.to_bytes(2, "big") + connection.source.to_bytes(2, "big") + b"\0"
    if len(variable) > 248:
        raise WireError(f"an X.224 connection of {len(variable)} variable bytes")
    return pack(bytes((6 + len(variable), connection.code)) + head + variable)


def read_connection(code: int) -> Talk[Connection]:
    """Take a CR or CC off a stream. WireError for another code, length, class than 0 or an unknown variable part.

    A confirm must name the reference of our requests, which is 0.
    """
    payload = yield from read()
    if len(payload) < 7 or payload[0] != len(payload) - 1 or payload[1] != code:
        raise WireError(f"not the X.224 packet {code:#x}: {payload[:7].hex()}")
    destination, source = int.from_bytes(payload[2:4], "big"), int.from_bytes(payload[4:6], "big")
    if payload[6] or (code == CONNECT_CONFIRM and destination):
        raise WireError(f"X.224 class {payload[6]:#x}, destination reference {destination:#x}")
    cookie, negotiation = _variable(payload[7:])
    return Connection(code, destination, source, cookie, negotiation)


def _variable(data: bytes) -> tuple[str, Negotiation | None]:
    cookie = ""
    if data.startswith(b"Cookie: "):
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise WireError("an X.224 cookie without its end")
        cookie = line.decode("latin-1")
    if not data:
        return cookie, None
    if len(data) == 8 and data[0] in (NEG_REQUEST, NEG_RESPONSE, NEG_FAILURE) and data[2:4] == b"\x08\0":
        return cookie, Negotiation(data[0], int.from_bytes(data[4:], "little"), data[1])
    if not cookie and data[0] & 0xF0 == 0xC0:
        return "", None  # X.224 parameters (TPDU size and such), which conferencing stacks send: noted by nobody
    raise WireError(f"an unknown X.224 variable part: {data[:16].hex()}")
