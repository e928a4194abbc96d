"""One allocation of a relay and the way of media through it: from its client to a peer, from a peer to its client.

No sockets: ports and doors are handed in. Media go to other allocations of the same table, or to the observed address
of one's owner, and nowhere else. Sources: dossier media.md 3.3, RFC 5766 10-11.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

import msgspec

from emulator.wire import stun, turn_dialect
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.turn_dialect import DATA, Dialect

Address = tuple[str, int]
Receive = Callable[[bytes, Address], None]

CHANNEL_HEAD = 4  # bytes before the data of a channel
HEADS_LIMIT = 64  # peers whose address attribute is kept ready


class Port(Protocol):
    """A relayed port. `receive` is called with what arrives at it."""

    number: int
    receive: Receive

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram from this port; what cannot be sent is lost, as datagrams may be."""

    def close(self) -> None:
        """Give the port back."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a relay grants. Times in seconds; `rate` in bytes a second for each direction of an allocation."""

    total: int = 1024  # allocations at once
    user: int = 32  # of one username; a call with video takes four
    source: int = 256  # of one address
    lifetime: int = 600
    permission: int = 300  # RFC 5766 8
    channel: int = 600  # RFC 5766 11
    reservation: int = 30
    rate: int = 2 << 20
    peers: int = 64  # permissions, and channels, of one allocation
    asks: int = 100  # allocations that one address may ask for in a second
    debt: int = 2048  # bytes a second by which answers to strangers may be longer than their questions, per address


Out = Callable[[bytes, Address], object]


class Door:
    """Where clients of a relay come in: a UDP socket, or one TCP connection.

    `send` is how they are answered, `media` how they are sent bare media (the same, but in frames of a stream).
    """

    def __init__(self, send: Out, media: Out | None = None) -> None:
        self.send = send
        self.media = media or send
        self.clients: dict[Address, Allocation] = {}


class Place(Protocol):
    """What an allocation needs of its table."""

    limits: Limits
    relayed: dict[Address, Allocation]
    owners: dict[Address, int]
    entropy: Callable[[int], bytes]


class Allocation:
    """One client's relayed address. Counts packets `moved` and `dropped` and their bytes."""

    def __init__(
        self,
        place: Place,
        door: Door,
        client: Address,
        dialect: Dialect,
        username: bytes,
        identity: bytes,
        key: bytes,
        port: Port,
        address: Address,
        transaction: bytes,
    ) -> None:
        self._place = place
        self.door = door
        self.client = client
        self.dialect = dialect
        self.username = username
        self.identity = identity  # what the username stands for, whatever its dialect
        self.key = key
        self.port = port
        self.address = address
        self.transaction = transaction  # of the request that made it
        self.expires = 0.0
        self.permissions: dict[str, float] = {}  # peer address: until when
        self.moved = self.dropped = self.octets = 0
        self.spent = self.received = 0  # bytes in this second
        self._heads: dict[Address, bytes] = {}

    def carry(self, data: bytes) -> bool:
        """Take a datagram of the client; False when it is not media and must be answered."""
        raise NotImplementedError

    def deliver(self, data: bytes, source: Address) -> None:
        """Hand the client what a peer sent, framed; the peer has permission."""
        raise NotImplementedError

    def forward(self, data: bytes, peer: Address) -> None:
        """Send for the client: to another allocation, or from the relayed port to an owner. Else it is dropped."""
        place = self._place
        spent = self.spent + len(data)
        target = place.relayed.get(peer)
        if spent > place.limits.rate or (target is None and peer not in place.owners):
            self.dropped += 1
            return
        self.spent = spent
        self.moved += 1
        self.octets += len(data)
        if target is None:
            self.port.send(data, peer)
        else:
            target.incoming(data, self.address)

    def incoming(self, data: bytes, source: Address) -> None:
        """Take what a relayed address or an owner sent to this allocation."""
        received = self.received + len(data)
        if source[0] not in self.permissions or received > self._place.limits.rate:
            self.dropped += 1
            return
        self.received = received
        self.deliver(data, source)

    def from_port(self, data: bytes, source: Address) -> None:
        """Take what arrived at the relayed port; only owners of allocations are heard."""
        if source in self._place.owners:
            self.incoming(data, source)
        else:
            self.dropped += 1

    def indicate(self, data: bytes, source: Address) -> None:
        """Hand the client data of a peer in a Data indication."""
        head = self._heads.get(source)
        if head is None:
            dialect = self.dialect
            address = dialect.address(dialect.remote, Endpoint(*source), stun.COOKIE_5389 + bytes(12))
            parts = (*dialect.head, address)
            head = b"".join(kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for kind, value in parts)
            if len(self._heads) >= HEADS_LIMIT:
                self._heads.clear()
            self._heads[source] = head
        size = len(data)
        padding = -size % 4 if self.dialect is turn_dialect.RFC5766 else 0
        message = b"".join(
            (
                self.dialect.data.to_bytes(2, "big"),
                (len(head) + 4 + size + padding).to_bytes(2, "big"),
                self.indication_id(),
                head,
                DATA.to_bytes(2, "big"),
                size.to_bytes(2, "big"),
                data,
                bytes(padding),
            )
        )
        self.door.send(message, self.client)

    def indication_id(self) -> bytes:
        """A new transaction id for an indication."""
        return self._place.entropy(16)

    def permit(self, address: str, until: float) -> bool:
        """Allow a peer's address to send to this allocation; False when too many have permission."""
        if address not in self.permissions and len(self.permissions) >= self._place.limits.peers:
            return False
        self.permissions[address] = until
        return True

    def tick(self, now: float) -> None:
        """A second is over: new rations, and what has expired goes."""
        self.spent = self.received = 0
        for address in [address for address, until in self.permissions.items() if until <= now]:
            del self.permissions[address]


