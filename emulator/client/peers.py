"""Messages between peers in a switchboard session: cut into chunks, put together, acknowledged (P2P version 1).

Not what they mean (`transfer`), and not a direct connection (`direct`), which is another `Carrier`.
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

    def put(self, to: str, data: bytes, app: int) -> Deferred[Any]:
        """Carry a header and its piece; done when the carrier has taken it. Fails with ClientError."""

    async def pour(
        self, to: str, payload: p2p.Bytes, *, session: int, identifier: int, flags: int, ack_id: int, app: int
    ) -> None:
        """Carry a whole message in chunks; done when the carrier has taken the last. Raises ClientError."""


class SwitchboardCarrier:
    """MSG with flag D; a footer says which application it is for."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def put(self, to: str, data: bytes, app: int) -> Deferred[Any]:
        footer = app.to_bytes(p2p.FOOTER, "big")
        return self._board.message(switchboard.mime(data, footer, to=to), "D")

    async def pour(
        self, to: str, payload: p2p.Bytes, *, session: int, identifier: int, flags: int, ack_id: int, app: int
    ) -> None:
        under_way: list[Deferred[Any]] = []
        try:
            for piece in p2p.chunks(
                bytes(payload),
                session=session,
                identifier=identifier,
                flags=flags,
                ack_id=ack_id,
                limit=p2p.SWITCHBOARD_CHUNK,
            ):
                under_way.append(self.put(to, piece, app))
                if len(under_way) >= WINDOW:
                    await under_way.pop(0)
            while under_way:
                await under_way.pop(0)
        finally:
            for rest in under_way:
                rest.addErrback(lambda failure: None)


class Sink(Protocol):
    """Takes the bytes of one incoming message in order."""

    def write(self, piece: p2p.Bytes) -> None: ...

    def done(self, header: Header) -> None:
        """The message is complete (and was acknowledged)."""


class Kept:
    """A message that is kept whole, at most 1 MiB."""

    def __init__(self, then: Callable[[Header, bytes], None]) -> None:
        self._bytes = bytearray()
        self._then = then

    def write(self, piece: p2p.Bytes) -> None:
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

    def write(self, piece: p2p.Bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        if self._keep:
            self._kept += piece

    def done(self, header: Header) -> None:
        self._then(self)


class Incoming:
    """One message of a peer while its chunks arrive."""

    __slots__ = ("flags", "got", "identifier", "sink", "total")

    def __init__(self, sink: Sink, header: Header) -> None:
        self.sink = sink
        self.identifier = header.identifier
        self.total = header.total
        self.flags = header.flags
        self.got = 0


class Peers:
    """All P2P messages of one board. `sink` says who takes a message, by sender and its first header."""

    def __init__(self, board: Board, network: Network, sink: Callable[[str, Header, int], Sink]) -> None:
        self._network = network
        self._me = board.me.partition(";")[0].lower()
        self._sink = sink
        self._incoming: OrderedDict[tuple[str, int], Incoming] = OrderedDict()
        self._acks: dict[tuple[int, int], tuple[Deferred[None], Carrier, str]] = {}
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
        payload: p2p.Bytes,
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
        self._acks[key] = (acknowledged, carrier, to.lower())
        try:
            await carrier.pour(to, payload, session=session, identifier=identifier, flags=flags, ack_id=unique, app=app)
            await acknowledged
        finally:
            self._acks.pop(key, None)
            acknowledged.addErrback(lambda failure: None)

    def tell(
        self, to: str, payload: bytes, *, app: int = p2p.NEGOTIATION, carrier: Carrier | None = None
    ) -> Deferred[None]:
        """A message whose acknowledgement nobody has to wait for; the Deferred never fails."""
        return Deferred.fromCoroutine(self.send(to, payload, app=app, carrier=carrier)).addErrback(expected)

    @property
    def over(self) -> bool:
        """Whether the board is."""
        return self._over is not None

    def end(self, error: ClientError) -> None:
        """The board is over: whoever waits for an acknowledgement fails."""
        self._over = error
        acks, self._acks = self._acks, {}
        for waiting, _, _ in acks.values():
            waiting.errback(error)
        self._incoming.clear()

    def lost(self, carrier: Carrier, error: ClientError) -> None:
        """A carrier is over: what went by it is not acknowledged any more."""
        self._fail(error, lambda by, to: by is carrier)

    def left(self, peer: str, error: ClientError) -> None:
        """Somebody left the board: what went to them by it is not acknowledged any more."""
        self._fail(error, lambda by, to: by is self.carrier and to == peer.lower())

    def _fail(self, error: ClientError, concerned: Callable[[Carrier, str], bool]) -> None:
        for key, (waiting, by, to) in tuple(self._acks.items()):
            if concerned(by, to) and self._acks.pop(key, None) is not None:
                waiting.errback(error)

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
        self.take(heard.sender, header, piece, app, self.carrier)

    def take(self, sender: str, header: Header, piece: p2p.Bytes, app: int, carrier: Carrier) -> Incoming | None:
        """One chunk or acknowledgement that came by a carrier; the message it belongs to while that is incomplete."""
        if header.kind & p2p.ACK:
            self._acknowledged(header)
        elif header.kind & (p2p.NAK | p2p.CANCELLED):
            self._refused(header)
        else:
            return self._chunk(sender, header, piece, app, carrier)
        return None

    def _acknowledged(self, header: Header) -> None:
        waiting = self._acks.pop((header.ack_id, header.ack_unique), None)
        if waiting is not None:
            waiting[0].callback(None)

    def _refused(self, header: Header) -> None:
        waiting = self._acks.pop((header.ack_id, header.ack_unique), None)
        if waiting is not None:
            waiting[0].errback(Unexpected(f"the peer refused a message with flags {header.flags:#x}"))

    def _chunk(self, sender: str, header: Header, piece: p2p.Bytes, app: int, carrier: Carrier) -> Incoming | None:
        key = (sender.lower(), header.identifier)
        incoming = self._incoming.get(key)
        if incoming is None or header.offset == 0:
            incoming = self._incoming[key] = Incoming(self._sink(sender, header, app), header)
            while len(self._incoming) > MESSAGES:
                self._incoming.popitem(last=False)
        if header.offset != incoming.got:
            del self._incoming[key]  # a gap: every carrier keeps the order, so the rest cannot come
            return None
        try:
            incoming.sink.write(piece)
        except WireError:
            del self._incoming[key]
            return None
        incoming.got += len(piece)
        if incoming.got < header.total:
            return incoming
        self._incoming.pop(key, None)
        carrier.put(sender, p2p.acknowledgement(header, self._next()), app).addErrback(expected)
        incoming.sink.done(header)
        return None


def expected(failure: Any) -> None:
    """The end of a session is told to those who wait; a message that nobody waits for is lost quietly."""
    failure.trap(ClientError)
