"""RFC 3489 STUN messages: codec, message integrity, the classic binding answer. Not RFC 5389, not a transaction timer.

Attributes are unpadded, as MSN services write them (dossier media.md 3.2, 3.3). Source: RFC 3489, TURN draft 08.
"""

from __future__ import annotations

import hmac
from hashlib import sha1

import msgspec

from emulator.wire import ipv4
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Exactly, Talk

HEADER = 20  # bytes
SIZE_LIMIT = 1400  # bytes behind the header: more never fits a datagram
ATTRIBUTE_LIMIT = 32
INTEGRITY_SIZE = 24  # the attribute with its head

BINDING, BINDING_OK, BINDING_ERROR = 0x0001, 0x0101, 0x0111
SECRET, SECRET_OK, SECRET_ERROR = 0x0002, 0x0102, 0x0112

MAPPED_ADDRESS, CHANGE_REQUEST, SOURCE_ADDRESS, CHANGED_ADDRESS = 0x0001, 0x0003, 0x0004, 0x0005
USERNAME, PASSWORD, MESSAGE_INTEGRITY, ERROR_CODE = 0x0006, 0x0007, 0x0008, 0x0009
XOR_MAPPED_ADDRESS, RESPONSE_ORIGIN, OTHER_ADDRESS = 0x0020, 0x802B, 0x802C

CHANGE_IP, CHANGE_PORT = 4, 2
COOKIE_5389 = bytes.fromhex("2112a442")


class Message(msgspec.Struct, frozen=True):
    """A message: type, 16-byte transaction id, attributes in wire order. `raw` is what arrived (b"" when built)."""

    kind: int
    id: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    raw: bytes = b""

    def get(self, code: int) -> bytes | None:
        """First value of an attribute, or None."""
        return next((value for kind, value in self.attributes if kind == code), None)

    def need(self, code: int) -> bytes:
        """First value of an attribute; WireError when it is missing."""
        value = self.get(code)
        if value is None:
            raise WireError(f"STUN message {self.kind:#06x} without attribute {code:#06x}")
        return value

    def address(self, code: int) -> Endpoint:
        """An address attribute, read plainly; WireError when missing or not IPv4."""
        return address(self.need(code))

    @property
    def error(self) -> str:
        """`401 Unauthorized` of an ERROR-CODE attribute, or ""."""
        value = self.get(ERROR_CODE)
        if value is None or len(value) < 4:
            return ""
        return f"{(value[2] & 7) * 100 + value[3]} {value[4:].decode('utf-8', 'replace')}".rstrip()


def encode(message: Message, key: bytes | None = None) -> bytes:
    """Bytes of a message; with a key MESSAGE-INTEGRITY is put at the end."""
    body = b"".join(
        kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for kind, value in message.attributes
    )
    size = len(body) + (INTEGRITY_SIZE if key is not None else 0)
    if size > 0xFFFF or len(message.id) != 16:
        raise WireError(f"a STUN message of {size} bytes with an id of {len(message.id)} bytes")
    data = message.kind.to_bytes(2, "big") + size.to_bytes(2, "big") + message.id + body
    if key is None:
        return data
    return data + MESSAGE_INTEGRITY.to_bytes(2, "big") + b"\0\x14" + integrity(data, key)


