"""Listeners on loopback: what is opened, what is not and why, and the limits of what a stranger can do."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import error, reactor
from twisted.internet.defer import Deferred

from emulator.catalog import load
from emulator.net.dial import dial
from emulator.net.link import LinkEnded
from emulator.services import datagrams, stream
from emulator.services.datagrams import FarDatagrams
from emulator.services.journal import Journal
from emulator.services.listeners import why_not
from emulator.services.stream import FarEndFactory
from emulator.services.surroundings import Surroundings
from emulator.wire.datagram import Answered, Reply
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint, Receipt
from emulator.wire.talk import Exactly, Send, Talk

CATALOG = load()
LOCAL = "127.0.0.1"


def surroundings() -> Surroundings:
    return Surroundings(
        addresses=dict.fromkeys((*CATALOG.host_names, "peer", "second"), LOCAL),
        relay_port=30478,
        echo_port=7001,
        relay_key=b"",
        now=lambda: 5.0,
        entropy=os.urandom,
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "tcp 80 is taken by another program (`sudo ss -tulpn` names it): stop it"),
        (errno.EACCES, "tcp 80 is forbidden here: run as root, or grant CAP_NET_BIND_SERVICE"),
        (errno.EPERM, "forbidden"),
        (errno.EADDRNOTAVAIL, "this machine does not have that address"),
        (errno.EMFILE, "out of file descriptors: raise `ulimit -n`"),
        (errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_why_a_port_is_not_open(number: int, words: str) -> None:
    problem = error.CannotListenError("", 80, OSError(number, os.strerror(number)))
    assert words in why_not(problem, "tcp", LOCAL, 80)


class Far:
    """One TCP port of the emulator, with a talk of our own behind every opening."""

    def __init__(self, talk: Any) -> None:
        self.journal = Journal(lambda: 5.0)
        self.surroundings = surroundings()
        kinds = ("http", "msnp", "echo-tcp", "t120", "rdp", "msnftp")
        factory = FarEndFactory(
            reactor,
            self.journal,
            dict.fromkeys(kinds, talk),
            self.surroundings,
            SSL.Context(SSL.TLS_SERVER_METHOD),
        )
        self.port = reactor.listenTCP(0, factory, interface=LOCAL)  # type: ignore[attr-defined]

    @property
    def number(self) -> int:
        return int(self.port.getHost().port)

    def receipts(self) -> tuple[Receipt, ...]:
        return self.journal.since(0)[0]

    def close(self) -> Any:
        for connection in tuple(self.surroundings.connections):
            connection.stop()
        return self.port.stopListening()


def greet(context: Any) -> Talk[None]:
    yield Exactly(4)
    yield Send(b"hello")
    yield Exactly(64)  # which never comes


@pytest.fixture
def far() -> Iterator[Far]:
    one = Far(greet)
    yield one
    pytest_twisted.blockon(one.close())


def ask(data: bytes, count: int) -> Talk[bytes]:
    yield Send(data)
    return (yield Exactly(count))


@pytest_twisted.ensureDeferred
async def test_a_connection_leaves_a_receipt_with_both_digests(far: Far) -> None:
    link = await dial(reactor, LOCAL, far.number, 2.0)
    done = await link.run(ask(b"VER 1 MSNP15\r\n", 5))
    assert done.result == b"hello"
    (receipt,) = far.receipts()
    assert (receipt.protocol, receipt.state) == ("msnp", "open")
    assert receipt.peer == link.local
    assert receipt.received == link.sent.digest()
    assert receipt.sent == link.received.digest()
    link.abort()


@pytest_twisted.ensureDeferred
async def test_what_is_no_protocol_is_closed_and_its_first_bytes_are_kept(far: Far) -> None:
    link = await dial(reactor, LOCAL, far.number, 2.0)
    with pytest.raises((WireError, LinkEnded)):
        await link.run(ask(b"\xee" * 64, 1))
    (receipt,) = far.receipts()
    assert (receipt.end, receipt.error) == ("closed", "not a protocol of this network")
    assert receipt.facts["first_bytes"] == "ee" * 64
    assert receipt.received is not None
    assert receipt.received.size == 64


@pytest_twisted.ensureDeferred
async def test_more_connections_than_the_limit_are_closed_unread(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CONNECTIONS", 2)
    links = [await dial(reactor, LOCAL, far.number, 2.0) for _ in range(2)]
    for link in links:
        await link.run(ask(b"VER 1 MSNP15\r\n", 5))
    third = await dial(reactor, LOCAL, far.number, 2.0)
    with pytest.raises((WireError, LinkEnded)):
        await third.run(ask(b"VER 1 MSNP15\r\n", 5))
    assert len(far.receipts()) == 2
    for link in links:
        link.abort()


class Heard:
    """A plain UDP socket that waits for answers in the reactor."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCAL, 0))
        self.socket.setblocking(False)

    def drain(self) -> list[bytes]:
        found = []
        for _ in range(10_000):
            try:
                found.append(self.socket.recv(65535))
            except BlockingIOError:
                break
        return found


@pytest_twisted.inlineCallbacks
def test_answers_per_second_and_source_are_limited(monkeypatch: pytest.MonkeyPatch) -> Any:
    """More are seen and written down, but not answered: the emulator is no amplifier."""
    monkeypatch.setattr(datagrams, "RATE", 3)
    journal = Journal(lambda: 5.0)
    local = Endpoint(LOCAL, 0)
    enough: Deferred[None] = Deferred()
    count = [0]

    def answer(data: bytes, context: Any) -> Answered:
        count[0] += 1
        if count[0] == 10:
            reactor.callLater(0, enough.callback, None)  # type: ignore[attr-defined]
        return Answered("echo", "ab" * 16, (Reply(data),))

    far = FarDatagrams(journal, answer, surroundings(), local, {})
    port = reactor.listenUDP(0, far, interface=LOCAL)  # type: ignore[attr-defined]
    near = Heard()
    try:
        for number in range(10):
            near.socket.sendto(bytes([number]), (LOCAL, port.getHost().port))
        enough.addTimeout(2.0, reactor)
        yield enough
        assert near.drain() == [b"\0", b"\1", b"\2"]
        (receipt,) = journal.since(0)[0]
        assert len(receipt.seen) == 10
        assert receipt.received is not None
        assert receipt.received.size == 10
    finally:
        near.socket.close()
        yield port.stopListening()


@pytest_twisted.inlineCallbacks
def test_a_datagram_that_breaks_its_protocol_is_written_down(monkeypatch: pytest.MonkeyPatch) -> Any:
    journal = Journal(lambda: 5.0)
    heard: Deferred[None] = Deferred()

    def answer(data: bytes, context: Any) -> Answered | None:
        reactor.callLater(0, heard.callback, None)  # type: ignore[attr-defined]
        raise WireError("half a record")

    far = FarDatagrams(journal, answer, surroundings(), Endpoint(LOCAL, 0), {})
    port = reactor.listenUDP(0, far, interface=LOCAL)  # type: ignore[attr-defined]
    near = Heard()
    try:
        near.socket.sendto(b"x", (LOCAL, port.getHost().port))
        heard.addTimeout(2.0, reactor)
        yield heard
        (receipt,) = journal.since(0)[0]
        assert (receipt.error, receipt.seen) == ("half a record", ())
        assert near.drain() == []
    finally:
        near.socket.close()
        yield port.stopListening()
