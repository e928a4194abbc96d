"""Words for people, used by terminal and page alike: what stopped a row, which way, whose device. No layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from emulator.catalog import Catalog
from emulator.judge.record import Judged, PassRecord
from emulator.judge.verdicts import MEANING

WAY = {
    "blocked.drop.outbound": "on the way out",
    "blocked.drop.return": "on the way back",
    "blocked.drop.data": "after the connection was open",
}


class RowSummary(msgspec.Struct, frozen=True):
    """One row of the tables in one pass: how many flows passed, and what stopped the others."""

    row: str
    passed: int
    total: int
    verdicts: tuple[tuple[str, int], ...]  # failing ones, most frequent first
    devices: tuple[str, ...]
    example: Judged | None
    emulated: bool

    @property
    def state(self) -> str:
        """ "pass", "part" or "stop"."""
        if self.passed == self.total:
            return "pass"
        return "part" if self.passed else "stop"

    @property
    def how(self) -> str:
        """What stopped it, in a few words: `dropped outbound 25×, rst 1×`."""
        return ", ".join(f"{name} {count}×" if count > 1 else name for name, count in self.verdicts)


def rows(record: PassRecord) -> dict[str, RowSummary]:
    """Summaries by row id, in the order in which flows were planned. Recorded extras do not count."""
    grouped: dict[str, list[Judged]] = {}
    for item in record.judged:
        grouped.setdefault(item.flow.row, []).append(item)
    return {row: _summary(row, members) for row, members in grouped.items()}


def _summary(row: str, members: Sequence[Judged]) -> RowSummary:
    deciding = [item for item in members if item.flow.decides] or list(members)
    failing = [item for item in deciding if not item.verdict.passed]
    counts = Counter(item.verdict.verdict for item in failing)
    devices = tuple(dict.fromkeys(item.verdict.device for item in failing if item.verdict.device))
    return RowSummary(
        row=row,
        passed=len(deciding) - len(failing),
        total=len(deciding),
        verdicts=tuple(counts.most_common()),
        devices=devices,
        example=failing[0] if failing else None,
        emulated=any(item.flow.emulated for item in deciding),
    )


def meaning(verdict: str) -> str:
    """A verdict in plain words."""
    return MEANING.get(verdict, verdict)


def feature_name(catalog: Catalog, feature: str, language: str = "en") -> str:
    """A feature's name."""
    return str(getattr(catalog.feature_by_id[feature].name, language))