def integrity(data: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 over `data` (header with its final length, attributes so far), zero-padded to 64 bytes."""
    return hmac.new(key, data + bytes(-len(data) % 64), sha1).digest()


def authentic(message: Message, key: bytes) -> bool:
    """True when the last attribute is a MESSAGE-INTEGRITY made with this key; compared in constant time."""
    if not message.attributes or message.attributes[-1][0] != MESSAGE_INTEGRITY:
        return False
    expected = integrity(message.raw[:-INTEGRITY_SIZE], key)
    return hmac.compare_digest(expected, message.attributes[-1][1])


def decode(data: bytes) -> Message:
    """Read one message that is exactly `data`. WireError for truncated, oversize or overlapping attributes."""
    if len(data) < HEADER:
        raise WireError(f"a STUN message of {len(data)} bytes")
    size = int.from_bytes(data[2:4], "big")
    if size != len(data) - HEADER or size > SIZE_LIMIT or data[0] & 0xC0:
        raise WireError(f"a STUN message of type {data[:2].hex()} that says {size} of {len(data) - HEADER} bytes")
    attributes: list[tuple[int, bytes]] = []
    at = HEADER
    while at < len(data):
        kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        value = data[at + 4 : at + 4 + length]
        if at + 4 > len(data) or len(value) != length or len(attributes) == ATTRIBUTE_LIMIT:
            raise WireError(f"STUN attribute {kind:#06x} at byte {at} does not fit")
        attributes.append((kind, value))
        at += 4 + length
    return Message(int.from_bytes(data[:2], "big"), data[4:20], tuple(attributes), data)


def read() -> Talk[Message]:
    """Take one message off a stream."""
    head = yield Exactly(HEADER)
    size = int.from_bytes(head[2:4], "big")
    if size > SIZE_LIMIT:
        raise WireError(f"a STUN message of {size} bytes")
    return decode(head + ((yield Exactly(size)) if size else b""))


def address_value(endpoint: Endpoint) -> bytes:
    """Value of a plain address attribute: family 1, port, address."""
    return b"\0\x01" + endpoint.port.to_bytes(2, "big") + ipv4.packed(endpoint.address)


def address(value: bytes) -> Endpoint:
    """Read an address attribute. WireError unless it is IPv4."""
    if len(value) != 8 or value[1] != 1:
        raise WireError(f"a STUN address of {len(value)} bytes, family {value[1] if len(value) > 1 else None}")
    return Endpoint(ipv4.text(value[4:]), int.from_bytes(value[2:4], "big"))


def xored(value: bytes, id: bytes) -> bytes:
    """An address attribute XORed with the first word of the transaction id (dossier 4.1); its own inverse."""
    if len(value) != 8:
        raise WireError(f"a STUN address of {len(value)} bytes")
    mask = id[:2] + id[:4]
    return value[:2] + bytes(a ^ b for a, b in zip(value[2:], mask, strict=True))


def error_value(code: int, reason: str) -> bytes:
    """Value of ERROR-CODE."""
    return bytes((0, 0, code // 100, code % 100)) + reason.encode()


class Bound(msgspec.Struct, frozen=True):
    """A binding answer and the socket it must leave from: the other address, the other port, or as asked."""

    data: bytes
    change_ip: bool = False
    change_port: bool = False


def binding(data: bytes, observed: Endpoint, local: Endpoint, other: Endpoint) -> Bound | None:
    """Answer a classic binding request; None when it is none.

    `local` received it, `other` differs in address and port. SOURCE-ADDRESS is where the answer leaves from. When
    the id starts with 2112A442 the attributes of later tools are added (dossier 2.7).
    """
    try:
        question = decode(data)
    except WireError:
        return None
    if question.kind != BINDING:
        return None
    flags = (question.get(CHANGE_REQUEST) or b"\0")[-1]
    change_ip, change_port = bool(flags & CHANGE_IP), bool(flags & CHANGE_PORT)
    source = Endpoint(other.address if change_ip else local.address, other.port if change_port else local.port)
    mapped = address_value(observed)
    attributes = [
        (MAPPED_ADDRESS, mapped),
        (SOURCE_ADDRESS, address_value(source)),
        (CHANGED_ADDRESS, address_value(other)),
    ]
    if question.id[:4] == COOKIE_5389:
        attributes += [
            (XOR_MAPPED_ADDRESS, xored(mapped, question.id)),
            (RESPONSE_ORIGIN, address_value(source)),
            (OTHER_ADDRESS, address_value(other)),
        ]
    return Bound(encode(Message(BINDING_OK, question.id, tuple(attributes))), change_ip, change_port)
