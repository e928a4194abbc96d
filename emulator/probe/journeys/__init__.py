"""Whole journeys of a client, after the flows: they use only paths that carried a flow, and cite the verdict of others.

Not a verdict: their flows are judged with all others. One module per journey of the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from emulator.catalog import Catalog
from emulator.catalog.model import Journey
from emulator.judge.flow import Flow
from emulator.judge.journey import JourneyRecord
from emulator.judge.verdicts import Verdict
from emulator.probe.journeys import calls, folders, games, invitations, legacy, session, webcams
from emulator.probe.journeys.travel import StepFailed, Travel
from emulator.probe.place import Place
from emulator.probe.survey import Seen
from emulator.probe.tags import Tags

TRAVELLERS: dict[str, Callable[[Travel], Coroutine[Any, Any, None]]] = {
    "session": session.travel,
    "legacy-session": legacy.travel,
    "call": calls.travel,
    "webcam": webcams.travel,
    "game": games.travel,
    "folder": folders.travel,
    "invitation": invitations.travel,
}


class Journeys:
    """All journeys of one pass, side by side, each with a person of its own."""

    def __init__(self, place: Place, catalog: Catalog, *, credentials: bool) -> None:
        self._place = place
        self._catalog = catalog
        self._credentials = credentials
        self._tags = Tags(place.entropy(32))
        self._under_way: list[Travel] = []
        self._stopped = ""
        self.records: tuple[JourneyRecord, ...] = ()

    async def run(self, flows: Iterable[Flow], verdicts: Mapping[str, Verdict]) -> list[Seen]:
        """Take them all; never raises for what happens on the way. `records` holds what became of them."""
        dead = dead_needs(self._catalog, tuple(flows), verdicts)
        self._under_way = [self._travel(journey, dead) for journey in self._catalog.journeys]
        if self._stopped:
            self.stop(self._stopped)
        done = await gatherResults(
            [
                Deferred.fromCoroutine(_take(travel, TRAVELLERS[journey.id]))
                for journey, travel in zip(self._catalog.journeys, self._under_way, strict=True)
            ]
        )
        self.records = tuple(record for record, _ in done)
        return [seen for _, found in done for seen in found]

    def stop(self, why: str) -> None:
        """Interrupted."""
        self._stopped = why
        for travel in self._under_way:
            travel.stop(why)

    def _travel(self, journey: Journey, dead: Mapping[str, tuple[str, str]]) -> Travel:
        def new_tag() -> bytes:
            return self._tags.allocate("journey", 128)

        return Travel(self._place, self._catalog, journey, dead, new_tag, credentials=self._credentials)


async def _take(
    travel: Travel, traveller: Callable[[Travel], Coroutine[Any, Any, None]]
) -> tuple[JourneyRecord, list[Seen]]:
    try:
        await traveller(travel)
    except StepFailed:
        pass  # the record says which
    return await travel.finish()


def dead_needs(
    catalog: Catalog, flows: tuple[Flow, ...], verdicts: Mapping[str, Verdict]
) -> dict[str, tuple[str, str]]:
    """Needs of journeys that carried nothing: flow and verdict that say so, by need."""
    by_need: dict[str, list[Flow]] = {}
    for flow in flows:
        for need in flow.needs if flow.decides and flow.direction == "outward" else ():  # journeys set out from here
            by_need.setdefault(need, []).append(flow)
    wanted = {need for one in catalog.journeys for step in one.step for path in step.way for need in path.needs}
    dead = {}
    for need in sorted(wanted):
        tried = by_need.get(need, [])
        if not tried:
            dead[need] = (need, "not-tested")
        elif not any(verdicts[flow.id].passed for flow in tried):  # of a range, one port is enough to go there
            dead[need] = (tried[0].id, verdicts[tried[0].id].verdict)
    return dead
