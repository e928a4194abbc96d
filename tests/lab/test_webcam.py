"""Journey `webcam` through real firewalls: directly, or by the reflector where nothing else goes."""

from __future__ import annotations

from collections.abc import Callable

from emulator.judge.journey import StepRecord
from emulator.judge.record import Judged, PassRecord

Through = Callable[[str], PassRecord]
FORWARD = """
table inet lab {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
    {}
  }}
}}
"""


def steps(record: PassRecord) -> dict[str, StepRecord]:
    journey = next(one for one in record.journeys if one.id == "webcam")
    assert journey.state == "done", [(step.id, step.words) for step in journey.steps]
    return {step.id: step for step in journey.steps}


def judged(record: PassRecord, step: str) -> list[Judged]:
    return [item for item in record.judged if item.flow.id.startswith(f"webcam/{step}/") and item.flow.decides]


def video(record: PassRecord) -> str:
    return next(one.words for one in record.outcomes if one.feature == "video")


def test_where_everything_passes(through: Through) -> None:
    record = through(FORWARD.format(""))
    for name in ("show", "look", "reflector"):
        step = steps(record)[name]
        assert step.state == "done", step.words
        assert "4 frames, 930 bytes" in step.words
        assert step.words.endswith("the same SHA-1 at both ends")
        found = judged(record, name)
        assert found
        assert {item.verdict.verdict for item in found} == {"pass"}, [(one.flow.id, one.verdict) for one in found]
    assert {item.joined_by for item in judged(record, "show")} == {"tag"}
    assert video(record) == "works"


def test_where_nobody_gets_in_this_end_dials(through: Through) -> None:
    found = steps(through(FORWARD.format('iifname "outside" ct state new tcp dport 5000-65535 drop')))
    for name in ("show", "look"):
        assert found[name].state == "done", found[name].words
        assert "directly, the other end listened" in found[name].words


def test_where_only_the_web_passes_the_reflector_is_left(through: Through) -> None:
    record = through(FORWARD.format("tcp dport != { 80, 443 } ct state new drop\n    meta l4proto udp drop"))
    found = steps(record)
    assert (found["show"].state, found["look"].state) == ("failed", "failed")
    assert found["reflector"].state == "done", found["reflector"].words
    assert "through the reflector" in found["reflector"].words
    assert video(record) == "degraded (reflector)"