class DraftAllocation(Allocation):
    """An allocation of draft 08: Send requests, Data indications, and bare media with the active destination."""

    active: Address | None = None

    def carry(self, data: bytes) -> bool:
        if not turn_dialect.has_cookie(data):
            if self.active is None:
                return False
            self.forward(data, self.active)
            return True
        if data[:2] != b"\0\x04":
            return False
        try:
            message = stun.decode(data)
            dialect = self.dialect
            peer = dialect.read_address(dialect.peer, message.need(dialect.peer), message.id)
            payload = message.need(DATA)
        except WireError:
            self.dropped += 1
            return True
        if not stun.authentic(message, self.key):
            return False  # answered as every request with wrong credentials
        if not self._allows(peer) or not self.permit(peer.address, inf):
            return False
        self.forward(payload, (peer.address, peer.port))
        if dialect.answers_send:
            attributes = (*dialect.head, (stun.USERNAME, self.username))
            answer = stun.Message(message.kind | turn_dialect.SUCCESS, message.id, attributes)
            self.door.send(stun.encode(answer, self.key), self.client)
        return True

    def deliver(self, data: bytes, source: Address) -> None:
        if source == self.active:
            self.door.media(data, self.client)
        else:
            self.indicate(data, source)

    def activate(self, peer: Address) -> None:
        """From now on bare datagrams go to and come from this peer."""
        self.active = peer

    def _allows(self, peer: Endpoint) -> bool:
        address = (peer.address, peer.port)
        return address in self._place.relayed or address in self._place.owners


class LaterAllocation(Allocation):
    """An allocation of RFC 5766: channels, Send and Data indications, permissions asked for."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.channels: dict[int, tuple[Address, float]] = {}  # number: peer, until when
        self._peers: dict[int, Address] = {}
        self._numbers: dict[Address, bytes] = {}

    def carry(self, data: bytes) -> bool:
        kind = data[0] if data else 0
        if 0x40 <= kind <= 0x7F:
            size = int.from_bytes(data[2:4], "big")
            payload = data[4 : 4 + size]
            peer = self._peers.get(kind << 8 | data[1]) if len(data) >= CHANNEL_HEAD else None
            if peer is None or len(payload) != size:
                self.dropped += 1
            else:
                self.forward(payload, peer)
            return True
        if data[:2] != b"\0\x16" or not stun.modern(data[4:8]):
            return False
        try:
            message = stun.decode(data)
            found = turn_dialect.RFC5766.read_address(
                turn_dialect.XOR_PEER_ADDRESS, message.need(turn_dialect.XOR_PEER_ADDRESS), message.id
            )
            payload = message.need(DATA)
        except WireError:
            self.dropped += 1
            return True
        if found.address in self.permissions:
            self.forward(payload, (found.address, found.port))
        else:
            self.dropped += 1
        return True

    def deliver(self, data: bytes, source: Address) -> None:
        number = self._numbers.get(source)
        if number is None:
            self.indicate(data, source)
        else:
            self.door.send(number + len(data).to_bytes(2, "big") + data, self.client)

    def indication_id(self) -> bytes:
        return stun.COOKIE_5389 + self._place.entropy(12)

    def bind(self, number: int, peer: Address, until: float) -> bool:
        """Bind a channel or refresh it; False when the number or the peer is bound otherwise, or too many are."""
        held, bound = self.channels.get(number), self._numbers.get(peer)
        if held is None and (bound is not None or len(self.channels) >= self._place.limits.peers):
            return False
        if held is not None and held[0] != peer:
            return False
        self.channels[number] = (peer, until)
        self._peers[number] = peer
        self._numbers[peer] = number.to_bytes(2, "big")
        return True

    def tick(self, now: float) -> None:
        super().tick(now)
        for number in [number for number, (_, until) in self.channels.items() if until <= now]:
            peer, _ = self.channels.pop(number)
            del self._peers[number], self._numbers[peer]
