"""The table of a relay's allocations: who holds which relayed port, for how long, and how much of it.

No sockets: `opener` makes relayed ports, and without one they are numbers that carry nothing. Time is handed in.
Limits: see `Limits`; ports `low` to `high`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from emulator.wire.allocation import Address, Allocation, Door, DraftAllocation, LaterAllocation, Limits, Port, Receive
from emulator.wire.context import nobody, nowhere
from emulator.wire.ration import Ration
from emulator.wire.receipt import Endpoint
from emulator.wire.turn_dialect import RFC5766, Dialect

Refusal = Literal["quota", "full", "token"]
Opener = Callable[[str, int], Port | None]  # address, port; None: it is taken

TRIES = 64  # ports that may turn out to be taken before an allocation is refused
TOKEN_SIZE = 8  # bytes, RFC 5766 14.9


class NumberedPort:
    """A port that is a number only."""

    def __init__(self, address: str, number: int) -> None:
        self.number = number
        self.receive: Receive = ignored

    def send(self, data: bytes, to: Address) -> None:
        """Nothing leaves."""

    def close(self) -> None:
        """Nothing to close."""


def ignored(data: bytes, source: Address) -> None:
    """What happens to datagrams that arrive at a port which nobody holds yet."""


class Allocations:
    """All allocations of one relay. `began` is called when the first one is made: from then on `tick` is wanted."""

    def __init__(
        self,
        *,
        limits: Limits = Limits(),
        low: int = 49152,
        high: int = 65535,
        opener: Opener = NumberedPort,
        entropy: Callable[[int], bytes] = bytes,
        began: Callable[[], None] = nobody,
    ) -> None:
        self.limits = limits
        self.entropy = entropy
        self.relayed: dict[Address, Allocation] = {}
        self.owners: dict[Address, int] = {}
        self.asked = Ration(limits.asks)
        self._debts = Ration(limits.debt)
        self._low, self._high, self._next = low, high, low
        self._opener = opener
        self._began = began
        self._doors: dict[Endpoint, Door] = {}
        self._users: Counter[bytes] = Counter()
        self._sources: Counter[str] = Counter()
        self._reserved: dict[bytes, tuple[Port, str, float]] = {}

    def __len__(self) -> int:
        return len(self.relayed)

    @property
    def idle(self) -> bool:
        """True when there is nothing that could expire."""
        return not self.relayed and not self._reserved

    def door(self, local: Endpoint, send: Callable[[bytes, Address], object] | None = None) -> Door:
        """The door at a local UDP address; `send` is given by whoever owns its socket."""
        door = self._doors.get(local)
        if door is None:
            door = self._doors[local] = Door(send or _unsent)
        elif send is not None:
            door.send = door.media = send
        return door

    def may_owe(self, address: str, amount: int, now: float) -> bool:
        """True when a stranger's answer may be `amount` bytes longer than its question: so much a second."""
        return amount <= 0 or self._debts.take(address, now, amount)

    def allocate(
        self,
        door: Door,
        client: Address,
        dialect: Dialect,
        username: bytes,
        identity: bytes,
        key: bytes,
        relay: str,
        until: float,
        *,
        transaction: bytes = b"",
        even: bool = False,
        token: bytes | None = None,
    ) -> Allocation | Refusal:
        """A new allocation for a client that has none at this door, or why there is none.

        `relay` is the address of the relayed port. `even`: its number must be even. `token`: of a reserved port.
        """
        limits = self.limits
        if self._users[identity] >= limits.user or self._sources[client[0]] >= limits.source:
            return "quota"
        if len(self.relayed) + len(self._reserved) >= limits.total:
            return "full"
        if token is not None:
            reserved = self._reserved.pop(token, None)
            if reserved is None:
                return "token"
            port: Port | None = reserved[0]
        else:
            port = self._port(relay, even)
        if port is None:
            return "full"
        made = LaterAllocation if dialect is RFC5766 else DraftAllocation
        address = (relay, port.number)
        allocation = made(self, door, client, dialect, username, identity, key, port, address, transaction)
        allocation.expires = until
        port.receive = allocation.from_port
        was_idle = self.idle
        door.clients[client] = allocation
        self.relayed[address] = allocation
        self.owners[client] = self.owners.get(client, 0) + 1
        self._users[identity] += 1
        self._sources[client[0]] += 1
        if was_idle:
            self._began()
        return allocation

    def reserve_after(self, allocation: Allocation, now: float) -> bytes | None:
        """Keep the port after an allocation's for its client; the token, or None when that port is taken."""
        relay, number = allocation.address
        if (relay, number + 1) in self.relayed or len(self.relayed) + len(self._reserved) >= self.limits.total:
            return None
        port = self._opener(relay, number + 1)
        if port is None:
            return None
        token = self.entropy(TOKEN_SIZE)
        self._reserved[token] = (port, relay, now + self.limits.reservation)
        return token

    def release(self, allocation: Allocation) -> None:
        """Give an allocation back."""
        if self.relayed.pop(allocation.address, None) is None:
            return
        client = allocation.client
        allocation.door.clients.pop(client, None)
        allocation.port.receive = ignored
        allocation.port.close()
        self.owners[client] -= 1
        if not self.owners[client]:
            del self.owners[client]
        for counter, name in ((self._users, allocation.identity), (self._sources, client[0])):
            counter[name] -= 1  # type: ignore[index]
            if not counter[name]:  # type: ignore[index]
                del counter[name]

    def allows(self, address: str) -> bool:
        """True when a peer at this address may be talked to: a relayed address of this relay, or an owner's."""
        return self._sources.get(address, 0) > 0 or any(address == relayed for relayed, _ in self.relayed)

    def tick(self, now: float) -> None:
        """To be called every second: renews rations, and what has expired goes."""
        for allocation in tuple(self.relayed.values()):
            if allocation.expires <= now:
                self.release(allocation)
            else:
                allocation.tick(now)
        for token in [token for token, (_, _, until) in self._reserved.items() if until <= now]:
            self._reserved.pop(token)[0].close()

    def close(self) -> None:
        """Give everything back."""
        for allocation in tuple(self.relayed.values()):
            self.release(allocation)
        for port, _, _ in self._reserved.values():
            port.close()
        self._reserved.clear()

    def _port(self, relay: str, even: bool) -> Port | None:
        reserved = {port.number for port, _, _ in self._reserved.values()}
        for _ in range(min(TRIES + 2 * len(self.relayed), self._high - self._low + 1)):
            number = self._next
            self._advance()
            if (even and number % 2) or (relay, number) in self.relayed or number in reserved:
                continue
            port = self._opener(relay, number)
            if port is not None:
                return port
        return None

    def _advance(self) -> None:
        self._next = self._low if self._next >= self._high else self._next + 1


def _unsent(data: bytes, to: Address) -> None:
    nowhere(data)
