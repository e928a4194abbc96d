"""The sockets of the contacts that live here: they listen on the contact's address, and dial only whom they talk to.

Every connection leaves a receipt, tagged with the connector's nonce. Not a relay, and no way to reach strangers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.client import direct_sockets
from emulator.client.direct_sockets import PeerLink, SocketListening
from emulator.client.direct_ways import Accept, Standing
from emulator.client.network import Unexpected
from emulator.services.journal import Entry, Journal
from emulator.wire import p2p, p2p_direct, webcam
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting

CONNECTIONS = 256  # of all contacts at once
LISTENERS = 64
NONCE_AT = 8 + 4 + 32  # bytes of the connector before the nonce of its handshake
PROTOCOL = "p2p-direct"

Observed = Callable[[str], frozenset[str]]  # account → addresses from which its sessions are seen


class ContactSockets:
    """What contacts listen and dial with. `address` is theirs: the one that survey flows call `peer`."""

    def __init__(self, reactor: Any, journal: Journal, address: str) -> None:
        self._reactor = reactor
        self._journal = journal
        self._address = address
        self._connections = 0
        self._listeners: set[SocketListening] = set()

    def ways(self, observed: Observed) -> ContactWays:
        """The ways of all contacts, who may dial accounts where `observed` sees them and nowhere else."""
        return ContactWays(self, observed)

    def listen(self, accept: Accept, ports: tuple[int, ...]) -> _Door:
        """Raises Unexpected when no port is free, or too many are open."""
        if len(self._listeners) >= LISTENERS:
            raise Unexpected("too many listeners")

        def admitted(link: Any) -> None:
            if self._connections > CONNECTIONS:
                link.abandon(Unexpected("too many connections"))
            else:
                accept(link)

        place = direct_sockets.listen(self._reactor, self._address, admitted, ports, self._watch)
        self._listeners.add(place)
        return _Door(place, lambda: self._listeners.discard(place))

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

    async def listen(self, accept: Accept, ports: tuple[int, ...] = (0,)) -> _Door:
        return self._sockets.listen(accept, ports)

    async def dial(self, peer: str, address: str, port: int, seconds: float) -> PeerLink:
        if port < direct_sockets.LOWEST or address not in self._observed(peer):
            raise Unexpected(f"{address}:{port} is not where {peer} is seen from, or no port of a client")
        return await self._sockets.dial(address, port, seconds)


class _Door:
    """A listener that is counted."""

    def __init__(self, place: SocketListening, closed: Callable[[], None]) -> None:
        self._place = place
        self._closed = closed
        self.address = place.address
        self.port = place.port

    def close(self) -> None:
        self._place.close()
        self._closed()


class _Receipt:
    """The receipt of one connection."""

    def __init__(self, journal: Journal, count: Callable[[int], None]) -> None:
        self._journal = journal
        self._count = count
        self._entry: Entry | None = None
        self._dialled = False
        self._hello = b""  # what the connector says first

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None:
        self._dialled = dialled
        self._count(1)
        self._entry = self._journal.open("tcp", local, peer)
        self._entry.facts["contact"] = "dialled" if dialled else "listened"

    def sent(self, data: p2p.Bytes) -> None:
        if self._entry is not None:
            self._entry.sent.add(bytes(data))
            self._look(data, self._dialled)

    def received(self, data: bytes) -> None:
        if self._entry is not None:
            self._entry.received.add(data)
            self._look(data, not self._dialled)

    def ended(self, how: str, problem: str) -> None:
        self._count(-1)
        if self._entry is not None:
            self._entry.state, self._entry.end, self._entry.error = "ended", how, problem
            self._entry.touch()

    def _look(self, data: p2p.Bytes, connector: bool) -> None:
        if connector and self._entry is not None and len(self._hello) < NONCE_AT + 16:
            self._hello += bytes(data[: NONCE_AT + 16])
            if self._hello[:4] == b"VER ":
                self._entry.protocol = "msnftp"
            if not self._entry.protocol and (tag := webcam.tag_in(self._hello)):
                self._entry.protocol = "webcam"
                self._entry.sight(Sighting("webcam", tag.hex(), {}))
            if len(self._hello) >= NONCE_AT + 16 and self._hello.startswith(p2p_direct.OPENING):
                self._entry.protocol = PROTOCOL
                self._entry.sight(Sighting(PROTOCOL, self._hello[NONCE_AT : NONCE_AT + 16].hex(), {}))
