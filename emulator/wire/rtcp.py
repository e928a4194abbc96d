"""RTCP of a call, and what a receiver measures for it: loss, jitter, order. Not the timing of reports, no feedback.

Source: RFC 3550 6.4 (reports), 6.5 and 6.6 (SDES, BYE), A.1, A.3 and A.8 (reception).
"""

from __future__ import annotations

import msgspec

from emulator.wire import rtp
from emulator.wire.errors import WireError

RECEIVER_REPORT, DESCRIPTION, GOODBYE = 201, 202, 203
PACKETS_LIMIT = 16  # RTCP packets in one datagram
BLOCK_SIZE = 24  # bytes
CNAME = 1
DROPOUT = 3000  # sequence numbers that a stream may jump ahead (RFC 3550 A.1)
RECENT = 1024  # sequence numbers back to which a packet may be late; older ones start anew
_WRAP = 1 << 16
_UNITS = 8000  # of the PCMU clock in a second


class Block(msgspec.Struct, frozen=True):
    """What its author received of one stream. `fraction` in 1/256 since the last report, `lost` since the beginning.

    `jitter` is in units of the stream's clock; `last` and `delay` (1/65536 s) speak of the author's last sender report.
    """

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last: int = 0
    delay: int = 0


class Report(msgspec.Struct, frozen=True):
    """A sender or receiver report: `sent` is what its author sent (None: only received)."""

    ssrc: int
    sent: rtp.Report | None
    blocks: tuple[Block, ...] = ()


class Compound(msgspec.Struct, frozen=True):
    """One datagram: its reports, the names of sources, and who says goodbye. Other packets are passed over."""

    reports: tuple[Report, ...]
    names: tuple[tuple[int, str], ...] = ()
    gone: tuple[int, ...] = ()


