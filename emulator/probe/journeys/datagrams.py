"""Messages between peers in datagrams of our own form, each acknowledged: the leg that stands for TRUDPv1 (emulated).

Not TRUDPv1, which peers refuse by choosing TCPv1. Source: media.md 1.8.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from emulator.catalog.model import Path
from emulator.client.direct_passage import DATAGRAMS, Passage
from emulator.judge.observation import Observation
from emulator.net.link import LinkEnded
from emulator.probe.datagrams import DatagramAttempt
from emulator.probe.journeys.travel import Travel
from emulator.wire import trudp

PEER = "peer"
TAG = 8  # bytes: local and remote id


class DatagramLeg:
    """One run of messages to the contact's address, from a socket of its own."""

    def __init__(self, travel: Travel, path: Path, messages: Sequence[bytes]) -> None:
        self.tag = travel.place.entropy(TAG)
        self.flow = replace(travel.flow(PEER, travel.port(path)), transport="udp", via="", credentials=False)
        self._clock = travel.place.clock
        self._attempt = DatagramAttempt(
            travel.place, self.flow, self.tag, lambda context: trudp.client(context, messages)
        )
        self._observation: Observation | None = None
        travel.adopt(self)

    async def send(self) -> Passage:
        """All of them, one after another. Raises LinkEnded when one is not acknowledged."""
        started = self._clock()
        seen = self._observation = await self._attempt.run()
        if seen.ending != "completed":
            raise LinkEnded("silence" if seen.ending == "silence" else "closed", seen.detail or seen.ending)
        return Passage(bridge=DATAGRAMS, seconds=self._clock() - started)

    # what the journey asks

    @property
    def failed(self) -> bool:
        return self._observation is not None and self._observation.ending != "completed"

    def end(self, problem: Exception | None = None) -> None:
        self._attempt.cancel(str(problem or "the step is over"))

    def cancel(self, why: str) -> None:
        self._attempt.cancel(why)

    async def finished(self) -> Observation:
        assert self._observation is not None
        return self._observation
