"""The probe's detection over real sockets on loopback, against the emulator's own ends: what it finds, and its time."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.judge.nat import NetworkSeen, judge
from emulator.judge.observation import Observation
from emulator.pki.tls import client_context
from emulator.probe.detection import Detection
from emulator.probe.place import Place
from emulator.wire import stun
from emulator.wire.join import FORMAT, Join
from emulator.wire.receipt import Endpoint

CATALOG = load()
HOST = "echo.edge.messenger.live.com"
LOCAL = Endpoint("127.0.0.1", 40000)


class Says(DatagramProtocol):
    """Answers with what a function gives."""

    def __init__(self, answer: Callable[[bytes, Endpoint], bytes]) -> None:
        self._answer = answer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        said = self._answer(datagram, Endpoint(*addr))
        if said:
            self.transport.write(said, addr)  # type: ignore[union-attr]


def place() -> Place:
    join = Join(
        format=FORMAT,
        emulator="",
        created=0.0,
        expires=1.0,
        control=(),
        pin="",
        token="",
        seed="",
        samples=0,
        relay_key="",
        catalog="",
        root="",
        addresses={HOST: "127.0.0.1", "second": "127.0.0.2"},
    )
    return Place(reactor, join, now=lambda: 5.0, entropy=os.urandom, client_tls=client_context(), timeout=1.0)


def flow(exchange: str, port: int) -> Flow:
    return Flow(
        id=exchange,
        uid="",
        row="",
        row_kind="clause",
        exchange=exchange,
        transport="udp" if exchange == "echo-udp" else "tcp",
        host=HOST,
        port=port,
    )


def observed(exchange: str, ending: str, **facts: Any) -> Observation:
    return Observation(exchange, "done", ending, 0.0, 0.1, local=LOCAL, facts=facts)  # type: ignore[arg-type]


async def look(detection: Detection, port: int, ending: str = "completed") -> NetworkSeen:
    return await detection.run([flow("echo-udp", port)], {"echo-udp": observed("echo-udp", ending)})


def mapped_to(address: str) -> Callable[[bytes, Endpoint], bytes]:
    """An echo server in raw bytes that sees the peer at another address, and names 127.0.0.2 as the second one."""

    def answer(data: bytes, peer: Endpoint) -> bytes:
        if len(data) != 20 or data[1] == 4:
            return b""
        mask = bytes.fromhex("4131")
        fields = peer.port.to_bytes(2, "big") + bytes(int(part) for part in address.split("."))
        second = b"\x00\x09" + (9999).to_bytes(2, "big") + bytes((127, 0, 0, 2))
        return b"\x02\x02" + bytes(byte ^ mask[at % 2] for at, byte in enumerate(fields + second)) + data[16:]

    return answer


def listening(answer: Callable[[bytes, Endpoint], bytes]) -> Any:
    return reactor.listenUDP(0, Says(answer), interface="127.0.0.1")  # type: ignore[attr-defined]


@pytest_twisted.ensureDeferred
async def test_no_second_look_at_what_was_silent() -> None:
    """A firewall costs no time: the flow's four tries are the client's."""
    seen = await look(Detection(place()), 7001, "silence")
    assert judge(seen).messenger == "Firewall"
    assert seen.seconds < 0.1


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("ending", ["cancelled", "own-fault", "not-started"])
async def test_what_was_not_tried_is_no_firewall(ending: str) -> None:
    seen = await look(Detection(place()), 7001, ending)
    assert seen.echo is None
    assert judge(seen).messenger == "Unknown-Connect"
    assert seen.why


@pytest_twisted.ensureDeferred
async def test_the_same_address_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    port = listening(mapped_to("127.0.0.1"))
    monkeypatch.setattr(stun, "PORTS", (port.getHost().port, port.getHost().port + 1))
    try:
        detection = Detection(place(), budget=0.4)
        seen = await look(detection, port.getHost().port)
        assert judge(seen).messenger == "Direct-Connect"
        assert seen.echo is not None
        assert not seen.echo.cut_short
        assert detection.seen == seen
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_the_budget_ends_it_and_nothing_is_claimed() -> None:
    port = listening(mapped_to("198.51.100.7"))
    try:
        seen = await look(Detection(place(), budget=0.3), port.getHost().port)
        network = judge(seen)
        assert 0.25 < seen.seconds < 0.8
        assert seen.echo is not None
        assert seen.echo.mapped is not None
        assert seen.echo.mapped.address == "198.51.100.7"
        assert (network.messenger, network.because) == ("Unknown-Connect", "out of time")
        assert (network.classic, network.mapping) == ("unknown", "unknown")
        assert seen.why == "its 0.3 s were over"
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_stopped_from_outside_it_ends_at_once() -> None:
    port = listening(lambda data, peer: b"")
    try:
        detection = Detection(place())
        looking = Deferred.fromCoroutine(look(detection, port.getHost().port))
        reactor.callLater(0.05, detection.stop, "interrupted")  # type: ignore[attr-defined]
        seen = await looking
        assert seen.seconds < 0.5
        assert judge(seen).messenger == "Unknown-Connect"
        assert seen.why == "interrupted"
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_the_notification_servers_view_is_taken_along() -> None:
    near = observed("msnp", "completed", client_ip="192.0.2.99")
    flows = [flow("echo-udp", 7001), flow("msnp", 1863)]
    seen = await Detection(place()).run(flows, {"echo-udp": observed("echo-udp", "silence"), "msnp": near})
    assert seen.client_ip == "192.0.2.99"
