"""Takes a journey step by step: which path is open, the step on it, the next path when it fails; and the evidence.

Not what a step does: that is handed in. Not a verdict: a step's flows are judged like all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred

from emulator.catalog import Catalog
from emulator.catalog.model import Exchange, Journey, JourneyStep, Path
from emulator.client.direct_passage import Passage
from emulator.client.network import ClientError, StreamEnded
from emulator.judge.flow import Flow
from emulator.judge.journey import Carried, DeadPath, JourneyRecord, StepRecord, concluded
from emulator.judge.observation import Ending, Observation
from emulator.net.link import LinkEnded
from emulator.probe.journeys.legs import Leg, Passed
from emulator.probe.journeys.outside import TravelNetwork
from emulator.probe.place import Place
from emulator.wire.errors import WireError

PATIENCE = 2.0  # a step may take so many time-outs of one stage

Dead = Mapping[str, tuple[str, str]]  # need → (flow, verdict) of what did not pass
Work = Callable[[Path], Awaitable[str]]


class StepFailed(Exception):
    """A required step failed: the journey ends here."""


class Pointless(Exception):
    """There is nothing to do for this step, and why: it counts as not run."""


class Taken:
    """One step on one path: its legs, when, and how it ended."""

    def __init__(self, step: JourneyStep, path: Path, started: float) -> None:
        self.step = step
        self.path = path
        self.started = started
        self.ended = started
        self.legs: list[Passed] = []
        self.aside: list[Passed] = []  # tried in vain; the step went on without them
        self.problem: Exception | None = None
        self.carrier: Passed | None = None
        self.carried: list[Carried] = []

    @property
    def used(self) -> list[Passed]:
        """Its own connections, else the one that carried it."""
        if self.legs:
            return self.legs
        return [self.carrier] if self.carrier is not None else []

    @property
    def blamed(self) -> Passed | None:
        """The connection that shows what a failed step failed of: one that broke, else the last."""
        return next((leg for leg in self.used if leg.failed), self.used[-1] if self.used else None)


class Travel:
    """One journey under way. `dead` tells which needs did not pass as flows; `new_tag` gives a tag for each person.

    Networks for the client come from `network()`: every connection that the client opens becomes a leg of the step.
    """

    def __init__(
        self,
        place: Place,
        catalog: Catalog,
        journey: Journey,
        dead: Dead,
        new_tag: Callable[[], bytes],
        *,
        credentials: bool,
    ) -> None:
        self.place = place
        self.new_tag = new_tag
        self.tag = new_tag()
        self._catalog = catalog
        self._journey = journey
        self._dead = dead
        self._credentials = credentials
        self._steps = {step.id: step for step in journey.step}
        self._records: dict[str, StepRecord] = {}
        self._taken: list[Taken] = []
        self._paths: dict[str, Path] = {}  # by step: the path that it took
        self._carriers: dict[str, Passed] = {}  # by step: the leg that stays open
        self._now: Taken | None = None
        self._work: Deferred[Any] | None = None
        self._stopped = ""
        self._started = place.clock()

    def network(self, tag: bytes) -> TravelNetwork:
        """The outside for a client of this journey whose account carries `tag`."""
        return TravelNetwork(self, tag)

    def exchange(self, path: Path) -> Exchange:
        """What is spoken on a path."""
        return self._catalog.exchanges[path.speaks]

    def port(self, path: Path) -> int:
        """The port that a path goes to."""
        return self._catalog.port_of(path.needs[0])

    async def step(self, name: str, work: Work, *, patience: float = PATIENCE) -> bool:
        """Take a step on the first open path that carries it. Raises StepFailed for a required step that failed.

        `patience`: how many time-outs of one stage it may take.
        """
        step = self._steps[name]
        started = self.place.clock()
        dead: list[DeadPath] = []
        failed: list[Taken] = []
        for path in self._open_paths(step, dead):
            taken = Taken(step, path, self.place.clock())
            taken.carrier = self._carriers.get(step.carried)
            self._taken.append(taken)
            try:
                words = await self._try(taken, work, patience * self.place.timeout)
            except Pointless as pointless:
                self._taken.remove(taken)
                self._record(step, "not-run", started, dead, [], None, str(pointless))
                return False
            taken.ended = self.place.clock()
            if taken.problem is None:
                self._paths[name] = path
                if taken.legs:
                    self._carriers[name] = taken.legs[-1]
                self._record(step, "done", started, dead, failed, taken, words)
                return True
            failed.append(taken)
            if self._stopped:
                break
        words = str(failed[-1].problem) if failed else "no path carries it"
        self._record(step, "failed", started, dead, failed[:-1], failed[-1] if failed else None, words)
        if not step.optional:
            raise StepFailed(name)
        return False

    def carried(self, what: str, passage: Passage, size: int) -> str:
        """Write down how the step under way had data carried; in words: `TCPv1, the contact listened, 9 bytes…`."""
        assert self._now is not None
        who = {True: "this end", False: "the contact"}
        self._now.carried.append(
            Carried(
                what=what,
                bridge=passage.bridge,
                listened=who[passage.listened] if passage.direct else "",
                bytes=size,
                seconds=round(passage.seconds, 6),
                rate=passage.rate(size),
                why=passage.why,
            )
        )
        return f"{what}: {passage.words(size, me=who[True], peer=who[False])}"

    def path(self, name: str) -> Path:
        """The path that a step took."""
        return self._paths[name]

    def stop(self, why: str) -> None:
        """Interrupted: what is under way ends now."""
        self._stopped = self._stopped or why
        for taken in self._taken:
            for leg in (*taken.legs, *taken.aside):
                leg.cancel(why)
        if self._work is not None:
            self._work.cancel()

    async def finish(self) -> tuple[JourneyRecord, list[tuple[Flow, Observation, bytes]]]:
        """Close everything; the record so far, and every flow with what was seen of it and its tag."""
        seen: list[tuple[Flow, Observation, bytes]] = []
        for taken in self._taken:
            for leg, flow in zip(taken.used, self._flows(taken), strict=True):
                seen.append((flow, _share(await leg.finished(), taken, flow, leg), leg.tag))
            for leg, flow in zip(taken.aside, self._aside(taken), strict=True):
                seen.append((flow, replace(await leg.finished(), flow=flow.id), leg.tag))
        for step in self._journey.step:
            if step.id not in self._records:
                self._records[step.id] = StepRecord(
                    id=step.id, state="not-run", optional=step.optional, emulated=step.emulated
                )
        records = tuple(self._records[step.id] for step in self._journey.step)
        return concluded(self._journey.id, records, round(self.place.clock() - self._started, 6)), seen

    def _open_paths(self, step: JourneyStep, dead: list[DeadPath]) -> list[Path]:
        """Paths worth trying, best first; what the flows ruled out is cited in `dead`."""
        if step.carried:
            path = self._paths.get(step.carried)
            return [] if path is None else [path]
        found = []
        for path in step.way:
            reason = next((self._dead[need] for need in path.needs if need in self._dead), None)
            if reason is None:
                found.append(path)
            elif not found:
                dead.append(DeadPath(path.by, *reason))
        return found

    async def _try(self, taken: Taken, work: Work, limit: float) -> str:
        self._now = taken
        self._work = Deferred.fromCoroutine(_coroutine(work(taken.path)))
        call = self.place.reactor.callLater(limit, self._work.cancel)
        try:
            return str(await self._work)
        except (ClientError, WireError, LinkEnded) as problem:
            taken.problem = problem
        except CancelledError:
            taken.problem = LinkEnded("silence", self._stopped or f"the step was not done within {limit:g} s")
        finally:
            self._work = None
            if call.active():
                call.cancel()
        blamed = taken.blamed
        if blamed is not None:
            blamed.end(taken.problem)
        return ""

    def _record(
        self,
        step: JourneyStep,
        state: Any,
        started: float,
        dead: list[DeadPath],
        failed: list[Taken],
        taken: Taken | None,
        words: str,
    ) -> None:
        in_vain = [flow for one in failed for flow in (*self._flows(one), *self._aside(one))]
        in_vain += self._aside(taken) if taken is not None else []
        self._records[step.id] = StepRecord(
            id=step.id,
            state=state,
            by=taken.path.by if taken is not None and not step.carried else "",
            words=words,
            flows=tuple(flow.id for flow in self._flows(taken)) if taken is not None else (),
            dead=tuple(dead),
            failed=tuple(flow.id for flow in in_vain),
            seconds=round(self.place.clock() - started, 6),
            optional=step.optional,
            carried=tuple(taken.carried) if taken is not None else (),
            emulated=step.emulated,
        )

    def _flows(self, taken: Taken) -> list[Flow]:
        """One flow per connection that the step used; a step without one of its own is shown on its carrier's."""
        return self._named(taken, taken.used, 1)

    def _aside(self, taken: Taken) -> list[Flow]:
        """Attempts that the step went on without: shown, and no outcome rests on them."""
        return [replace(flow, decides=False) for flow in self._named(taken, taken.aside, len(taken.used) + 1)]

    def _named(self, taken: Taken, legs: list[Passed], first: int) -> list[Flow]:
        name = f"{self._journey.id}/{taken.step.id}/{taken.path.speaks}"
        own = taken.step.emulated  # a connection may serve other steps too
        return [
            replace(leg.flow, id=name if at == 1 else f"{name}#{at}", emulated=own or leg.flow.emulated)
            for at, leg in enumerate(legs, first)
        ]

    # what networks use

    async def open(self, host: str, port: int, tag: bytes, *, tls: bool, raw: bool) -> Leg:
        """A new connection of the step under way. Raises StreamEnded."""
        leg = self.leg(host, port, tag, tls=tls, raw=raw)
        await leg.open()
        return leg

    def leg(self, host: str, port: int, tag: bytes, *, tls: bool, raw: bool) -> Leg:
        """The same, not yet opened."""
        leg = Leg(self.place, self.flow(host, port, tls=tls, raw=raw), tag, raw=raw)
        self.adopt(leg)
        return leg

    def flow(self, host: str, port: int, *, tls: bool = False, raw: bool = True, inward: bool = False) -> Flow:
        """The flow of a connection of the step under way; `inward`: the contact opened it, from that port of its."""
        assert self._now is not None
        path = self._now.path
        proxy = self.place.proxy
        via = proxy.label if proxy is not None and not raw else ""
        return Flow(
            id=f"{self._journey.id}/{self._now.step.id}/{path.speaks}",
            uid=self.place.entropy(16).hex(),
            row=self._journey.id,
            row_kind="journey",
            exchange=path.speaks,
            transport="tcp",
            host=host,
            port=port,
            direction="inward" if inward else "outward",
            via=via,
            credentials=bool(via) and self._credentials,
            tls=tls,
            emulated=self._catalog.exchanges[path.speaks].emulated,
        )

    def adopt(self, leg: Passed) -> None:
        """A connection becomes one of the step under way."""
        assert self._now is not None
        self._now.legs.append(leg)

    def put_aside(self, leg: Passed, *, forget: bool = False) -> None:
        """The step goes on without this connection; `forget`: a stranger's, of which nothing is told."""
        for taken in self._taken:
            if leg in taken.legs:
                taken.legs.remove(leg)
                if not forget:
                    taken.aside.append(leg)


async def _coroutine(work: Awaitable[str]) -> str:
    return await work


def _share(whole: Observation, taken: Taken, flow: Flow, leg: Passed) -> Observation:
    """The step's share of a connection that may have served several: its own times, and how the step itself ended."""
    own = leg in taken.legs
    seen = replace(whole, flow=flow.id)
    if not own or taken.problem is None:
        seen = replace(seen, started=taken.started, ended=taken.ended)
    if taken.problem is not None and leg is taken.blamed and whole.ending == "completed":
        return replace(seen, ending=_ending(taken.problem), stage="exchange", detail=str(taken.problem))
    if taken.problem is None and whole.ending != "completed":
        # it failed later, in another step: the digests of the whole connection say nothing of this one
        return replace(seen, ending="completed", stage="done", detail="", sent=None, received=None)
    return seen


def _ending(problem: Exception) -> Ending:
    if isinstance(problem, LinkEnded):
        return "silence" if problem.how == "silence" else "closed"
    if isinstance(problem, StreamEnded):
        return "closed"
    return "differs" if isinstance(problem, ClientError) else "malformed"
