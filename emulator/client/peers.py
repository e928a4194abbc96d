"""Messages between peers in a switchboard session: cut into chunks, put together, acknowledged (P2P version 1).

Not what they mean (`transfer`), and not a direct connection, which would be another `Carrier`.
Source: media.md 1.1, 1.2.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from emulator.client.board import Board, Heard
from emulator.client.network import ClientError, Network, Unexpected
from emulator.wire import p2p
from emulator.wire.errors import WireError
from emulator.wire.msnp import switchboard
from emulator.wire.p2p import Header

WINDOW = 32  # chunks under way that the switchboard has not acknowledged
MESSAGES = 64  # messages of peers that may be incomplete


class Carrier(Protocol):
    """What chunks travel on: the switchboard, or a connection of their own."""

    chunk: int  # bytes of payload in one message

    def put(self, to: str, data: bytes, app: int) -> Deferred[Any]:
        """Carry a header and its piece; done when the carrier has taken it. Fails with ClientError."""


class SwitchboardCarrier:
    """MSG with flag D; a footer says which application it is for."""

    chunk = p2p.SWITCHBOARD_CHUNK

    def __init__(self, board: Board) -> None:
        self._board = board

    def put(self, to: str, data: bytes, app: int) -> Deferred[Any]:
        footer = app.to_bytes(p2p.FOOTER, "big")
        return self._board.message(switchboard.mime(data, footer, to=to), "D")


class Sink(Protocol):
    """Takes the bytes of one incoming message in order."""

    def write(self, piece: bytes) -> None: ...

    def done(self, header: Header) -> None:
        """The message is complete (and was acknowledged)."""


class Kept:
    """A message that is kept whole, at most 1 MiB."""

    def __init__(self, then: Callable[[Header, bytes], None]) -> None:
        self._bytes = bytearray()
        self._then = then

    def write(self, piece: bytes) -> None:
        self._bytes += piece
        if len(self._bytes) > p2p.MESSAGE_LIMIT:
            raise WireError("a P2P message over 1 MiB")

    def done(self, header: Header) -> None:
        self._then(header, bytes(self._bytes))


class Hashed:
    """A file: its SHA-1 and size, and its bytes if they are wanted."""

    def __init__(self, *, keep: bool, then: Callable[[Hashed], None]) -> None:
        self._digest = hashlib.sha1()
        self._kept = bytearray()
        self._keep = keep
        self._then = then
        self.size = 0

    @property
    def sha1(self) -> str:
        """Hexadecimal."""
        return self._digest.hexdigest()

    @property
    def data(self) -> bytes:
        """The bytes; b"" when they were not kept."""
        return bytes(self._kept)

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        if self._keep:
            self._kept += piece

    def done(self, header: Header) -> None:
        self._then(self)


class _Incoming:
    """One message of a peer while its chunks arrive."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.got = 0


