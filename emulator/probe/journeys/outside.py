"""The client's network on a journey: everything it opens is a connection of the step under way.

Not connections between peers (`direct`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulator.probe.journeys.legs import LinkStream, LinkWeb

if TYPE_CHECKING:
    from emulator.probe.journeys.travel import Travel


class TravelNetwork:
    """The client's network: everything it opens is a leg of the step under way, to the addresses of the join file."""

    def __init__(self, travel: Travel, tag: bytes) -> None:
        self._travel = travel
        self._tag = tag

    async def stream(self, host: str, port: int) -> LinkStream:
        return LinkStream(await self._travel.open(host, port, self._tag, tls=False, raw=True))

    async def web(self, host: str, *, secure: bool) -> LinkWeb:
        port = 443 if secure else 80
        return LinkWeb(await self._travel.open(host, port, self._tag, tls=secure, raw=False))

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        return self._travel.place.reactor.callLater(seconds, call)

    def now(self) -> float:
        return self._travel.place.now()

    def entropy(self, count: int) -> bytes:
        return self._travel.place.entropy(count)
