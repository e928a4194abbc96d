"""Runs one pass of a scenario from here: plan, survey, judge, hold against the expectations.

Knows no lab: the firewall is whatever stands between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from emulator.catalog import Catalog
from emulator.judge import classify, evidence, journey, nat, outcome
from emulator.judge.flow import Flow
from emulator.judge.record import Judged, PassRecord
from emulator.judge.verdicts import Verdict
from emulator.pki.tls import client_context
from emulator.probe.control import Control, ControlLost
from emulator.probe.detection import Detection
from emulator.probe.journeys import Journeys
from emulator.probe.place import Place, Proxy
from emulator.probe.plan import plan
from emulator.probe.survey import Progress, Seen, Survey, Surveyed
from emulator.runner.inward import InwardPass
from emulator.scenario.expect import expectations
from emulator.scenario.model import Pass, Scenario
from emulator.wire.control import Listener, RunStart
from emulator.wire.join import Join
from emulator.wire.receipt import Receipt

DEFAULT_TIMEOUT = 3.0  # seconds for one stage of a flow
ANY = "0.0.0.0"  # a listener on all addresses of the far end


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run. `seed` is hex; `timeout` seconds; `vantage` names this place in records."""

    seed: str
    samples: int
    timeout: float = DEFAULT_TIMEOUT
    vantage: str = "inside"
    proxy: Proxy | None = None


class Runner:
    """Runs passes one after another over one join file. `stop` interrupts the pass that runs now."""

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        join: Join,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        progress: Progress,
    ) -> None:
        self._reactor = reactor
        self._catalog = catalog
        self._join = join
        self._now = now
        self._entropy = entropy
        self._progress = progress
        self._survey: Survey | None = None
        self._journeys: Journeys | None = None
        self._inward: InwardPass | None = None
        self._detection: Detection | None = None
        self._halted = ""  # why the pass that runs now ends early
        self.stopped = ""

    def stop(self, why: str) -> None:
        """Interrupt: flows in flight end now, what was seen is still judged, no other pass follows."""
        self.stopped = why
        self._halt(why)

    def _halt(self, why: str) -> None:
        self._halted = why
        if self._survey is not None:
            self._survey.stop(why)
        if self._journeys is not None:
            self._journeys.stop(why)
        if self._inward is not None:
            self._inward.halt(why)
        if self._detection is not None:
            self._detection.stop(why)

    async def run(self, scenario: Scenario, wanted: Pass, options: Options) -> PassRecord:
        """One pass. Raises ControlRefused when the emulator refuses us (wrong token, wrong pin)."""
        started = self._now()
        notes: list[str] = []
        self._halted = self.stopped
        budget = _Budget(self._reactor, scenario.budget, self._halt)
        credentials = wanted.credentials == "right"
        proxy = options.proxy
        place = Place(
            self._reactor,
            self._join,
            now=self._now,
            entropy=self._entropy,
            client_tls=client_context(),
            timeout=options.timeout,
            proxy=proxy,
        )
        flows = plan(
            self._catalog,
            seed=bytes.fromhex(options.seed),
            samples=options.samples,
            uid=lambda: self._entropy(16).hex(),
            proxy=proxy.label if proxy else "",
            credentials=credentials,
            leaks=scenario.leaks,
        )
        channel = Control(self._reactor, self._join)
        control: Control | None = None
        run, problem, watched = "", "", False
        closed: dict[str, str] = {}
        try:
            await channel.open()
            opened = await channel.start_run(
                RunStart(options.vantage, self._catalog.digest, options.samples, options.seed, scenario.leaks)
            )
            control = channel
            run, watched = opened.run, opened.watched
            closed = closed_flows(flows, self._join, opened.listeners)
            missing = {(one.transport, one.port): one.why for one in opened.listeners if not one.open}
            notes += [f"the far end does not listen on {kind}/{port}: {why}" for (kind, port), why in missing.items()]
        except ControlLost as lost:
            problem = f"the control channel was never up: {lost}"
        finally:
            if control is None:
                channel.close()
        inward = None if control is None else self._listen(control, run, options)
        place.shared = None if inward is None else inward.shared
        journeys = self._journeys = Journeys(place, self._catalog, credentials=credentials)

        detection = self._detection = Detection(place)

        async def afterwards(found: Surveyed) -> list[Seen]:
            verdicts = {item.flow.id: item.verdict for item in judge(found, watched=watched)}
            looking = Deferred.fromCoroutine(detection.run(found.flows, found.observations))
            try:
                return await journeys.run(found.flows, verdicts)
            finally:
                await looking

        self._survey = Survey(place, self._catalog, flows, control, run, self._progress, closed, afterwards)
        if self._halted:  # while the control channel was opened
            self._survey.stop(self._halted)
        judged: tuple[Judged, ...] = ()
        receipts: tuple[Receipt, ...] = ()
        try:
            dialling = None if inward is None else Deferred.fromCoroutine(inward.dial())
            surveyed = await self._survey.run()
            if inward is not None and dialling is not None:
                inward.stop("no flow of this vantage arrived: where to dial was not known")
                await dialling
        finally:
            notes += budget.end()
            self._survey = self._journeys = self._detection = self._inward = None
            if inward is not None:
                judged, receipts = await inward.judged()
                notes += [inward.note] if inward.note else []
            if control is not None:
                control.close()
        notes += surveyed.notes
        judged = (*judge(surveyed, watched=watched), *judged)
        network = nat.judge(detection.seen) if detection.seen is not None else None
        return self._record(
            scenario,
            wanted,
            options,
            started,
            surveyed,
            judged,
            receipts,
            journeys.records,
            network,
            problem,
            tuple(notes),
        )

    def _listen(self, control: Control, run: str, options: Options) -> InwardPass:
        """What is dialled from outside must listen before the first flow goes out, which might take its port."""
        inward = self._inward = InwardPass(
            self._reactor,
            self._catalog,
            self._join,
            control,
            run,
            seed=options.seed,
            samples=options.samples,
            timeout=options.timeout,
            now=self._now,
            entropy=self._entropy,
        )
        inward.open()
        return inward

    def _record(
        self,
        scenario: Scenario,
        wanted: Pass,
        options: Options,
        started: float,
        surveyed: Surveyed,
        judged: tuple[Judged, ...],
        inward: tuple[Receipt, ...],
        journeys: tuple[journey.JourneyRecord, ...],
        network: nat.NetworkType | None,
        problem: str,
        notes: tuple[str, ...],
    ) -> PassRecord:
        verdicts = {item.flow.id: item.verdict for item in judged}
        flows = tuple(item.flow for item in judged)
        taken = tuple(journey.settled(one, verdicts) for one in journeys)
        outcomes = outcome.evaluate(self._catalog, flows, verdicts, taken)
        return PassRecord(
            scenario=scenario.id,
            title=scenario.title.en,
            about=scenario.about,
            name=wanted.id if len(scenario.passes) > 1 else "",
            firewall="",  # unknown from here: the lab writes in what it loaded
            proxy=options.proxy.label if options.proxy else "",
            credentials=wanted.credentials == "right",
            vantage=options.vantage,
            started=started,
            seconds=self._now() - started,
            seed=options.seed,
            samples=options.samples,
            timeout=options.timeout,
            control=surveyed.control,
            problem=problem or surveyed.problem,
            checks_before=surveyed.before,
            checks_after=surveyed.after,
            judged=judged,
            receipts=tuple(sorted(_used((*surveyed.receipts, *inward), judged), key=lambda receipt: receipt.id)),
            outcomes=outcomes,
            journeys=taken,
            network=network,
            expectations=expectations(wanted, self._catalog, flows, verdicts, outcomes, taken, network),
            notes=notes,
        )


