"""T.125 (MCS) with a T.124 conference block: connect, attach, join, send, disconnect. Only what a connection needs.

Source: dossier media.md 6.1 (verified with tshark); ITU-T T.125, T.124. Connect PDUs are BER, domain PDUs aligned PER.
"""

from __future__ import annotations

import msgspec

from emulator.wire.errors import WireError

DomainParameters = tuple[int, int, int, int, int, int, int, int]

TARGET: DomainParameters = (34, 2, 0, 1, 0, 1, 65535, 2)
MINIMUM: DomainParameters = (1, 1, 1, 1, 0, 1, 1056, 2)
MAXIMUM: DomainParameters = (65535, 64535, 65535, 1, 0, 1, 65535, 2)
AGREED: DomainParameters = (34, 3, 0, 1, 0, 1, 65528, 2)

ERECT_DOMAIN = bytes.fromhex("0401000100")
ATTACH_USER = b"\x28"
DISCONNECT = bytes.fromhex("2180")  # provider ultimatum, user requested
USER = 1007  # the user id we hand out; its own channel has the same number
USER_BASE = 1001
DOMAIN_LIMIT = 64  # bytes of a domain selector

SEND_REQUEST, SEND_INDICATION = 0x64, 0x68  # numbers 25 and 26 of DomainMCSPDU, in the upper six bits
DATA_LIMIT = 4000  # bytes of one SendData; with its heads it must fit into a packet
_WHOLE = 0x70  # high priority, begin and end of the data

_INITIAL, _RESPONSE = b"\x7f\x65", b"\x7f\x66"
_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE = 1, 2, 4, 10, 0x30
_CONFERENCE = bytes.fromhex("000500147c0001")  # T.124 object identifier

# Smallest genuine client and server blocks: SC/CS_CORE stubs as RDP's T.124 user data carry them.
CLIENT_BLOCK = bytes.fromhex("01c00c000400080000040003")
SERVER_BLOCK = bytes.fromhex("010c0c000400080000000000")


class ConnectInitial(msgspec.Struct, frozen=True):
    """The first PDU of a caller. `calling` is free for the caller to choose."""

    calling: bytes = b"\x01"
    called: bytes = b"\x01"
    user_data: bytes = b""


class ConnectResponse(msgspec.Struct, frozen=True):
    """The answer; result 0 is success."""

    result: int = 0
    user_data: bytes = b""


def pack_initial(initial: ConnectInitial) -> bytes:
    """BER of a Connect-Initial with the usual domain parameters."""
    content = _ber(_OCTETS, initial.calling) + _ber(_OCTETS, initial.called) + _ber(_BOOLEAN, b"\xff")
    content += b"".join(_parameters(values) for values in (TARGET, MINIMUM, MAXIMUM))
    return _INITIAL + _length(content + (user := _ber(_OCTETS, initial.user_data))) + content + user


def unpack_initial(data: bytes) -> ConnectInitial:
    """Read a Connect-Initial. WireError for anything malformed."""
    reader = _Reader(_unwrap(data, _INITIAL, "Connect-Initial"))
    calling, called = reader.take(_OCTETS), reader.take(_OCTETS)
    reader.take(_BOOLEAN)
    for _ in range(3):
        reader.take(_SEQUENCE)
    user_data = reader.take(_OCTETS)
    reader.finish()
    if len(calling) > DOMAIN_LIMIT or len(called) > DOMAIN_LIMIT:
        raise WireError(f"a domain selector of {max(len(calling), len(called))} bytes")
    return ConnectInitial(calling, called, user_data)


def pack_response(response: ConnectResponse) -> bytes:
    """BER of a Connect-Response."""
    content = _ber(_ENUMERATED, bytes((response.result,))) + _ber(_INTEGER, b"\0") + _parameters(AGREED)
    content += _ber(_OCTETS, response.user_data)
    return _RESPONSE + _length(content) + content


def unpack_response(data: bytes) -> ConnectResponse:
    """Read a Connect-Response. WireError for anything malformed."""
    reader = _Reader(_unwrap(data, _RESPONSE, "Connect-Response"))
    result = reader.take(_ENUMERATED)
    reader.take(_INTEGER)
    reader.take(_SEQUENCE)
    user_data = reader.take(_OCTETS)
    reader.finish()
    if len(result) != 1:
        raise WireError(f"an MCS result of {len(result)} bytes")
    return ConnectResponse(result[0], user_data)


def conference_request(block: bytes = CLIENT_BLOCK) -> bytes:
    """T.124 ConferenceCreateRequest around a client's block."""
    inner = bytes.fromhex("000800100001c000") + b"Duca" + _per_length(len(block)) + block
    return _CONFERENCE + _per_length(len(inner)) + inner


