"""A second look when flows of one kind pass here and vanish there: is it the port, or that there were so many?

A device whose connection table is full, or that limits connections, drops what is new and lets go on what it knows. So
a few of the silent flows are tried once more, alone, and beside them a few of those that passed. Not a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from emulator.judge.flow import Flow
from emulator.judge.observation import Crowd, Observation

SECOND_LOOKS = 2  # flows of each kind that are tried again

Retry = Callable[[list[Flow]], Awaitable[dict[str, Observation]]]


class SecondLook(msgspec.Struct, frozen=True):
    """What it found: `full`, nothing new passes any more; `limit`, what was silent passes alone; "" neither."""

    crowd: Crowd
    silent: tuple[str, ...] = ()  # flows whose silence says nothing about their port
    passed: int = 0  # flows that had passed until then

    @property
    def note(self) -> str:
        """For people; "" when there is nothing to say."""
        if self.crowd == "full":
            return (
                f"after {self.passed} flows the device took no new ones, not even where they had passed before: its "
                f"connection table is full; {len(self.silent)} silent flows and the journeys are not decided"
            )
        if self.crowd == "limit":
            return (
                f"the device lets only so many connections be opened at once: flows that were silent beside "
                f"{self.passed} others pass alone; {len(self.silent)} silent flows are not decided"
            )
        return ""


def suspects(flows: Iterable[Flow], observations: Mapping[str, Observation]) -> tuple[list[Flow], list[Flow]]:
    """Silent flows, and flows that passed, of kinds of which some did this and some did that."""
    kinds: dict[tuple[str, str, str], tuple[list[Flow], list[Flow]]] = defaultdict(lambda: ([], []))
    for flow in flows:
        seen = observations.get(flow.id)
        if seen is None or flow.via or not flow.decides:
            continue
        kind = (flow.row, flow.exchange, flow.host)
        if _silent(seen):
            kinds[kind][0].append(flow)
        elif seen.ending == "completed":
            kinds[kind][1].append(flow)
    mixed = [both for both in kinds.values() if all(both)]
    return [flow for silent, _ in mixed for flow in silent], [flow for _, passed in mixed for flow in passed]


async def second_look(flows: Iterable[Flow], observations: Mapping[str, Observation], retry: Retry) -> SecondLook:
    """Try them; `retry` makes flows once more and gives what was seen of them."""
    flows = tuple(flows)
    silent, passed = suspects(flows, observations)
    if not silent:
        return SecondLook("")
    again, before = silent[-SECOND_LOOKS:], passed[:SECOND_LOOKS]
    seen = await retry([*again, *before])
    every = tuple(
        flow.id
        for flow in flows
        if (one := observations.get(flow.id)) is not None and (_silent(one) or _mute(flow, one))
    )
    count = sum(1 for flow in flows if (one := observations.get(flow.id)) is not None and one.ending == "completed")
    if all(_silent(seen[flow.id]) for flow in before):
        return SecondLook("full", every, count)
    if all(seen[flow.id].ending == "completed" for flow in again):
        return SecondLook("limit", tuple(flow.id for flow in silent), count)
    return SecondLook("")


def _silent(seen: Observation) -> bool:
    """Nothing came of it at all: neither a connection nor an answer."""
    return seen.ending == "silence" and (seen.stage == "connect" or not seen.exchanged)


def _mute(flow: Flow, seen: Observation) -> bool:
    """Nothing was to come back, so only the far end knows."""
    return flow.transport == "udp" and seen.ending == "completed" and not (seen.exchanged or seen.facts.get("media"))
