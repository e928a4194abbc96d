"""The far end of UDP: one socket per address and port, so that answers leave from the address that was asked.

Not a reflector: an answer goes to the observed source only, at a bounded rate per source.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

from twisted.internet import protocol

from emulator.net.datagrams import widen
from emulator.services.journal import Journal
from emulator.services.surroundings import Surroundings
from emulator.wire.allocation import Address, Allocation, Door
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.errors import WireError
from emulator.wire.ration import Ration
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting

RATE = 2_000  # answers per second and source address; more are seen and not answered

Answer = Callable[[bytes, ServerContext], Answered | None]


@runtime_checkable
class Relaying(Protocol):
    """An `Answer` that also carries media for clients of a relay, past receipts and answers."""

    def door(self, local: Endpoint, send: Callable[[bytes, Address], object]) -> Door:
        """Where the relay's clients at this socket are found."""


class FarDatagrams(protocol.DatagramProtocol):
    """One bound UDP socket. `ports` finds the sockets of other addresses, for answers that must leave from there."""

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
        self._ration = Ration(RATE)
        self._clients: dict[Address, Allocation] = {}

    def startProtocol(self) -> None:
        if isinstance(self._answer, Relaying):
            sock = cast(Any, self.transport).socket
            widen(sock)
            self._clients = self._answer.door(self._local, _sender(sock)).clients

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        allocation = self._clients.get(addr)
        if allocation is not None and allocation.carry(datagram):
            return  # media: counted with its allocation
        source = Endpoint(addr[0], addr[1])
        entry = self._journal.datagram(self._local, source)
        entry.received.add(datagram)
        context = self._surroundings.server_context(self._local, source, secure=False)
        try:
            answered = self._answer(datagram, context)
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
            origin = reply.origin or (self._local if reply.source == "peer" else context.second)
            port = self if origin == self._local else self._ports.get(origin)
            if port is None:  # another socket's answer from this one would say something untrue of the network
                entry.facts["not_sent"] = f"no socket on {origin.address}:{origin.port}"
                continue
            port.send(reply.data, addr)
            entry.sent.add(reply.data)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send from this socket; an unreachable source is no fault of ours."""
        try:
            cast(Any, self.transport).write(data, to)
        except OSError:
            self._journal.datagram(self._local, Endpoint(*to)).facts["send_failed"] = True

    def _may_answer(self, address: str) -> bool:
        return self._ration.take(address, self._surroundings.now())


def _sender(sock: socket.socket) -> Callable[[bytes, Address], object]:
    def send(data: bytes, to: Address) -> None:
        try:
            sock.sendto(data, to)
        except OSError:
            pass  # lost, as datagrams may be

    return send
