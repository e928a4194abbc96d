"""How much of a stream of datagrams was lost each way, held against the control beside it. No verdict of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.judge.evidence import Evidence

MARGIN = 0.02  # share of the packets that may be lost beyond the control's
FEWEST = 2  # packets: a single one is chance


def losses(evidence: Evidence) -> str:
    """What was lost beyond the control flow's share, in words; "" when no more was.

    Reads the near end's fact `media`: `sent` and what the peer `reported` of it, `received` and `lost` here, and of
    `control` the checks sent beside the stream and those that were answered (a round trip: it may lose either way).
    """
    facts = evidence.near.facts.get("media")
    if not isinstance(facts, Mapping):
        return ""
    control = _share(facts.get("control"))
    reported = facts.get("reported") or {}
    found = []
    for way, lost, whole in (
        ("out", _number(reported, "lost"), _number(facts, "sent")),
        ("back", _number(facts, "lost"), _number(facts, "received") + _number(facts, "lost")),
    ):
        if lost >= FEWEST and whole > 0 and lost / whole > control + MARGIN:
            found.append(f"{lost} of {whole} packets were lost on the way {way}")
    if not found:
        return ""
    return f"{', '.join(found)}; of the checks beside them {control:.0%}"


def _share(control: Any) -> float:
    if not isinstance(control, Mapping):
        return 0.0
    asked, answered = _number(control, "asked"), _number(control, "answered")
    return max(0, asked - answered) / asked if asked > 0 else 0.0


def _number(facts: Mapping[str, Any], name: str) -> int:
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0
