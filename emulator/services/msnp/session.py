"""A client's notification session: from VER to OUT, with one table of commands per dialect, made once for all sessions.

Not the commands themselves: `signin`, `presenting`, `membership`, `post`, `errands`, `bands`; nor what it is told:
`news`. Source: protocols/msnp.md 1.5, 1.6, 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from emulator.services.msnp.bands import Bands
from emulator.services.msnp.board import BoardSession
from emulator.services.msnp.deadlines import NOTIFICATION_IDLE, SIGN_IN, Patience
from emulator.services.msnp.errands import Errands
from emulator.services.msnp.house import House
from emulator.services.msnp.membership import Membership
from emulator.services.msnp.news import News
from emulator.services.msnp.person import Part, Person, Row
from emulator.services.msnp.post import Post
from emulator.services.msnp.presenting import Presenting
from emulator.services.msnp.signin import SignIn
from emulator.wire import tags
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp.lines import Command, line
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting, Talk
from emulator.world.errors import WorldError
from emulator.world.notices import Notice
from emulator.world.presence import Place
from emulator.world.rendezvous import Invitation

WAIT = 60  # seconds that QNG tells clients to wait


class PingOverGateway(WireError):
    """PNG over the HTTP gateway, which answers it with an HTTP error and drops the session (msnp.md 1.5)."""


class Session:
    """One connection to the notification server. It is a `Listener` of the house once it has signed in."""

    __slots__ = (
        "_commands",
        "_context",
        "_house",
        "_lists",
        "_news",
        "_over",
        "_over_gateway",
        "_parts",
        "_patience",
        "_person",
        "_resident",
        "_sign_in",
    )

    def __init__(self, context: ServerContext, house: House, *, over_gateway: bool = False) -> None:
        self._context = context
        self._house = house
        self._over_gateway = over_gateway
        self._sign_in = SignIn(context, house, self._entered, over_gateway=over_gateway)
        self._patience = Patience(house.call_later, context.now, self._late)
        self._person: Person | None = None
        self._news: News | None = None
        self._over = False
        self._resident = False
        self._parts: tuple[Any, ...] = (self, self._sign_in)  # in the order of PARTS
        self._commands = commands(0)  # those of the dialect join at sign-in
        self._lists: dict[str, Callable[[Command], bytes]] = {}  # in band, of old dialects

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        """Verb, first and last dialect (0: before sign-in), method; as all parts have them."""
        return (("OUT", 0, 18, cls._out), ("PNG", 0, 18, cls._png))

    @property
    def place(self) -> Place | None:
        """Where it is signed in, as the world knows it."""
        return self._person.where if self._person is not None else None

    @property
    def observed(self) -> Endpoint:
        """Where the client's packets come from."""
        return self._context.observed

    def talk(self) -> Talk[None]:
        """The whole conversation; USR or ANS as the first command open a switchboard session instead."""
        self._house.opened(self)
        self._patience.touch(SIGN_IN)
        try:
            command = yield from self._patience.next()
            if command.verb in ("USR", "ANS"):
                self._house.closed(self)
                self._patience.end()
                yield from BoardSession(self._context, self._house).talk(command)
                return
            if command.verb != "VER":
                raise WireError(f"{command.verb} opens neither a notification nor a switchboard session")
            while not self._over:
                if command.verb == "USR" and command.args[2:3] == ("I",):
                    yield Sighting("msnp", tags.from_account(command.arg(3)), {"command": "USR I"})
                self._answer(command)
                if self._over:
                    return
                del command  # many sessions wait long for the next
                command = yield from self._patience.next()
        finally:
            self._leave()

    def _answer(self, command: Command) -> None:
        """Carry out a command and push the answer, then the news that follow from it."""
        handler = self._handler(command.verb)
        if handler is None:
            name = self._sign_in.dialect.name if self._sign_in.dialect is not None else "no dialect"
            raise WireError(f"{command.verb} is no command of {name} here")
        world = self._house.world
        world.telling.actor = self._person.place if self._person is not None else 0
        try:
            reply = handler(command)
        except WorldError as error:
            trid = command.arg(0)
            reply = self._person.refusal(error, trid) if self._person is not None else line(str(error.msnp), trid)
        finally:
            world.telling.actor = 0
        self._house.keep()
        self._context.push(reply)
        self._house.settle()
        self._over = self._over or self._sign_in.over or (self._person is not None and self._person.over)
        self._heard()

    def _handler(self, verb: str) -> Callable[[Command], bytes] | None:
        if verb in self._commands:
            at, method = self._commands[verb]
            return partial(method, self._parts[at])
        return self._lists.get(verb)

    def _heard(self) -> None:
        """Somebody is there. The gateway looks after its own, and contacts that live here may be silent for ever."""
        if self._person is not None and not (self._over or self._over_gateway or self._resident):
            self._patience.touch(NOTIFICATION_IDLE)

    def _entered(self, person: Person, ousted: tuple[Place, ...]) -> None:
        """USR OK: the dialect's commands become known, and others learn that somebody is there."""
        self._person = person
        self._news = News(person)
        parts = (Presenting(person, self._patience), Membership(person), Post(person), Errands(person))
        self._parts = (self, self._sign_in, *parts)
        self._commands = commands(person.dialect.number)
        if person.dialect.lists != "soap":
            self._lists = Bands(person.world, person.address, person.dialect).table()
        self._resident = person.world.account(person.address).resident
        self._patience.rest(SIGN_IN)
        self._heard()
        self._house.oust(ousted)
        place = person.where
        assert place is not None
        self._house.enter(place, self)

    def _png(self, command: Command) -> bytes:
        if self._over_gateway:
            raise PingOverGateway("PNG over the gateway")
        waits = self._sign_in.dialect is not None and self._sign_in.dialect.waits
        return line("QNG", WAIT) if waits else line("QNG")

    def _out(self, command: Command) -> bytes:
        self._over = True
        return b""

    # the end

    def _late(self, reason: str) -> None:
        """A time limit has passed. An unanswered challenge gets a bare OUT (msnp.md 1.6)."""
        self._end(line("OUT") if reason == "challenge" else b"")

    def shut(self) -> None:
        """The service goes down."""
        self._end(line("OUT", "SSD"))

    def oust(self) -> None:
        """Signed in elsewhere, or signed off from there."""
        self._end(line("OUT", "OTH"))

    def _end(self, word: bytes) -> None:
        self._over = True
        if word:
            self._context.push(word)
        self._leave()
        self._context.hang_up()

    def _leave(self) -> None:
        """Gone: others are told. Once is enough."""
        self._over = True
        self._patience.end()
        self._house.closed(self)
        place = self.place
        if self._person is not None:
            self._person.place = 0
        if place is not None:
            self._house.leave(place)
            self._house.settle()

    # what the house tells

    def tell(self, notice: Notice) -> None:
        if self._person is not None and self._news is not None and self._person.announced:
            self._push(self._news.notice(notice))

    def ring(self, invitation: Invitation) -> None:
        if self._person is not None and self._news is not None and self._person.announced:
            self._push(self._news.ring(invitation))

    def hand(self, sender: str, kind: int, payload: bytes) -> None:
        if self._person is not None and self._news is not None and self._person.announced:
            self._push(self._news.handed(sender, kind, payload))

    def carry(self, sender: str, kind: int, payload: bytes) -> None:
        if self._person is not None and self._news is not None and self._person.announced:
            self._push(self._news.carried(sender, kind, payload))

    def _push(self, data: bytes) -> None:
        if data:
            self._context.push(data)


PARTS: tuple[type[Part], ...] = (Session, SignIn, Presenting, Membership, Post, Errands)


@cache
def commands(dialect: int) -> dict[str, tuple[int, Callable[[Any, Command], bytes]]]:
    """The commands of a dialect by verb (0: those before sign-in): which of PARTS knows it, and its method."""
    return {
        verb: (at, method)
        for at, part in enumerate(PARTS)
        for verb, first, last, method in part.rows()
        if first <= dialect <= last
    }
