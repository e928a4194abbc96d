"""Where two legs of the emulated data relay meet: the same ticket, one leg each side, frames handed across.

No sockets. The original's way of joining legs is unknown: emulated. Limits: meetings at once, bytes that wait for a leg
that has not come, bytes a second of a leg. Source: dossier media.md 3.6.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.wire.errors import WireError

MEETINGS = 64  # at once
WAITING = 64 * 1024  # bytes that may wait for the other leg
RATE = 2 << 20  # bytes a second that a leg may send; more has to wait
SIDES = (b"leg1", b"leg2")  # what follows the ticket in the username of a leg that wants to meet

CallLater = Callable[[float, Callable[[], None]], object]


class Leg:
    """One connection of a meeting. `push` sends to its client, `hang_up` ends it. Counts bytes handed across."""

    def __init__(self, push: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        self.push = push
        self.hang_up = hang_up
        self.waiting = bytearray()
        self.passed = 0
        self.second = -1
        self.spent = 0


class Meetings:
    """All meetings of one relay, by ticket. Without `call_later` nobody is made to wait for the rate."""

    def __init__(self, *, now: Callable[[], float], call_later: CallLater | None = None, rate: int = RATE) -> None:
        self._now = now
        self._call_later = call_later
        self._rate = rate
        self._legs: dict[tuple[bytes, bytes], Leg] = {}

    def __len__(self) -> int:
        return len({ticket for ticket, _ in self._legs})

    def enter(self, ticket: bytes, side: bytes, leg: Leg) -> bytes | None:
        """Take one side of a meeting. When the other is there already: what it said so far, to be sent first.

        Raises WireError when the side is taken, or there are too many meetings.
        """
        key = (ticket, side)
        if key in self._legs:
            raise WireError("this side of the meeting is taken")
        other = self._legs.get((ticket, _opposite(side)))
        if other is None and len(self) >= MEETINGS:
            raise WireError(f"{MEETINGS} meetings already")
        self._legs[key] = leg
        if other is None:
            return None
        waited = bytes(other.waiting)
        other.waiting.clear()
        return waited

    def hand_over(self, ticket: bytes, side: bytes, data: bytes) -> None:
        """Give the other leg `data`, or keep it until that leg comes. Raises WireError when too much waits."""
        leg, other = self._leg(ticket, side), self._legs.get((ticket, _opposite(side)))
        leg.passed += len(data)
        if other is not None:
            other.push(data)
            return
        if len(leg.waiting) + len(data) > WAITING:
            raise WireError(f"nobody came, and more than {WAITING} bytes wait")
        leg.waiting += data

    def pause(self, ticket: bytes, side: bytes, size: int) -> Callable[[Callable[[], None]], None] | None:
        """None when a leg may send `size` more bytes in this second; else what to `Await` first."""
        leg, now = self._leg(ticket, side), self._now()
        second = int(now)
        if second != leg.second:
            leg.second, leg.spent = second, 0
        leg.spent += size
        call_later = self._call_later
        if leg.spent <= self._rate or call_later is None:
            return None

        def start(happened: Callable[[], None]) -> None:
            call_later(second + 1 - now, happened)

        return start

    def _leg(self, ticket: bytes, side: bytes) -> Leg:
        leg = self._legs.get((ticket, side))
        if leg is None:
            raise WireError("the meeting is over")
        return leg

    def leave(self, ticket: bytes, side: bytes) -> None:
        """A leg is gone; the other one is hung up."""
        if self._legs.pop((ticket, side), None) is None:
            return
        other = self._legs.pop((ticket, _opposite(side)), None)
        if other is not None:
            other.hang_up()


def _opposite(side: bytes) -> bytes:
    return SIDES[1 - SIDES.index(side)]
