"""Flows in the other direction: the emulator dials a vantage, as a contact would who opens the connection.

The same attempts as the probe's, run at the far end; not the vantage's listeners (`services.vantage`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from emulator.catalog import Catalog
from emulator.judge.flow import VANTAGE, Flow
from emulator.judge.observation import Observation
from emulator.pki.tls import client_context
from emulator.probe.datagrams import DatagramAttempt
from emulator.probe.place import Place
from emulator.probe.speakers import SPEAKERS
from emulator.probe.streams import StreamAttempt
from emulator.wire.control import Dialled, Inward
from emulator.wire.exchanges import DATAGRAM_CLIENTS
from emulator.wire.join import Join

AT_ONCE = 1_000  # flows in flight
LONGEST = 30.0  # seconds that a stage may be given


class Back:
    """Dials vantages. `join()` describes the emulator; `source` is the contact's address, from which it dials."""

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        join: Callable[[], Join],
        source: str,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._reactor = reactor
        self._catalog = catalog
        self._join = join
        self._source = source
        self._now = now
        self._entropy = entropy
        self._left = 0
        self._seen: list[Observation] = []
        self._attempts: set[StreamAttempt | DatagramAttempt] = set()

    @property
    def dialled(self) -> Dialled:
        """What became of the flows so far."""
        return Dialled(self._left == 0, tuple(msgspec.to_builtins(one) for one in self._seen))

    def start(self, address: str, timeout: float, flows: Sequence[Inward]) -> None:
        """Open them all; those of a former request are given up."""
        self.stop()
        self._seen = []
        wanted = [one for one in flows if one.exchange in SPEAKERS or one.exchange in DATAGRAM_CLIENTS]
        self._left = len(wanted)
        place = Place(
            self._reactor,
            replace(self._join(), addresses={VANTAGE: address}),
            now=self._now,
            entropy=self._entropy,
            client_tls=client_context(),
            timeout=min(max(timeout, 0.1), LONGEST),
            source=self._source,
        )
        seen, pending = self._seen, iter(wanted)
        for _ in range(min(AT_ONCE, len(wanted))):
            Deferred.fromCoroutine(self._worker(place, pending, seen))

    def stop(self) -> None:
        """Give up what is under way."""
        for attempt in tuple(self._attempts):
            attempt.cancel("the emulator gave it up")
        self._left = 0

    async def _worker(self, place: Place, pending: Any, seen: list[Observation]) -> None:
        for inward in pending:
            if seen is not self._seen:
                return  # given up
            observation = await self._try(place, inward)
            if seen is self._seen:
                seen.append(observation)
                self._left -= 1

    async def _try(self, place: Place, inward: Inward) -> Observation:
        spoken = self._catalog.exchanges[inward.exchange]
        flow = Flow(
            id=inward.flow,
            uid="",
            row="",
            row_kind="clause",
            exchange=inward.exchange,
            transport=spoken.transport,
            host=VANTAGE,
            port=inward.port,
            direction="inward",
        )
        tag = bytes.fromhex(inward.tag)
        attempt: StreamAttempt | DatagramAttempt
        if flow.transport == "tcp":
            attempt = StreamAttempt(place, flow, tag, SPEAKERS[flow.exchange])
        else:
            attempt = DatagramAttempt(place, flow, tag)
        self._attempts.add(attempt)
        try:
            return await attempt.run()
        finally:
            self._attempts.discard(attempt)