def pack(report: Report, name: str = "", *, goodbye: bool = False) -> bytes:
    """Bytes of a report, its author's canonical name and goodbye behind it."""
    blocks = b"".join(_pack_block(block) for block in report.blocks)
    count = 0x80 | len(report.blocks)
    if report.sent is None:
        body = report.ssrc.to_bytes(4, "big") + blocks
        data = bytes((count, RECEIVER_REPORT)) + (len(body) // 4).to_bytes(2, "big") + body
    else:
        body = rtp.pack_report(report.sent)[4:] + blocks
        data = bytes((count, rtp.SENDER_REPORT)) + (len(body) // 4).to_bytes(2, "big") + body
    source = report.ssrc.to_bytes(4, "big")
    if name:
        item = source + bytes((CNAME, len(name.encode()))) + name.encode()
        item += bytes(4 - len(item) % 4)  # at least one zero ends the items
        data += bytes((0x81, DESCRIPTION)) + (len(item) // 4).to_bytes(2, "big") + item
    if goodbye:
        data += bytes((0x81, GOODBYE, 0, 1)) + source
    return data


def unpack(data: bytes) -> Compound:
    """Read one datagram. WireError unless its packets fill it exactly and the first one is a report."""
    reports: list[Report] = []
    names: list[tuple[int, str]] = []
    gone: list[int] = []
    at = 0
    for number in range(PACKETS_LIMIT + 1):
        if at == len(data) and number:
            return Compound(tuple(reports), tuple(names), tuple(gone))
        size = 4 * (int.from_bytes(data[at + 2 : at + 4], "big") + 1)
        if len(data) - at < 8 or size > len(data) - at or data[at] & 0xC0 != 0x80:
            raise WireError(f"RTCP packet {number} does not fit {len(data)} bytes")
        kind, count, body = data[at + 1], data[at] & 0x1F, data[at + 4 : at + size]
        if number == 0 and kind not in (rtp.SENDER_REPORT, RECEIVER_REPORT):
            raise WireError(f"RTCP that begins with type {kind}")
        if data[at] & 0x20:
            body = _unpadded(body)
        if kind in (rtp.SENDER_REPORT, RECEIVER_REPORT):
            reports.append(_report(kind, count, body))
        elif kind == DESCRIPTION:
            names += _names(body, count)
        elif kind == GOODBYE:
            if len(body) < 4 * count:
                raise WireError(f"a goodbye of {count} sources in {len(body)} bytes")
            gone += [int.from_bytes(body[4 * one : 4 * one + 4], "big") for one in range(count)]
        at += size
    raise WireError(f"more than {PACKETS_LIMIT} RTCP packets in one datagram")


class Reception:
    """What arrived of one stream, packet by packet. `rate` is the stream's clock in units per second.

    `received` counts every packet, `repeated` those that had come before, `reordered` those behind a later one.
    """

    __slots__ = (
        "_base",
        "_bits",
        "_expected",
        "_got",
        "_rate",
        "_transit",
        "highest",
        "jitter",
        "received",
        "reordered",
        "repeated",
        "restarts",
    )

    def __init__(self, rate: int = _UNITS) -> None:
        self._rate = rate
        self._base = -1
        self._bits = 0  # bit n: `highest` - n has come
        self._transit = 0.0
        self._expected = self._got = 0  # at the last report
        self.highest = -1  # extended
        self.received = self.repeated = self.reordered = self.restarts = 0
        self.jitter = 0.0  # clock units

    def take(self, sequence: int, timestamp: int, at: float) -> bool:
        """A packet arrived at `at` (seconds of any clock). False when it had come before."""
        if self.highest < 0:
            self._begin(sequence)
        else:
            ahead = (sequence - self.highest) % _WRAP
            if 0 < ahead < DROPOUT:
                self.highest += ahead
                self._bits = (self._bits << ahead | 1) & ((1 << RECENT) - 1)
            elif (behind := _WRAP - ahead if ahead else 0) < RECENT:
                if self._bits >> behind & 1:
                    self.received += 1
                    self.repeated += 1
                    return False
                self._bits |= 1 << behind
                self.reordered += 1
                self._base = min(self._base, self.highest - behind)
            else:
                self.restarts += 1
                self._begin(sequence)
        self.received += 1
        transit = at * self._rate - timestamp
        if self.received - self.repeated > 1:
            # time stamps wrap after 2^32: a difference of transit times is taken modulo that, nearest zero
            difference = (transit - self._transit + 2**31) % 2**32 - 2**31
            self.jitter += (abs(difference) - self.jitter) / 16
        self._transit = transit
        return True

    def _begin(self, sequence: int) -> None:
        if self.highest >= 0:
            self.received = self.repeated = self.reordered = 0
            self._expected = self._got = 0
            self.jitter = 0.0
        self._base = self.highest = sequence + _WRAP  # one cycle up, so that what comes late is never below zero
        self._bits = 1

    @property
    def expected(self) -> int:
        """Packets from the first to the highest."""
        return self.highest - self._base + 1 if self.highest >= 0 else 0

    @property
    def lost(self) -> int:
        """Packets between the first and the highest that never came; repeated ones make up for none."""
        return self.expected - self.received + self.repeated

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return round(self.jitter * 1000 / self._rate, 3)

    def block(self, ssrc: int, last: int = 0, delay: int = 0) -> Block:
        """The report block of now; the fraction is that since the block before it."""
        expected, got = self.expected - self._expected, self.received - self._got
        self._expected, self._got = self.expected, self.received
        lost = max(0, expected - got)
        fraction = min(255, (lost << 8) // expected) if expected > 0 else 0
        whole = max(-0x800000, min(0x7FFFFF, self.expected - self.received))
        highest = (self.highest - _WRAP if self.highest >= 0 else 0) & 0xFFFFFFFF
        return Block(ssrc, fraction, whole, highest, min(int(self.jitter), 0xFFFFFFFF), last, delay)


def _pack_block(block: Block) -> bytes:
    return (
        block.ssrc.to_bytes(4, "big")
        + bytes((block.fraction,))
        + (block.lost & 0xFFFFFF).to_bytes(3, "big")
        + block.highest.to_bytes(4, "big")
        + block.jitter.to_bytes(4, "big")
        + block.last.to_bytes(4, "big")
        + block.delay.to_bytes(4, "big")
    )


def _report(kind: int, count: int, body: bytes) -> Report:
    own = 24 if kind == rtp.SENDER_REPORT else 4
    if len(body) < own + BLOCK_SIZE * count:
        raise WireError(f"an RTCP report with {count} blocks in {len(body)} bytes")
    ssrc = int.from_bytes(body[:4], "big")
    sent = None
    if kind == rtp.SENDER_REPORT:
        word = [int.from_bytes(body[at : at + 4], "big") for at in range(0, 24, 4)]
        sent = rtp.Report(ssrc, word[1] << 32 | word[2], word[3], word[4], word[5])
    return Report(ssrc, sent, tuple(_block(body[own + BLOCK_SIZE * one :]) for one in range(count)))


def _block(data: bytes) -> Block:
    lost = int.from_bytes(data[5:8], "big", signed=True)
    word = [int.from_bytes(data[at : at + 4], "big") for at in range(8, BLOCK_SIZE, 4)]
    return Block(int.from_bytes(data[:4], "big"), data[4], lost, *word)


def _names(body: bytes, count: int) -> list[tuple[int, str]]:
    names: list[tuple[int, str]] = []
    at = 0
    for _ in range(count):
        source, at = int.from_bytes(body[at : at + 4], "big"), at + 4
        while at < len(body) and body[at]:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise WireError("a source description that does not fit")
            if body[at] == CNAME:
                names.append((source, body[at + 2 : at + 2 + body[at + 1]].decode("utf-8", "replace")))
            at += 2 + body[at + 1]
        at += 4 - at % 4
    return names


def _unpadded(body: bytes) -> bytes:
    if not body or not 0 < body[-1] <= len(body):
        raise WireError("RTCP padding that does not fit")
    return body[: -body[-1]]
