"""Opens every documented port, the sampled ports of the ranges, and more on demand; says what listens where.

Not a port scanner and not a sweep: whole ranges by one socket are a later layer.
"""

from __future__ import annotations

import errno
from typing import Any, cast

from twisted.internet import error, interfaces

from emulator.catalog import Catalog
from emulator.catalog.model import Transport
from emulator.derive.sample import sampled_ports
from emulator.net.holder import Holders
from emulator.services.datagrams import Answer, FarDatagrams
from emulator.services.journal import Journal
from emulator.services.stream import FarEndFactory
from emulator.services.surroundings import Surroundings
from emulator.wire import stun
from emulator.wire.control import Listener
from emulator.wire.receipt import Endpoint

ANY = "0.0.0.0"
FORBIDDEN = "is forbidden here"  # in the reason why a port is not open: privileges would help


class Listeners:
    """All listening sockets of one emulator. TCP binds `bind` (or any address); UDP each address it answers for."""

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        journal: Journal,
        surroundings: Surroundings,
        factory: FarEndFactory,
        answer: Answer,
        *,
        bind: str = ANY,
    ) -> None:
        self._reactor = reactor
        self._catalog = catalog
        self._journal = journal
        self._surroundings = surroundings
        self._factory = factory
        self._answer = answer
        self._bind = bind
        self._ports = surroundings.ports
        self._holders = Holders()
        self._table: dict[tuple[Transport, str, int], Listener] = {}
        self._open: dict[tuple[Transport, str, int], interfaces.IListeningPort] = {}
        self._datagrams: dict[Endpoint, FarDatagrams] = {}

    def open_documented(self, seed: bytes, samples: int) -> list[Listener]:
        """Open fixed and sampled ports. Returns what was newly tried; failures carry the rows that they cost."""
        self._holders = Holders()
        addresses = self._surroundings.addresses
        tried = [self._tcp(port) for port in self._catalog.fixed_ports("tcp")]
        echo = dict.fromkeys((addresses["echo.edge.messenger.live.com"], addresses["second"], addresses["peer"]))
        tried += [self._udp(address, port) for address in echo for port in self._catalog.fixed_ports("udp")]
        servers = (addresses["echo.edge.messenger.live.com"], addresses["second"])
        tried += [self._udp(address, port) for address in dict.fromkeys(servers) for port in stun.PORTS]
        relay = self._surroundings.relay
        tried.append(self._udp(relay.address, relay.port))
        tried += self.open_samples(seed, samples)
        return [listener for listener in tried if listener is not None]

    def open_samples(self, seed: bytes, samples: int) -> list[Listener]:
        """Open the sampled ports of every range on the contact's address (already open ones stay)."""
        self._holders = Holders()
        peer = self._surroundings.addresses["peer"]
        tried = [self._tcp(port) for port in sampled_ports(self._catalog, "tcp", seed, samples)]
        tried += [self._udp(peer, port) for port in sampled_ports(self._catalog, "udp", seed, samples)]
        return [listener for listener in tried if listener is not None]

    def open_leaks(self) -> list[Listener]:
        """Open the undocumented ports of the leak checks, so that "stopped" can be told from "nobody listens"."""
        peer = self._surroundings.addresses["peer"]
        tried = [self._tcp(port) for port in self._catalog.leak.tcp]
        tried += [self._udp(peer, port) for port in self._catalog.leak.udp]
        return [listener for listener in tried if listener is not None]

    @property
    def table(self) -> tuple[Listener, ...]:
        """Everything that was tried, with its latest state."""
        return tuple(self._table.values())

    def hold(self, port: int) -> bool:
        """True where a TCP port is open."""
        return ("tcp", self._bind, port) in self._open

    async def close(self) -> None:
        """Stop listening everywhere and end live connections."""
        for port in self._open.values():
            stopped = port.stopListening()
            if stopped is not None:
                await stopped
        self._open.clear()
        for connection in tuple(self._surroundings.connections):
            connection.stop()

    def _tcp(self, port: int) -> Listener | None:
        if ("tcp", self._bind, port) in self._open:
            return None
        if self._ports.given_away(port):
            return self._not_open("tcp", self._bind, port, self._for_another(port))
        bound = self._ports.bound(port)
        try:
            listening = self._reactor.listenTCP(bound, self._factory, backlog=512, interface=self._bind)
        except error.CannotListenError as problem:
            return self._not_open("tcp", self._bind, port, why_not(problem, "tcp", self._bind, bound, self._holders))
        return self._opened("tcp", self._bind, port, listening)

    def _udp(self, address: str, port: int) -> Listener | None:
        if ("udp", address, port) in self._open:
            return None
        if self._ports.given_away(port):
            return self._not_open("udp", address, port, self._for_another(port))
        bound = self._ports.bound(port)
        local = Endpoint(address, port)
        handler = FarDatagrams(self._journal, self._answer, self._surroundings, local, self._datagrams)
        try:
            listening = self._reactor.listenUDP(bound, handler, interface=address, maxPacketSize=65535)
        except error.CannotListenError as problem:
            return self._not_open("udp", address, port, why_not(problem, "udp", address, bound, self._holders))
        self._datagrams[local] = handler
        return self._opened("udp", address, port, listening)

    def _opened(self, transport: Transport, address: str, port: int, listening: interfaces.IListeningPort) -> Listener:
        self._open[(transport, address, port)] = listening
        listener = Listener(transport, address, port, True, tuple(self._catalog.rows_on(transport, port)))
        self._table[(transport, address, port)] = listener
        return listener

    def _for_another(self, port: int) -> str:
        return f"{port} is bound in place of {self._ports.given_away(port)} (--advertise): bind one outside the ranges"

    def _not_open(self, transport: Transport, address: str, port: int, why: str) -> Listener:
        rows = tuple(self._catalog.rows_on(transport, port))
        listener = Listener(transport, address, port, False, rows, why)
        self._table[(transport, address, port)] = listener
        return listener


def why_not(
    problem: error.CannotListenError, transport: str, address: str, port: int, holders: Holders | None = None
) -> str:
    """Why a port cannot be listened on, and the remedy. `holders`: an earlier look at who holds what."""
    number = getattr(cast(Any, problem).socketError, "errno", None)
    if number == errno.EADDRINUSE:
        holder = (holders or Holders()).name(transport, address, port)
        return f"{transport} {port} is taken by {holder}: stop it, or serve on another address (--address)"
    if number in (errno.EACCES, errno.EPERM):
        return f"{transport} {port} {FORBIDDEN}: run as root, or grant CAP_NET_BIND_SERVICE"
    if number == errno.EADDRNOTAVAIL:
        return "this machine does not have that address: name one that it has (--address)"
    if number == errno.EMFILE:
        return "out of file descriptors: raise `ulimit -n`, or use fewer --samples"
    return str(cast(Any, problem).socketError)
