"""What the device did: a pass held against one over a cable, where no device stood between. Pure.

Compared are rows, exchanges and directions, not flows: another run may have drawn other ports. Judges nothing anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from emulator.judge.flow import Direction, Flow
from emulator.judge.nat import NetworkType
from emulator.judge.outcome import Outcome
from emulator.judge.verdicts import Verdict

# lost: passed over the cable, and not now · same: did not pass over the cable either, so it is not the device's doing
# · better: passes now, and did not over the cable
Kind = Literal["lost", "same", "better"]
Key = tuple[str, str, Direction]


class Change(msgspec.Struct, frozen=True):
    """One row's exchange in one direction: what became of it over the cable (`was`) and now (`now`), and the flows."""

    kind: Kind
    row: str
    exchange: str
    direction: Direction
    was: str
    now: str
    flows: tuple[str, ...]


class FeatureChange(msgspec.Struct, frozen=True):
    """A feature whose outcome is another one, in words."""

    feature: str
    was: str
    now: str


class Comparison(msgspec.Struct, frozen=True):
    """`reference`: when the pass over the cable was made, seconds since the epoch. `network`: the kinds then and now.

    `unknown`: rows that the reference did not try, or could not decide.
    """

    reference: float
    changes: tuple[Change, ...]
    features: tuple[FeatureChange, ...]
    network: tuple[str, str] = ("", "")
    unknown: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The changes of one kind."""
        return tuple(one for one in self.changes if one.kind == kind)


Item = tuple[Flow, Verdict]


def compare(
    before: Iterable[Item],
    after: Iterable[Item],
    *,
    at: float,
    outcomes: tuple[Iterable[Outcome], Iterable[Outcome]],
    networks: tuple[NetworkType | None, NetworkType | None] = (None, None),
) -> Comparison:
    """`before` over the cable, made at `at` (seconds since the epoch); `after` with the device between."""
    then, now = _grouped(before), _grouped(after)
    changes: list[Change] = []
    unknown: list[str] = []
    for key, items in now.items():
        was = then.get(key)
        if was is None or not all(verdict.decided for _, verdict in was):
            unknown.append(f"{key[0]}/{key[1]}" + ("/inward" if key[2] == "inward" else ""))
            continue
        failing = [(flow, verdict) for flow, verdict in items if not verdict.passed]
        passed_then = all(verdict.passed for _, verdict in was)
        if not failing and passed_then:
            continue
        kind: Kind = "better" if not failing else "lost" if passed_then else "same"
        flows = tuple(flow.id for flow, _ in failing or items)
        changes.append(Change(kind, *key, _words(was), _words(items), flows))
    return Comparison(at, tuple(changes), tuple(_features(*outcomes)), _networks(networks), tuple(unknown))


def _grouped(items: Iterable[Item]) -> dict[Key, list[Item]]:
    groups: dict[Key, list[Item]] = {}
    for flow, verdict in items:
        if flow.row_kind not in ("journey", "leak"):
            groups.setdefault((flow.row, flow.exchange, flow.direction), []).append((flow, verdict))
    return groups


def _words(items: list[Item]) -> str:
    counts = Counter(verdict.verdict for _, verdict in items)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} of {len(items)} {name}" for name, count in counts.most_common())


def _features(before: Iterable[Outcome], after: Iterable[Outcome]) -> Iterable[FeatureChange]:
    then: Mapping[str, Outcome] = {one.feature: one for one in before}
    for one in after:
        was = then.get(one.feature)
        if was is not None and (was.outcome, was.by) != (one.outcome, one.by):
            yield FeatureChange(one.feature, was.words, one.words)


def _networks(networks: tuple[NetworkType | None, NetworkType | None]) -> tuple[str, str]:
    was, now = (one.messenger if one is not None else "" for one in networks)
    return was, now
