"""What the page says, as records for the templates: matrix, passes, clauses, URLs, expectations. No HTML here."""

from __future__ import annotations

import msgspec

from emulator.catalog import Catalog
from emulator.catalog.model import Clause, Endpoint, Feature
from emulator.judge.journey import JourneyRecord, StepRecord
from emulator.judge.outcome import Outcome
from emulator.judge.record import Expectation, Judged, PassRecord, RunRecord
from emulator.report.drawing import Drawing, Strip, drawing, strip
from emulator.report.evidence import evidence
from emulator.report.summary import RowSummary, Stop, rows, stops
from emulator.report.words import EXIT_WORD, MARK, journey_grade, moment, sentence, step_title, whose

UNTRIED = "not tried"


class Cell(msgspec.Struct, frozen=True):
    """One outcome in the matrix. `wanted` is what the scenario expects where that did not come."""

    outcome: Outcome
    mark: str
    wanted: str


class ClauseView(msgspec.Struct, frozen=True):
    """A clause in one pass; `summary` is None when nothing of it was tried."""

    clause: Clause
    summary: RowSummary | None
    strip: Strip | None


class FeatureView(msgspec.Struct, frozen=True):
    """A feature in one pass."""

    feature: Feature
    cell: Cell
    clauses: tuple[ClauseView, ...]


class UrlView(msgspec.Struct, frozen=True):
    """One of the 22 URLs in one pass."""

    endpoint: Endpoint
    summary: RowSummary | None


class NoteFlow(msgspec.Struct, frozen=True):
    """A flow that carried the note's User-Agent."""

    item: Judged
    device: str


class LeakView(msgspec.Struct, frozen=True):
    """An undocumented port."""

    item: Judged
    device: str


class StepView(msgspec.Struct, frozen=True):
    """A step of a journey, with the verdicts of the flows that it made and of those that it cites."""

    step: StepRecord
    title: str
    verdicts: tuple[Judged, ...]


class JourneyView(msgspec.Struct, frozen=True):
    """A journey in one pass."""

    journey: JourneyRecord
    title: str
    about: str
    mark: str
    grade: str
    steps: tuple[StepView, ...]


class PassView(msgspec.Struct, frozen=True):
    """One pass: everything of its section."""

    number: int
    record: PassRecord
    anchor: str
    passed: int
    met: int
    worst: str
    started: str
    drawing: Drawing
    stops: tuple[Stop, ...]
    features: tuple[FeatureView, ...]
    urls: tuple[UrlView, ...]
    journeys: tuple[JourneyView, ...]
    note: tuple[NoteFlow, ...]
    leaks: tuple[LeakView, ...]
    expectations: tuple[Expectation, ...]
    checks: str
    evidence: str


class Page(msgspec.Struct, frozen=True):
    """The whole page."""

    record: RunRecord
    sentence: str
    exit_code: int
    exit_word: str
    created: str
    passes: tuple[PassView, ...]
    emulated: bool


def page(record: RunRecord, catalog: Catalog) -> Page:
    """Views of a run. `record` must be redacted."""
    return Page(
        record=record,
        sentence=sentence(record),
        exit_code=record.exit_code,
        exit_word=EXIT_WORD.get(record.exit_code, "unknown"),
        created=moment(record.created),
        passes=tuple(_pass(one, catalog, number) for number, one in enumerate(record.passes, 1)),
        emulated=any(outcome.emulated for one in record.passes for outcome in one.outcomes),
    )


_ORDER = {"not-met": 0, "error": 1, "undecided": 2, "met": 3}


def _pass(record: PassRecord, catalog: Catalog, number: int) -> PassView:
    summaries = rows(record)
    wanted = {
        item.subject: item.wanted for item in record.expectations if item.kind == "outcome" and item.state != "met"
    }
    states = [item.state for item in record.expectations]
    return PassView(
        number=number,
        record=record,
        anchor=f"pass-{number}",
        passed=sum(1 for item in record.judged if item.verdict.passed),
        met=states.count("met"),
        worst=min(states, key=lambda state: _ORDER[state], default="met"),
        started=moment(record.started),
        drawing=drawing(record),
        stops=stops(record.judged),
        features=tuple(
            _feature(catalog.feature_by_id[outcome.feature], outcome, summaries, wanted.get(outcome.feature, ""))
            for outcome in record.outcomes
        ),
        urls=tuple(UrlView(endpoint, summaries.get(endpoint.id)) for endpoint in catalog.endpoints),
        journeys=tuple(_journey(journey, record, catalog) for journey in record.journeys),
        note=tuple(NoteFlow(item, whose(item)) for item in record.judged if item.flow.agent == catalog.note.agent),
        leaks=tuple(LeakView(item, whose(item)) for item in record.judged if item.flow.row_kind == "leak"),
        expectations=tuple(sorted(record.expectations, key=lambda item: _ORDER[item.state])),
        checks=_checks(record),
        evidence=evidence(record, catalog),
    )


def _journey(journey: JourneyRecord, record: PassRecord, catalog: Catalog) -> JourneyView:
    known = catalog.journey_by_id.get(journey.id)
    judged = {item.flow.id: item for item in record.judged}
    grade = journey_grade(journey)
    return JourneyView(
        journey,
        known.title.en if known is not None else journey.id,
        known.about if known is not None else "",
        MARK[grade],
        grade,
        tuple(
            StepView(
                step,
                step_title(catalog, journey.id, step.id),
                tuple(judged[name] for name in (*step.failed, *step.flows) if name in judged),
            )
            for step in journey.steps
        ),
    )


def _feature(feature: Feature, outcome: Outcome, summaries: dict[str, RowSummary], wanted: str) -> FeatureView:
    views = []
    for clause in feature.clauses:
        summary = summaries.get(clause.id)
        views.append(ClauseView(clause, summary, strip(clause, summary) if summary is not None else None))
    return FeatureView(feature, Cell(outcome, MARK[outcome.outcome], wanted), tuple(views))


def _checks(record: PassRecord) -> str:
    """The far end's dials of itself: is the yardstick straight?"""
    said = []
    for name, checks in (("before", record.checks_before), ("after", record.checks_after)):
        if checks:
            good = sum(1 for check in checks if check.ok)
            failed = ", ".join(f"{check.listener} {check.detail}".strip() for check in checks if not check.ok)
            said.append(f"{name}: {good} of {len(checks)} in order" + (f" (not {failed})" if failed else ""))
    return "; ".join(said) or "none"
