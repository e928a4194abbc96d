"""How much of a stream of datagrams was lost or overtaken each way, held against the control beside it. No verdict."""

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
    order = overtaken(evidence)
    return "; ".join((", ".join(found), f"of the checks beside them {control:.0%}", *((order,) if order else ())))


def overtaken(evidence: Evidence) -> str:
    """How many packets arrived after later ones, each way, in words; "" when none did.

    Each end counts what came to it: the near end's fact `media`, and the far end's of the receipts (`reordered`).
    """
    there = max((_number(one.facts.get("media") or {}, "reordered") for one in evidence.receipts), default=0)
    here = _number(evidence.near.facts.get("media") or {}, "reordered")
    found = [f"{count} on the way {way}" for way, count in (("out", there), ("back", here)) if count]
    return f"packets overtaken by later ones: {', '.join(found)}" if found else ""


def _share(control: Any) -> float:
    if not isinstance(control, Mapping):
        return 0.0
    asked, answered = _number(control, "asked"), _number(control, "answered")
    return max(0, asked - answered) / asked if asked > 0 else 0.0


def _number(facts: Any, name: str) -> int:
    value = facts.get(name, 0) if isinstance(facts, Mapping) else 0
    return value if isinstance(value, int) else 0
