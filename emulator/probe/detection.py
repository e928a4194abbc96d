"""Finds out what kind of network stands between: the client's own detection, STUN beside it, TCP 7001.

Not a flow and not a judgement: it comes after the flows, over sockets of its own, within a time budget of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec
from twisted.internet.defer import Deferred, DeferredList

from emulator.judge.flow import Flow
from emulator.judge.nat import NetworkSeen
from emulator.judge.observation import IcmpError, Observation
from emulator.net.datagrams import DatagramSocket
from emulator.net.route import NOWHERE, source_for
from emulator.probe.detection_tcp import TcpDetection
from emulator.probe.place import Place
from emulator.wire import behaviour, netdetect, stun
from emulator.wire.receipt import Endpoint
from emulator.wire.timed import Dialogue, Outgoing, Timed

BUDGET = 8.0  # seconds for everything; what is unanswered then counts as unanswered
UDP, TCP = "echo-udp", "echo-tcp"  # the flows whose success opens the way for it
UNANSWERED = ("silence", "icmp", "reset")

T = TypeVar("T")


class Detection:
    """One detection from this place. `run` never raises for what happens on the network; `stop` ends it at once."""

    def __init__(self, place: Place, budget: float = BUDGET) -> None:
        self._place = place
        self._budget = budget
        self._asked: set[Asked[Any]] = set()
        self._tcp: TcpDetection | None = None
        self._stopped = ""
        self.seen: NetworkSeen | None = None  # once it is through

    def stop(self, why: str) -> None:
        """Interrupted: what is unanswered stays so."""
        self._stopped = self._stopped or why
        for asked in tuple(self._asked):
            asked.give_up()
        if self._tcp is not None:
            self._tcp.stop(why)

    async def run(self, flows: Collection[Flow], observations: Mapping[str, Observation]) -> NetworkSeen:
        """Look, as far as the first phase of the flows was answered; unanswered, it needs no second look."""
        self.seen = await self._run(flows, observations)
        return self.seen

    async def _run(self, flows: Collection[Flow], observations: Mapping[str, Observation]) -> NetworkSeen:
        started = self._place.clock()
        udp, tcp = (next((flow for flow in flows if flow.exchange == name), None) for name in (UDP, TCP))
        work: list[Coroutine[Any, Any, NetworkSeen]] = []
        seen = NetworkSeen(client_ip=_client_ip(flows, observations))
        if udp is None or self._stopped:
            return msgspec.structs.replace(seen, why=self._stopped or "network detection was not asked for")
        server = Endpoint(self._place.join.address(udp.host), udp.port)
        near = observations[udp.id]
        if near.ending == "completed":
            work += [self._echo(server), self._stun(Endpoint(server.address, stun.PORTS[0]))]
        elif near.ending in UNANSWERED and (near.local is not None):
            silent = netdetect.Detected(local=near.local, server=server, asked=("first",))
            work.append(_known(NetworkSeen(echo=silent)))
        else:
            seen = msgspec.structs.replace(seen, why=near.detail or f"the first phase ended as {near.ending}")
        if tcp is not None and not tcp.via and observations[tcp.id].ending not in ("cancelled", "not-started"):
            self._tcp = TcpDetection(self._place, tcp, answered=observations[tcp.id].ending == "completed")
            work.append(self._tcp.run())
        call = self._place.reactor.callLater(self._budget, self.stop, f"its {self._budget:g} s were over")
        try:
            done = await DeferredList([Deferred.fromCoroutine(one) for one in work], consumeErrors=True)
        finally:
            if call.active():
                call.cancel()
        for good, part in cast("list[tuple[bool, Any]]", done):
            if not good:
                part.trap(OSError)
                seen = msgspec.structs.replace(seen, why=f"this machine: {part.value}")
                continue
            seen = msgspec.structs.replace(
                seen, echo=part.echo or seen.echo, stun=part.stun or seen.stun, tcp=part.tcp or seen.tcp
            )
        return msgspec.structs.replace(seen, seconds=self._place.clock() - started, why=self._stopped or seen.why)

    async def _echo(self, server: Endpoint) -> NetworkSeen:
        transaction = self._place.entropy(4)
        known = self._known
        detected, cut = await self._ask(server, lambda local: netdetect.detect(local, server, transaction, known))
        return NetworkSeen(echo=msgspec.structs.replace(detected, cut_short=cut))

    async def _stun(self, server: Endpoint) -> NetworkSeen:
        """Every test with a socket of its own, all at once: none opens a filter for another."""

        def make_id() -> bytes:
            return behaviour.transaction_id(self._place.entropy)

        known = self._known
        parts = await DeferredList(
            [
                Deferred.fromCoroutine(self._ask(server, dialogue))
                for dialogue in (
                    lambda local: behaviour.mapping(local, server, make_id, known),
                    lambda local: behaviour.filtering(server, make_id, change_ip=True, known=known),
                    lambda local: behaviour.filtering(server, make_id, change_ip=False, known=known),
                    lambda local: behaviour.hairpin(local, server, make_id),
                )
            ],
            consumeErrors=True,
        )
        values = []
        for good, part in cast("list[tuple[bool, Any]]", parts):
            if not good:
                part.raiseException()
            values.append(part)
        (mapping, cut), *rest = values
        if cut and mapping.first is None:
            return NetworkSeen()
        both, port, hairpin = (None if cut else value for value, cut in rest)
        return NetworkSeen(
            stun=behaviour.Behaviour(mapping=mapping, changed_both=both, changed_port=port, hairpinned=hairpin)
        )

    @property
    def _known(self) -> frozenset[str]:
        """Where datagrams may go: the emulator's own addresses, whatever an answer names."""
        return frozenset(self._place.join.addresses.values())

    async def _ask(self, server: Endpoint, dialogue: Callable[[Endpoint], Dialogue[T]]) -> tuple[T, bool]:
        asked = Asked(self._place, server, dialogue)
        self._asked.add(asked)
        try:
            if self._stopped:
                asked.give_up()
            return await asked.run(), asked.cut_short
        finally:
            self._asked.discard(asked)
            asked.close()