class _Budget:
    """The time that a pass may take, in seconds; 0: as long as it needs."""

    def __init__(self, reactor: Any, seconds: float, spent: Callable[[str], None]) -> None:
        self._words = f"the time budget of {seconds:g} s was spent"
        self._spent = spent
        self._over = False
        self._call = reactor.callLater(seconds, self._end) if seconds else None

    def _end(self) -> None:
        self._over = True
        self._spent(self._words)

    def end(self) -> list[str]:
        """The pass has ended: what must be noted."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        return [f"{self._words}: what was not done by then was not tested"] if self._over else []


def judge(surveyed: Surveyed, *, watched: bool) -> tuple[Judged, ...]:
    """Join both ends and classify every flow. `watched`: the far end can see half-open connections."""
    index = evidence.Index(surveyed.receipts)
    judged = []
    for flow in surveyed.flows:
        observation = surveyed.observations[flow.id]
        protocol, tag = surveyed.tags[flow.id]
        control = surveyed.control_of(observation)
        known = index.evidence(flow, observation, protocol, tag, control, watched=watched)
        verdict: Verdict = classify.classify(known)
        ids = tuple(receipt.id for receipt in known.receipts)
        judged.append(Judged(flow, observation, verdict, protocol, tag, known.joined_by, ids))
    return tuple(judged)


def closed_flows(flows: Iterable[Flow], join: Join, listeners: Iterable[Listener]) -> dict[str, str]:
    """Ids of flows to where the far end could not listen, and why. The same port may be open on another address."""
    known = {(one.transport, one.address, one.port): one for one in listeners}
    closed = {}
    for flow in flows:
        for address in (join.address(flow.host), ANY):
            listener = known.get((flow.transport, address, flow.port))
            if listener is not None and not listener.open:
                closed[flow.id] = listener.why
    return closed


def _used(receipts: Iterable[Receipt], judged: tuple[Judged, ...]) -> list[Receipt]:
    wanted = {number for item in judged for number in item.receipts}
    return [receipt for receipt in receipts if receipt.id in wanted]
