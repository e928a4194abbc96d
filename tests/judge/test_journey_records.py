"""What becomes of a journey once its flows are judged: the verdicts have the last word, also on what nobody knows."""

from __future__ import annotations

import pytest

from emulator.judge.journey import DeadPath, JourneyRecord, StepRecord, concluded, settled
from emulator.judge.verdicts import Verdict


def step(name: str, state: str = "done", **more: object) -> StepRecord:
    return StepRecord(id=name, state=state, **more)  # type: ignore[arg-type]


def journey(*steps: StepRecord) -> JourneyRecord:
    return concluded("session", steps, 1.0)


def said(name: str, verdict: str) -> dict[str, Verdict]:
    return {name: Verdict(name, verdict, "confirmed", "because")}


def test_a_journey_is_done_by_the_fallbacks_that_it_used() -> None:
    done = journey(step("ticket"), step("sign-in", by="gateway"), step("chat"), step("file", "failed", optional=True))
    assert done.words == "done (gateway)"


def test_the_first_required_step_that_failed_broke_it() -> None:
    assert journey(step("ticket"), step("sign-in", "failed"), step("chat", "not-run")).words == "broken (sign-in)"


def test_what_was_not_run_is_not_done() -> None:
    assert journey(step("ticket", "not-run")).state == "not-run"


def test_a_step_whose_flow_did_not_pass_is_not_done() -> None:
    known = settled(journey(step("chat", flows=("session/chat/msnp",))), said("session/chat/msnp", "modified"))
    assert (known.words, known.steps[0].words) == ("broken (chat)", "modified: because")


@pytest.mark.parametrize("verdict", ["unknown", "error", "not-tested"])
def test_what_nobody_decided_did_not_break_it(verdict: str) -> None:
    by_flow = settled(journey(step("chat", "failed", flows=("a",))), said("a", verdict))
    assert by_flow.state == "not-run"
    cited = settled(journey(step("chat", "failed", dead=(DeadPath("", "msnp", verdict),))), {})
    assert cited.state == "not-run"


def test_a_known_reason_breaks_it() -> None:
    assert settled(journey(step("chat", "failed", flows=("a",))), said("a", "blocked.rst")).words == "broken (chat)"
    cited = settled(journey(step("chat", "failed", dead=(DeadPath("", "msnp", "blocked.rst"),))), {})
    assert cited.words == "broken (chat)"
