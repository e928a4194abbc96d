"""The record of a run: everything that was planned, seen, judged and expected. What JSON, HTML and JUnit are made of.

Observations and verdicts stay apart, so that a stored run can be judged again by a newer version.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from emulator.judge.compare import Comparison
from emulator.judge.flow import Flow
from emulator.judge.journey import JourneyRecord
from emulator.judge.nat import NetworkType
from emulator.judge.observation import Observation
from emulator.judge.outcome import Outcome
from emulator.judge.verdicts import Verdict
from emulator.wire.control import Check
from emulator.wire.receipt import Receipt

SCHEMA = "messenger-lab/run/1"

State = Literal["met", "not-met", "undecided", "error"]


class Judged(msgspec.Struct, frozen=True):
    """One flow with all its evidence. `receipts` are ids into the pass's receipts; `tag` is hex."""

    flow: Flow
    observation: Observation
    verdict: Verdict
    protocol: str
    tag: str
    joined_by: str
    receipts: tuple[int, ...]


class Expectation(msgspec.Struct, frozen=True):
    """One thing that the scenario says, and whether it came true.

    `id` is stable (`outcome/audio`, `journey/session`, `network/messenger`, `flows/2/whiteboard-tcp-1503`); `wanted`
    and `got` are words for people; `flows` are the ids that decided it, first the failing ones.
    """

    id: str
    kind: Literal["outcome", "journey", "network", "flows"]
    subject: str
    wanted: str
    got: str
    state: State
    flows: tuple[str, ...] = ()


class PassRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One pass of a scenario. Times: `started` seconds since the epoch, `seconds` a duration.

    `device`: what it did beside a run over a cable, where there is one.
    `control`: "up", "absent" or "lost"; `problem` says why it is not up. `checks` are the far end's dials of itself,
    before and after. `proxy` never holds credentials. `network`: what kind of network stands between, None when it was
    not looked at. `place` is the vantage again where a run has several, "" elsewhere.
    """

    scenario: str
    title: str
    about: str
    name: str
    firewall: str
    proxy: str
    credentials: bool
    vantage: str
    started: float
    seconds: float
    seed: str
    samples: int
    timeout: float
    control: str
    problem: str
    checks_before: tuple[Check, ...]
    checks_after: tuple[Check, ...]
    judged: tuple[Judged, ...]
    receipts: tuple[Receipt, ...]
    outcomes: tuple[Outcome, ...]
    expectations: tuple[Expectation, ...]
    notes: tuple[str, ...] = ()
    journeys: tuple[JourneyRecord, ...] = ()
    network: NetworkType | None = None
    device: Comparison | None = None
    place: str = ""

    @property
    def id(self) -> str:
        """`scenario`, or `scenario/pass` when it has several; ` @ place` behind it where the run has several places."""
        name = f"{self.scenario}/{self.name}" if self.name else self.scenario
        return f"{name} @ {self.place}" if self.place else name


class Skipped(msgspec.Struct, frozen=True):
    """A pass that was left out on purpose; `why` is for people."""

    id: str
    why: str


class Lost(msgspec.Struct, frozen=True):
    """A vantage that has no record to give; its passes are not run. `why` is for people."""

    vantage: str
    why: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of scenarios, from one vantage or several. `interrupted`: it was stopped before its end."""

    schema: str
    program: str
    classifier: int
    outcome_rules: int
    catalog: str
    created: float
    seconds: float
    passes: tuple[PassRecord, ...]
    not_run: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    interrupted: bool = False
    lost: tuple[Lost, ...] = ()

    @property
    def exit_code(self) -> int:
        """What was skipped on purpose changes nothing, unless nothing else was there.

        0 all as expected · 1 something not met · 3 undecided, error, or not run · 130 interrupted.

        An interrupted run is always 130: what is not met then may be so because of the interruption. 1 wins over 3.
        """
        states = {expectation.state for record in self.passes for expectation in record.expectations}
        if self.interrupted:
            return 130
        if "not-met" in states:
            return 1
        if states & {"undecided", "error"} or self.not_run or not self.passes:
            return 3
        if any(record.control == "lost" for record in self.passes):
            return 3
        return 0
