"""Passes questions about other names on to a given name server, so that one server is enough for a client on real gear.

Not a resolver and no cache: answers go back as they came. Only known networks are served, because an open forwarder
turns forged questions against others. Limits: 200 questions under way, three tries, 65,535 bytes per answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol, connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from emulator.net import outgoing
from emulator.wire.receipt import Endpoint

WAITS = (0.5, 1.0, 2.0)  # seconds for an answer to each try
STREAM_WAIT = 5.0  # seconds for the same over TCP
PENDING = 200
LONGEST = 512  # bytes over UDP, RFC 1035 2.3.4
TRUNCATED = 0x02  # in the third byte of the header, RFC 1035 4.1.1


class Forwarder:
    """Asks `server`. `entropy` gives random bytes for message ids."""

    def __init__(self, reactor: Any, server: Endpoint, entropy: Callable[[int], bytes]) -> None:
        self._reactor = reactor
        self._server = server
        self._entropy = entropy
        self._pending: set[_Question | _StreamQuestion] = set()

    async def ask(self, question: bytes, *, stream: bool) -> bytes:
        """The answer to a plain question, with its id; SERVFAIL when none comes or too much is under way.

        `stream`: whoever asks can take a long answer, so one that is cut short is asked for again over TCP.
        """
        answer = await self._asked(_Question(self._reactor, self._server, question, self._entropy(2)))
        if answer and stream and answer[2] & TRUNCATED:
            answer = await self._asked(_StreamQuestion(self._reactor, self._server, question))
        if len(answer) > LONGEST and not stream:
            answer = _cut_short(question, answer)
        return question[:2] + answer[2:] if answer else _failure(question)

    def close(self) -> None:
        """Give up what is under way."""
        for one in tuple(self._pending):
            one.finish(b"")

    async def _asked(self, one: _Question | _StreamQuestion) -> bytes:
        if len(self._pending) >= PENDING:
            return b""
        self._pending.add(one)
        try:
            return await one.start()
        finally:
            self._pending.discard(one)


class _Question(DatagramProtocol):
    """One question on a port and with an id of its own: an answer must know both (RFC 5452)."""

    noisy = False

    def __init__(self, reactor: Any, server: Endpoint, question: bytes, identity: bytes) -> None:
        self._reactor = reactor
        self._server = server
        self._data = identity + question[2:]
        self._waits = iter(WAITS)
        self._done: Deferred[bytes] = Deferred()
        self._timer: Any = None
        self._port: Any = None

    def start(self) -> Deferred[bytes]:
        self._port = self._reactor.listenUDP(0, self, maxPacketSize=4096)
        self._way().connect(self._server.address, self._server.port)
        self._try()
        return self._done

    def _way(self) -> Any:
        return self.transport  # whose interface in Twisted is that of a port without a peer

    def _try(self) -> None:
        wait = next(self._waits, None)
        if wait is None:
            self.finish(b"")
            return
        self._way().write(self._data)
        self._timer = self._reactor.callLater(wait, self._try)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if _answers(datagram, self._data):
            self.finish(datagram)

    def connectionRefused(self) -> None:
        self.finish(b"")

    def finish(self, answer: bytes) -> None:
        if self._done.called:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._port.stopListening()
        self._done.callback(answer)


class _StreamQuestion(ClientFactory):
    """The same question on a connection of its own."""

    noisy = False

    def __init__(self, reactor: Any, server: Endpoint, question: bytes) -> None:
        self._reactor = reactor
        self._server = server
        self.data = question
        self._done: Deferred[bytes] = Deferred()
        self._connector: Any = None
        self._timer: Any = None

    def start(self) -> Deferred[bytes]:
        self._connector = outgoing.connect(self._reactor, self._server.address, self._server.port, self, STREAM_WAIT)
        self._timer = self._reactor.callLater(STREAM_WAIT, self.finish, b"")
        return self._done

    def buildProtocol(self, addr: Any) -> Protocol:
        return _Stream(self)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.finish(b"")

    def finish(self, answer: bytes) -> None:
        if self._done.called:
            return
        if self._timer.active():
            self._timer.cancel()
        self._done.callback(answer)
        self._connector.disconnect()


class _Stream(Int16StringReceiver):
    def __init__(self, asked: _StreamQuestion) -> None:
        self._asked = asked

    def connectionMade(self) -> None:
        self.sendString(self._asked.data)

    def stringReceived(self, string: bytes) -> None:
        self._asked.finish(string if _answers(string, self._asked.data) else b"")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._asked.finish(b"")


def _answers(answer: bytes, question: bytes) -> bool:
    """Same id and question, and an answer at all. Case is left as it was sent (RFC 4343 lets servers change it)."""
    end = len(question)
    return (
        len(answer) >= end
        and answer[:2] == question[:2]
        and bool(answer[2] & 0x80)
        and (answer[4:6] == question[4:6] and answer[12:end].lower() == question[12:end].lower())
    )


def _cut_short(question: bytes, answer: bytes) -> bytes:
    return answer[:2] + bytes([answer[2] | TRUNCATED]) + answer[3:6] + bytes(6) + question[12:]


def _failure(question: bytes) -> bytes:
    return question[:2] + bytes([0x80 | (question[2] & 0x79), dns.ESERVER]) + question[4:]
