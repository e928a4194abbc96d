"""The far end of a TCP connection: first bytes decide what is spoken, outside and again inside TLS.

Not a protocol of its own: every conversation is a talk from `wire`, chosen by the registry that is handed in.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet import error, interfaces, protocol
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from emulator.problems import CannotRun
from emulator.services.journal import Entry, Journal
from emulator.services.surroundings import Surroundings
from emulator.wire.clienthello import client_hello
from emulator.wire.context import ServerContext
from emulator.wire.firstbytes import classify_stream
from emulator.wire.receipt import Endpoint, TlsFacts
from emulator.wire.talk import Conversation, Talk

IDLE = 120.0  # seconds without a byte, then the connection is closed
OWN_LIMITS = frozenset(("msnp",))  # conversations that close silent connections themselves, and later
KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4}  # seconds, seconds, probes: gone in 100 s
CONNECTIONS = 20_000  # at once; more are closed before a byte is read
FIRST_BYTES = 16 * 1024  # bytes that may wait before the first-bytes table decides

StreamServers = Mapping[str, Callable[[ServerContext], Talk[None]]]


@implementer(interfaces.IHandshakeListener)
class FarEnd(protocol.Protocol):
    """One accepted connection, with its receipt."""

    def __init__(
        self, reactor: Any, journal: Journal, servers: StreamServers, surroundings: Surroundings, tls: SSL.Context
    ) -> None:
        self._reactor = reactor
        self._journal = journal
        self._servers = servers
        self._surroundings = surroundings
        self._tls = tls
        self._waiting = b""
        self._secure = False
        self._conversation: Conversation[Any] | None = None
        self._entry: Entry | None = None
        self._idle: IDelayedCall | None = None
        self._sightings = 0
        self._lost = False

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        transport.setTcpNoDelay(True)
        _keep_alive(transport)
        here, there = transport.getHost(), transport.getPeer()
        self._local = Endpoint(here.host, self._surroundings.ports.public(here.port))
        self._peer = Endpoint(there.host, there.port)
        self._entry = self._journal.open("tcp", self._local, self._peer)
        self._idle = self._reactor.callLater(IDLE, self._expire)
        self._surroundings.connections.add(self)

    def handshakeCompleted(self) -> None:
        assert self._entry is not None
        handle = cast(SSL.Connection, cast(Any, self.transport).getHandle())
        facts = self._entry.tls or TlsFacts()
        self._entry.tls = TlsFacts(facts.sni, facts.client_random, facts.offered, handle.get_protocol_version_name())
        self._entry.touch()

    def dataReceived(self, data: bytes) -> None:
        assert self._entry is not None
        if self._idle is not None:
            self._idle.reset(IDLE)
        if self._conversation is None:
            self._waiting += data
            self._decide()
            return
        self._entry.received.add(data)
        self._feed(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._lost = True
        self._surroundings.connections.discard(self)
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        entry = self._entry
        if entry is None:
            return
        if self._conversation is None:
            entry.received.add(self._waiting)  # too few bytes to tell what they were, but they arrived
        elif not self._conversation.finished:
            self._conversation.end()
            self._collect(self._conversation)
        entry.state = "ended"
        if not entry.end:
            entry.end = "fin" if isinstance(reason.value, error.ConnectionDone) else "rst"
        if isinstance(reason.value, SSL.Error):
            entry.end, entry.error = "tls", str(reason.value)
        entry.touch()

    def stop(self) -> None:
        """The emulator goes down: end at once."""
        cast(Any, self.transport).abortConnection()

    def _decide(self) -> None:
        assert self._entry is not None
        kind = classify_stream(self._waiting, inside_tls=self._secure)
        if kind is None and len(self._waiting) < FIRST_BYTES:
            return
        waiting, self._waiting = self._waiting, b""
        self._entry.protocol = kind or "unknown"
        if kind == "tls":
            self._start_tls(waiting)
            return
        self._entry.received.add(waiting)
        server = self._servers.get(kind or "unknown")
        if server is None:
            self._entry.facts["first_bytes"] = waiting[:64].hex()
            self._finish("not a protocol of this network")
            return
        if kind in OWN_LIMITS and self._idle is not None:
            self._idle.cancel()
            self._idle = None
        context = self._surroundings.server_context(
            self._local,
            self._peer,
            secure=self._secure,
            push=self._push,
            hang_up=self._hang_up,
            alive=self._alive,
        )
        self._conversation = Conversation(server(context), output=self._drive)
        self._drive(self._conversation.start())
        self._feed(waiting)

    def _start_tls(self, waiting: bytes) -> None:
        assert self._entry is not None
        hello = client_hello(waiting)
        if hello is not None:
            self._entry.tls = TlsFacts(hello.sni, hello.random, hello.offered)
        self._entry.touch()
        self._secure = True
        transport = cast(Any, self.transport)
        transport.startTLS(_ServerConnection(self._tls))
        transport.protocol.dataReceived(waiting)  # the hello that was looked at belongs to the TLS layer

    def _feed(self, data: bytes) -> None:
        assert self._conversation is not None
        try:
            out = self._conversation.feed(data)
        except CannotRun as problem:  # it could not be kept (a full disk, say), so it must not be answered
            self._finish(str(problem))
            return
        self._drive(out)

    def _drive(self, out: bytes) -> None:
        assert self._conversation is not None
        assert self._entry is not None
        if out:
            self._entry.sent.add(out)
            cast(Any, self.transport).write(out)
        self._collect(self._conversation)
        if self._conversation.finished:
            self._finish(str(self._conversation.error or ""))
        else:
            self._entry.touch()

    def _push(self, data: bytes) -> None:
        """Bytes that the far end sends of its own accord, between two answers."""
        assert self._entry is not None
        if data and self._entry.state == "open":
            self._entry.sent.add(data)
            self._entry.touch()
            cast(Any, self.transport).write(data)

    def _hang_up(self) -> None:
        self._finish("")

    def _alive(self) -> bool:
        return not self._lost

    def _collect(self, conversation: Conversation[Any]) -> None:
        assert self._entry is not None
        for sighting in conversation.sightings[self._sightings :]:
            self._entry.sight(sighting)
        self._sightings = len(conversation.sightings)
        self._entry.facts.update(conversation.notes)

    def _finish(self, problem: str) -> None:
        assert self._entry is not None
        self._entry.end, self._entry.error = "closed", problem
        self._entry.touch()
        cast(Any, self.transport).loseConnection()

    def _expire(self) -> None:
        self._finish(f"idle for {IDLE:.0f} s")


@implementer(interfaces.IOpenSSLServerConnectionCreator)
class _ServerConnection:
    """Makes the OpenSSL connection; the context's server name callback picks the certificate."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def _keep_alive(transport: Any) -> None:
    """Peers that vanished without a word are found out by TCP itself, where the platform has such short times."""
    transport.setTcpKeepAlive(True)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            transport.socket.setsockopt(socket.IPPROTO_TCP, option, value)


class FarEndFactory(protocol.Factory):
    """Makes far ends for a listener."""

    noisy = False

    def __init__(
        self, reactor: Any, journal: Journal, servers: StreamServers, surroundings: Surroundings, tls: SSL.Context
    ) -> None:
        self._arguments = (reactor, journal, servers, surroundings, tls)

    def buildProtocol(self, addr: interfaces.IAddress | None) -> FarEnd | None:
        if len(self._arguments[3].connections) >= CONNECTIONS:
            return None
        return FarEnd(*self._arguments)