def conference_response(block: bytes = SERVER_BLOCK) -> bytes:
    """T.124 ConferenceCreateResponse around a server's block."""
    inner = bytes.fromhex("14760a01010001c000") + b"McDn" + _per_length(len(block)) + block
    return _CONFERENCE + bytes((len(inner),)) + inner


def attach_confirm(user: int = USER) -> bytes:
    """AttachUserConfirm with success."""
    return b"\x2e\0" + (user - USER_BASE).to_bytes(2, "big")


def read_attach_confirm(pdu: bytes) -> int:
    """User id of an AttachUserConfirm. WireError for another PDU or a refusal."""
    if len(pdu) != 4 or pdu[:2] != b"\x2e\0":
        raise WireError(f"attach was answered {pdu[:8].hex()}")
    return int.from_bytes(pdu[2:], "big") + USER_BASE


def join_request(user: int, channel: int) -> bytes:
    """ChannelJoinRequest."""
    return b"\x38" + (user - USER_BASE).to_bytes(2, "big") + channel.to_bytes(2, "big")


def join_confirm(request: bytes) -> bytes:
    """ChannelJoinConfirm with success for a request."""
    return b"\x3e\0" + request[1:5] + request[3:5]


class Sent(msgspec.Struct, frozen=True):
    """A SendDataRequest or SendDataIndication: who sends on which channel, and what."""

    kind: int
    initiator: int
    channel: int
    data: bytes


def pack_sent(sent: Sent) -> bytes:
    """Bytes of a SendData PDU. WireError for data that fit into no packet."""
    size = len(sent.data)
    if size > DATA_LIMIT:
        raise WireError(f"MCS data of {size} bytes")
    head = bytes((sent.kind,)) + (sent.initiator - USER_BASE).to_bytes(2, "big") + sent.channel.to_bytes(2, "big")
    return head + bytes((_WHOLE,)) + (bytes((size,)) if size < 0x80 else _per_length(size)) + sent.data


def unpack_sent(pdu: bytes) -> Sent:
    """Read a SendData PDU. WireError for another one, a segment of more, or a length that is not that of the data."""
    if len(pdu) < 7 or pdu[0] not in (SEND_REQUEST, SEND_INDICATION):
        raise WireError(f"not an MCS SendData: {pdu[:8].hex()}")
    if pdu[5] & 0x3F != 0x30:
        raise WireError("MCS data in segments")
    start = 8 if pdu[6] & 0x80 else 7
    size = int.from_bytes(pdu[6:start], "big") & 0x3FFF if start == 8 else pdu[6]
    if pdu[6] & 0xC0 == 0xC0 or len(pdu) != start + size:
        raise WireError(f"MCS data of {len(pdu) - start} bytes that says {size}")
    initiator, channel = int.from_bytes(pdu[1:3], "big") + USER_BASE, int.from_bytes(pdu[3:5], "big")
    return Sent(pdu[0], initiator, channel, pdu[start:])


def _ber(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + _length(value) + value


def _length(value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((size,))
    return bytes((0x81, size)) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")


def _parameters(values: DomainParameters) -> bytes:
    return _ber(_SEQUENCE, b"".join(_ber(_INTEGER, v.to_bytes(v.bit_length() // 8 + 1, "big")) for v in values))


def _per_length(size: int) -> bytes:
    return (0x8000 | size).to_bytes(2, "big")


def _unwrap(data: bytes, tag: bytes, name: str) -> bytes:
    if data[:2] != tag:
        raise WireError(f"not an MCS {name}: {data[:4].hex()}")
    reader = _Reader(data[1:])
    content = reader.take(tag[1])
    reader.finish()
    return content


class _Reader:
    """Takes BER elements off a byte string; lengths of at most two bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, kind: int) -> bytes:
        head = self._data[self._at : self._at + 2]
        if len(head) < 2 or head[0] != kind:
            raise WireError(f"BER element {kind:#x} expected at byte {self._at}, found {head.hex()}")
        start, size = self._at + 2, head[1]
        if size & 0x80:
            count = size & 0x7F
            if count not in (1, 2):
                raise WireError(f"a BER length of {count} bytes")
            size = int.from_bytes(self._data[start : start + count], "big")
            start += count
        self._at = start + size
        if self._at > len(self._data):
            raise WireError(f"BER element {kind:#x} of {size} bytes does not fit")
        return self._data[start : self._at]

    def finish(self) -> None:
        if self._at != len(self._data):
            raise WireError(f"{len(self._data) - self._at} bytes behind the BER elements")
