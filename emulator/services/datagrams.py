"""The far end of UDP: one socket per address and port, so that answers leave from the address that was asked.

Not a reflector: an answer goes to the observed source only, at a bounded rate per source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import protocol

from emulator.services.journal import Journal
from emulator.services.surroundings import Surroundings
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting

RATE = 2_000  # answers per second and source address; more are seen and not answered

Answer = Callable[[bytes, ServerContext], Answered | None]


class FarDatagrams(protocol.DatagramProtocol):
    """One bound UDP socket. `ports` finds the second echo server's socket for answers that must leave from there."""

    noisy = False

    def __init__(
        self,
        journal: Journal,
        answer: Answer,
        surroundings: Surroundings,
        local: Endpoint,
        ports: dict[Endpoint, FarDatagrams],
    ) -> None:
        self._journal = journal
        self._answer = answer
        self._surroundings = surroundings
        self._local = local
        self._ports = ports
        self._budget: dict[str, tuple[int, int]] = {}

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        source = Endpoint(addr[0], addr[1])
        entry = self._journal.datagram(self._local, source)
        entry.received.add(datagram)
        try:
            answered = self._answer(datagram, self._surroundings.server_context(self._local, source, secure=False))
        except WireError as problem:
            entry.error = str(problem)
            entry.touch()
            return
        if answered is None:
            entry.facts["first_bytes"] = datagram[:64].hex()
            entry.touch()
            return
        entry.protocol = entry.protocol or answered.protocol
        answers = answered.replies if self._may_answer(source.address) else ()
        response = answers[0].data if answers else b""
        entry.sight(Sighting(answered.protocol, answered.tag, answered.facts, request=datagram, response=response))
        for reply in answers:
            port = self if reply.source == "peer" else self._ports.get(self._surroundings.second, self)
            port.send(reply.data, addr)
            entry.sent.add(reply.data)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send from this socket; an unreachable source is no fault of ours."""
        try:
            cast(Any, self.transport).write(data, to)
        except OSError:
            self._journal.datagram(self._local, Endpoint(*to)).facts["send_failed"] = True

    def _may_answer(self, address: str) -> bool:
        second = int(self._surroundings.now())
        at, count = self._budget.get(address, (second, 0))
        if at != second:
            at, count = second, 0
        if len(self._budget) > 10_000:
            self._budget.clear()
        self._budget[address] = (at, count + 1)
        return count < RATE
