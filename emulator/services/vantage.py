"""What a client listens on: the ports on which contacts may reach the vantage, with receipts like the far end's.

Only protocols between peers are spoken here; nothing of the service is. Runs beside the probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from OpenSSL import SSL
from twisted.internet import error, interfaces

from emulator.catalog.model import Transport
from emulator.client.shared_ports import SharedPorts
from emulator.net.holder import Holders
from emulator.net.linux.halfopen import TABLE as HALF_OPEN
from emulator.net.linux.halfopen import half_open
from emulator.services.datagrams import FarDatagrams
from emulator.services.journal import Journal
from emulator.services.listeners import why_not
from emulator.services.stream import FarEndFactory
from emulator.services.surroundings import Surroundings
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.exchanges import PEER_SERVERS, answer_peer
from emulator.wire.join import Join
from emulator.wire.receipt import Endpoint, Receipt


class Vantage:
    """Listeners on one address of this machine. `address` is the one from which flows go out."""

    def __init__(
        self,
        reactor: Any,
        join: Join,
        address: str,
        tls: SSL.Context,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._journal = Journal(now)
        self._surroundings = Surroundings(
            addresses=dict.fromkeys(join.addresses, address),
            relay_port=0,
            echo_port=0,
            relay_key=bytes.fromhex(join.relay_key),
            now=now,
            entropy=entropy,
        )
        self.shared = SharedPorts(reactor.callLater)
        self.shared.held = lambda port: port in self._tcp
        servers = {**PEER_SERVERS, "msnftp": self.shared.server}
        for kind in ("t120", "rdp"):
            servers[kind] = self.shared.meetings.server(PEER_SERVERS[kind])
        self._factory = FarEndFactory(reactor, self._journal, servers, self._surroundings, tls)
        self._tcp: set[int] = set()
        self._ports: list[interfaces.IListeningPort] = []
        self._datagrams: dict[Endpoint, FarDatagrams] = {}

    @property
    def watched(self) -> bool:
        """True where half-open connections can be seen."""
        return HALF_OPEN.exists()

    def open(self, wanted: Iterable[tuple[Transport, int]]) -> dict[tuple[Transport, int], str]:
        """Listen there; what could not be opened, and why."""
        failed: dict[tuple[Transport, int], str] = {}
        holders = Holders()
        for transport, port in wanted:
            try:
                self._ports.append(self._listen(transport, port))
            except error.CannotListenError as problem:
                failed[(transport, port)] = why_not(problem, transport, self._address, port, holders)
        return failed

    def look(self) -> None:
        """Note connections that are half-open now."""
        for local, peer in half_open():
            if local.address == self._address:
                self._journal.half_open(local, peer)

    def receipts(self) -> tuple[Receipt, ...]:
        """Everything that arrived."""
        return self._journal.since(0)[0]

    async def close(self) -> None:
        """Stop listening and end live connections."""
        for port in self._ports:
            stopped = port.stopListening()
            if stopped is not None:
                await stopped
        self._ports = []
        self._tcp.clear()
        for connection in tuple(self._surroundings.connections):
            connection.stop()

    def _listen(self, transport: Transport, port: int) -> interfaces.IListeningPort:
        if transport == "tcp":
            accepting = self._reactor.listenTCP(port, self._factory, backlog=64, interface=self._address)
            self._tcp.add(port)
            return accepting  # type: ignore[no-any-return]
        local = Endpoint(self._address, port)
        handler = FarDatagrams(self._journal, _answer, self._surroundings, local, self._datagrams)
        listening = self._reactor.listenUDP(port, handler, interface=self._address, maxPacketSize=65535)
        self._datagrams[local] = handler
        return listening  # type: ignore[no-any-return]


def _answer(data: bytes, context: ServerContext) -> Answered | None:
    return answer_peer(data, context)
