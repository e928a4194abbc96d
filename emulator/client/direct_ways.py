"""What direct connections need of the outside: a place to listen, a way to dial a peer; and one in memory.

Not sockets: the probe and the contacts of the emulator bring their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from twisted.internet.defer import Deferred

from emulator.client.network import CallLater, Data, Ended, StreamEnded, Unexpected
from emulator.wire import p2p

MEMORY_BUFFER = 1 << 20  # bytes under way in memory before the sender has to wait


class PeerStream(Protocol):
    """A byte stream between two peers."""

    def attach(self, data: Data, ended: Ended) -> None:
        """Say where bytes go, and the end. Called once; bytes that came before are delivered then."""

    def send(self, data: p2p.Bytes) -> None:
        """Put bytes on the wire, in order. After the end nothing happens."""

    def room(self) -> Deferred[None] | None:
        """None when more may be sent at once, else wait for this; it fails with the end of the stream."""

    def close(self) -> None:
        """Close in good order, after what was sent."""

    def abandon(self, problem: Exception) -> None:
        """Close, because the peer is not who it should be or said something impossible."""


Accept = Callable[[PeerStream], None]


class Guest(msgspec.Struct, frozen=True):
    """Who is awaited by MSNFTP, so that a port can be shared: `account`, and the AuthCookie of the transfer.

    `brings`: it connects to bring the file, and waits for the receiver, who listens, to say account and cookie.
    """

    account: str
    cookie: int
    brings: bool = False


class Listening(Protocol):
    """A place at which a peer may connect."""

    address: str
    port: int

    def close(self) -> None:
        """Nobody else is let in; who is connected stays."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody is connected. `public`: the address seen from outside where it is another than one's own."""

    conn_type: str = "Direct-Connect"
    upnp: bool = False
    icf: bool = False
    public: str = ""


class Ways(Protocol):
    """How one account reaches its peers, and they it."""

    @property
    def standing(self) -> Standing: ...

    async def listen(self, accept: Accept, ports: tuple[int, ...] = (0,), guest: Guest | None = None) -> Listening:
        """Listen on the first port that is free (0: any from 1025 up), or can be shared because `guest` is awaited.

        Raises ClientError when nothing can listen.
        """

    async def dial(self, peer: str, address: str, port: int, seconds: float) -> PeerStream:
        """Connect to a peer at the address that it gave. Raises ClientError; Unexpected when it must not be tried."""


class Harbour:
    """Addresses and ports in memory."""

    def __init__(self, call_later: CallLater) -> None:
        self.call_later = call_later
        self.doors: dict[tuple[str, int], Accept] = {}
        self.refuses: Callable[[str, int], bool] = lambda address, port: False  # a firewall: dials there fail
        self.dialled: list[tuple[str, int]] = []


class MemoryWays:
    """The ways of one account in a harbour, at one address."""

    def __init__(self, harbour: Harbour, address: str, standing: Standing = Standing()) -> None:
        self._harbour = harbour
        self._address = address
        self.standing = standing

    async def listen(
        self, accept: Accept, ports: tuple[int, ...] = (0,), guest: Guest | None = None
    ) -> MemoryListening:
        doors = self._harbour.doors
        free = next((port for port in ports if port and (self._address, port) not in doors), 0)
        if not free and 0 in ports:
            free = next(port for port in range(1025, 65536) if (self._address, port) not in doors)
        if not free:
            raise Unexpected("every port is taken")
        doors[self._address, free] = accept
        return MemoryListening(self._harbour, self._address, free)

    async def dial(self, peer: str, address: str, port: int, seconds: float) -> MemoryStream:
        self._harbour.dialled.append((address, port))
        turn: Deferred[None] = Deferred()
        self._harbour.call_later(0, lambda: None if turn.called else turn.callback(None))
        await turn
        accept = self._harbour.doors.get((address, port))
        if accept is None or self._harbour.refuses(address, port):
            raise StreamEnded(f"{address}:{port} cannot be reached")
        near, far = MemoryStream(self._harbour.call_later), MemoryStream(self._harbour.call_later)
        near.other, far.other = far, near
        accept(far)
        return near


class MemoryListening:
    """A door of a harbour."""

    def __init__(self, harbour: Harbour, address: str, port: int) -> None:
        self._harbour = harbour
        self.address = address
        self.port = port

    def close(self) -> None:
        self._harbour.doors.pop((self.address, self.port), None)


class MemoryStream:
    """One end. What is sent arrives in a later call, in pieces as they were sent."""

    other: MemoryStream

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._data: Data | None = None
        self._ended: Ended | None = None
        self._inbox: list[bytes] = []
        self._waiting: list[Deferred[None]] = []
        self._under_way = 0
        self._over = False

    def attach(self, data: Data, ended: Ended) -> None:
        self._data, self._ended = data, ended
        inbox, self._inbox = self._inbox, []
        for piece in inbox:
            data(piece)

    def send(self, data: p2p.Bytes) -> None:
        if not self._over:
            self._under_way += len(data)
            self._call_later(0, lambda: self._arrive(bytes(data)))

    def room(self) -> Deferred[None] | None:
        if self._under_way < MEMORY_BUFFER or self._over:
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def close(self) -> None:
        if not self._over:
            self._call_later(0, self._end)

    def abandon(self, problem: Exception) -> None:
        self.close()

    def _arrive(self, data: bytes) -> None:
        self._under_way -= len(data)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
        other = self.other
        if other._over:
            return
        if other._data is None:
            other._inbox.append(data)
        else:
            other._data(data)

    def _end(self) -> None:
        for one in (self, self.other):
            if not one._over:
                one._over = True
                waiting, one._waiting = one._waiting, []
                for wait in waiting:
                    wait.errback(StreamEnded("the connection is closed"))
                if one is not self and one._ended is not None:
                    one._ended(StreamEnded("the peer closed the connection"))
