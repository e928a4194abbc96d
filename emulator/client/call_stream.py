"""The streams of one call at one end: sent by the clock, measured as they arrive, reported both ways. No sockets.

Not the way they take (`call_line`). Source: RFC 3550, RFC 3551, RFC 2190; 50 packets of 160 bytes a second of voice
(media.md 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from emulator.wire import rtcp, rtp
from emulator.wire.errors import WireError
from emulator.wire.filler import filler

BACKLOG = 1.0  # seconds that are made up for after a pause; what is older is never sent


class Kind(msgspec.Struct, frozen=True):
    """What is sent: a frame of packets with one time stamp every `interval` seconds, `step` units of `clock` a second.

    `name`: the kind of its line in SDP; `format`: its payload type. `last`: the marker is on a frame's last packet, as
    pictures have it, not on the first packet of all.
    """

    name: str
    format: int
    clock: int
    interval: float
    step: int
    frame: Callable[[bytes], tuple[bytes, ...]]
    last: bool = False


AUDIO = Kind("audio", rtp.PCMU, 8000, 0.02, 160, lambda seed: (filler(seed, rtp.PCMU_SIZE, "voice"),))
VIDEO = Kind("video", rtp.H263, 90000, 1 / 15, 6000, lambda seed: rtp.picture(seed, (700, 500)), last=True)


class Outgoing:
    """One's own stream: `due(now)` gives the packets that are due, at most a second's worth."""

    def __init__(self, ssrc: int, kind: Kind, sequence: int) -> None:
        self.ssrc = ssrc
        self.kind = kind
        self.packets = self.octets = 0
        self.sequence = sequence & 0xFFFF  # of the next packet
        self.timestamp = 0  # of the next packet
        self.skipped = 0  # frames
        self._type = kind.format
        self._frame = kind.frame(ssrc.to_bytes(4, "big"))
        self._tails = [ssrc.to_bytes(4, "big") + payload for payload in self._frame]
        self._size = sum(len(payload) for payload in self._frame)
        self._next = -1.0

    def codec(self, payload_type: int) -> None:
        """The codec that was agreed on: one of a byte a sample, whose samples are filler here anyway."""
        self._type = payload_type

    def due(self, now: float) -> list[bytes]:
        """Packets to send now."""
        kind = self.kind
        if self._next < 0:
            self._next = now
        out = []
        late = int((now - self._next - BACKLOG) / kind.interval)
        if late > 0:
            self.skipped += late
            self._next += late * kind.interval
            self.timestamp = (self.timestamp + late * kind.step) & 0xFFFFFFFF
        while self._next <= now:
            stamp = self.timestamp.to_bytes(4, "big")
            marked = len(self._tails) - 1 if kind.last else -1 if self.packets else 0
            for at, tail in enumerate(self._tails):
                head = bytes((0x80, self._type | (0x80 if at == marked else 0)))
                out.append(head + self.sequence.to_bytes(2, "big") + stamp + tail)
                self.sequence = (self.sequence + 1) & 0xFFFF
            self.timestamp = (self.timestamp + kind.step) & 0xFFFFFFFF
            self.packets += len(self._tails)
            self.octets += self._size
            self._next += kind.interval
        return out

    def wait(self, now: float) -> float:
        """Seconds until the next packet is due."""
        return max(0.0, self._next - now)


class Told(msgspec.Struct, frozen=True):
    """What the peer's reports say of our stream, and of its own sending (None: it sent no sender report)."""

    block: rtcp.Block
    sent: int | None


class Incoming:
    """The peer's stream: that of the first SSRC; packets of another one are counted and passed over.

    `told` is the peer's latest word on ours. `note` takes RTCP.
    """

    def __init__(self, kind: Kind) -> None:
        self.reception = rtcp.Reception(kind.clock)
        self.ssrc: int | None = None
        self.others = 0
        self.malformed = 0
        self.told: Told | None = None
        self.sent: int | None = None  # packets that the peer says it has sent
        self.gone = False
        self._last = (0, 0.0)  # middle of the NTP time of the last sender report, and when it came

    def take(self, data: bytes, now: float) -> bool:
        """A packet with version 2 that is no RTCP; False when it is not of this stream."""
        size = rtp.HEADER + 4 * (data[0] & 0x0F)
        if len(data) < size or len(data) > rtp.SIZE_LIMIT:
            self.malformed += 1
            return False
        ssrc = int.from_bytes(data[8:12], "big")
        if self.ssrc is None:
            self.ssrc = ssrc
        elif self.ssrc != ssrc:
            self.others += 1
            return False
        self.reception.take(int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"), now)
        return True

    def note(self, data: bytes, mine: int, now: float) -> bool:
        """Take the peer's reports; True when a sender report was among them. Malformed ones are counted."""
        try:
            compound = rtcp.unpack(data)
        except WireError:
            self.malformed += 1
            return False
        asked = False
        for report in compound.reports:
            if report.sent is not None:
                self.sent, asked = report.sent.packets, True
                self._last = (report.sent.ntp >> 16 & 0xFFFFFFFF, now)
            for block in report.blocks:
                if block.ssrc == mine:
                    self.told = Told(block, self.sent)
        self.gone = self.gone or (self.ssrc in compound.gone)
        return asked

    def block(self, now: float) -> tuple[rtcp.Block, ...]:
        """The report block on the peer's stream; none before its first packet."""
        if self.ssrc is None:
            return ()
        last, at = self._last
        delay = int((now - at) * 65536) & 0xFFFFFFFF if last else 0
        return (self.reception.block(self.ssrc, last, delay),)


def report(out: Outgoing, incoming: Incoming, *, clock: float, epoch: float, name: str, goodbye: bool = False) -> bytes:
    """One's own RTCP: a sender report once something was sent. `clock` monotonic seconds, `epoch` since 1970."""
    sent = None
    if out.packets:
        # the time stamp of the next packet is the nearest that is known for this very moment
        sent = rtp.Report(out.ssrc, rtp.ntp_time(epoch), out.timestamp, out.packets, out.octets)
    return rtcp.pack(rtcp.Report(out.ssrc, sent, incoming.block(clock)), name, goodbye=goodbye)


def measured(out: Outgoing, incoming: Incoming) -> dict[str, Any]:
    """Both directions in numbers, JSON-able: `sent` and what the peer `reported` of it; what was `received` here."""
    here = incoming.reception
    facts: dict[str, Any] = {
        "sent": out.packets,
        "received": here.received,
        "lost": here.lost,
        "reordered": here.reordered,
        "repeated": here.repeated,
        "jitter_ms": here.jitter_ms,
    }
    if incoming.sent is not None:
        facts["peer_sent"] = incoming.sent
    if incoming.told is not None:
        block = incoming.told.block
        facts["reported"] = {
            "lost": block.lost,
            "fraction": round(block.fraction / 256, 4),
            "jitter_ms": round(block.jitter * 1000 / out.kind.clock, 3),
            "highest": block.highest & 0xFFFF,
        }
    return facts
