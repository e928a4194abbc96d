"""Writes one flow's observation down while it happens. Not a judgement, and no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from emulator.judge.flow import Flow
from emulator.judge.observation import UNSEEN, Certificate, Ending, Exchanged, IcmpError, Observation, Stage, Step
from emulator.net.linux import errqueue
from emulator.net.tally import digest
from emulator.wire.receipt import Digest, Endpoint


class Recorder:
    """Collects what the near end sees of a flow; `finish` gives the observation, once."""

    def __init__(self, flow: Flow, clock: Callable[[], float]) -> None:
        self.flow = flow
        self._clock = clock
        self._started = clock()
        self.stage: Stage = "connect"
        self.steps: list[Step] = []
        self.exchanged: list[Exchanged] = []
        self.facts: dict[str, Any] = {} if errqueue.AVAILABLE else {"icmp": UNSEEN}
        self.local: Endpoint | None = None
        self.remote: Endpoint | None = None
        self.sent: Digest | None = None
        self.received: Digest | None = None
        self.icmp: IcmpError | None = None
        self.certificate: Certificate | None = None
        self.tls_version = ""
        self.client_random = ""
        self.proxy_status = 0
        self.http_status = 0
        self.head = b""

    def enter(self, stage: Stage) -> None:
        """The flow reached a stage."""
        self.stage = stage
        self.step(stage)

    def step(self, name: str) -> None:
        """Something worth naming happened."""
        self.steps.append(Step(name, round(self._clock() - self._started, 6)))

    def pair(self, request: bytes, response: bytes, what: str = "") -> None:
        """A question was answered."""
        self.exchanged.append(Exchanged(digest(request), digest(response), what))

    def finish(self, ending: Ending, detail: str = "") -> Observation:
        """The observation."""
        return Observation(
            flow=self.flow.id,
            stage="done" if ending == "completed" else self.stage,
            ending=ending,
            started=self._started,
            ended=self._clock(),
            local=self.local,
            remote=self.remote,
            steps=tuple(self.steps),
            sent=self.sent,
            received=self.received,
            exchanged=tuple(self.exchanged),
            icmp=self.icmp,
            certificate=self.certificate,
            tls_version=self.tls_version,
            client_random=self.client_random,
            proxy_status=self.proxy_status,
            http_status=self.http_status,
            detail=detail,
            facts=self.facts,
            head=self.head[:256].hex(),
        )


def not_started(flow: Flow, why: str) -> Observation:
    """A flow that was never tried, and why."""
    return Observation(flow.id, "wait", "not-started", 0.0, 0.0, detail=why)


def cancelled(observation: Observation, why: str) -> Observation:
    """The same flow, but what it ended with cannot be trusted."""
    return msgspec.structs.replace(observation, ending="cancelled", detail=why)
