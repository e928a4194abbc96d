"""The two halves of each scenario agree: if the flows go as its rules say, the outcomes are those that it expects.

The outcome rules are the judge's, so a slip in a scenario's rules or labels shows here without any network.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from emulator.catalog import load as load_catalog
from emulator.judge.flow import Flow
from emulator.judge.outcome import evaluate
from emulator.judge.verdicts import Verdict
from emulator.probe.plan import plan, plan_inward
from emulator.scenario.load import known_scenarios, load
from emulator.scenario.model import Pass, matches
from tests.judge.journeys_made import travelled

CATALOG = load_catalog()
CASES = [
    (scenario, one)
    for name in known_scenarios(Path("/nonexistent"))
    for scenario in [load(name, CATALOG, cwd=Path("/nonexistent"))]
    for one in scenario.passes
    if one.flows  # `survey` expects nothing
]


def flows(one: Pass, leaks: bool) -> tuple[Flow, ...]:
    numbers = count()

    def uid() -> str:
        return f"{next(numbers):032x}"

    outward = plan(
        CATALOG,
        seed=b"seed",
        samples=4,
        uid=uid,
        proxy="http://192.0.2.1:3128" if one.proxy else "",
        credentials=one.credentials == "right",
        leaks=leaks,
    )
    return (*outward, *plan_inward(CATALOG, seed=b"seed", samples=4, uid=uid))


@pytest.mark.parametrize(("scenario", "one"), CASES, ids=[f"{s.id}-{one.id}" for s, one in CASES])
def test_rules_lead_to_the_expected_outcomes(scenario: object, one: Pass) -> None:
    verdicts = {}
    planned = flows(one, scenario.leaks)  # type: ignore[attr-defined]
    used = set()
    for flow in planned:
        at = next((at for at, rule in enumerate(one.flows) if matches(rule, flow, CATALOG)), None)
        assert at is not None, f"no rule speaks of {flow.id}"
        used.add(at)
        rule = one.flows[at]
        assert rule.must != "may"
        verdict = "pass" if rule.must == "pass" else rule.how[0]
        verdicts[flow.id] = Verdict(flow.id, verdict, "confirmed")
    assert used == set(range(len(one.flows))), "a rule speaks of no flow"
    planned, verdicts, journeys = travelled(CATALOG, planned, verdicts)
    outcomes = {outcome.feature: outcome for outcome in evaluate(CATALOG, planned, verdicts)}
    for feature, expected in one.outcomes.items():
        got = outcomes[feature]
        assert (got.outcome, expected.by or got.by) == (expected.grade, got.by), feature
    assert set(one.journeys) == set(journeys), "every shipped scenario says what becomes of every journey"
    for name, wanted in one.journeys.items():
        assert (journeys[name].state, wanted.by) == (wanted.state, journeys[name].by), name
