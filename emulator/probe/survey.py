"""Runs all flows of a survey at once, with the control channel's heartbeat beside them; gathers both ends' evidence.

Not a judgement: what comes back is observations and receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from emulator.catalog import Catalog
from emulator.judge.evidence import ControlState
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.probe import crowd, twins
from emulator.probe.control import Control, ControlLost
from emulator.probe.datagrams import DatagramAttempt, DetectionAttempt
from emulator.probe.place import Place
from emulator.probe.recorder import cancelled, not_started
from emulator.probe.speakers import SPEAKERS
from emulator.probe.streams import StreamAttempt
from emulator.probe.tags import Tags
from emulator.wire.control import Announce, Check, Expected
from emulator.wire.receipt import Receipt

HEARTBEAT = 0.25  # seconds between two looks at the far end
SETTLE = 0.08  # seconds between two looks once all flows have ended
SETTLE_ROUNDS = 12
QUIET_ROUNDS = 3  # looks without news; longer than the far end's watch for half-open connections
AT_ONCE = 2_000  # flows in flight; the kernel's limit on open files is far above

Progress = Callable[[int, int], None]
Seen = tuple[Flow, Observation, bytes]  # a flow, what was seen of it, its tag


class Surveyed(msgspec.Struct, frozen=True):
    """What a survey found. `tags` are (protocol, hex tag) by flow id; `before`, `after` the far end's dials of itself.

    `last_good`: when the far end was last asked with success, in seconds of the place's clock.
    """

    flows: tuple[Flow, ...]
    observations: dict[str, Observation]
    receipts: tuple[Receipt, ...]
    tags: dict[str, tuple[str, str]]
    control: ControlState
    problem: str = ""
    before: tuple[Check, ...] = ()
    after: tuple[Check, ...] = ()
    seconds: float = 0.0
    last_good: float = 0.0
    notes: tuple[str, ...] = ()

    def control_of(self, observation: Observation) -> ControlState:
        """The control channel as it was for one flow: what ended well before it was lost has been asked for."""
        if self.control == "lost" and observation.ended + HEARTBEAT <= self.last_good:
            return "up"
        return self.control


Afterwards = Callable[[Surveyed], Coroutine[Any, Any, list[Seen]]]


class Survey:
    """One survey. `control` is None when the control channel was never up.

    `closed` are ids of flows to where the far end cannot listen, and why: they are not tried. `afterwards` is called
    with what was found when all flows have ended; the flows that it makes then (journeys) join the others.
    """

    def __init__(
        self,
        place: Place,
        catalog: Catalog,
        flows: Sequence[Flow],
        control: Control | None,
        run: str,
        progress: Progress,
        closed: Mapping[str, str],
        afterwards: Afterwards,
    ) -> None:
        self._place = place
        self._catalog = catalog
        self._flows = tuple(flows)
        self._control = control
        self._run = run
        self._progress = progress
        self._closed = closed
        self._afterwards = afterwards
        self._observations: dict[str, Observation] = {}
        self._receipts: dict[int, Receipt] = {}
        self._tags: dict[str, bytes] = {}
        self._attempts: set[StreamAttempt | DatagramAttempt] = set()
        self._state: ControlState = "up" if control is not None else "absent"
        self._problem = ""
        self._last_good = 0.0
        self._running = True
        self._stopped = ""
        self._look_again = crowd.SecondLook("")
        self._tagger = Tags(place.entropy(32))

    async def run(self) -> Surveyed:
        """Run everything. Never raises for what happens to flows."""
        started = self._place.clock()
        before = await self._selfcheck()
        await self._announce()
        heartbeat = Deferred.fromCoroutine(self._heartbeat())
        await self._try_all()
        await self._twins()
        await self._settle()
        await self._second_look()
        if not self._stopped and self._look_again.crowd != "full":
            for flow, observation, tag in await self._afterwards(self._found(started, before)):
                self._flows = (*self._flows, flow)
                self._observations[flow.id], self._tags[flow.id] = observation, tag
        self._running = False
        await heartbeat
        await self._settle()
        return msgspec.structs.replace(self._found(started, before), after=await self._selfcheck())

    def _found(self, started: float, before: tuple[Check, ...]) -> Surveyed:
        return Surveyed(
            self._flows,
            {flow.id: self._observation(flow) for flow in self._flows},
            tuple(self._receipts.values()),
            {flow.id: self._expected(flow) for flow in self._flows},
            self._state,
            self._problem,
            before,
            (),
            self._place.clock() - started,
            self._last_good,
            tuple(note for note in (self._look_again.note,) if note),
        )

    def stop(self, why: str) -> None:
        """Interrupted: flows in flight end now, the rest is not started."""
        self._stopped = self._stopped or why
        for attempt in tuple(self._attempts):
            attempt.cancel(why)

    async def _announce(self) -> None:
        for flow in self._flows:
            self._tags[flow.id] = self._new_tag(flow)
        if self._control is None:
            return
        expected = tuple(Expected(flow.id, *self._expected(flow), flow.transport, flow.port) for flow in self._flows)
        await self._asked(self._control.announce(Announce(self._run, expected)))

    def _new_tag(self, flow: Flow) -> bytes:
        field = self._catalog.exchanges[flow.exchange].tag
        return self._tagger.allocate(field.protocol, field.bits)

    def _expected(self, flow: Flow) -> tuple[str, str]:
        return self._catalog.exchanges[flow.exchange].tag.protocol, self._tags[flow.id].hex()

    async def _try_all(self) -> None:
        """All at once: the time of a survey is that of its slowest time-out."""
        tried = [flow for flow in self._flows if flow.id not in self._closed]
        discard = next((flow for flow in tried if flow.exchange == "discard"), None)
        shared = discard is not None and any(flow.exchange == "echo-udp" for flow in tried)  # one socket for both
        work: list[Coroutine[Any, Any, None]] = []
        for flow in self._flows:
            why = self._closed.get(flow.id)
            if why is not None:
                self._observations[flow.id] = not_started(flow, f"the far end does not listen there: {why}")
                continue
            if flow is discard and shared:
                continue
            work.append(self._try(flow, discard if flow.exchange == "echo-udp" else None))
        pending = iter(work)
        await DeferredList([Deferred.fromCoroutine(self._worker(pending)) for _ in range(min(AT_ONCE, len(work)))])

    async def _worker(self, pending: Any) -> None:
        for coroutine in pending:
            await coroutine

    async def _try(self, flow: Flow, discard: Flow | None) -> None:
        if self._stopped:
            return
        tag = self._tags[flow.id]
        attempt = self._attempt(flow, tag) if discard is None else DetectionAttempt(self._place, flow, tag, discard)
        self._attempts.add(attempt)
        try:
            if isinstance(attempt, DetectionAttempt):
                for observation in await attempt.run_both():
                    self._observations[observation.flow] = observation
            else:
                self._observations[flow.id] = await attempt.run()
        finally:
            self._attempts.discard(attempt)
        self._progress(len(self._observations), len(self._flows))

    def _attempt(self, flow: Flow, tag: bytes) -> StreamAttempt | DatagramAttempt:
        if flow.transport == "tcp":
            return StreamAttempt(self._place, flow, tag, SPEAKERS[flow.exchange])
        return DatagramAttempt(self._place, flow, tag)

    async def _second_look(self) -> None:
        """Where flows of one kind pass and vanish: was it the port, or the crowd?"""
        if self._stopped or self._state == "lost":
            return
        self._look_again = await crowd.second_look(self._flows, self._observations, self._retry)
        for name in self._look_again.silent:
            seen = self._observations[name]
            facts = seen.facts | {"crowd": self._look_again.crowd}
            self._observations[name] = msgspec.structs.replace(seen, facts=facts)

    async def _retry(self, flows: list[Flow]) -> dict[str, Observation]:
        """Once more, with tags of their own that nobody announced: what the far end sees of it counts for nothing."""
        attempts = [self._attempt(flow, self._new_tag(flow)) for flow in flows]
        self._attempts.update(attempts)
        try:
            seen = [await one for one in [Deferred.fromCoroutine(attempt.run()) for attempt in attempts]]
        finally:
            self._attempts.difference_update(attempts)
        return {flow.id: one for flow, one in zip(flows, seen, strict=True)}

    async def _twins(self) -> None:
        """Where a payload died on an open connection: does random payload live?"""
        flows = twins.suspects(self._flows, self._observations)
        if not flows or self._state != "up" or self._stopped:
            return

        async def news() -> Iterable[Receipt]:
            await self._settle()
            return self._receipts.values()

        for name, state in (await twins.try_twins(self._place, flows, self._observations, news)).items():
            seen = self._observations[name]
            facts = seen.facts | {"random_twin": state}
            self._observations[name] = msgspec.structs.replace(seen, facts=facts)

    async def _heartbeat(self) -> None:
        while self._running and self._state == "up":
            await self._look()
            await deferLater(self._place.reactor, HEARTBEAT, lambda: None)

    async def _look(self) -> int:
        """Fetch news; returns how many receipts changed."""
        if self._control is None or self._state != "up":
            return 0
        asked = self._place.clock()
        news = await self._asked(self._control.receipts())
        if news is None:
            return 0
        self._last_good = asked
        for receipt in news.receipts:
            self._receipts[receipt.id] = receipt
        return len(news.receipts)

    async def _settle(self) -> None:
        """The last packets need a moment to be written down at the far end; UDP receipts never end."""
        quiet = 0
        for _ in range(SETTLE_ROUNDS):
            quiet = 0 if await self._look() else quiet + 1
            live = any(one.state == "open" and one.transport == "tcp" for one in self._receipts.values())
            if quiet >= QUIET_ROUNDS and not live:
                return
            await deferLater(self._place.reactor, SETTLE, lambda: None)

    async def _selfcheck(self) -> tuple[Check, ...]:
        if self._control is None or self._state != "up":
            return ()
        answer = await self._asked(self._control.selfcheck())
        return () if answer is None else answer.checks

    async def _asked(self, call: Coroutine[Any, Any, Any]) -> Any:
        """The answer of the control channel, or None once it is lost."""
        try:
            return await call
        except ControlLost as lost:
            if self._state == "up":
                self._state = "lost"
                self._problem = f"the emulator was lost: {lost}"
                self.stop(self._problem)
            return None

    def _observation(self, flow: Flow) -> Observation:
        seen = self._observations.get(flow.id)
        if seen is None:
            return not_started(flow, self._stopped or "it was never started")
        if self._state == "lost" and seen.ending != "cancelled" and seen.ended > self._last_good:
            return cancelled(seen, f"{self._problem} (ended after the last good heartbeat)")
        return seen
