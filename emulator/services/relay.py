"""The relay for media: real ports behind the table of allocations, and a clock that lets them expire.

Not its rules (wire/turn_answers.py) and not the sockets where clients come in, which answer other protocols as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from emulator.net.datagrams import BoundDatagrams
from emulator.wire import data_relay
from emulator.wire.allocation import Address, Door, Limits
from emulator.wire.allocations import Allocations, ignored
from emulator.wire.context import ServerContext
from emulator.wire.datagram import Answered
from emulator.wire.exchanges import answer_datagram
from emulator.wire.meeting import Meetings
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Talk

TICK = 1.0  # seconds


class Relay:
    """Answers datagrams, as `exchanges.answer_datagram` does, and carries media between its own allocations.

    The clock runs only while something can expire. Limits: see `Limits`.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        limits: Limits = Limits(),
    ) -> None:
        self._reactor = reactor
        self._now = now
        self._clock: IDelayedCall | None = None
        self._meetings = Meetings(now=now, call_later=reactor.callLater)
        self.allocations = Allocations(limits=limits, opener=self._open, entropy=entropy, began=self._began)

    def __call__(self, data: bytes, context: ServerContext) -> Answered | None:
        return answer_datagram(data, context, self.allocations)

    def door(self, local: Endpoint, send: Callable[[bytes, Address], object]) -> Door:
        """Where clients at a UDP socket are found; `send` sends from that socket."""
        return self.allocations.door(local, send)

    def leg(self, context: ServerContext) -> Talk[None]:
        """The far end of a connection that began with the pseudo-TLS hello."""
        return data_relay.server(context, self._meetings, self.allocations)

    def close(self) -> None:
        """Give all ports back and stop the clock."""
        self.allocations.close()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _open(self, address: str, number: int) -> BoundDatagrams | None:
        try:
            return BoundDatagrams(self._reactor, address, number, ignored)
        except OSError:
            return None

    def _began(self) -> None:
        if self._clock is None:
            self._clock = self._reactor.callLater(TICK, self._tick)

    def _tick(self) -> None:
        self._clock = None
        self.allocations.tick(self._now())
        if not self.allocations.idle:
            self._clock = self._reactor.callLater(TICK, self._tick)
