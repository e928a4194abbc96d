"""Everybody who is signed in here: sessions by account, switchboard members by session, and the post between them.

Not protocol text: a session writes in its own dialect. Not state either: that is the world's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from emulator.world.names import fold
from emulator.world.notices import Notice
from emulator.world.presence import Place
from emulator.world.rendezvous import Invitation, Participant
from emulator.world.world import World


class Listener(Protocol):
    """Somebody who is signed in: a client's session, or a contact that lives in the emulator."""

    @property
    def place(self) -> Place | None: ...

    def tell(self, notice: Notice) -> None:
        """The world has news."""

    def ring(self, invitation: Invitation) -> None:
        """Somebody calls to a switchboard."""

    def hand(self, sender: str, kind: int, payload: bytes) -> None:
        """Another client sent a UUN."""

    def oust(self) -> None:
        """Signed in elsewhere: OUT OTH, and the end."""


class Member(Protocol):
    """Somebody in a switchboard session."""

    def joined(self, participant: Participant) -> None: ...

    def left(self, participant: Participant) -> None: ...

    def message(self, sender: Participant, payload: bytes) -> None: ...


class House:
    """The live side of one world. `flush` writes what is to be kept; no answer leaves before it."""

    def __init__(self, world: World, flush: Callable[[], object]) -> None:
        self.world = world
        self._flush = flush
        self._listeners: dict[str, dict[int, Listener]] = {}
        self._boards: dict[int, dict[str, Member]] = {}
        self._settling = False

    def enter(self, place: Place, listener: Listener) -> None:
        """Somebody signed in."""
        self._listeners.setdefault(fold(place.address), {})[place.id] = listener

    def leave(self, place: Place) -> None:
        """Somebody is gone."""
        key = fold(place.address)
        here = self._listeners.get(key, {})
        here.pop(place.id, None)
        if not here:
            self._listeners.pop(key, None)
        self.world.presence.sign_out(place.id)

    def oust(self, places: Iterable[Place]) -> None:
        """The same account signed in elsewhere."""
        for place in places:
            listener = self._listeners.get(fold(place.address), {}).pop(place.id, None)
            if listener is not None:
                listener.oust()

    def at(self, address: str) -> tuple[Listener, ...]:
        """Everybody signed in as this account, oldest first."""
        return tuple(self._listeners.get(fold(address), {}).values())

    def keep(self) -> None:
        """Write what changed. Call it before an answer leaves that rests on it."""
        if self.world.unwritten:
            self._flush()

    def settle(self) -> None:
        """Call after every command: keep what changed, tell who must know (after the answer, if order matters)."""
        if self._settling:
            return  # a listener's own reaction; the outer call goes on with it
        self._settling = True
        try:
            for _ in range(100):
                self.keep()
                notices = self.world.take_notices()
                if not notices:
                    return
                for notice in notices:
                    for listener in self.at(notice.to):
                        listener.tell(notice)
        finally:
            self._settling = False

    # switchboards

    def seat(self, session: int, participant: Participant, member: Member) -> None:
        """Somebody takes part; the others are told."""
        board = self._boards.setdefault(session, {})
        for other in tuple(board.values()):
            other.joined(participant)
        board[participant.key] = member

    def unseat(self, session: int, participant: Participant) -> None:
        """Somebody leaves; the others are told."""
        board = self._boards.get(session, {})
        if board.pop(participant.key, None) is None:
            return
        self.world.switchboards.leave(session, participant)
        for other in tuple(board.values()):
            other.left(participant)
        if not board:
            self._boards.pop(session, None)

    def say(self, session: int, sender: Participant, payload: bytes) -> bool:
        """Carry a message to all others, untouched; False when nobody is there."""
        others = [member for key, member in self._boards.get(session, {}).items() if key != sender.key]
        for member in others:
            member.message(sender, payload)
        return bool(others)
