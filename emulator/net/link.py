"""A dialled byte stream that runs talks, one after another, and remembers how it ended. Not a listener."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from OpenSSL import SSL
from twisted.internet import error, interfaces, protocol
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from emulator.net.tally import Tally
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk

T = TypeVar("T")


class LinkEnded(Exception):
    """The stream ended before the talk did. `how`: "closed", "reset", "tls" or "fault" (ours); `detail` in words."""

    def __init__(self, how: str, detail: str) -> None:
        super().__init__(f"{how}: {detail}")
        self.how = how
        self.detail = detail


@implementer(interfaces.IHandshakeListener)
class Link(protocol.Protocol):
    """The near end of one TCP connection.

    `sent` and `received` count application bytes since the last `begin()` (inside TLS and inside a proxy's tunnel).
    """

    def __init__(self) -> None:
        self.sent = Tally()
        self.received = Tally()
        self.local: Endpoint | None = None
        self.remote: Endpoint | None = None
        self.head = b""  # first bytes received since begin(), for unexpected answers
        self.tls: SSL.Connection | None = None
        self.ended: LinkEnded | None = None
        self._conversation: Conversation[Any] | None = None
        self._unread = b""
        self._waiting: Deferred[None] | None = None
        self._handshake: Deferred[None] | None = None
        self._below: Failure | None = None  # how TCP ended below TLS

    def begin(self) -> None:
        """Start counting anew: what follows is the payload that the far end digests too."""
        self.sent, self.received, self.head = Tally(), Tally(), b""

    async def run(self, talk: Talk[T]) -> Conversation[T]:
        """Run a talk to its end and return its conversation (`result` is set).

        Raises WireError when the peer breaks the protocol, LinkEnded when the stream ends too early.
        """
        conversation: Conversation[T] = Conversation(talk)
        self._conversation = conversation
        unread, self._unread = self._unread, b""
        self.send(conversation.start())
        if unread and not conversation.finished:
            self.send(conversation.feed(unread))
        if self.ended and not conversation.finished:
            self.send(conversation.end())
        if not conversation.finished:
            if self.ended:
                raise self.ended
            self._waiting = Deferred()
            await self._waiting
        self._conversation = None
        self._unread = conversation.unread
        if conversation.error is not None:
            if self.ended and self.ended.how != "closed":
                raise self.ended
            raise conversation.error
        return conversation

    def send(self, data: bytes) -> None:
        """Put bytes on the wire beside what a talk sends; nothing happens once the stream has ended."""
        if data and self.ended is None:
            self.sent.add(data)
            assert self.transport is not None
            self.transport.write(data)

    async def start_tls(self, context: SSL.Context, server_name: str) -> None:
        """Begin TLS as a client. Raises LinkEnded("tls" or as the stream ended) when the handshake fails."""
        if self.ended:
            raise self.ended
        self._handshake = Deferred()
        transport = cast(Any, self.transport)
        transport.startTLS(_ClientConnection(self, context, server_name))
        self._watch_below(transport.protocol)
        await self._handshake
        self.begin()

    def close(self) -> None:
        """Orderly end, after what was written left."""
        if self.transport is not None and self.ended is None:
            self.transport.loseConnection()

    def abort(self) -> None:
        """End at once (time-outs, interruption)."""
        if self.transport is not None and self.ended is None:
            cast(Any, self.transport).abortConnection()

    def fail(self, reason: Exception) -> None:
        """Give up waiting: whoever waits on this link gets `reason`."""
        for waiting in (self._waiting, self._handshake):
            if waiting is not None and not waiting.called:
                waiting.errback(Failure(reason))

    # Twisted's side

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        transport.setTcpNoDelay(True)
        here, there = transport.getHost(), transport.getPeer()
        self.local, self.remote = Endpoint(here.host, here.port), Endpoint(there.host, there.port)

    def handshakeCompleted(self) -> None:
        if self._handshake is not None and not self._handshake.called:
            self._handshake.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.received.add(data)
        if len(self.head) < 256:
            self.head += data[: 256 - len(self.head)]
        conversation = self._conversation
        if conversation is None or conversation.finished:
            self._unread += data
            return
        self.send(conversation.feed(data))
        self._finish(conversation)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        # a FIN without close_notify is told as a lost connection by the TLS layer: only TCP knows that it was no RST
        lost = isinstance(reason.value, error.ConnectionLost)
        self.ended = _why(self._below if lost and self._below is not None else reason)
        if self._handshake is not None and not self._handshake.called:
            self._handshake.errback(Failure(self.ended))
        conversation = self._conversation
        if conversation is not None and not conversation.finished:
            conversation.end()
            if not conversation.finished:  # a talk that waits for nothing in particular
                conversation.error = WireError("the stream ended")
            self._finish(conversation)

    def _watch_below(self, layer: Any) -> None:
        """Remember how TCP ends before the TLS layer puts its own word in place of it."""
        lost = layer.connectionLost

        def connection_lost(reason: Failure) -> None:
            self._below = reason
            lost(reason)

        layer.connectionLost = connection_lost

    def _finish(self, conversation: Conversation[Any]) -> None:
        if conversation.finished and self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)


@implementer(interfaces.IOpenSSLClientConnectionCreator)
class _ClientConnection:
    """Makes the OpenSSL connection with the server name; verification is judged later from the chain."""

    def __init__(self, link: Link, context: SSL.Context, server_name: str) -> None:
        self._link = link
        self._context = context
        self._name = server_name

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._name.encode())
        self._link.tls = connection
        return connection


def _why(reason: Failure) -> LinkEnded:
    value = reason.value
    if isinstance(value, error.ConnectionDone):
        return LinkEnded("closed", "the peer closed the connection")
    if isinstance(value, SSL.Error):
        return LinkEnded("tls", _alert(value))
    if isinstance(value, error.ConnectionLost):
        return LinkEnded("reset", "the connection was reset")
    return LinkEnded("fault", f"this program failed: {type(value).__name__}: {value}")


def _alert(problem: SSL.Error) -> str:
    if problem.args and isinstance(problem.args[0], list):
        return "; ".join(str(item[-1]) for item in problem.args[0]) or "TLS failed"
    return f"TLS failed: {problem}"
