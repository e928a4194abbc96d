"""What a scenario says against what happened: met, not met, undecided, error; and the exit code that follows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.judge.outcome import Outcome
from emulator.judge.record import SCHEMA, Expectation, PassRecord, RunRecord, State
from emulator.judge.verdicts import VERDICTS, Verdict
from emulator.probe.plan import plan
from emulator.scenario.expect import expectations
from emulator.scenario.model import Expected, Pass, Ports, Rule

CATALOG = load()
FLOWS = plan(CATALOG, seed=b"golden", samples=1, uid=lambda: "00" * 16, leaks=True)


def judge(
    rules: list[Rule], verdicts: dict[str, str] | None = None, default: str = "pass", flows: tuple[Flow, ...] = FLOWS
) -> dict[str, Expectation]:
    """Expectations by id when flows have these verdicts (by flow id or by row)."""
    given = verdicts or {}
    known = {flow.id: Verdict(flow.id, given.get(flow.id, given.get(flow.row, default)), "confirmed") for flow in flows}
    found = expectations(Pass(id="only", flows=tuple(rules)), CATALOG, flows, known, ())
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


ALL_PASS = Rule(rows=("*",), must="pass")
BOARD = "whiteboard-tcp-1503"
BOARD_RULE = Rule(rows=(BOARD,), must="pass")


def board(rule: Rule, verdict: str) -> State:
    (found,) = judge([rule], {BOARD: verdict}).values()
    return found.state


def decided(verdict: str) -> bool:
    return Verdict("x", verdict, "confirmed").decided


@pytest.mark.parametrize("verdict", VERDICTS)
def test_must_pass(verdict: str) -> None:
    expected = {"pass": "met", "error": "error", "unknown": "undecided", "not-tested": "undecided"}
    assert board(BOARD_RULE, verdict) == expected.get(verdict, "not-met")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_must_stop(verdict: str) -> None:
    expected = {"pass": "not-met", "error": "error", "unknown": "undecided", "not-tested": "undecided"}
    rule = Rule(rows=(BOARD,), must="stop")
    assert board(rule, verdict) == expected.get(verdict, "met")


@pytest.mark.parametrize("verdict", [verdict for verdict in VERDICTS if decided(verdict)])
def test_must_stop_in_a_certain_way(verdict: str) -> None:
    rule = Rule(rows=(BOARD,), must="stop", how=("blocked.rst", "blocked.icmp"))
    assert board(rule, verdict) == ("met" if verdict in ("blocked.rst", "blocked.icmp") else "not-met")


def test_may_is_not_judged() -> None:
    assert judge([Rule(rows=(BOARD,), must="may")], {BOARD: "blocked.rst"}) == {}


def test_the_first_rule_that_matches_speaks() -> None:
    found = judge([Rule(rows=(BOARD,), must="stop"), ALL_PASS], {BOARD: "blocked.rst"})
    assert found[f"flows/1/{BOARD}"].state == "met"
    assert f"flows/2/{BOARD}" not in found
    assert {one.state for one in found.values()} == {"met"}
    assert {one.subject for one in found.values()} == {flow.row for flow in FLOWS}


def test_rows_of_every_kind() -> None:
    for row, subjects in (
        ("leak", {flow.row for flow in FLOWS if flow.row_kind == "leak"}),
        ("audio", {clause.id for clause in CATALOG.feature_by_id["audio"].clauses}),
        ("msnp", {"msnp"}),
        (BOARD, {BOARD}),
    ):
        assert {one.subject for one in judge([Rule(rows=(row,), must="pass")]).values()} == subjects


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"transport": "udp"}, lambda flow: flow.transport == "udp"),
        ({"ports": Ports(((80, 80), (1863, 1863)))}, lambda flow: flow.port in (80, 1863)),
        ({"parity": "odd"}, lambda flow: flow.port % 2),
        ({"parity": "even", "transport": "tcp"}, lambda flow: flow.port % 2 == 0 and flow.transport == "tcp"),
        ({"agent": True}, lambda flow: flow.agent == CATALOG.note.agent),
        ({"agent": False}, lambda flow: flow.agent != CATALOG.note.agent),
        ({"via": "proxy"}, lambda flow: bool(flow.via)),
        ({"via": "direct"}, lambda flow: not flow.via),
    ],
)
def test_conditions(conditions: dict[str, Any], holds: Any) -> None:
    flows = plan(CATALOG, seed=b"x", samples=1, uid=lambda: "00" * 16, proxy="http://192.0.2.1:3128")
    found = judge([Rule(rows=("*",), must="pass", **conditions)], flows=flows)
    named = [name for one in found.values() for name in one.flows]
    assert sorted(named) == sorted(flow.id for flow in flows if holds(flow))
    assert named


class TestGroups:
    """One expectation per rule and row: its worst flow decides, and is named first."""

    row = "file-transfer-legacy-tcp-6891-6900"
    flows = tuple(flow.id for flow in FLOWS if flow.row == "file-transfer-legacy-tcp-6891-6900")

    def judged(self, *verdicts: str) -> Expectation:
        given = dict(zip(self.flows, verdicts, strict=False))
        (found,) = judge([Rule(rows=(self.row,), must="pass")], given).values()
        return found

    def test_all_met(self) -> None:
        found = self.judged()
        assert (found.state, found.got, set(found.flows)) == ("met", "10 of 10 pass", set(self.flows))

    @pytest.mark.parametrize(
        ("verdicts", "state"),
        [
            (("unknown",), "undecided"),
            (("unknown", "error"), "error"),
            (("unknown", "error", "blocked.rst"), "not-met"),
        ],
    )
    def test_the_worst_decides(self, verdicts: tuple[str, ...], state: str) -> None:
        found = self.judged(*verdicts)
        assert found.state == state
        assert found.flows[0] == self.flows[len(verdicts) - 1]
        assert found.got == f"1 of 10 {verdicts[-1]}"
        assert len(found.flows) == 10


class TestOutcomes:
    """What a person should notice."""

    def judged(self, wanted: Expected, got: Outcome) -> Expectation:
        (found,) = expectations(Pass(id="only", outcomes={"audio": wanted}), CATALOG, (), {}, (got,))
        return found

    @pytest.mark.parametrize(
        ("wanted", "got", "state"),
        [
            (Expected("works"), Outcome("audio", "works"), "met"),
            (Expected("works"), Outcome("audio", "degraded", "relay"), "not-met"),
            (Expected("degraded"), Outcome("audio", "degraded", "relay"), "met"),
            (Expected("degraded", "relay"), Outcome("audio", "degraded", "relay"), "met"),
            (Expected("degraded", "direct TCP"), Outcome("audio", "degraded", "relay"), "not-met"),
            (Expected("broken"), Outcome("audio", "broken", "cannot ring"), "met"),
            (Expected("broken", "rings, silent"), Outcome("audio", "broken", "cannot ring"), "not-met"),
            (Expected("broken"), Outcome("audio", "works"), "not-met"),
            (Expected("works"), Outcome("audio", "not-tested", "sign-in is undecided"), "undecided"),
        ],
    )
    def test_states(self, wanted: Expected, got: Outcome, state: str) -> None:
        found = self.judged(wanted, got)
        assert (found.id, found.kind, found.state) == ("outcome/audio", "outcome", state)
        assert found.got == got.words

    def test_failed_flows_are_handed_on(self) -> None:
        assert self.judged(Expected("works"), Outcome("audio", "broken", "x", failed=("a", "b"))).flows == ("a", "b")

    def test_a_feature_that_nothing_speaks_of_is_not_judged(self) -> None:
        assert expectations(Pass(id="only"), CATALOG, (), {}, (Outcome("audio", "broken"),)) == ()


def record(*states: State, control: str = "up", **changes: Any) -> RunRecord:
    one = PassRecord(
        scenario="open",
        title="",
        about="",
        name="",
        firewall="",
        proxy="",
        credentials=False,
        vantage="inside",
        started=0,
        seconds=1,
        seed="00",
        samples=1,
        timeout=3,
        control=control,
        problem="",
        checks_before=(),
        checks_after=(),
        judged=(),
        receipts=(),
        outcomes=(),
        expectations=tuple(Expectation(f"x/{at}", "flows", "x", "", "", state) for at, state in enumerate(states)),
    )
    given: dict[str, Any] = {
        "schema": SCHEMA,
        "program": "x",
        "classifier": 1,
        "outcome_rules": 1,
        "catalog": "",
        "created": 0,
        "seconds": 1,
        "passes": (one,),
    }
    return RunRecord(**(given | changes))


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (record("met", "met"), 0),
        (record(), 0),
        (record("met", "not-met"), 1),
        (record("not-met", "undecided", "error"), 1),
        (record("not-met", not_run=("web-only",)), 1),
        (record("met", "undecided"), 3),
        (record("met", "error"), 3),
        (record("met", control="lost"), 3),
        (record("met", control="absent"), 0),
        (record("met", not_run=("web-only",)), 3),
        (record(passes=()), 3),
        (record("met", interrupted=True), 130),
        (record("met", "error", interrupted=True), 130),
        (record("not-met", interrupted=True), 130),
        (record(passes=(), interrupted=True), 130),
    ],
)
def test_exit_codes(run: RunRecord, code: int) -> None:
    assert run.exit_code == code
    assert msgspec.json.decode(msgspec.json.encode(run), type=RunRecord).exit_code == code
