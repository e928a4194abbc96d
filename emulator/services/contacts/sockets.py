"""The sockets of the contacts that live here: they listen on the contact's address, and dial only whom they talk to.

Every connection leaves a receipt, tagged by its first words. Not a relay, and no way to reach strangers. Ports on
which the emulator listens anyway are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.client import direct_sockets
from emulator.client.direct_sockets import PeerLink
from emulator.client.direct_ways import Accept, Guest, Listening, Standing
from emulator.client.network import Unexpected
from emulator.client.opening import Opening
from emulator.client.shared_ports import SharedPorts, anywhere
from emulator.services.journal import Entry, Journal
from emulator.wire import p2p
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting

CONNECTIONS = 256  # of all contacts at once
LISTENERS = 64

Observed = Callable[[str], frozenset[str]]  # account → addresses from which its sessions are seen


class ContactSockets:
    """What contacts listen and dial with. `address` is theirs: the one that survey flows call `peer`."""

    def __init__(self, reactor: Any, journal: Journal, address: str, shared: SharedPorts) -> None:
        self._reactor = reactor
        self._journal = journal
        self._address = address
        self._shared = shared
        self._connections = 0
        self._listeners: set[Listening] = set()

    def ways(self, observed: Observed) -> ContactWays:
        """The ways of all contacts, who may dial accounts where `observed` sees them and nowhere else."""
        return ContactWays(self, observed)

    def listen(
        self,
        accept: Accept,
        ports: tuple[int, ...],
        guest: Guest | None = None,
        admits: Callable[[str], bool] = anywhere,
    ) -> _Door:
        """Raises Unexpected when no port is free or can be shared, or too many are open."""
        if len(self._listeners) >= LISTENERS:
            raise Unexpected("too many listeners")

        def admitted(link: Any) -> None:
            if self._connections > CONNECTIONS:
                link.abandon(Unexpected("too many connections"))
            else:
                accept(link)

        place: Listening | None = None
        if guest is not None:  # the receipts of shared ports are those of their listener
            place = self._shared.listen(self._address, admitted, ports, guest, admits=admits)
        if place is None:
            place = direct_sockets.listen(self._reactor, self._address, admitted, ports, self._watch)
        self._listeners.add(place)
        return _Door(place, self._listeners)

    async def dial(self, address: str, port: int, seconds: float) -> PeerLink:
        """Raises ClientError."""
        if self._connections >= CONNECTIONS:
            raise Unexpected("too many connections")
        return await direct_sockets.dial(self._reactor, address, port, seconds, source=self._address, watch=self._watch)

    def _watch(self) -> _Receipt:
        return _Receipt(self._journal, self._count)

    def _count(self, change: int) -> None:
        self._connections += change


class ContactWays:
    """`Ways` of the contacts: on a public address, and careful whom they dial."""

    def __init__(self, sockets: ContactSockets, observed: Observed) -> None:
        self._sockets = sockets
        self._observed = observed
        self.standing = Standing()

    async def listen(self, accept: Accept, ports: tuple[int, ...] = (0,), guest: Guest | None = None) -> _Door:
        account = guest.account if guest is not None else ""
        return self._sockets.listen(accept, ports, guest, lambda address: address in self._observed(account))

    async def dial(self, peer: str, address: str, port: int, seconds: float) -> PeerLink:
        if port < direct_sockets.LOWEST or address not in self._observed(peer):
            raise Unexpected(f"{address}:{port} is not where {peer} is seen from, or no port of a client")
        return await self._sockets.dial(address, port, seconds)


class _Door:
    """A listener that is counted."""

    def __init__(self, place: Listening, listeners: set[Listening]) -> None:
        self._place = place
        self._listeners = listeners
        self.address = place.address
        self.port = place.port

    def close(self) -> None:
        self._place.close()
        self._listeners.discard(self._place)


class _Receipt:
    """The receipt of one connection."""

    def __init__(self, journal: Journal, count: Callable[[int], None]) -> None:
        self._journal = journal
        self._count = count
        self._entry: Entry | None = None
        self._dialled = False
        self._opening = Opening()

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None:
        self._dialled = dialled
        self._count(1)
        self._entry = self._journal.open("tcp", local, peer)
        self._entry.facts["contact"] = "dialled" if dialled else "listened"

    def sent(self, data: p2p.Bytes) -> None:
        if self._entry is not None:
            self._entry.sent.add(bytes(data))
            self._look(data, opener=self._dialled)

    def received(self, data: bytes) -> None:
        if self._entry is not None:
            self._entry.received.add(data)
            self._look(data, opener=not self._dialled)

    def ended(self, how: str, problem: str) -> None:
        self._count(-1)
        if self._entry is not None:
            self._entry.state, self._entry.end, self._entry.error = "ended", how, problem
            self._entry.touch()

    def _look(self, data: p2p.Bytes, *, opener: bool) -> None:
        assert self._entry is not None
        known = self._opening.said(data, opener=opener)
        self._entry.protocol = self._opening.protocol or self._entry.protocol
        if known:
            self._entry.sight(Sighting(self._opening.protocol, self._opening.tag.hex(), {}))
