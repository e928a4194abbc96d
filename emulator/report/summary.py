"""Counts per row of the tables: how many flows passed, what stopped the others, which way, whose device. No words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from emulator.judge.flow import Direction
from emulator.judge.record import Judged, PassRecord
from emulator.report.words import Way, way, whose


class Stop(msgspec.Struct, frozen=True):
    """One kind of end that some flows of a row met: verdict, device as far as known, how many, which direction."""

    verdict: str
    device: str
    count: int
    direction: Direction = "outward"

    @property
    def way(self) -> Way:
        """ "out", "back", "both", "in", "reply", or "" when it is not decided."""
        return way(self.verdict, self.direction)


class RowSummary(msgspec.Struct, frozen=True):
    """One row of the tables in one pass. `extras`: recorded flows that decide nothing (passed, tried)."""

    row: str
    passed: int
    undecided: int
    total: int
    stops: tuple[Stop, ...]  # most frequent first
    extras: tuple[int, int]
    emulated: bool
    members: tuple[Judged, ...]

    @property
    def state(self) -> str:
        """ "pass", "part", "stop", or "open" when nothing is known to be stopped and something is undecided."""
        if self.passed == self.total:
            return "pass"
        if self.passed + self.undecided == self.total:
            return "open"
        return "part" if self.passed else "stop"

    @property
    def how(self) -> str:
        """What stopped it, in a few words: `blocked.icmp 5×, blocked.rst 5×`."""
        counts: Counter[str] = Counter()
        for stop in self.stops:
            counts[stop.verdict] += stop.count
        return ", ".join(f"{name} {count}×" if count > 1 else name for name, count in counts.most_common())


def rows(record: PassRecord) -> dict[str, RowSummary]:
    """Summaries by row id, in the order in which flows were planned."""
    grouped: dict[str, list[Judged]] = {}
    for item in record.judged:
        grouped.setdefault(item.flow.row, []).append(item)
    return {row: _summary(row, members) for row, members in grouped.items()}


def stops(items: Sequence[Judged]) -> tuple[Stop, ...]:
    """What did not pass, grouped by verdict and device, most frequent first."""
    counts = Counter(
        (item.verdict.verdict, whose(item), item.flow.direction) for item in items if not item.verdict.passed
    )
    return tuple(
        Stop(verdict, device, count, direction) for (verdict, device, direction), count in counts.most_common()
    )


def _summary(row: str, members: Sequence[Judged]) -> RowSummary:
    deciding = [item for item in members if item.flow.decides]
    extras = [item for item in members if not item.flow.decides] if deciding else []
    deciding = deciding or list(members)  # leak rows decide no outcome, and are counted all the same
    return RowSummary(
        row=row,
        passed=sum(1 for item in deciding if item.verdict.passed),
        undecided=sum(1 for item in deciding if not item.verdict.decided),
        total=len(deciding),
        stops=stops(deciding),
        extras=(sum(1 for item in extras if item.verdict.passed), len(extras)),
        emulated=any(item.flow.emulated for item in deciding),
        members=tuple(members),
    )
