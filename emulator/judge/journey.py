"""What became of a whole client's journey: step by step, on which paths, and what ruled the others out.

Plain records; the steps' flows with their evidence stand among the pass's judged flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from emulator.judge.verdicts import Verdict

UNDECIDED = {"unknown", "error", "not-tested"}  # verdicts

StepState = Literal["done", "failed", "not-run"]
JourneyState = Literal["done", "broken", "not-run"]


class DeadPath(msgspec.Struct, frozen=True):
    """A path that was not tried, because the flow that stands for it did not pass: cited, not measured again."""

    by: str
    flow: str
    verdict: str


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Data that a step had carried between peers: `what`, by which bridge, and who listened ("" on the switchboard).

    `bytes` in `seconds` (0: too quick to measure) is a rate of `rate` bytes per second. `why`: what kept a direct
    connection from coming up.
    """

    what: str
    bridge: str
    listened: str = ""
    bytes: int = 0
    seconds: float = 0.0
    rate: int = 0
    why: str = ""


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `by` names the fallback that carried it ("" the first path), `flows` the flows that it made there.

    `dead` are the paths before it that were known to carry nothing, `failed` the flows of paths tried in vain.
    `words` say what was achieved or missing; `seconds` is its duration. `carried`: by which bridge, and how fast.
    `emulated`: what was said is our own, because the original is not known.
    """

    id: str
    state: StepState
    by: str = ""
    words: str = ""
    flows: tuple[str, ...] = ()
    dead: tuple[DeadPath, ...] = ()
    failed: tuple[str, ...] = ()
    seconds: float = 0.0
    optional: bool = False
    carried: tuple[Carried, ...] = ()
    emulated: bool = False


class JourneyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One journey. `by`: all fallbacks in use, or the step that broke it."""

    id: str
    state: JourneyState
    by: str = ""
    steps: tuple[StepRecord, ...] = ()
    seconds: float = 0.0

    @property
    def words(self) -> str:
        """One line for people: `done (gateway)`."""
        return f"{self.state} ({self.by})" if self.by else self.state


def concluded(name: str, steps: tuple[StepRecord, ...], seconds: float) -> JourneyRecord:
    """The journey from its steps: broken by the first required step that failed, or had no path left."""
    broken = next((step for step in steps if step.state == "failed" and not step.optional), None)
    if broken is not None:
        return JourneyRecord(id=name, state="broken", by=broken.id, steps=steps, seconds=seconds)
    if any(step.state == "not-run" and not step.optional for step in steps):
        return JourneyRecord(id=name, state="not-run", steps=steps, seconds=seconds)
    used = dict.fromkeys(step.by for step in steps if step.by and step.state == "done")
    return JourneyRecord(id=name, state="done", by=", ".join(used), steps=steps, seconds=seconds)


def settled(journey: JourneyRecord, verdicts: Mapping[str, Verdict]) -> JourneyRecord:
    """The journey once its flows are judged: a step that this end took for done is not, if its flow did not pass.

    A journey that was broken by what nobody could decide (the emulator was lost, say) counts as not run.
    """
    steps = tuple(_settled(step, verdicts) for step in journey.steps)
    known = concluded(journey.id, steps, journey.seconds)
    broken = next((step for step in steps if known.state == "broken" and step.id == known.by), None)
    if broken is None:
        return known
    reasons = {dead.verdict for dead in broken.dead}
    reasons |= {verdicts[name].verdict for name in (*broken.failed, *broken.flows) if name in verdicts}
    return msgspec.structs.replace(known, state="not-run") if reasons & UNDECIDED else known


def _settled(step: StepRecord, verdicts: Mapping[str, Verdict]) -> StepRecord:
    bad = next((verdicts[name] for name in step.flows if name in verdicts and not verdicts[name].passed), None)
    if bad is None or step.state != "done":
        return step
    return msgspec.structs.replace(
        step, state="failed", words=f"{bad.verdict}: {bad.detail}" if bad.detail else bad.verdict
    )
