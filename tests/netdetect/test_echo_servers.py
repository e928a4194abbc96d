"""Both echo servers and the binding service on loopback, asked in raw bytes: who answers whom, from where, how much."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from nats_made import described
from twisted.internet import reactor
from twisted.internet.task import deferLater

from emulator.catalog import load
from emulator.services.datagrams import FarDatagrams
from emulator.services.journal import Journal
from emulator.services.surroundings import Surroundings
from emulator.wire import echo
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.exchanges import answer_datagram
from emulator.wire.receipt import Endpoint
from emulator.wire.stun import PORTS
from emulator.wire.turn import Allocations

CATALOG = load()
ONE, TWO = "127.0.0.1", "127.0.0.2"
QUESTION = bytes.fromhex("0201413141314131 0000000000000000 01020304")


class Servers:
    """UDP of two addresses; `missing` addresses have no echo socket."""

    def __init__(self, missing: tuple[str, ...] = ()) -> None:
        addresses = dict.fromkeys((*CATALOG.host_names, "peer"), ONE) | {"second": TWO}
        self.journal = Journal(lambda: 5.0)
        ports: dict[Endpoint, FarDatagrams] = {}
        self.number = free_port()
        surroundings = Surroundings(
            addresses=addresses,
            relay_port=30478,
            echo_port=self.number,
            relay_key=b"",
            now=lambda: 5.0,
            entropy=os.urandom,
        )
        allocations = Allocations()

        def answer(data: bytes, context: ServerContext) -> Answered | None:
            return answer_datagram(data, context, allocations)

        self.listening = []
        for address in (ONE, TWO):
            if address in missing:
                continue
            local = Endpoint(address, self.number)
            ports[local] = FarDatagrams(self.journal, answer, surroundings, local, ports)
            self.listening.append(
                reactor.listenUDP(self.number, ports[local], interface=address)  # type: ignore[attr-defined]
            )

    async def close(self) -> None:
        for port in self.listening:
            await port.stopListening()


def free_port() -> int:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind((ONE, 0))
        two.bind((TWO, one.getsockname()[1]))
        return int(one.getsockname()[1])


@pytest.fixture
def asking() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((ONE, 0))
        one.setblocking(False)
        yield one


async def heard(one: socket.socket, count: int = 1) -> list[tuple[bytes, str]]:
    """What came, in at most half a second; less when `count` have come."""
    found: list[tuple[bytes, str]] = []
    for _ in range(50):
        try:
            data, source = one.recvfrom(2048)
            found.append((data, source[0]))
        except BlockingIOError:
            if len(found) >= count:
                break
            await deferLater(reactor, 0.01, lambda: None)
    return found


@pytest_twisted.ensureDeferred
async def test_each_server_names_the_other_and_lets_it_answer(asking: socket.socket) -> None:
    servers = Servers()
    me = Endpoint(ONE, asking.getsockname()[1])
    try:
        for mine, other in ((ONE, TWO), (TWO, ONE)):
            asking.sendto(QUESTION, (mine, servers.number))
            answer = described(me, Endpoint(other, servers.number), b"\x01\x02\x03\x04")
            assert await heard(asking) == [(answer, mine)]
            cross = b"\x02\x03" + answer[2:]
            asking.sendto(cross, (mine, servers.number))
            ((crossed, source),) = await heard(asking)
            assert source == other, "code 3 is answered by the other server"
            assert crossed[:8] == answer[:8], "and says what the first one saw"
    finally:
        await servers.close()


@pytest_twisted.ensureDeferred
async def test_a_code_3_question_reaches_the_observed_source_only(asking: socket.socket) -> None:
    """Its address fields name somebody else, who must hear nothing."""
    servers = Servers()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind((ONE, 0))
        victim.setblocking(False)
        forged = described(Endpoint(*victim.getsockname()), Endpoint(TWO, servers.number), b"\x01\x02\x03\x04")
        try:
            asking.sendto(b"\x02\x03" + forged[2:], (ONE, servers.number))
            ((answer, source),) = await heard(asking)
            assert source == TWO
            assert answer[2:8] != forged[2:8]
            with pytest.raises(BlockingIOError):
                victim.recvfrom(2048)
        finally:
            await servers.close()


@pytest_twisted.ensureDeferred
async def test_without_the_second_server_nobody_answers_in_its_name(asking: socket.socket) -> None:
    """An answer from the first one would call every NAT an IP-Restrict-NAT."""
    servers = Servers(missing=(TWO,))
    try:
        asking.sendto(b"\x02\x03" + QUESTION[2:], (ONE, servers.number))
        asking.sendto(QUESTION, (ONE, servers.number))
        ((_, source),) = await heard(asking)
        assert source == ONE
        (receipt,) = servers.journal.since(0)[0]
        assert receipt.facts == {"not_sent": f"no socket on {TWO}:{servers.number}"}
        assert [seen.facts["code"] for seen in receipt.seen] == [3, 1]
    finally:
        await servers.close()


def context(**changes: Any) -> ServerContext:
    values: dict[str, Any] = {
        "observed": Endpoint("198.51.100.7", 40123),
        "local": Endpoint("203.0.113.1", 7001),
        "second": Endpoint("203.0.113.2", 7001),
        "relay": Endpoint("203.0.113.5", 30478),
        "relay_key": b"",
        "entropy": os.urandom,
        "now": lambda: 5.0,
    }
    return ServerContext(**{**values, **changes})


RECORD = st.binary(min_size=18, max_size=18).flatmap(
    lambda rest: st.sampled_from([b"\x02\x01", b"\x02\x02", b"\x02\x03", b"\x02\x04", b"\x01\x01"]).map(
        lambda head: head + rest
    )
)


@given(RECORD | st.binary(max_size=40))
def test_an_answer_is_never_longer_and_never_repeats_an_address_of_the_question(data: bytes) -> None:
    answered = echo.answer(data, context())
    for reply in answered.replies if answered is not None else ():
        assert len(reply.data) <= len(data)
        assert reply.data == described(Endpoint("198.51.100.7", 40123), Endpoint("203.0.113.2", 7001), data[16:])
        assert reply.origin is None
    if len(data) == 20 and data[0] == 2 and data[1] in (1, 3):
        assert answered is not None
        assert len(answered.replies) == 1


def test_a_forged_source_is_not_flooded_by_the_binding_service() -> None:
    """Its answers are longer than questions: what one address is sent in a second is bounded."""
    allocations, sent = Allocations(), 0
    question = bytes.fromhex("00010000 2112a442") + bytes(12)
    for _ in range(1_000):
        answered = answer_datagram(question, context(local=Endpoint("203.0.113.1", PORTS[0])), allocations)
        assert answered is not None
        sent += sum(len(reply.data) for reply in answered.replies)
    assert 0 < sent < 4_000
    elsewhere = context(local=Endpoint("203.0.113.1", PORTS[0]), observed=Endpoint("198.51.100.8", 1))
    answered = answer_datagram(question, elsewhere, allocations)
    assert answered is not None
    assert answered.replies, "somebody else is still answered"


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(("flags", "address", "moves"), [(0, 1, 0), (2, 1, 1), (4, 2, 0), (6, 2, 1)])
def test_change_request_chooses_the_socket(port: int, flags: int, address: int, moves: int) -> None:
    data = bytes.fromhex("00010008") + bytes(range(16)) + b"\0\3\0\4" + flags.to_bytes(4, "big")
    answered = answer_datagram(data, context(local=Endpoint("203.0.113.1", port)), Allocations())
    assert answered is not None
    (reply,) = answered.replies
    assert reply.origin == Endpoint(f"203.0.113.{address}", 3478 + (port - 3478 + moves) % 2)