class Asked(Generic[T]):
    """One dialogue on a socket of its own, and a second one for what goes out beside it."""

    def __init__(self, place: Place, server: Endpoint, dialogue: Callable[[Endpoint], Dialogue[T]]) -> None:
        self._place = place
        self._socket = DatagramSocket(place.reactor, self._received, _no_evidence)
        self._beside: DatagramSocket | None = None
        self._timed = Timed(dialogue(Endpoint(source_for(server.address) or NOWHERE, self._socket.port)))
        self._over: Deferred[None] = Deferred()
        self._call: Any = None

    @property
    def cut_short(self) -> bool:
        """It was ended before its time."""
        return self._timed.cut_short

    async def run(self) -> T:
        """The dialogue's result."""
        if not self._timed.done:
            self._send(self._timed.start(self._place.clock()))
            await self._over
        return cast(T, self._timed.result)

    def give_up(self) -> None:
        """End now; the result is what was found out so far."""
        self._timed.give_up()
        self._after()

    def close(self) -> None:
        """Close the sockets."""
        self._socket.close()
        if self._beside is not None:
            self._beside.close()

    def _received(self, data: bytes, source: Endpoint) -> None:
        self._send(self._timed.received(data, source, self._place.clock()))

    def _due(self) -> None:
        self._send(self._timed.due(self._place.clock()))

    def _send(self, datagrams: tuple[Outgoing, ...]) -> None:
        for one in datagrams:
            try:
                self._by(one).send(one.data, one.to)
            except OSError:
                continue  # a question that this machine cannot send stays unanswered; the flows say why
        self._after()

    def _by(self, one: Outgoing) -> DatagramSocket:
        if not one.beside:
            return self._socket
        if self._beside is None:
            self._beside = DatagramSocket(self._place.reactor, _nobody_reads, _no_evidence)
        return self._beside

    def _after(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._timed.done:
            if not self._over.called:
                self._over.callback(None)
        elif self._timed.wake is not None:
            wait = max(0.0, self._timed.wake - self._place.clock())
            self._call = self._place.reactor.callLater(wait, self._due)


def _client_ip(flows: Collection[Flow], observations: Mapping[str, Observation]) -> str:
    """The address from which the notification server saw a direct sign-in, or ""."""
    for flow in flows:
        if flow.exchange == "msnp" and not flow.via:
            seen = observations[flow.id]
            address = seen.facts.get("client_ip", "") if seen.ending == "completed" else ""
            if address:
                return str(address)
    return ""


async def _known(seen: NetworkSeen) -> NetworkSeen:
    return seen


def _nobody_reads(data: bytes, source: Endpoint) -> None:
    """Datagrams to the socket beside."""


def _no_evidence(icmp: IcmpError, destination: Endpoint | None) -> None:
    """An ICMP error leaves a question unanswered; the flows keep it as evidence."""
