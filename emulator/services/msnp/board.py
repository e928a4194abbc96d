"""A client's switchboard session: USR or ANS, then CAL, MSG, OUT. Source: protocols/msnp.md 3.

Payloads are carried untouched, peer-to-peer ones too (clients.md 12). All that is sent is pushed, so that answers and
news keep their order. Who comes by MSNP16 or later (`address;{guid}`) is listed twice to its like: with and without.
"""

from __future__ import annotations

from emulator.services.msnp.deadlines import Patience
from emulator.services.msnp.house import House
from emulator.wire import tags
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp import principals
from emulator.wire.msnp.dialects import DIALECTS, Dialect
from emulator.wire.msnp.lines import Command, line, number
from emulator.wire.msnp.presence import capabilities, encode
from emulator.wire.talk import Sighting, Talk
from emulator.world.errors import WorldError
from emulator.world.rendezvous import Participant
from emulator.world.throttle import Throttle

MESSAGE_LIMIT = 1664  # bytes of one MSG payload, MIME header included (msnp.md 1.7)
FLAGS = frozenset("UNADS")
UNKNOWN = DIALECTS["MSNP15"]  # for somebody who has left the notification server meanwhile


class BoardSession:
    """One connection to the switchboard. It is a `Member` of the house."""

    def __init__(self, context: ServerContext, house: House) -> None:
        self._context = context
        self._house = house
        self._patience = Patience(house.call_later, context.now, self._late)
        self._rate = Throttle(rate=2.0, burst=30.0, pause=10.0)  # calls; ours, too many are 713
        self._session = 0
        self._me: Participant | None = None
        self._dialect = UNKNOWN

    def talk(self, first: Command) -> Talk[None]:
        """The whole conversation; `first` is USR or ANS."""
        self._house.opened(self)
        try:
            yield from self._open(first)
            while self._me is not None:
                command = yield from self._patience.next()
                if self._me is None or command.verb == "OUT":
                    return
                self._context.push(self._handle(command))
                self._house.settle()
        finally:
            self._leave()

    def _open(self, first: Command) -> Talk[None]:
        trid, who = first.arg(0), principals.read(first.arg(1))
        boards = self._house.world.switchboards
        there: tuple[Participant, ...] = ()
        try:
            if first.verb == "USR":
                session, me = boards.open(who.address, first.arg(2), endpoint=who.endpoint)
            else:
                asked = number(first.arg(3)) or 0
                session, me, there = boards.answer(who.address, first.arg(2), asked, endpoint=who.endpoint)
        except WorldError as error:
            self._context.push(line(str(error.msnp), trid))
            return
        self._session, self._me, self._dialect = session.id, me, self._spoken(me)
        if first.verb == "USR":
            reply = line("USR", trid, "OK", first.arg(1), encode(me.name))
        else:
            entries = [entry for one in there for entry in self._entries(one, there)]
            rows = (line("IRO", trid, at, len(entries), *entry) for at, entry in enumerate(entries, 1))
            reply = b"".join(rows) + line("ANS", trid, "OK")
        yield Sighting("msnp", tags.from_account(who.address), {"command": f"{first.verb} switchboard"})
        self._context.push(reply)
        self._house.seat(session.id, me, self, self._expired)
        self._house.settle()

    def _handle(self, command: Command) -> bytes:
        match command.verb:
            case "CAL":
                return self._call(command)
            case "MSG":
                return self._message(command)
        raise WireError(f"{command.verb} in a switchboard session")

    def _call(self, command: Command) -> bytes:
        trid, who = command.arg(0), principals.read(command.arg(1))
        assert self._me is not None
        if self._rate.take("CAL", self._context.now()):
            return line("713", trid)
        try:
            invitation = self._house.world.switchboards.call(self._session, self._me.address, who.address)
        except WorldError as error:
            return line(str(error.msnp), trid)
        self._house.active(self._session)
        reply = line("CAL", trid, "RINGING", self._session)
        self._context.push(reply)  # before the callee's JOI, which may come within the ring
        for listener in self._house.at(invitation.callee):
            place = listener.place
            here = place is not None and place.endpoint == self._me.endpoint
            if who.address.lower() == self._me.address.lower() and here:
                continue  # people of MSNP18 call their own other places, not the one they call from
            if not who.endpoint or (place is not None and place.endpoint == who.endpoint):
                listener.ring(invitation)
        return b""

    def _message(self, command: Command) -> bytes:
        trid, flag = command.arg(0), command.arg(1)
        if flag not in FLAGS:
            raise WireError(f"MSG with flag {flag[:8]!r}")
        if len(command.payload) > MESSAGE_LIMIT:
            raise WireError(f"a message of {len(command.payload)} bytes, limit {MESSAGE_LIMIT}")
        assert self._me is not None
        if not self._others():
            return b"" if flag == "U" else line("NAK", trid)
        if flag in "AD":
            self._context.push(line("ACK", trid))  # before what the others answer
        self._house.say(self._session, self._me, command.payload)
        return b""

    def _others(self) -> bool:
        return len(self._house.world.switchboards.session(self._session).participants) > 1

    # what the house tells

    def joined(self, participant: Participant) -> None:
        for entry in self._entries(participant, self._there()):
            self._context.push(line("JOI", *entry))

    def left(self, participant: Participant) -> None:
        self._gone(participant, self._there())

    def message(self, sender: Participant, payload: bytes) -> None:
        self._context.push(line("MSG", sender.address, encode(sender.name), payload=payload))

    def _there(self) -> tuple[Participant, ...]:
        return tuple(self._house.world.switchboards.session(self._session).participants.values())

    def _entries(self, one: Participant, there: tuple[Participant, ...]) -> list[tuple[str, ...]]:
        """How somebody stands in JOI and IRO: by place to MSNP16 and later, and once by the plain address."""
        words = (encode(one.name), *self._capabilities(one))
        entries = []
        if one.endpoint and self._places:
            entries.append((principals.written(one.address, one.endpoint), *words))
        if next(other for other in (*there, one) if other.address.lower() == one.address.lower()).key == one.key:
            entries.append((one.address, *words))  # only with its first place
        return entries

    def _gone(self, one: Participant, left: tuple[Participant, ...], *tail: int) -> None:
        if one.endpoint and self._places:
            self._context.push(line("BYE", principals.written(one.address, one.endpoint), *tail))
        if not any(other.address.lower() == one.address.lower() for other in left):
            self._context.push(line("BYE", one.address, *tail))

    @property
    def _places(self) -> bool:
        return self._me is not None and bool(self._me.endpoint)

    def _capabilities(self, one: Participant) -> tuple[str, ...]:
        if not self._dialect.roster:
            return ()
        return (capabilities(self._dialect, one.capabilities, one.extended),)

    def _spoken(self, me: Participant) -> Dialect:
        """The dialect of the place that this participant belongs to."""
        places = self._house.world.presence.places(me.address)
        mine = [one for one in places if one.endpoint == me.endpoint] or list(places)
        return DIALECTS[f"MSNP{mine[-1].dialect}"] if mine else UNKNOWN

    # the end

    def _expired(self, others: tuple[Participant, ...]) -> None:
        """Nobody has said anything for minutes: everybody is told that everybody is gone, and closed."""
        for at, one in enumerate(others):
            self._gone(one, others[at + 1 :], 1)
        self._me = None
        self._end()

    def _late(self, reason: str) -> None:
        self._leave()
        self._end()

    def shut(self) -> None:
        """The service goes down. Switchboards have no word for it."""
        self._end()

    def _end(self) -> None:
        self._patience.end()
        self._house.closed(self)
        self._context.hang_up()

    def _leave(self) -> None:
        self._patience.end()
        self._house.closed(self)
        me, self._me = self._me, None
        if me is not None:
            self._house.unseat(self._session, me)
