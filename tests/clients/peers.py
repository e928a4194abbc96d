"""MSNP2P over the switchboard in its own bytes: chunks, acknowledgements, MSNSLP texts, a whole file.

Not the project's p2p codec. Clients end a transfer only on the exact sequence (clients.md 12). Source: media.md 1.
"""

from __future__ import annotations

import base64
import re
import struct
from typing import NamedTuple

from lines import Wire

HEADER = struct.Struct("<IIQQIIIIQ")
CHUNK = 1202
FILE_TRANSFER = "{5D3E02AB-6190-11D3-BBBB-00C04F795683}"
ACK, FILE = 0x02, 0x01000030


class Chunk(NamedTuple):
    """One message of the switchboard, taken apart."""

    session: int
    identifier: int
    offset: int
    total: int
    length: int
    flags: int
    ack: int
    unique: int
    ack_size: int
    data: bytes
    footer: int


class Peer:
    """One end on one switchboard connection."""

    def __init__(self, wire: Wire, me: str, other: str, first: int) -> None:
        self.wire, self.me, self.other = wire, me, other
        self._identifier = first
        self._trid = 100
        self.acknowledged: list[int] = []  # identifiers of one's own messages, in the order of their ACKs

    def _post(self, head: bytes, data: bytes, footer: int) -> None:
        mime = f"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\nP2P-Dest: {self.other}\r\n\r\n"
        payload = mime.encode() + head + data + struct.pack(">I", footer)
        self._trid += 1
        self.wire.say(f"MSG {self._trid} D {len(payload)}", payload)

    def send(self, data: bytes, *, session: int = 0, flags: int = 0, footer: int = 0) -> int:
        """A whole message in chunks of at most 1202 bytes; returns its identifier."""
        self._identifier += 1
        identifier = self._identifier
        for at in range(0, len(data), CHUNK):
            piece = data[at : at + CHUNK]
            head = HEADER.pack(session, identifier, at, len(data), len(piece), flags, 0xC0FFEE00 + identifier, 0, 0)
            self._post(head, piece, footer)
        return identifier

    def acknowledge(self, chunk: Chunk) -> None:
        """One ACK for a complete message."""
        self._identifier += 1
        ack = (self._identifier, 0, chunk.total, 0, ACK, chunk.identifier, chunk.ack, chunk.total)
        self._post(HEADER.pack(chunk.session, *ack), b"", chunk.footer)

    def chunk(self) -> Chunk:
        """The next chunk from the other end; the switchboard's own ACK lines are read over, NAK is an error."""
        for _ in range(2000):
            line = self.wire.read()
            assert line, "the switchboard closed"
            assert not line.startswith("NAK"), line
            if not line.startswith("MSG "):
                continue
            head, _, body = self.wire.payload.partition(b"\r\n\r\n")
            assert b"Content-Type: application/x-msnmsgrp2p" in head
            assert f"P2P-Dest: {self.me}".encode() in head
            fields = HEADER.unpack(body[:48])
            assert len(body) == 48 + fields[4] + 4
            return Chunk(*fields, body[48:-4], struct.unpack(">I", body[-4:])[0])
        raise AssertionError("no chunk")

    def message(self) -> tuple[Chunk, bytes]:
        """The next complete message of the other end, acknowledged; ACKs of one's own are written down."""
        parts: dict[int, bytearray] = {}
        for _ in range(20_000):
            one = self.chunk()
            if one.flags & 0xFFFF == ACK:
                self.acknowledged.append(one.ack)
                continue
            whole = parts.setdefault(one.identifier, bytearray())
            assert len(whole) == one.offset, "a chunk is missing or out of order"
            whole += one.data
            if len(whole) == one.total:
                self.acknowledge(one)
                return one, bytes(whole)
        raise AssertionError("no end of the message")

    def wait_for(self, identifier: int) -> None:
        """Until the other end has acknowledged one's own message."""
        for _ in range(100):
            if identifier in self.acknowledged:
                return
            one = self.chunk()
            assert one.flags & 0xFFFF == ACK, f"something else than an ACK: {one}"
            self.acknowledged.append(one.ack)
        raise AssertionError("not acknowledged")


def invitation(me: str, other: str, session: int, name: str, size: int) -> bytes:
    """INVITE to a file transfer; its context makes it longer than one chunk."""
    context = struct.pack("<IIQI", 638, 3, size, 1) + name.encode("utf-16-le").ljust(520, b"\0") + bytes(30)
    context += struct.pack("<I", 0xFFFFFFFF) + bytes(64)
    context = context.ljust(638, b"\0")
    body = (
        f"EUF-GUID: {FILE_TRANSFER}\r\nSessionID: {session}\r\nAppID: 2\r\n"
        f"Context: {base64.b64encode(context).decode()}\r\n\r\n\0"
    )
    return slp(f"INVITE MSNMSGR:{other} MSNSLP/1.0", me, other, 0, "application/x-msnmsgr-sessionreqbody", body)


def slp(start: str, me: str, other: str, sequence: int, kind: str, body: str) -> bytes:
    """One MSNSLP text with its final NUL counted."""
    return (
        f"{start}\r\nTo: <msnmsgr:{other}>\r\nFrom: <msnmsgr:{me}>\r\n"
        "Via: MSNSLP/1.0/TLP ;branch={33517CE4-02FC-4428-B6F4-39927229B722}\r\n"
        f"CSeq: {sequence} \r\nCall-ID: {{9D79AE57-1BD5-444B-B14E-3FC9BB2B5D58}}\r\nMax-Forwards: 0\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def field(text: bytes, name: str) -> str:
    """A header or body field of an MSNSLP text."""
    found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]*)\r\n", text)
    assert found, f"no {name}"
    return found.group(1).decode()
