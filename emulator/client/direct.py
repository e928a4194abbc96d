"""One direct connection between two peers: `foo`, nonces both ways, then P2P messages in records (TCPv1).

Not how the two find each other (`direct_bridge`). Source: media.md 1.6.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed

from emulator.client.direct_ways import PeerStream
from emulator.client.network import CallLater, ClientError, StreamEnded, Unexpected
from emulator.client.peers import Incoming
from emulator.wire import p2p, p2p_direct, slp
from emulator.wire.errors import WireError
from emulator.wire.p2p import Header

HANDSHAKE = 10.0  # seconds from the open connection to the peer's nonce
HELLO = 4 + p2p.HEADER  # bytes of the handshake's record

Deliver = Callable[[Header, memoryview, "Direct"], Incoming | None]


class Nonces(msgspec.Struct, frozen=True):
    """What this end sends, and what the other must send: the same 16 bytes, or those of a published digest."""

    mine: bytes
    theirs: str  # GUID
    hashed: bool

    def accepts(self, nonce: bytes) -> bool:
        """Whether these 16 bytes are the peer's. A peer that published nothing is never let in."""
        if self.theirs == slp.NO_NONCE or not self.theirs:
            return False
        shown = p2p.published(nonce) if self.hashed else p2p.plain(nonce)
        return hmac.compare_digest(shown.upper().encode(), self.theirs.upper().encode())


class Direct:
    """The connection, and the carrier of messages on it. `ready` is done when both nonces were right.

    `connects`: this end dialled. `ready` fails with Unexpected for a wrong nonce or another beginning, with StreamEnded
    when the peer closes or says nothing in time; the stream is closed then. `on_ended` is called once, later.
    """

    chunk = p2p.DIRECT_CHUNK

    def __init__(
        self,
        stream: PeerStream,
        nonces: Callable[[], Nonces],
        *,
        connects: bool,
        identifier: int,
        call_later: CallLater,
        limit: float = HANDSHAKE,
    ) -> None:
        self._stream = stream
        self._nonces = nonces  # a listener may learn the peer's digest after it began to listen
        self.connects = connects
        self._identifier = identifier
        self._early = bytearray()  # the handshake, until it is complete
        self._cut = p2p_direct.Records()
        self._now: Incoming | None = None
        self._bye: Any = None
        self.deliver: Deliver = lambda header, piece, direct: None
        self.on_ended: Callable[[ClientError], None] = lambda error: None
        self.received = 0  # bytes of chunks
        self.over: ClientError | None = None
        self.ready: Deferred[None] = Deferred()
        self._call_later = call_later
        self._late = call_later(limit, lambda: self._fail(StreamEnded("the peer said no nonce in time")))
        if connects:
            hello = p2p_direct.record(p2p.handshake(identifier, nonces().mine))
            stream.send(p2p_direct.OPENING + hello)
        stream.attach(self._data, self._ended)

    # what peers use

    def put(self, to: str, data: bytes, app: int) -> Deferred[Any]:
        """One header, or header and chunk."""
        if self.over is None:
            self._stream.send(p2p_direct.record(data))
        return succeed(None)

    async def pour(
        self, to: str, payload: p2p.Bytes, *, session: int, identifier: int, flags: int, ack_id: int, app: int
    ) -> None:
        """A whole message, as fast as the stream takes it. Raises ClientError at the end of the connection."""
        for batch in p2p.records(payload, session=session, identifier=identifier, flags=flags, ack_id=ack_id):
            if self.over is not None:
                raise self.over
            self._stream.send(batch)
            room = self._stream.room()
            if room is not None:
                await room

    def close(self) -> None:
        """Close in good order; `on_ended` is not called."""
        if self.over is None:
            self.on_ended = lambda error: None
            self._finish(StreamEnded("closed"))
            self._stream.close()

    def close_later(self, seconds: float) -> None:
        """Close unless the peer has done so before."""
        if self.over is None and self._bye is None:
            self._bye = self._call_later(seconds, self.close)

    # what arrives

    def _data(self, data: bytes) -> None:
        if self.over is not None:
            return
        try:
            if not self.ready.called:
                self._early += data
                data = self._greet()
            if data:
                self._records(data)
        except WireError as problem:
            self._fail(problem if isinstance(problem, ClientError) else Unexpected(str(problem)))

    def _greet(self) -> bytes:
        """Take the handshake from what came; what follows it, once it is complete."""
        opening = b"" if self.connects else p2p_direct.OPENING
        early, size = bytes(self._early), len(opening) + HELLO
        if not early.startswith(opening[: len(early)]):
            raise Unexpected("the connection does not begin with foo")
        head = early[len(opening) : len(opening) + 4]
        if len(head) == 4 and int.from_bytes(head, "little") != p2p.HEADER:
            raise Unexpected(f"a handshake of {int.from_bytes(head, 'little')} bytes")
        if len(early) < size:
            return b""
        hello = early[size - p2p.HEADER : size]
        if not p2p.unpack(hello).kind & p2p.HANDSHAKE:
            raise Unexpected("the first message is no handshake")
        nonces = self._nonces()
        if not nonces.accepts(hello[32:]):
            raise Unexpected("the peer's nonce is not the one that was agreed on")
        if not self.connects:
            self._stream.send(p2p_direct.record(p2p.handshake(self._identifier, nonces.mine)))
        self._late.cancel()
        self._early.clear()
        self.ready.callback(None)
        return early[size:]

    def _records(self, data: bytes) -> None:
        """Records; the chunks in the middle of a message take the short way."""
        now = self._now
        for record, piece in self._cut.feed(data):
            size, _, identifier, offset, total, length, flags, _, _, _ = record
            self.received += length
            if (
                now is not None
                and identifier == now.identifier
                and offset == now.got
                and total == now.total
                and 0 < length == size - p2p.HEADER
                and offset + length < total
                and flags == now.flags
            ):
                now.sink.write(piece)
                now.got = offset + length
            else:
                now = self._now = self._other(record, piece)
            if self.over is not None:
                return

    def _other(self, record: p2p.Record, piece: memoryview) -> Incoming | None:
        header = p2p.header_of(record)
        if header.length != len(piece) or header.offset + header.length > header.total > p2p.FILE_LIMIT:
            raise WireError(f"a chunk that says {header.length} bytes and has {len(piece)}")
        if header.kind & p2p.HANDSHAKE:
            raise WireError("a second handshake")
        return self.deliver(header, piece, self)

    # the end

    def _ended(self, error: Exception) -> None:
        self._fail(error if isinstance(error, ClientError) else StreamEnded(str(error)), told=True)

    def _fail(self, error: ClientError, *, told: bool = False) -> None:
        if self.over is not None:
            return
        tell = self.on_ended
        self._finish(error)
        if told:
            self._stream.close()
        else:
            self._stream.abandon(error)
        tell(error)

    def _finish(self, error: ClientError) -> None:
        self.over = error
        self._now = None
        for timer in (self._late, self._bye):
            if timer is not None and timer.active():
                timer.cancel()
        if not self.ready.called:
            self.ready.errback(error)
