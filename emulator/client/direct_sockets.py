"""Direct connections over sockets: a listener on one address, a dial from it, and a stream that says when it has room.

Not evidence: whoever keeps some hands in a `Watch`. IPv4 only, as all that clients name is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet import error, interfaces, protocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from emulator.client.direct_ways import Accept
from emulator.client.network import Data, Ended, StreamEnded, Unexpected
from emulator.net import outgoing
from emulator.wire import p2p
from emulator.wire.receipt import Endpoint

LOWEST = 1025  # clients listen from here up (KB 927847)
EARLY = 1 << 20  # bytes that may wait for somebody to take them


class Watch(Protocol):
    """Sees one connection from its first byte to its end."""

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None: ...

    def sent(self, data: p2p.Bytes) -> None: ...

    def received(self, data: bytes) -> None: ...

    def ended(self, how: str, problem: str) -> None:
        """`how`: fin, rst, or closed when this end did it; `problem` why this end abandoned it."""


class Unwatched:
    """Nobody looks."""

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None: ...

    def sent(self, data: p2p.Bytes) -> None: ...

    def received(self, data: bytes) -> None: ...

    def ended(self, how: str, problem: str) -> None: ...


@implementer(interfaces.IPushProducer)
class PeerLink(protocol.Protocol):
    """One connection as a `PeerStream`."""

    def __init__(self, watch: Watch, made: Callable[[PeerLink], None], *, dialled: bool) -> None:
        self._watch = watch
        self._made = made
        self._dialled = dialled
        self._data: Data | None = None
        self._ended: Ended | None = None
        self._early = bytearray()
        self._full = False
        self._room: Deferred[None] | None = None
        self._over: StreamEnded | None = None
        self._closing = ""
        self._problem = ""
        self.peer = Endpoint("", 0)

    # the stream

    def attach(self, data: Data, ended: Ended) -> None:
        self._data, self._ended = data, ended
        early, self._early = bytes(self._early), bytearray()
        if early:
            data(early)
        if self._over is not None:
            ended(self._over)

    def send(self, data: p2p.Bytes) -> None:
        if self._over is None and not self._closing:
            self._watch.sent(data)
            cast(Any, self.transport).write(bytes(data))

    def room(self) -> Deferred[None] | None:
        if not self._full or self._over is not None:
            return None
        if self._room is None:
            self._room = Deferred()
        return self._room

    def close(self) -> None:
        if self._over is None and not self._closing:
            self._closing = "closed"
            cast(Any, self.transport).unregisterProducer()
            cast(Any, self.transport).loseConnection()

    def abandon(self, problem: Exception) -> None:
        self._problem = self._problem or str(problem)
        self.close()

    # Twisted's side

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        transport.setTcpNoDelay(True)
        here, there = transport.getHost(), transport.getPeer()
        self.peer = Endpoint(there.host, there.port)
        self._watch.opened(Endpoint(here.host, here.port), self.peer, dialled=self._dialled)
        transport.registerProducer(self, True)
        self._made(self)

    def dataReceived(self, data: bytes) -> None:
        self._watch.received(data)
        if self._data is not None:
            self._data(data)
        elif len(self._early) < EARLY:
            self._early += data

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        how = "fin" if isinstance(reason.value, error.ConnectionDone) else "rst"
        said = "the peer closed the connection" if how == "fin" else "the connection was reset"
        self._over = StreamEnded(said)
        self._watch.ended(self._closing or how, self._problem)
        room, self._room = self._room, None
        if room is not None:
            room.errback(self._over)
            room.addErrback(lambda failure: None)
        if self._ended is not None and not self._closing:
            self._ended(self._over)

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        """The transport is done for; `connectionLost` follows."""


class _Links(protocol.Factory):
    noisy = False

    def __init__(self, make: Callable[[], PeerLink]) -> None:
        self._make = make

    def buildProtocol(self, addr: interfaces.IAddress | None) -> PeerLink:
        return self._make()


class SocketListening:
    """A port that is listened on."""

    def __init__(self, port: interfaces.IListeningPort) -> None:
        self._port = port
        host = cast(Any, port.getHost())
        self.address: str = host.host
        self.port: int = host.port

    def close(self) -> None:
        self._port.stopListening()


def listen(
    reactor: Any, address: str, accept: Accept, ports: tuple[int, ...], watch: Callable[[], Watch] = Unwatched
) -> SocketListening:
    """Listen on the first of `ports` that is free (0: any from 1025 up). Raises Unexpected when none is."""
    factory = _Links(lambda: PeerLink(watch(), accept, dialled=False))
    problem: Exception | None = None
    for port in ports:
        try:
            found = SocketListening(reactor.listenTCP(port, factory, backlog=8, interface=address))
        except error.CannotListenError as failed:
            problem = failed
            continue
        if found.port >= LOWEST:
            return found
        found.close()  # a system that hands out reserved ports
    raise Unexpected(f"cannot listen on {address}: {problem or 'no port from 1025 up'}")


async def dial(
    reactor: Any, address: str, port: int, seconds: float, *, source: str = "", watch: Callable[[], Watch] = Unwatched
) -> PeerLink:
    """Connect within so many seconds, from an address of this machine. Raises StreamEnded."""
    made: Deferred[PeerLink] = Deferred()

    def open_now(link: PeerLink) -> None:
        if made.called:
            link.close()
        else:
            made.callback(link)

    links = _Dialled(lambda: PeerLink(watch(), open_now, dialled=True), made, f"{address}:{port}")
    connector = outgoing.connect(reactor, address, port, links, seconds, (source, 0) if source else None)
    try:
        return await made
    except CancelledError:
        connector.disconnect()
        raise


class _Dialled(protocol.ClientFactory):
    noisy = False

    def __init__(self, make: Callable[[], PeerLink], made: Deferred[PeerLink], where: str) -> None:
        self._make = make
        self._failed = made
        self._where = where

    def buildProtocol(self, addr: interfaces.IAddress | None) -> PeerLink:
        return self._make()

    def clientConnectionFailed(self, connector: interfaces.IConnector, reason: Failure) -> None:
        if not self._failed.called:
            silent = isinstance(reason.value, error.TimeoutError)
            why = "did not answer" if silent else f"cannot be reached: {reason.value}"
            self._failed.errback(StreamEnded(f"{self._where} {why}"))
