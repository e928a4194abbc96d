"""Direct connection (TCPv1): `foo`, nonces, a file in chunks, its acknowledgement, BYE. Not its negotiation.

Source: dossier media.md 1.6 (certainty A). Plain nonces: the 16 bytes are the flow's tag, both ends send the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from emulator.wire import p2p, slp, tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number
from emulator.wire.talk import Exactly, Note, Send, Sighting, Talk

OPENING = b"\x04\0\0\0foo\0"
RECORD_LIMIT = 8192 + p2p.HEADER  # bytes: what the most generous known client accepts
FILE_SIZE = 3000  # bytes: three chunks
MESSAGES = 16  # complete messages on one connection
CONTACT = "contact@hotmail.com"


def record(data: bytes) -> bytes:
    """Length (u32 little-endian) and bytes."""
    return len(data).to_bytes(4, "little") + data


class Records:
    """Cuts what arrives on an open connection into records. Nothing is copied but the rest of a buffer."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[p2p.Record, memoryview]]:
        """Length and header fields, and the chunk, of each whole record. WireError for an impossible length."""
        buffer = self._rest + data if self._rest else data
        self._rest = b""
        view, at, end, unpack = memoryview(buffer), 0, len(buffer), p2p.unpack_record
        while end - at >= p2p.RECORD:
            found = unpack(buffer, at)
            stop = at + 4 + found[0]
            if not p2p.HEADER <= found[0] <= RECORD_LIMIT:
                raise WireError(f"a direct-connection record of {found[0]} bytes")
            if stop > end:
                break
            yield found, view[at + p2p.RECORD : stop]
            at = stop
        if end - at >= 4 and not p2p.HEADER <= int.from_bytes(view[at : at + 4], "little") <= RECORD_LIMIT:
            raise WireError(f"a direct-connection record of {int.from_bytes(view[at : at + 4], 'little')} bytes")
        self._rest = buffer[at:]


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Connect, send the file, await both acknowledgements. Facts: nonce, bytes, sha256, chunks."""
    first = number(context.tag, "identifier", bits=24)
    yield Send(OPENING + record(p2p.handshake(first, context.tag)))
    greeting = yield from _record()
    header = p2p.unpack(greeting)
    if greeting[32:] != context.tag or greeting != p2p.handshake(header.identifier, context.tag):
        raise WireError("the listener's handshake does not carry our nonce")
    content = filler(context.tag, FILE_SIZE)
    session = number(context.tag, "session")
    count = yield from _deliver(content, session, first + 1, p2p.FILE_DATA, number(context.tag, "file"))
    yield from _deliver(goodbye(context.tag, session), 0, first + 2, p2p.PLAIN, number(context.tag, "bye"))
    return {
        "nonce": context.tag.hex(),
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "chunks": count,
        "session": session,
    }


def goodbye(tag: bytes, session: int) -> bytes:
    """The BYE that closes the session, with its final NUL."""
    return slp.encode(
        slp.Slp(
            start="BYE",
            to=CONTACT,
            sender=tags.account(tag),
            branch=tags.guid(filler(tag, 16, "branch")),
            call_id=tags.guid(filler(tag, 16, "call")),
            content_type=slp.SESSION_CLOSE,
            body=(("SessionID", str(session)), ("SChannelState", "0")),
        )
    )


def server(context: ServerContext) -> Talk[None]:
    """Answer the handshake with the same nonce, acknowledge complete messages, end with the acknowledged BYE."""
    opening = yield Exactly(len(OPENING))
    if opening != OPENING:
        raise WireError("a direct connection that does not begin with foo")
    hello = yield from _record()
    header = p2p.unpack(hello)
    if header.kind != p2p.HANDSHAKE or hello != p2p.handshake(header.identifier, hello[32:48]):
        raise WireError("not a direct-connection handshake")
    yield Sighting("p2p-direct", hello[32:48].hex(), {"identifier": header.identifier})
    mine = number(hello[32:48], "listener", bits=24)
    yield Send(record(p2p.handshake(mine, hello[32:48])))
    for count in range(1, MESSAGES + 1):
        header, payload = yield from _message()
        closing = slp.decode(payload).start if header.session == 0 else ""
        if not closing:
            yield Note({"file_bytes": len(payload), "file_sha256": sha256(payload).hexdigest()})
        yield Send(record(p2p.acknowledgement(header, mine + count)))
        if closing == "BYE":
            yield Note({"closed_by": closing})
            return
    raise WireError(f"more than {MESSAGES} messages on one direct connection")


def _deliver(payload: bytes, session: int, identifier: int, flags: int, ack_id: int) -> Talk[int]:
    pieces = list(
        p2p.chunks(payload, session=session, identifier=identifier, flags=flags, ack_id=ack_id, limit=p2p.DIRECT_CHUNK)
    )
    yield Send(b"".join(record(piece) for piece in pieces))
    answer = yield from _record()
    if not p2p.acknowledges(answer, p2p.unpack(pieces[0])):
        raise WireError(f"message {identifier} was not acknowledged")
    return len(pieces)


def _record() -> Talk[bytes]:
    size = int.from_bytes((yield Exactly(4)), "little")
    if not p2p.HEADER <= size <= RECORD_LIMIT:
        raise WireError(f"a direct-connection record of {size} bytes")
    return (yield Exactly(size))


def _message() -> Talk[tuple[p2p.Header, bytes]]:
    """All chunks of one message, in order. Raises WireError for a gap, a mixture or an empty chunk."""
    payload = bytearray()
    first: p2p.Header | None = None
    while True:
        data = yield from _record()
        header = p2p.unpack(data)
        if header.length != len(data) - p2p.HEADER or not header.length or header.kind in (p2p.ACK, p2p.HANDSHAKE):
            raise WireError(
                f"a chunk that says {header.length} of {len(data) - p2p.HEADER} bytes, flags {header.flags:#x}"
            )
        first = first or header
        if (header.identifier, header.total, header.offset) != (first.identifier, first.total, len(payload)):
            raise WireError(f"chunk at {header.offset} of message {header.identifier} is out of order")
        payload += data[p2p.HEADER :]
        if len(payload) == header.total:
            return first, bytes(payload)
