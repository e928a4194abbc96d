"""STUN and TURN messages written without our codec, and a relay without sockets to say them to. Holds no test."""

from __future__ import annotations

import hmac
import struct
from base64 import b64encode
from hashlib import md5, sha1
from ipaddress import IPv4Address
from typing import Any

from emulator.wire import turn
from emulator.wire.allocation import Limits
from emulator.wire.allocations import Allocations, NumberedPort
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import derive_password

RELAY_KEY = b"relay key of a test"
RELAY = Endpoint("203.0.113.5", 30478)
ONE, OTHER = ("198.51.100.7", 40200), ("192.0.2.99", 60000)
COOKIE = bytes.fromhex("2112a442")
MSN_HEAD = (0x000F, bytes.fromhex("72c64bc6"))
UDP = (0x0019, b"\x11\0\0\0")
Attributes = list[tuple[int, bytes]]


def message(kind: int, id: bytes, attributes: Attributes, key: bytes | None = None) -> bytes:
    """A message; padded to 4 and not to 64 when the id begins with the cookie of RFC 5389, else the other way round."""
    later = id.startswith(COOKIE)
    body = b"".join(
        struct.pack("!HH", code, len(value)) + value + (bytes(-len(value) % 4) if later else b"")
        for code, value in attributes
    )
    if key is None:
        return struct.pack("!HH", kind, len(body)) + id + body
    head = struct.pack("!HH", kind, len(body) + 24) + id + body
    covered = head if later else head + bytes(-len(head) % 64)
    return head + struct.pack("!HH", 8, 20) + hmac.new(key, covered, sha1).digest()


def parts(data: bytes) -> tuple[int, dict[int, bytes]]:
    """Type and attributes of an answer; the last of a kind wins."""
    kind, size = struct.unpack("!HH", data[:4])
    assert size == len(data) - 20
    found, at, step = {}, 20, 4 if data[4:8] == COOKIE else 1
    while at < len(data):
        code, length = struct.unpack("!HH", data[at : at + 4])
        found[code] = data[at + 4 : at + 4 + length]
        at += 4 + length + (-length % step)
    assert at == len(data)
    return kind, found


def error(data: bytes) -> int:
    """Number of an error answer; 0 for a success."""
    value = parts(data)[1].get(9)
    return value[2] * 100 + value[3] if value else 0


def plain(address: tuple[str, int]) -> bytes:
    return struct.pack("!HH", 1, address[1]) + IPv4Address(address[0]).packed


def xored(address: tuple[str, int]) -> bytes:
    value = int.from_bytes(IPv4Address(address[0]).packed, "big") ^ 0x2112A442
    return struct.pack("!HHI", 1, address[1] ^ 0x2112, value)


class LoosePort(NumberedPort):
    """A relayed port that remembers what left from it."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__(address, number)
        self.left: list[tuple[bytes, tuple[str, int]]] = []
        self.closed = False

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self.left.append((data, to))

    def close(self) -> None:
        self.closed = True


class Place:
    """A relay with a clock of its own; `out` is what its door sent past the answers."""

    def __init__(self, **limits: Any) -> None:
        self.now = 1_000_000.0
        self.out: list[tuple[bytes, tuple[str, int]]] = []
        self.ports: list[LoosePort] = []
        self.count = 0
        self.table = Allocations(limits=Limits(**limits), low=50000, opener=self._open, entropy=self._entropy)
        self.door = self.table.door(RELAY, lambda data, to: self.out.append((data, to)))

    def _open(self, address: str, number: int) -> LoosePort:
        self.ports.append(LoosePort(address, number))
        return self.ports[-1]

    def _entropy(self, size: int) -> bytes:
        self.count += 1
        return bytes((self.count + index) & 0xFF for index in range(0xD0, 0xD0 + size))

    def context(self, client: tuple[str, int]) -> ServerContext:
        return ServerContext(
            observed=Endpoint(*client),
            local=RELAY,
            second=RELAY,
            relay=RELAY,
            relay_key=RELAY_KEY,
            entropy=self._entropy,
            now=lambda: self.now,
        )

    def hear(self, data: bytes, client: tuple[str, int]) -> Answered | None:
        """As a socket does it: media first, then an answer."""
        allocation = self.door.clients.get(client)
        if allocation is not None and allocation.carry(data):
            return None
        return turn.answer(data, self.context(client), self.table)

    def ask(self, data: bytes, client: tuple[str, int] = ONE) -> bytes:
        """The one answer."""
        answered = self.hear(data, client)
        assert answered is not None
        (reply,) = answered.replies
        return reply.data

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.table.tick(self.now)


class MsnClient:
    """A client of the draft's dialect, in its own words."""

    def __init__(self, place: Place, address: tuple[str, int], name: bytes = b"u" * 20) -> None:
        self.place, self.address, self.name = place, address, name
        self.key = derive_password(RELAY_KEY, name)
        self.id = 0

    def ask(self, kind: int, attributes: Attributes | None = None, key: bytes | None = None) -> bytes:
        return self.place.ask(self.word(kind, attributes, key), self.address)

    def word(self, kind: int, attributes: Attributes | None = None, key: bytes | None = None) -> bytes:
        self.id += 1
        id = b"\xa1" + self.name[:11] + self.id.to_bytes(4, "big")
        return message(kind, id, [MSN_HEAD, (6, self.name), *(attributes or [])], key or self.key)

    def allocate(self, lifetime: int | None = None) -> tuple[str, int]:
        kind, found = parts(self.ask(3, None if lifetime is None else [(0x0D, struct.pack("!I", lifetime))]))
        assert kind == 0x0103
        return str(IPv4Address(found[1][4:])), struct.unpack("!H", found[1][2:4])[0]


class LaterClient:
    """A client of RFC 5766, in its own words."""

    def __init__(self, place: Place, address: tuple[str, int], name: bytes = b"v" * 20) -> None:
        self.place, self.address = place, address
        self.name = b64encode(name)
        password = b64encode(derive_password(RELAY_KEY, name))
        self.key = md5(self.name + b":live.com:" + password).digest()
        self.id = 0
        self.nonce = b""

    def new_id(self) -> bytes:
        self.id += 1
        return COOKIE + self.address[1].to_bytes(4, "big") + self.id.to_bytes(8, "big")

    def word(self, kind: int, attributes: Attributes, key: bytes | None = None) -> bytes:
        who: Attributes = [(6, self.name), (0x14, b"live.com"), (0x15, self.nonce)]
        return message(kind, self.new_id(), [*attributes, *who], key or self.key)

    def ask(self, kind: int, attributes: Attributes, key: bytes | None = None) -> bytes:
        return self.place.ask(self.word(kind, attributes, key), self.address)

    def challenge(self) -> bytes:
        answer = self.place.ask(message(3, self.new_id(), [UDP]), self.address)
        self.nonce = parts(answer)[1][0x15]
        return answer

    def allocate(self, more: Attributes | None = None) -> tuple[str, int]:
        self.challenge()
        kind, found = parts(self.ask(3, [UDP, *(more or [])]))
        assert kind == 0x0103, found
        value = found[0x16]
        return (
            str(IPv4Address(int.from_bytes(value[4:], "big") ^ 0x2112A442)),
            struct.unpack("!H", value[2:4])[0] ^ 0x2112,
        )
