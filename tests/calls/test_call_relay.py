"""Media of a call through our relay between two ends of ours; what a relayed port does when the relay is not kind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_twisted
from calling import FAR, NEAR, both, near_line, phone_on, telephone
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from emulator.client.call_line import Line
from emulator.client.call_relay import Credentials, RelayedPort, allocated
from emulator.client.call_telephone import Telephone
from emulator.client.network import StreamEnded, Unexpected
from emulator.net.datagrams import BoundDatagrams
from emulator.services.datagrams import FarDatagrams
from emulator.services.journal import Journal
from emulator.services.phone import Phone
from emulator.services.relay import Relay
from emulator.services.surroundings import Surroundings
from emulator.wire import sdp, stun, tags, turn
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import derive_password

RELAY = "127.0.0.83"
KEY = b"k" * 32
later: Any = reactor.callLater  # type: ignore[attr-defined]


@contextmanager
def relaying() -> Iterator[tuple[Relay, Endpoint]]:
    relay = Relay(reactor, now=time.time, entropy=os.urandom)
    names = ("echo.edge.messenger.live.com", "second")
    addresses = {**dict.fromkeys(names, FAR), "relay.voice.messenger.msn.com": RELAY}
    there = Surroundings(
        addresses=addresses, relay_port=30478, echo_port=7001, relay_key=KEY, now=time.time, entropy=os.urandom
    )
    local = Endpoint(RELAY, 30478)
    far = FarDatagrams(Journal(time.time), relay, there, local, {})
    port = reactor.listenUDP(local.port, far, interface=RELAY)  # type: ignore[attr-defined]
    try:
        yield relay, local
    finally:
        relay.close()
        port.stopListening()


def credentials(relay: Endpoint) -> Credentials:
    username = os.urandom(20)
    return Credentials(relay, username, derive_password(KEY, username))


def any_port(receive: Any) -> BoundDatagrams:
    return BoundDatagrams(reactor, NEAR, 0, receive)


async def called(phone: Phone, line: Line) -> tuple[Telephone, Any]:
    caller = telephone(reactor, phone)
    tag = os.urandom(16)
    await caller.register(tags.ticket(tag), tag.hex())
    offer = sdp.Session(NEAR, (line.description(NEAR),))
    call = await caller.call("voice@example.com", sdp.encode(offer), os.urandom(16).hex())
    line.connect(sdp.decode(call.answer).audio, FAR, send=False)
    return caller, call


@pytest_twisted.ensureDeferred
async def test_both_ends_speak_through_it_and_give_their_ports_back() -> None:
    with relaying() as (relay, where), phone_on(reactor, relay=lambda: credentials(where)) as phone:
        line = near_line(reactor)
        ports = await allocated(credentials(where), line, any_port, later, os.urandom)
        line.relay(ports)
        caller, call = await called(phone, line)
        there = sdp.decode(call.answer).audio.candidates
        assert [one.priority for one in there] == ["0.830", "0.830", "0.450", "0.450"]
        assert {one.address for one in there[2:]} == {RELAY}
        mapped = await line.check(relayed=True)
        assert (mapped.address, mapped.port) == (RELAY, ports[0].number)  # so the contact sees us
        line.start()
        line.control()
        await task.deferLater(reactor, 0.4, lambda: None)
        await line.settle()
        (far,) = phone.lines
        here, counted = line.measured(), far.measured()
        assert here["sent"] == counted["received"] >= 18
        assert here["received"] >= 18
        assert here["lost"] == here["reported"]["lost"] == counted["lost"] == 0
        assert far.peers == [(RELAY, port.number) for port in ports]
        held = list(relay.allocations.relayed.values())
        assert len(held) == 4
        assert all(getattr(one, "active", None) is not None for one in held)  # bare both ways by now
        await call.hang_up()
        caller.close()
        line.close()
        await task.deferLater(reactor, 0.05, lambda: None)
        assert not relay.allocations.relayed


@pytest_twisted.ensureDeferred
async def test_two_clients_meet_at_the_relay_and_nowhere_else() -> None:
    with relaying() as (relay, where), phone_on(reactor) as phone:
        one, other = await both(phone)
        near, far = near_line(reactor), near_line(reactor, answering=True)
        for line in (near, far):
            line.relay(await allocated(credentials(where), line, any_port, later, os.urandom))
        taken = other.takes(far)
        call = await one.call(other.account, near)
        near.connect(sdp.decode(call.answer).audio, NEAR, send=False)
        mapped = await near.check(relayed=True)
        assert (mapped.address, mapped.port) == (RELAY, near.ports[2].number)
        near.start()
        await task.deferLater(reactor, 0.3, lambda: None)
        await near.settle()
        here, there = near.measured(), far.measured()
        assert here["sent"] == there["received"] >= 12
        assert here["received"] >= 12
        assert here["lost"] == here["reported"]["lost"] == there["lost"] == 0
        assert near.peers == [(RELAY, port.number) for port in far.ports[2:]]
        assert far.peers == [(RELAY, port.number) for port in near.ports[2:]]
        assert not phone.lines
        await call.hang_up()
        assert taken[0].state == "over"
        for line in (near, far):
            line.close()
        for end in (one, other):
            end.telephone.close()
        await task.deferLater(reactor, 0.05, lambda: None)
        assert not relay.allocations.relayed


@pytest_twisted.ensureDeferred
async def test_a_caller_that_goes_directly_is_not_sent_media_through_the_relay() -> None:
    with relaying() as (_, where), phone_on(reactor, relay=lambda: credentials(where)) as phone:
        line = near_line(reactor)
        line.relay(await allocated(credentials(where), line, any_port, later, os.urandom))
        caller, call = await called(phone, line)
        await task.deferLater(reactor, 0.1, lambda: None)
        (far,) = phone.lines
        assert far.measured()["sent"] == 0  # it waits for the caller to choose
        assert (await line.check()).address == NEAR
        line.start()
        await task.deferLater(reactor, 0.1, lambda: None)
        await line.settle()
        assert line.measured()["received"] >= 4
        assert line.measured()["strangers"] == 0
        await call.hang_up()
        caller.close()
        line.close()


@pytest_twisted.ensureDeferred
async def test_wrong_credentials_and_a_relay_that_is_not_there() -> None:
    with relaying() as (relay, where), phone_on(reactor, relay=lambda: Credentials(where, b"u" * 20, b"x")) as phone:
        line = near_line(reactor)
        with pytest.raises(Unexpected, match="431"):
            await allocated(Credentials(where, b"u" * 20, b"wrong"), line, any_port, later, os.urandom)
        line.relay(await allocated(credentials(where), line, any_port, later, os.urandom))
        caller, call = await called(phone, line)  # the contact is refused by the relay, and answers without
        assert [one.priority for one in sdp.decode(call.answer).audio.candidates] == ["0.830", "0.830"]
        await call.hang_up()
        caller.close()
        line.close()
        assert len(relay.allocations.relayed) <= 2


class Socket:
    """The socket that speaks with the relay, in memory."""

    number = 40000

    def __init__(self, receive: Any) -> None:
        self.receive = receive
        self.sent: list[bytes] = []
        self.closed = False

    def send(self, data: bytes, to: Any) -> None:
        assert to == ("192.0.2.9", 30478)
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


def port(clock: Clock, heard: list[Any]) -> tuple[RelayedPort, Socket]:
    own = Credentials(Endpoint("192.0.2.9", 30478), b"u" * 20, b"p" * 16)
    made: list[Socket] = []

    def opened(receive: Any) -> Socket:
        made.append(Socket(receive))
        return made[0]

    relayed = RelayedPort(
        opened,
        lambda data, source: heard.append((data, source)),
        own,
        call_later=clock.callLater,
        entropy=os.urandom,
    )
    return relayed, made[0]


def granted(request: bytes, lifetime: int = 600) -> bytes:
    grant = turn.Grant(Endpoint("192.0.2.9", 50000), Endpoint("198.51.100.7", 1234), lifetime)
    return turn.allocate_ok(request[4:20], b"u" * 20, b"p" * 16, grant)


RELAYED = ("192.0.2.9", 30478)
OTHER = ("192.0.2.9", 50002)


def test_silence_is_told_after_the_last_try() -> None:
    clock, heard = Clock(), []  # type: ignore[var-annotated]
    relayed, socket = port(clock, heard)
    problems: list[Any] = []
    Deferred.fromCoroutine(relayed.allocate()).addErrback(lambda failure: problems.append(failure.value))
    clock.pump([0.1] * 40)
    assert len(socket.sent) == 5
    assert len(set(socket.sent)) == 1
    assert isinstance(problems[0], StreamEnded)


def test_it_is_refreshed_wrapped_until_active_and_given_back() -> None:
    clock, heard = Clock(), []  # type: ignore[var-annotated]
    relayed, socket = port(clock, heard)
    done: list[Endpoint] = []
    Deferred.fromCoroutine(relayed.allocate()).addCallback(done.append)
    answer = granted(socket.sent[0])
    socket.receive(answer, ("192.0.2.8", 30478))  # not the relay
    socket.receive(answer[:-1] + bytes((answer[-1] ^ 1,)), ("192.0.2.8", 30478))
    assert not done
    socket.receive(answer, RELAYED)
    assert done == [Endpoint("192.0.2.9", 50000)]
    relayed.send(b"wrapped", OTHER)
    assert stun.decode(socket.sent[-1]).kind == turn.SEND
    socket.receive(turn.data_indication(bytes(16), Endpoint(*OTHER), b"heard"), RELAYED)
    relayed.activate(OTHER)
    request = socket.sent[-1]
    assert stun.decode(request).kind == turn.SET_ACTIVE
    relayed.send(b"still wrapped", OTHER)
    assert stun.decode(socket.sent[-1]).kind == turn.SEND
    agreed = stun.Message(turn.SET_ACTIVE_OK, request[4:20], (turn._HEAD,))
    socket.receive(stun.encode(agreed, b"p" * 16), RELAYED)
    relayed.send(b"bare", OTHER)
    assert socket.sent[-1] == b"bare"
    socket.receive(b"\x80bare too", RELAYED)
    assert heard == [(b"heard", OTHER), (b"\x80bare too", OTHER)]
    clock.pump([1.0] * 301)
    assert stun.decode(socket.sent[-1]).kind == turn.ALLOCATE
    assert socket.sent[-1][4:20] != relayed.id
    relayed.close()
    last = stun.decode(socket.sent[-1])
    assert int.from_bytes(last.need(turn.LIFETIME), "big") == 0
    assert socket.closed
    assert not clock.getDelayedCalls()
