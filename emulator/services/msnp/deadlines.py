"""Time limits of connections: one timer for all those of one connection, looked at lazily, so a busy one is cheap.

Not the limits' meaning: whoever has one says what happens. Source: msnp.md 1.5 to 1.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from emulator.wire.msnp.lines import FROM_CLIENT, Command, read
from emulator.wire.talk import Talk

CallLater = Callable[[float, Callable[[], None]], Any]  # returns something with cancel() and active()


class Limit(msgspec.Struct, frozen=True, eq=False):
    """How long something may take, and what is said of whoever takes longer. Each limit is equal to itself alone."""

    seconds: float
    reason: str


SIGN_IN = Limit(60.0, "not signed in")  # from the first byte until USR OK or ANS OK
CHALLENGE = Limit(60.0, "challenge")  # that a challenge may go unanswered
PARTIAL = Limit(30.0, "partial command")  # that a line and its payload may take to arrive
NOTIFICATION_IDLE = Limit(900.0, "idle")  # without a command, PNG included; clients ping every minute
SWITCHBOARD_IDLE = Limit(300.0, "silence")  # in which nobody of a switchboard session says anything

LOOK = 30.0  # seconds between two looks at the clock: the shortest limit, so that no touch has to move the timer
EARLY = 0.001  # seconds by which a timer may come too soon


class Patience:
    """The limits under which one connection stands; `late` is called with the reason when one has passed.

    Costs at most one timer in LOOK seconds, however often it is touched. `call_later` None: no clock, nobody is late.
    """

    __slots__ = ("_call_later", "_ends", "_late", "_now", "_timer")

    def __init__(self, call_later: CallLater | None, now: Callable[[], float], late: Callable[[str], None]) -> None:
        self._call_later = call_later
        self._now = now
        self._late = late
        self._ends: dict[Limit, float] = {}  # when each will have passed
        self._timer: Any = None

    def touch(self, limit: Limit) -> None:
        """Count this limit from now."""
        if self._call_later is None:
            return
        self._ends[limit] = self._now() + limit.seconds
        if self._timer is None:
            self._timer = self._call_later(LOOK, self._look)

    def rest(self, limit: Limit) -> None:
        """What this limit is for is not awaited."""
        self._ends.pop(limit, None)

    def end(self) -> None:
        """Nothing will be awaited any more."""
        self._ends.clear()
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def next(self) -> Talk[Command]:
        """The next command, whose bytes must follow each other in time."""
        command = yield from read(FROM_CLIENT, self._begun)
        self._ends.pop(PARTIAL, None)
        return command

    def _begun(self) -> None:
        self.touch(PARTIAL)

    def _look(self) -> None:
        """Say who is late; then wait for the next limit, or for one that may come to be in the meantime."""
        self._timer = None
        now = self._now()
        for limit in [limit for limit, end in self._ends.items() if end <= now + EARLY]:
            if self._ends.pop(limit, None) is not None:  # the one before may have ended all
                self._late(limit.reason)
        if self._ends and self._timer is None and self._call_later is not None:
            self._timer = self._call_later(min(LOOK, min(self._ends.values()) - now), self._look)
