"""RTP and RTCP packets of a call: PCMU, H.263, sender reports. Not a codec, not a jitter buffer.

Source: RFC 3550, RFC 3551 (payload types), RFC 2190 (H.263 head), dossier media.md 4.2.
"""

from __future__ import annotations

import msgspec

from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number

HEADER = 12  # bytes
SIZE_LIMIT = 1472  # bytes of a packet
PCMU, H263 = 0, 34
H263_HEAD = bytes((0x00, 0x60, 0x00, 0x00))  # mode A, CIF, intra
PCMU_SIZE = 160  # bytes: 20 ms at 8 kHz
SENDER_REPORT = 200
REPORT_SIZE = 28  # bytes of a sender report without blocks
RTCP_TYPES = range(200, 208)
_NTP_ERA = 2_208_988_800  # seconds from 1900 to 1970


class Packet(msgspec.Struct, frozen=True):
    """One RTP packet without CSRC, extension or padding. `timestamp` in units of the payload's clock."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


class Report(msgspec.Struct, frozen=True):
    """A sender report without report blocks. `ntp` is the 64-bit NTP time stamp."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int


def pack(packet: Packet) -> bytes:
    """Bytes of a packet."""
    return (
        bytes((0x80, packet.payload_type | (0x80 if packet.marker else 0)))
        + packet.sequence.to_bytes(2, "big")
        + packet.timestamp.to_bytes(4, "big")
        + packet.ssrc.to_bytes(4, "big")
        + packet.payload
    )


def unpack(data: bytes) -> Packet:
    """Read a packet. WireError for another version, RTCP, CSRC, extension, padding, or a bad size."""
    if not is_rtp(data):
        raise WireError(f"not an RTP packet: {len(data)} bytes, {data[:2].hex()}")
    return Packet(
        payload_type=data[1] & 0x7F,
        sequence=int.from_bytes(data[2:4], "big"),
        timestamp=int.from_bytes(data[4:8], "big"),
        ssrc=int.from_bytes(data[8:12], "big"),
        payload=data[HEADER:],
        marker=bool(data[1] & 0x80),
    )


def is_rtp(data: bytes) -> bool:
    """True for version 2 without options, with a payload type outside the range that RTCP occupies."""
    return HEADER < len(data) <= SIZE_LIMIT and data[0] == 0x80 and data[1] not in range(192, 224)


def is_rtcp(data: bytes) -> bool:
    """True for one RTCP packet (no compound) whose length field is exact."""
    return (
        8 <= len(data) <= SIZE_LIMIT
        and data[0] & 0xE0 == 0x80
        and data[1] in RTCP_TYPES
        and 4 * (int.from_bytes(data[2:4], "big") + 1) == len(data)
    )


def pack_report(report: Report) -> bytes:
    """Bytes of a sender report: 28, no blocks."""
    return (
        bytes((0x80, SENDER_REPORT, 0, 6))
        + report.ssrc.to_bytes(4, "big")
        + report.ntp.to_bytes(8, "big")
        + report.timestamp.to_bytes(4, "big")
        + report.packets.to_bytes(4, "big")
        + report.octets.to_bytes(4, "big")
    )


def unpack_report(data: bytes) -> Report:
    """Read a sender report without blocks. WireError for anything else."""
    if len(data) != REPORT_SIZE or not is_rtcp(data) or data[0] != 0x80 or data[1] != SENDER_REPORT:
        raise WireError(f"not an RTCP sender report: {len(data)} bytes, {data[:2].hex()}")
    word = [int.from_bytes(data[at : at + 4], "big") for at in range(4, REPORT_SIZE, 4)]
    return Report(word[0], (word[1] << 32) | word[2], word[3], word[4], word[5])


def ntp_time(now: float) -> int:
    """64-bit NTP time stamp of `now` (seconds since 1970), wrapped to the era."""
    return int((now + _NTP_ERA) * (1 << 32)) & ((1 << 64) - 1)


def ssrc_of(tag: bytes) -> int:
    """SSRC of the near end of a flow: a 4-byte tag is the SSRC itself, from a longer one 32 bits are derived.

    Both ends and whoever joins receipts compute it alike; never 0.
    """
    return int.from_bytes(tag, "big") if len(tag) == 4 else number(tag, "ssrc")


def far_ssrc(ssrc: int) -> int:
    """SSRC with which the far end answers a stream; never the same as `ssrc`."""
    answer = number(ssrc.to_bytes(4, "big"), "far ssrc")
    return answer if answer != ssrc else answer ^ 1


def near_packet(ssrc: int, payload_type: int, index: int) -> Packet:
    """Packet number `index` (from 1) of the near end's stream, with a payload that depends on SSRC and index."""
    seed = ssrc.to_bytes(4, "big") + index.to_bytes(2, "big")
    if payload_type == H263:
        return Packet(H263, index, index * 3003, ssrc, picture(seed, (392,))[0], marker=True)
    return Packet(payload_type, index, index * PCMU_SIZE, ssrc, filler(seed, PCMU_SIZE, "audio"))


def picture(seed: bytes, sizes: tuple[int, ...]) -> tuple[bytes, ...]:
    """Payloads of the packets of one CIF intra picture: RFC 2190 mode A head, start code, filler of so many bytes.

    The first begins with the start of a picture, each further one with that of a group of blocks.
    """
    starts = (bytes((0, 0, 0x80, 0x02)), *(bytes((0, 0, 0x80 | at << 2, 0x02)) for at in range(1, len(sizes))))
    pieces = zip(starts, sizes, strict=True)
    return tuple(H263_HEAD + start + filler(seed, size, f"video{at or ''}") for at, (start, size) in enumerate(pieces))


def far_packet(question: Packet) -> Packet:
    """What the far end answers: same type, sequence, time and size, its own SSRC and payload."""
    ssrc = far_ssrc(question.ssrc)
    return msgspec.structs.replace(question, ssrc=ssrc, payload=_far_payload(question, ssrc))


def is_far_packet(packet: Packet) -> bool:
    """True for what `far_packet` makes. It is never answered, or two far ends could be set upon each other."""
    return packet.payload == _far_payload(packet, packet.ssrc)


def near_time(now: float) -> int:
    """NTP time of a near report: the last 16 bits (15 microseconds) are zero."""
    return ntp_time(now) & ~0xFFFF


def far_time(now: float, ssrc: int) -> int:
    """NTP time of a far report: the last 16 bits follow from its SSRC and are not zero."""
    return near_time(now) | _far_mark(ssrc)


def is_far_report(data: bytes) -> bool:
    """True for a report made with `far_time`; never answered, for the reason given at `is_far_packet`."""
    return len(data) == REPORT_SIZE and int.from_bytes(data[14:16], "big") == _far_mark(
        int.from_bytes(data[4:8], "big")
    )


def _far_mark(ssrc: int) -> int:
    return number(ssrc.to_bytes(4, "big"), "far report", bits=16)


def _far_payload(packet: Packet, ssrc: int) -> bytes:
    seed = ssrc.to_bytes(4, "big") + packet.sequence.to_bytes(2, "big")
    head = packet.payload[:8] if packet.payload_type == H263 else b""
    return head + filler(seed, len(packet.payload) - len(head), "far")
