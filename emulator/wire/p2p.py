"""MSNP2P version 1: the 48-byte header, chunks, acknowledgements, nonces. Not MSNSLP (slp.py), not a connection.

Source: dossier media.md 1.1, 1.6 (certainty A). All numbers little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import sha1
from uuid import UUID

import msgspec

from emulator.wire.errors import WireError

HEADER = 48  # bytes
SWITCHBOARD_CHUNK = 1202  # bytes of payload in one message of a switchboard
DIRECT_CHUNK = 1352  # bytes of payload in one record of a direct connection
MESSAGE_LIMIT = 1 << 20  # bytes of one reassembled message

FILE_LIMIT = 1 << 31  # bytes of one file, for receivers that do not keep it

PLAIN, NAK, ACK, HANDSHAKE = 0x0, 0x1, 0x2, 0x100
OBJECT_DATA = 0x20
FILE_DATA = 0x01000030  # as 8.x clients send it
CANCELLED = 0x8 | 0x40 | 0x80  # bits of the kind: error, cancel, transport error

# AppIDs: what a session is for, in its INVITE, and in the footer that follows a chunk on a switchboard
NEGOTIATION, OBJECT, FILE, ACTIVITY, EMOTICON, PICTURE = 0, 1, 2, 4, 11, 12
FOOTER = 4  # bytes, big-endian
PREPARATION = bytes(4)  # opens the data of an MSN object, never that of a file

_FORM = struct.Struct("<IIQQIIIIQ")
_RECORD = struct.Struct("<IIIQQIIIIQ")  # on a direct connection the length of header and chunk stands in front
RECORD = 4 + HEADER  # bytes before the chunk
BATCH = 64  # records that are written at once

Record = tuple[int, int, int, int, int, int, int, int, int, int]  # length, then the header's fields in their order
Bytes = bytes | bytearray | memoryview


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """One header. `ack_id`, `ack_unique`, `ack_size` are the last 16 bytes, which a handshake uses as its nonce."""

    session: int = 0
    identifier: int
    offset: int = 0
    total: int = 0
    length: int = 0
    flags: int = PLAIN
    ack_id: int = 0
    ack_unique: int = 0
    ack_size: int = 0

    @property
    def kind(self) -> int:
        """Low 16 bits of the flags; receivers compare only these."""
        return self.flags & 0xFFFF

    @property
    def is_data(self) -> bool:
        """True for a chunk of a file or of an MSN object, False for text and blobs."""
        return bool(self.kind & OBJECT_DATA)

    @property
    def nonce(self) -> bytes:
        """The last 16 bytes as they stand on the wire."""
        return pack(self)[32:]


def pack(header: Header) -> bytes:
    """The 48 bytes of a header."""
    return _FORM.pack(
        header.session,
        header.identifier,
        header.offset,
        header.total,
        header.length,
        header.flags,
        header.ack_id,
        header.ack_unique,
        header.ack_size,
    )


def unpack(data: bytes, *, limit: int = MESSAGE_LIMIT) -> Header:
    """Read the first 48 bytes. WireError for fewer, for a chunk outside its message, for a message over `limit`."""
    if len(data) < HEADER:
        raise WireError(f"a P2P header of {len(data)} bytes")
    fields = _FORM.unpack(data[:HEADER])
    _, _, offset, total, length, *_ = fields
    if total > limit:
        raise WireError(f"a P2P message of {total} bytes")
    if offset + length > total:
        raise WireError(f"a P2P chunk {offset}+{length} outside its message of {total} bytes")
    return _header(fields)


def records(
    payload: Bytes, *, session: int, identifier: int, flags: int, ack_id: int, limit: int = DIRECT_CHUNK
) -> Iterator[bytearray]:
    """A message as records of a direct connection, many at once: laid out once, then only offsets change."""
    view, total, step = memoryview(payload), len(payload), RECORD + limit
    head = _RECORD.pack(HEADER + limit, session, identifier, 0, total, limit, flags, ack_id, 0, 0)
    layout = (head + bytes(limit)) * min(BATCH, max(total // limit, 1))
    put, at = struct.Struct("<Q").pack_into, 0
    while total - at >= limit:
        count = min(len(layout) // step, (total - at) // limit)
        batch = bytearray(layout if count * step == len(layout) else layout[: count * step])
        for place in range(0, count * step, step):
            put(batch, place + 12, at)
            batch[place + RECORD : place + step] = view[at : at + limit]
            at += limit
        yield batch
    if at < total or not total:
        last = total - at
        head = _RECORD.pack(HEADER + last, session, identifier, at, total, last, flags, ack_id, 0, 0)
        yield bytearray(head + view[at:])


def unpack_record(data: Bytes, at: int) -> Record:
    """Length and header fields of the record that begins at `at`; 52 bytes must be there."""
    return _RECORD.unpack_from(data, at)


def header_of(record: Record) -> Header:
    """The header of a record."""
    return _header(record[1:])


def _header(fields: tuple[int, ...]) -> Header:
    session, identifier, offset, total, length, flags, ack_id, ack_unique, ack_size = fields
    return Header(
        session=session,
        identifier=identifier,
        offset=offset,
        total=total,
        length=length,
        flags=flags,
        ack_id=ack_id,
        ack_unique=ack_unique,
        ack_size=ack_size,
    )


def handshake(identifier: int, nonce: bytes) -> bytes:
    """Header with which a direct connection opens: flag 0x100, the nonce in the last 16 bytes."""
    if len(nonce) != 16:
        raise WireError(f"a nonce of {len(nonce)} bytes")
    return pack(Header(identifier=identifier, flags=HANDSHAKE))[:32] + nonce


def chunks(payload: bytes, *, session: int, identifier: int, flags: int, ack_id: int, limit: int) -> Iterator[bytes]:
    """Header and payload of every chunk of a message; `ack_id` is the random number that its ACK copies."""
    for offset in range(0, max(len(payload), 1), limit):
        piece = payload[offset : offset + limit]
        header = Header(
            session=session,
            identifier=identifier,
            offset=offset,
            total=len(payload),
            length=len(piece),
            flags=flags,
            ack_id=ack_id,
        )
        yield pack(header) + piece


def acknowledgement(received: Header, identifier: int) -> bytes:
    """The header that answers a complete message, of which `received` is any chunk's header."""
    return pack(
        Header(
            session=received.session,
            identifier=identifier,
            total=received.total,
            flags=ACK,
            ack_id=received.identifier,
            ack_unique=received.ack_id,
            ack_size=received.total,
        )
    )


def acknowledges(data: bytes, sent: Header) -> bool:
    """True when `data` is exactly the acknowledgement of the message that `sent` belongs to, by any identifier."""
    return len(data) == HEADER and data == acknowledgement(sent, unpack(data).identifier)


def published(nonce: bytes) -> str:
    """`Hashed-Nonce` of 16 secret bytes: the first 16 bytes of their SHA-1 as a GUID in mixed byte order."""
    return f"{{{UUID(bytes_le=sha1(nonce).digest()[:16])}}}".upper()


def plain(nonce: bytes) -> str:
    """`Nonce` of 16 bytes: a GUID in mixed byte order. ValueError for another length."""
    return f"{{{UUID(bytes_le=nonce)}}}".upper()


def read_plain(guid: str) -> bytes:
    """The 16 bytes of a `Nonce`. WireError for what is no GUID."""
    try:
        return UUID(guid).bytes_le
    except ValueError as error:
        raise WireError(f"a nonce {guid[:60]!r}") from error
