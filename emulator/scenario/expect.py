"""Holds what happened against what the scenario says: expectations met, not met, undecided or in error. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from emulator.catalog import Catalog
from emulator.judge.flow import Flow
from emulator.judge.journey import JourneyRecord
from emulator.judge.nat import NetworkType
from emulator.judge.outcome import Outcome
from emulator.judge.record import Expectation, State
from emulator.judge.verdicts import Verdict
from emulator.scenario.model import Pass, Rule, matches


def expectations(
    wanted: Pass,
    catalog: Catalog,
    flows: Sequence[Flow],
    verdicts: Mapping[str, Verdict],
    outcomes: Sequence[Outcome],
    journeys: Sequence[JourneyRecord] = (),
    network: NetworkType | None = None,
) -> tuple[Expectation, ...]:
    """Every expectation of a pass: one per outcome, journey, word for the network, and rule and row.

    What no rule names is not judged.
    """
    return (
        *_outcomes(wanted, outcomes),
        *_journeys(wanted, journeys),
        *_network(wanted, network),
        *_flows(wanted, catalog, flows, verdicts),
    )


def _journeys(wanted: Pass, journeys: Sequence[JourneyRecord]) -> Iterator[Expectation]:
    by_id = {journey.id: journey for journey in journeys}
    for name, expected in wanted.journeys.items():
        got = by_id.get(name) or JourneyRecord(id=name, state="not-run")
        words = f"{expected.state} ({expected.by})" if expected.by else expected.state
        same = got.state == expected.state and expected.by in (None, got.by)
        state: State = "met" if same else "undecided" if got.state == "not-run" else "not-met"
        failed = (flow for step in got.steps if step.state == "failed" for flow in (*step.flows, *step.failed))
        yield Expectation(f"journey/{name}", "journey", name, words, got.words, state, tuple(failed))


def _network(wanted: Pass, network: NetworkType | None) -> Iterator[Expectation]:
    looked = network is not None and network.seen.echo is not None and not network.seen.echo.cut_short
    for name in wanted.network.__struct_fields__:
        expected, got = getattr(wanted.network, name), str(getattr(network, name, "")) or "not looked at"
        if expected:
            state: State = "met" if got == expected else "not-met" if looked else "undecided"
            yield Expectation(f"network/{name}", "network", name, expected, got, state)


def _outcomes(wanted: Pass, outcomes: Sequence[Outcome]) -> Iterator[Expectation]:
    by_feature = {outcome.feature: outcome for outcome in outcomes}
    for feature, expected in wanted.outcomes.items():
        got = by_feature[feature]
        words = f"{expected.grade} ({expected.by})" if expected.by else expected.grade
        same = got.outcome == expected.grade and expected.by in ("", got.by)
        state: State = "met" if same else "undecided" if got.outcome == "not-tested" else "not-met"
        yield Expectation(f"outcome/{feature}", "outcome", feature, words, got.words, state, got.failed)


def _flows(
    wanted: Pass, catalog: Catalog, flows: Sequence[Flow], verdicts: Mapping[str, Verdict]
) -> Iterator[Expectation]:
    for (place, row), members in _groups(wanted, catalog, flows).items():
        rule = wanted.flows[place]
        states = {flow.id: _state(rule, verdicts[flow.id]) for flow in members}
        worst: State = next((state for state in _WORST if state in states.values()), "met")
        failing = [flow for flow in members if states[flow.id] == worst]
        others = [flow for flow in members if states[flow.id] != worst]
        yield Expectation(
            f"flows/{place + 1}/{row}",
            "flows",
            row,
            _wanted(rule),
            _got([verdicts[flow.id] for flow in (failing if worst != "met" else members)], len(members)),
            worst,
            tuple(flow.id for flow in (*failing, *others)),
        )


def _groups(wanted: Pass, catalog: Catalog, flows: Sequence[Flow]) -> dict[tuple[int, str], list[Flow]]:
    """Flows by the rule that speaks of them (its place) and their row."""
    groups: dict[tuple[int, str], list[Flow]] = {}
    for flow in flows:
        place = next((at for at, rule in enumerate(wanted.flows) if matches(rule, flow, catalog)), None)
        if place is not None and wanted.flows[place].must != "may":
            groups.setdefault((place, flow.row), []).append(flow)
    return groups


class Foreseen(msgspec.Struct, frozen=True):
    """An expectation before the run: its id, the feature or endpoint that it is about, verdicts that it accepts."""

    id: str
    subjects: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()


def foreseen(wanted: Pass, catalog: Catalog, flows: Sequence[Flow]) -> Iterator[Foreseen]:
    """The expectations that `expectations` will have, given the flows that are planned."""
    for feature in wanted.outcomes:
        yield Foreseen(f"outcome/{feature}", (feature,))
    for name in wanted.journeys:
        yield Foreseen(f"journey/{name}", (name,))
    for name in wanted.network.__struct_fields__:
        if getattr(wanted.network, name):
            yield Foreseen(f"network/{name}", ("network-detection",))
    for (place, row), members in _groups(wanted, catalog, flows).items():
        rule = wanted.flows[place]
        subjects = dict.fromkeys((*(flow.feature for flow in members if flow.feature), row))
        yield Foreseen(f"flows/{place + 1}/{row}", tuple(subjects), ("pass",) if rule.must == "pass" else rule.how)


_WORST: tuple[State, ...] = ("not-met", "error", "undecided", "met")


def _state(rule: Rule, verdict: Verdict) -> State:
    if verdict.verdict == "error":
        return "error"
    if not verdict.decided:
        return "undecided"
    if rule.must == "pass":
        return "met" if verdict.passed else "not-met"
    if verdict.passed:
        return "not-met"
    if not rule.how or verdict.verdict in rule.how:
        return "met"
    return "undecided" if verdict.certainty == "likely" else "not-met"  # stopped for certain, how is only likely


def _wanted(rule: Rule) -> str:
    if rule.must == "pass":
        return "pass"
    return "stopped" + (f": {' or '.join(rule.how)}" if rule.how else "")


def _got(verdicts: Sequence[Verdict], total: int) -> str:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.verdict] = counts.get(verdict.verdict, 0) + 1
    if total == 1:
        return verdicts[0].verdict
    return ", ".join(f"{count} of {total} {name}" for name, count in counts.items())
