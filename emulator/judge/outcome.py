"""What a person notices: outcomes of features from verdicts of flows and journeys, by the catalog's stages and ways.

Pure and versioned; three-valued, because an undecided flow must not become a claim. Source: outcomes.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from emulator.catalog import Catalog
from emulator.catalog.model import OutcomeRow, Stage, Way
from emulator.judge.flow import Flow
from emulator.judge.journey import UNDECIDED, JourneyRecord, StepRecord
from emulator.judge.verdicts import Verdict

OUTCOME_VERSION = 3

Grade = Literal["works", "degraded", "broken", "not-tested"]
# "unused": the journey took this step on another path, so no client goes here: lost, unless it is undecided why
# "void": the journey left this path out because of flows, which decide alone then: a peer may come the other way
Held = Literal["yes", "part", "no", "open", "unused", "void"]


class Outcome(msgspec.Struct, frozen=True):
    """`by`: the fallback in use, or what is broken, or what is undecided. `failed`: ids of failed deciding flows."""

    feature: str
    outcome: Grade
    by: str = ""
    emulated: bool = False
    failed: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """One line for people: `degraded (gateway)`."""
        return f"{self.outcome} ({self.by})" if self.by else self.outcome


class _Need(msgspec.Struct, frozen=True):
    held: Held
    passed: int = 0
    total: int = 0


def evaluate(
    catalog: Catalog,
    flows: Sequence[Flow],
    verdicts: Mapping[str, Verdict],
    journeys: Sequence[JourneyRecord] = (),
) -> tuple[Outcome, ...]:
    """Outcomes of all features, in catalog order. `verdicts` is keyed by flow id.

    `journeys` tell of steps that made no flow whether they were broken, or went another way, or nobody knows.
    """
    judge = _Judge(catalog, flows, verdicts, journeys)
    outcomes: list[Outcome] = []
    session: Outcome | None = None
    for row in catalog.outcomes:
        outcome = judge.outcome(row, session if row.session else None)
        if row.feature == "sign-in":
            session = outcome
        outcomes.append(outcome)
    return tuple(outcomes)


class _Judge:
    def __init__(
        self,
        catalog: Catalog,
        flows: Sequence[Flow],
        verdicts: Mapping[str, Verdict],
        journeys: Sequence[JourneyRecord],
    ) -> None:
        self._catalog = catalog
        self._verdicts = verdicts
        self._journeys = {journey.id: journey for journey in journeys}
        self._by_need: dict[str, list[Flow]] = {}
        self._by_feature: dict[str, list[Flow]] = {}
        for flow in flows:
            if flow.decides:
                for need in flow.needs:
                    self._by_need.setdefault(need, []).append(flow)
                self._by_feature.setdefault(flow.feature, []).append(flow)

    def outcome(self, row: OutcomeRow, session: Outcome | None) -> Outcome:
        failed = tuple(
            flow.id
            for flow in self._by_feature.get(row.feature, ())
            if (verdict := self._verdicts.get(flow.id)) is not None and verdict.decided and not verdict.passed
        )
        if session is not None and session.outcome == "broken":
            return Outcome(row.feature, "broken", "cannot sign in", failed=failed)
        if session is not None and session.outcome == "not-tested":
            return Outcome(row.feature, "not-tested", "sign-in is undecided", failed=failed)
        grades = [self._stage(stage) for stage in row.stage]
        broken = next((by for grade, by, _ in grades if grade == "broken"), None)
        if broken is not None:
            return Outcome(row.feature, "broken", broken, failed=failed)
        undecided = [by for grade, by, _ in grades if grade == "not-tested"]
        if undecided:
            return Outcome(row.feature, "not-tested", undecided[0], failed=failed)  # the others follow from it
        used = [by for grade, by, _ in grades if grade == "degraded"]
        emulated = any(own for _, _, own in grades)
        if used:
            return Outcome(row.feature, "degraded", ", ".join(used), emulated, failed)
        return Outcome(row.feature, "works", "", emulated, failed)

    def _stage(self, stage: Stage) -> tuple[Grade, str, bool]:
        """First way that holds; an undecided way before it leaves the answer open."""
        undecided: list[str] = []
        for place, way in enumerate(stage.way):
            need = self._way(way)
            if need.held == "open":
                undecided.append(way.by or "the first way")
            elif need.held in ("yes", "part"):
                grade, by = self._grade(place, way, need)
                if undecided:
                    return "not-tested", f"undecided between {', '.join((*undecided, by or 'the first way'))}", False
                return grade, by, way.emulated
        if undecided:
            return "not-tested", f"undecided between {', '.join(undecided)} and broken", False
        return "broken", stage.broken, False

    @staticmethod
    def _grade(place: int, way: Way, need: _Need) -> tuple[Grade, str]:
        if need.held == "part":
            count = f"{need.passed} of {need.total} ports"
            return "degraded", f"{way.by}, {count}" if place else count
        return ("degraded", way.by) if place else ("works", "")

    def _way(self, way: Way) -> _Need:
        needs = [self._need(text) for text in way.needs]
        for held in ("no", "open", "unused", "part"):
            found = next((need for need in needs if need.held == held), None)
            if found is not None:
                return found if held != "unused" else _Need("no", found.passed, found.total)
        return next((need for need in needs if need.held != "void"), _Need("open"))

    def _need(self, text: str) -> _Need:
        whole = text.startswith("all ")
        flows = self._by_need.get(text.removeprefix("all "), [])
        if not flows:
            return _Need(self._without_flows(text))
        ports: dict[tuple[str, int], list[Verdict | None]] = {}
        for flow in flows:
            # peers choose who listens, and datagrams go both ways in a flow of either direction: one is enough
            ports.setdefault((flow.id.removesuffix("/inward"), flow.port), []).append(self._verdicts.get(flow.id))
        passed = undecided = 0
        for verdicts in ports.values():
            if any(verdict is not None and verdict.passed for verdict in verdicts):
                passed += 1
            elif any(verdict is None or not verdict.decided for verdict in verdicts):
                undecided += 1
        total = len(ports)
        failed = total - passed - undecided
        if whole and failed:
            return _Need("no", passed, total)
        if undecided:
            return _Need("open", passed, total)
        if passed == total:
            return _Need("yes", passed, total)
        return _Need("part" if passed else "no", passed, total)

    def _without_flows(self, text: str) -> Held:
        """A need for which nothing was tried: that of a step may be known from its journey."""
        name, _, rest = text.partition("/")
        step_id, _, spoken = rest.partition("/")
        journey = self._journeys.get(name)
        step = next((one for one in journey.steps if one.id == step_id), None) if journey is not None else None
        if journey is None or step is None:
            return "open"
        if journey.state == "not-run" or (journey.state == "done" and step.state == "not-run"):
            return "open"  # interrupted, undecided, or there was nobody to go with
        if step.state == "not-run" and _ruled_out(journey):
            return "void"
        dead = self._dead(journey, step, spoken)
        if dead:
            return "open" if dead & UNDECIDED else "void"
        return "unused"

    def _dead(self, journey: JourneyRecord, step: StepRecord, spoken: str) -> set[str]:
        """Verdicts of the flows for which a step's path was left out."""
        known = self._catalog.journey_by_id[journey.id]
        paths = known.paths(next(one for one in known.step if one.id == step.id))
        labels = {path.by for path in paths if not spoken or path.speaks == spoken}
        return {one.verdict for one in step.dead if one.by in labels}


def _ruled_out(journey: JourneyRecord) -> bool:
    """True when flows, and no attempt of its own, ended a journey: of what lay beyond it knows nothing."""
    last = next((step for step in journey.steps if step.id == journey.by), None)
    return journey.state == "broken" and last is not None and bool(last.dead) and not (last.failed or last.flows)
