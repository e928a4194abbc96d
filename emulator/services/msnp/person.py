"""One connection that has signed in: who, where, in which dialect. All parts of a session share it.

Not the conversation (`session`) and no commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from emulator.services.msnp.house import House
from emulator.wire.context import ServerContext
from emulator.wire.msnp import principals
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import Command, line
from emulator.world.errors import NoSuchAccount, WorldError
from emulator.world.presence import Place
from emulator.world.throttle import Throttle
from emulator.world.world import World

Row = tuple[str, int, int, Callable[[Any, Command], bytes]]  # verb, first and last dialect, method of its part


class Part(Protocol):
    """Some commands of a session."""

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        """What it knows."""


class PersonsPart:
    """Commands that rest on nothing but who is signed in."""

    __slots__ = ("_person",)

    def __init__(self, person: Person) -> None:
        self._person = person


class Person:
    """`place` is the world's number of the place, 0 once it is gone; `announced` is true after the first CHG.

    `over` is true once a command has ended the session.
    """

    __slots__ = ("_over_gateway", "address", "announced", "context", "dialect", "house", "over", "place")

    def __init__(
        self, house: House, context: ServerContext, dialect: Dialect, place: Place, *, over_gateway: bool
    ) -> None:
        self.house = house
        self.context = context
        self.dialect = dialect
        self.address = place.address
        self.place = place.id
        self.announced = False
        self.over = False
        self._over_gateway = over_gateway

    def too_fast(self, rate: Throttle) -> bool:
        """Counts one command of this place; True when there were too many lately (800)."""
        return rate.take(str(self.place), self.context.now()) > 0

    @property
    def world(self) -> World:
        return self.house.world

    @property
    def where(self) -> Place | None:
        """The place as the world knows it now."""
        return self.world.presence.place(self.place)

    @property
    def name(self) -> str:
        """How this place is named to others: with its GUID from MSNP16 on."""
        place = self.where
        return principals.written(self.address, place.endpoint if place is not None else "")

    @property
    def switchboard(self) -> str:
        """Where XFR and RNG send the client."""
        return f"{self.context.local.address}:1863"

    @property
    def transfer(self) -> tuple[str, ...]:
        """What follows the cookie in XFR and RNG: 1 may connect directly, 0 sends it to the gateway (msnp.md 2.16)."""
        extra = self.dialect.transfer
        return (*extra[:-1], "0") if self._over_gateway and len(extra) == 3 else extra

    def refusal(self, error: WorldError, trid: str) -> bytes:
        """What the world refused, as this dialect's number."""
        return line(str(self.dialect.unknown if isinstance(error, NoSuchAccount) else error.msnp), trid)
