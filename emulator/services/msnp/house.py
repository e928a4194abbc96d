"""Everybody who is signed in here: sessions by account, switchboard members by session, and the post between them.

Not protocol text: a session writes in its own dialect. Not state either: that is the world's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from emulator.services.msnp.deadlines import SWITCHBOARD_IDLE, CallLater, Patience
from emulator.world.names import fold, is_volatile
from emulator.world.notices import Notice
from emulator.world.presence import Place
from emulator.world.rendezvous import Invitation, Participant
from emulator.world.throttle import Throttle
from emulator.world.world import World

REFERRED = 20_000  # accounts that were referred and have not come back; the oldest is forgotten first


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


@runtime_checkable
class Carrier(Protocol):
    """A listener that takes messages between networks (UBM)."""

    def carry(self, sender: str, kind: int, payload: bytes) -> None: ...


class Connection(Protocol):
    """A client's connection, signed in or not."""

    def shut(self) -> None:
        """The service goes down: OUT SSD, and the end."""


class Member(Protocol):
    """Somebody in a switchboard session."""

    def joined(self, participant: Participant) -> None: ...

    def left(self, participant: Participant) -> None: ...

    def message(self, sender: Participant, payload: bytes) -> None: ...


class House:
    """The live side of one world. `flush` writes what is to be kept; no answer leaves before it.

    `call_later(seconds, call)`: timers; without them nobody is ever too late. `dispatch`: a client's first connection
    is referred to the notification server by XFR (msnp.md 2.2), its second signs in.
    """

    def __init__(
        self,
        world: World,
        flush: Callable[[], object],
        *,
        call_later: CallLater | None = None,
        now: Callable[[], float] = lambda: 0.0,
        dispatch: bool = False,
    ) -> None:
        self.world = world
        self.call_later = call_later
        self.now = now
        # rates by place, all ours: CHG and PRP, and switchboards asked for (XFR)
        self.changes = Throttle(rate=2.0, burst=40.0, pause=5.0)
        self.renamings = Throttle(rate=2.0, burst=40.0, pause=5.0)
        self.transfers = Throttle(rate=1.0, burst=20.0, pause=10.0)
        self._dispatch = dispatch
        self._referred: dict[str, None] = {}
        self._connections: dict[Connection, None] = {}
        self._expiries: dict[int, dict[str, Callable[[tuple[Participant, ...]], None]]] = {}
        self._silences: dict[int, Patience] = {}
        self._flush = flush
        self._listeners: dict[str, dict[int, Listener]] = {}
        self._boards: dict[int, dict[str, Member]] = {}
        self._settling = False
        self.afterwards: Callable[[], None] = lambda: None  # those who live here take their turn

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
        return tuple(self._listeners.get(fold(address.partition(";")[0]), {}).values())

    def opened(self, connection: Connection) -> None:
        """A client connected."""
        self._connections[connection] = None

    def closed(self, connection: Connection) -> None:
        """A client's connection is over."""
        self._connections.pop(connection, None)

    def close(self) -> None:
        """The service goes down: everybody is told that, and nothing of who leaves with them."""
        self._listeners.clear()
        for connection in tuple(self._connections):
            connection.shut()
        for silence in self._silences.values():
            silence.end()

    def refers(self, address: str) -> bool:
        """True when this sign-in must be referred (XFR NS): every other one while dispatching.

        Not those of probes, whose dialogue is fixed, nor of contacts that live here.
        """
        key = fold(address)
        account = self.world.find(address)
        if not self._dispatch or is_volatile(key) or (account is not None and account.resident):
            return False
        if key in self._referred:
            del self._referred[key]
            return False
        self._referred[key] = None
        while len(self._referred) > REFERRED:
            del self._referred[next(iter(self._referred))]
        return True

    def keep(self) -> None:
        """Write what changed. Call it before an answer leaves that rests on it."""
        if self.world.unwritten:
            self._flush()

    def settle(self) -> None:
        """Call after every command: keep what changed, tell who must know (after the answer, if order matters)."""
        if self._settling:
            return  # a listener's own reaction; the outer call goes on with it
        self._tell()
        self.afterwards()

    def _tell(self) -> None:
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

    def seat(
        self,
        session: int,
        participant: Participant,
        member: Member,
        expire: Callable[[tuple[Participant, ...]], None] | None = None,
    ) -> None:
        """Somebody takes part; the others are told. `expire` is called with the others when all were silent too long.

        Whoever gives no `expire` leaves quietly then.
        """
        board = self._boards.setdefault(session, {})
        if expire is not None:
            self._expiries.setdefault(session, {})[participant.key] = expire
        self.active(session)
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
        self._expiries.get(session, {}).pop(participant.key, None)
        if not board:
            self._empty(session)

    def say(self, session: int, sender: Participant, payload: bytes) -> bool:
        """Carry a message to all others, untouched; False when nobody is there."""
        self.active(session)
        others = [member for key, member in self._boards.get(session, {}).items() if key != sender.key]
        for member in others:
            member.message(sender, payload)
        return bool(others)

    def active(self, session: int) -> None:
        """Somebody did something in a switchboard session: its silence begins anew."""
        if self.call_later is None:
            return
        if session not in self._silences:
            self._silences[session] = Patience(self.call_later, self.now, lambda reason: self._expire(session))
        self._silences[session].touch(SWITCHBOARD_IDLE)

    def _expire(self, session: int) -> None:
        boards = self.world.switchboards
        people = tuple(boards.session(session).participants.values()) if session in self._boards else ()
        calls = self._expiries.get(session, {}).copy()
        self._empty(session)
        for one in people:
            boards.leave(session, one)
        for one in people:
            if one.key in calls:
                calls[one.key](tuple(other for other in people if other is not one))

    def _empty(self, session: int) -> None:
        self._boards.pop(session, None)
        self._expiries.pop(session, None)
        silence = self._silences.pop(session, None)
        if silence is not None:
            silence.end()