class Peers:
    """All P2P messages of one board. `sink` says who takes a message, by sender and its first header."""

    def __init__(self, board: Board, network: Network, sink: Callable[[str, Header, int], Sink]) -> None:
        self._network = network
        self._me = board.me.partition(";")[0].lower()
        self._sink = sink
        self._incoming: OrderedDict[tuple[str, int], _Incoming] = OrderedDict()
        self._acks: dict[tuple[int, int], Deferred[None]] = {}
        self._identifier = 0
        self._over: ClientError | None = None
        self.carrier: Carrier = SwitchboardCarrier(board)
        board.on_peer = self._heard

    def number(self) -> int:
        """A random number that fits all fields: 1 to 2^31 - 1."""
        return int.from_bytes(self._network.entropy(4), "little") & 0x7FFFFFFF or 1

    async def send(
        self,
        to: str,
        payload: bytes,
        *,
        session: int = 0,
        flags: int = p2p.PLAIN,
        app: int = p2p.NEGOTIATION,
        carrier: Carrier | None = None,
    ) -> None:
        """A message in as many chunks as it takes, until the peer has acknowledged the whole. Raises ClientError."""
        if self._over is not None:
            raise self._over
        carrier = carrier or self.carrier
        identifier, unique = self._next(), int.from_bytes(self._network.entropy(4), "little")
        key = (identifier, unique)
        acknowledged: Deferred[None] = Deferred()
        self._acks[key] = acknowledged
        under_way: list[Deferred[Any]] = []
        try:
            for piece in p2p.chunks(
                payload, session=session, identifier=identifier, flags=flags, ack_id=unique, limit=carrier.chunk
            ):
                under_way.append(carrier.put(to, piece, app))
                if len(under_way) >= WINDOW:
                    await under_way.pop(0)
            while under_way:
                await under_way.pop(0)
            await acknowledged
        finally:
            self._acks.pop(key, None)
            for rest in (*under_way, acknowledged):
                rest.addErrback(lambda failure: None)

    def tell(self, to: str, payload: bytes, *, app: int = p2p.NEGOTIATION) -> None:
        """A message whose acknowledgement nobody waits for."""
        Deferred.fromCoroutine(self.send(to, payload, app=app)).addErrback(expected)

    def end(self, error: ClientError) -> None:
        """The board is over: whoever waits for an acknowledgement fails."""
        self._over = error
        acks, self._acks = self._acks, {}
        for waiting in acks.values():
            waiting.errback(error)
        self._incoming.clear()

    def _next(self) -> int:
        self._identifier = self._identifier + 1 if self._identifier else self.number()
        return self._identifier & 0xFFFFFFFF

    def _heard(self, heard: Heard) -> None:
        """One chunk; what is none, or is for somebody else, is left alone."""
        body = heard.message.body
        wanted = heard.message.fields.get("P2P-Dest", "").partition(";")[0].lower()
        if len(body) < p2p.HEADER + p2p.FOOTER or (wanted and wanted != self._me):
            return
        try:
            header = p2p.unpack(body, limit=p2p.FILE_LIMIT)
        except WireError:
            return  # what a peer makes of it is its own business; the session goes on
        piece = body[p2p.HEADER : p2p.HEADER + header.length]
        if len(piece) != header.length:
            return
        app = int.from_bytes(body[-p2p.FOOTER :], "big")
        if header.kind & p2p.ACK:
            self._acknowledged(header)
        elif header.kind & (p2p.NAK | p2p.CANCELLED):
            self._refused(header)
        else:
            self._chunk(heard.sender, header, piece, app)

    def _acknowledged(self, header: Header) -> None:
        waiting = self._acks.pop((header.ack_id, header.ack_unique), None)
        if waiting is not None:
            waiting.callback(None)

    def _refused(self, header: Header) -> None:
        waiting = self._acks.pop((header.ack_id, header.ack_unique), None)
        if waiting is not None:
            waiting.errback(Unexpected(f"the peer refused a message with flags {header.flags:#x}"))

    def _chunk(self, sender: str, header: Header, piece: bytes, app: int) -> None:
        key = (sender.lower(), header.identifier)
        incoming = self._incoming.get(key)
        if incoming is None or header.offset == 0:
            incoming = self._incoming[key] = _Incoming(self._sink(sender, header, app))
            while len(self._incoming) > MESSAGES:
                self._incoming.popitem(last=False)
        if header.offset != incoming.got:
            del self._incoming[key]  # a gap: a switchboard keeps the order, so the rest cannot come
            return
        try:
            incoming.sink.write(piece)
        except WireError:
            del self._incoming[key]
            return
        incoming.got += len(piece)
        if incoming.got < header.total:
            return
        self._incoming.pop(key, None)
        self.carrier.put(sender, p2p.acknowledgement(header, self._next()), app).addErrback(expected)
        incoming.sink.done(header)


def expected(failure: Any) -> None:
    """The end of a session is told to those who wait; a message that nobody waits for is lost quietly."""
    failure.trap(ClientError)
