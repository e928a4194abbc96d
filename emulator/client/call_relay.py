"""One port of a call at the voice relay: allocated, sent through, given back. The dialect of Messenger's clients.

Not the relay, and not the exchange that gives the credentials (`wire/shared_secret.py`). Source: media.md 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, FirstError, gatherResults

from emulator.client.call_line import Line
from emulator.client.call_ports import Address, Port, Receive
from emulator.client.network import StreamEnded, Unexpected
from emulator.wire import stun, turn, turn_dialect
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint

AGAIN = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds between tries of a request
Open = Callable[[Receive], Port]


class Credentials(msgspec.Struct, frozen=True):
    """A relay, and the name and password that it gave."""

    relay: Endpoint
    username: bytes
    password: bytes


class RelayedPort:
    """A `Port` whose datagrams go by the relay. `open_port` opens the socket that speaks with it.

    What it sends is wrapped until the relay has one active destination; from then on, for that peer, it goes bare.
    """

    def __init__(
        self,
        open_port: Open,
        receive: Receive,
        credentials: Credentials,
        *,
        call_later: Callable[..., Any],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._credentials = credentials
        self._receive = receive
        self._call_later = call_later
        self._entropy = entropy
        self._relay = (credentials.relay.address, credentials.relay.port)
        self._asking: dict[bytes, Callable[[bytes], None]] = {}
        self._timers: dict[str, Any] = {}
        self._granted: Deferred[Endpoint] = Deferred()
        self._wanted: Address | None = None
        self._active: Address | None = None
        self._closed = False
        self.id = entropy(16)  # of the first request
        self.address = Endpoint("0.0.0.0", 0)  # that peers send to, once it is allocated
        self.mapped: Endpoint | None = None  # this end as the relay sees it
        self._socket = open_port(self._arrived)
        self.local = self._socket.number

    @property
    def number(self) -> int:
        """The relayed port."""
        return self.address.port

    async def allocate(self) -> Endpoint:
        """The relayed address. Raises Unexpected when it is refused, StreamEnded in silence."""
        self._ask("allocate", self.id, self._allocation(self.id), self._allocated)
        return await self._granted

    def activate(self, peer: Address) -> None:
        """From now on this peer is the one that is spoken with: what goes to it need not be wrapped any more."""
        if not self._closed and self._wanted != peer:
            self._wanted, self._active = peer, None
            id, own = self._entropy(16), self._credentials
            request = turn.set_active(id, own.username, own.password, Endpoint(*peer))
            self._ask("activate", id, request, lambda answer: self._activated(answer, peer))

    def send(self, data: bytes, to: Address) -> None:
        if self._closed:
            return
        if to != self._active:
            own = self._credentials
            data = turn.send(self._entropy(16), own.username, own.password, Endpoint(*to), data)
        self._socket.send(data, self._relay)

    def close(self) -> None:
        """Give it back; safe to call twice."""
        if not self._closed:
            if self.number:
                self._socket.send(self._allocation(self._entropy(16), 0), self._relay)
            self._closed = True
            for timer in self._timers.values():
                if timer.active():
                    timer.cancel()
            self._socket.close()
            if not self._granted.called:
                self._granted.errback(StreamEnded("the call is over"))

    # what the relay says

    def _arrived(self, data: bytes, source: Address) -> None:
        if source != self._relay or self._closed:
            return
        if not turn_dialect.has_cookie(data):
            if self._wanted is not None:  # bare: of the active destination; it may come before the answer does
                self._receive(data, self._wanted)
            return
        try:
            message = stun.decode(data)
            if message.kind == turn.DATA_INDICATION:
                peer = message.address(turn_dialect.REMOTE_ADDRESS)
                self._receive(message.need(turn_dialect.DATA), (peer.address, peer.port))
                return
        except WireError:
            return
        taken = self._asking.pop(message.id, None)
        if taken is not None:
            taken(data)

    def _allocated(self, answer: bytes) -> None:
        try:
            grant = turn.read_allocate_ok(answer, answer[4:20], self._credentials.password)
        except WireError as problem:
            if not self._granted.called:
                self._granted.errback(Unexpected(str(problem)))
            return
        self.address, self.mapped = grant.relayed, grant.reflexive
        self._later("refresh", max(1.0, grant.lifetime / 2), self._refresh)
        if not self._granted.called:
            self._granted.callback(grant.relayed)

    def _activated(self, answer: bytes, peer: Address) -> None:
        message = stun.decode(answer)
        if message.kind == turn.SET_ACTIVE_OK and stun.authentic(message, self._credentials.password):
            self._active = peer if peer == self._wanted else None

    # what is asked of it

    def _allocation(self, id: bytes, lifetime: int | None = None) -> bytes:
        return turn.allocate(id, self._credentials.username, self._credentials.password, lifetime)

    def _refresh(self) -> None:
        id = self._entropy(16)
        self._ask("allocate", id, self._allocation(id), self._allocated)

    def _ask(self, name: str, id: bytes, request: bytes, taken: Callable[[bytes], None], tries: int = 0) -> None:
        if tries and id not in self._asking:
            return
        if tries == len(AGAIN):
            del self._asking[id]
            if name == "allocate" and not self._granted.called:
                self._granted.errback(StreamEnded("the relay did not answer"))
            return
        self._asking[id] = taken
        self._socket.send(request, self._relay)
        self._later(name, AGAIN[tries], lambda: self._ask(name, id, request, taken, tries + 1))

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        timer = self._timers.get(name)
        if timer is not None and timer.active():
            timer.cancel()
        self._timers[name] = self._call_later(seconds, call)


async def allocated(
    credentials: Credentials,
    line: Line,
    open_port: Open,
    call_later: Callable[..., Any],
    entropy: Callable[[int], bytes],
) -> tuple[RelayedPort, RelayedPort]:
    """Ports at a relay for both components of a line. Raises Unexpected, StreamEnded; then both are closed."""
    made: list[RelayedPort] = []
    try:
        for side in (2, 3):
            made.append(
                RelayedPort(open_port, line.receiver(side), credentials, call_later=call_later, entropy=entropy)
            )
        await gatherResults([Deferred.fromCoroutine(port.allocate()) for port in made], consumeErrors=True)
    except FirstError as problem:
        for port in made:
            port.close()
        problem.subFailure.raiseException()
    return made[0], made[1]
