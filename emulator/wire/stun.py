"""STUN messages: codec, message integrity, the classic binding answer. Not TURN, and not a transaction timer.

The transaction id says which rules hold. As a rule attributes are unpadded and the integrity is made over bytes that
are zero-padded to 64, as MSN services do it (RFC 3489, TURN draft 08; dossier media.md 3.2, 3.3). When the id begins
with 2112A442 attributes are padded to 4 and the integrity is not (RFC 5389; RFC 5780 for the binding answer).
"""

from __future__ import annotations

import hmac
from hashlib import sha1
from zlib import crc32

import msgspec

from emulator.wire import ipv4
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered, Reply
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Exactly, Talk

HEADER = 20  # bytes
SIZE_LIMIT = 1452  # bytes behind the header: more never fits a datagram that is not in fragments
ATTRIBUTE_LIMIT = 32
INTEGRITY_SIZE = 24  # the attribute with its head
FINGERPRINT_MASK = 0x5354554E  # RFC 5389 15.5

BINDING, BINDING_OK, BINDING_ERROR = 0x0001, 0x0101, 0x0111
SECRET, SECRET_OK, SECRET_ERROR = 0x0002, 0x0102, 0x0112

MAPPED_ADDRESS, CHANGE_REQUEST, SOURCE_ADDRESS, CHANGED_ADDRESS = 0x0001, 0x0003, 0x0004, 0x0005
USERNAME, PASSWORD, MESSAGE_INTEGRITY, ERROR_CODE = 0x0006, 0x0007, 0x0008, 0x0009
UNKNOWN_ATTRIBUTES, FINGERPRINT = 0x000A, 0x8028
XOR_MAPPED_ADDRESS, RESPONSE_ORIGIN, OTHER_ADDRESS = 0x0020, 0x802B, 0x802C
OPTIONAL = 0x8000  # codes from here up may be passed over by who does not know them (RFC 5389 15; RFC 3489: 0x7fff)

CHANGE_IP, CHANGE_PORT = 4, 2
COOKIE_5389 = bytes.fromhex("2112a442")
PORTS = (3478, 3479)  # of the binding service for independent tools: RFC 3489's, and the one that CHANGE-REQUEST means
UNDERSTOOD = frozenset((CHANGE_REQUEST, USERNAME, MESSAGE_INTEGRITY))  # in a binding request; nothing is checked


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


def modern(id: bytes) -> bool:
    """True when the rules of RFC 5389 hold for a message with this transaction id."""
    return id[:4] == COOKIE_5389


def encode(message: Message, key: bytes | None = None, *, fingerprint: bool = False) -> bytes:
    """Bytes of a message; with a key MESSAGE-INTEGRITY is put at the end, and FINGERPRINT behind it when asked for."""
    later = modern(message.id)
    parts: list[bytes] = []
    for kind, value in message.attributes:
        parts += (kind.to_bytes(2, "big"), len(value).to_bytes(2, "big"), value)
        if later and len(value) % 4:
            parts.append(bytes(-len(value) % 4))
    body = b"".join(parts)
    size = len(body) + (INTEGRITY_SIZE if key is not None else 0)
    if size + 8 > 0xFFFF or len(message.id) != 16:
        raise WireError(f"a STUN message of {size} bytes with an id of {len(message.id)} bytes")
    head, tail = message.kind.to_bytes(2, "big"), message.id + body
    data = head + size.to_bytes(2, "big") + tail
    if key is not None:
        data += MESSAGE_INTEGRITY.to_bytes(2, "big") + b"\0\x14" + integrity(data, key)
    if fingerprint:
        data = head + (size + 8).to_bytes(2, "big") + data[4:]
        data += FINGERPRINT.to_bytes(2, "big") + b"\0\x04" + (crc32(data) ^ FINGERPRINT_MASK).to_bytes(4, "big")
    return data


def integrity(data: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 over `data` (header with its final length, attributes so far), zero-padded to 64 but by RFC 5389."""
    padding = b"" if modern(data[4:8]) else bytes(-len(data) % 64)
    return hmac.new(key, data + padding, sha1).digest()


def authentic(message: Message, key: bytes) -> bool:
    """True when the MESSAGE-INTEGRITY was made with this key; compared in constant time.

    It must be the last attribute; by RFC 5389 others may follow, which it does not protect.
    """
    at = HEADER
    for kind, value in message.attributes:
        if kind == MESSAGE_INTEGRITY:
            break
        at += 4 + len(value) + (-len(value) % 4 if modern(message.id) else 0)
    else:
        return False
    if not modern(message.id) and at + INTEGRITY_SIZE != len(message.raw):
        return False
    said = (at + INTEGRITY_SIZE - HEADER).to_bytes(2, "big")
    return hmac.compare_digest(integrity(message.raw[:2] + said + message.raw[4:at], key), value)


def decode(data: bytes) -> Message:
    """Read one message that is exactly `data`. WireError for truncated, oversize or overlapping attributes."""
    if len(data) < HEADER:
        raise WireError(f"a STUN message of {len(data)} bytes")
    size = int.from_bytes(data[2:4], "big")
    if size != len(data) - HEADER or size > SIZE_LIMIT or data[0] & 0xC0:
        raise WireError(f"a STUN message of type {data[:2].hex()} that says {size} of {len(data) - HEADER} bytes")
    attributes: list[tuple[int, bytes]] = []
    later = modern(data[4:8])
    at = HEADER
    while at < len(data):
        kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        value = data[at + 4 : at + 4 + length]
        if at + 4 > len(data) or len(value) != length or len(attributes) == ATTRIBUTE_LIMIT:
            raise WireError(f"STUN attribute {kind:#06x} at byte {at} does not fit")
        attributes.append((kind, value))
        at += 4 + length + (-length % 4 if later else 0)
    if at != len(data):
        raise WireError(f"STUN attribute {kind:#06x} has no padding")
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
    the id starts with 2112A442 the attributes of later tools are added (dossier 2.7). What must be understood and is
    not, RESPONSE-ADDRESS (a reflector by design) among it, is refused with 420.
    """
    try:
        question = decode(data)
    except WireError:
        return None
    if question.kind != BINDING:
        return None
    unknown = [kind for kind, _ in question.attributes if kind < OPTIONAL and kind not in UNDERSTOOD]
    if unknown:
        return Bound(_refusal(question.id, unknown))
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


def answer(data: bytes, context: ServerContext) -> Answered | None:
    """The binding service on PORTS of both echo servers' addresses; None for what is no binding request.

    The answer goes to the observed source, and leaves from the address and port that CHANGE-REQUEST asks for.
    """
    local = context.local
    other = Endpoint(context.second.address, PORTS[1 - PORTS.index(local.port)])
    bound = binding(data, context.observed, local, other)
    if bound is None:
        return None
    origin = Endpoint(
        other.address if bound.change_ip else local.address, other.port if bound.change_port else local.port
    )
    facts = {"change_ip": bound.change_ip, "change_port": bound.change_port}
    return Answered("stun", data[4:20].hex(), (Reply(bound.data, origin=origin),), facts)


def _refusal(id: bytes, unknown: list[int]) -> bytes:
    """420 with the codes, an even number of them (RFC 3489 11.2.10)."""
    codes = unknown + unknown[-1:] * (len(unknown) % 2)
    listed = b"".join(code.to_bytes(2, "big") for code in codes)
    attributes = ((ERROR_CODE, error_value(420, "Unknown Attribute")), (UNKNOWN_ATTRIBUTES, listed))
    return encode(Message(BINDING_ERROR, id, attributes))
