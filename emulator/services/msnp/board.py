"""A client's switchboard session: USR or ANS, then CAL, MSG, OUT. Source: protocols/msnp.md 3.

Payloads are carried untouched, peer-to-peer ones too (clients.md 12). All that is sent is pushed, so that answers and
news keep their order.
"""

from __future__ import annotations

from emulator.services.msnp.house import House
from emulator.wire import tags
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp.lines import FROM_CLIENT, Command, line, read
from emulator.wire.msnp.presence import encode
from emulator.wire.talk import Sighting, Talk
from emulator.world.errors import WorldError
from emulator.world.rendezvous import Participant

MESSAGE_LIMIT = 1664  # bytes of one MSG payload, MIME header included (msnp.md 1.7)
FLAGS = frozenset("UNADS")


class BoardSession:
    """One connection to the switchboard. It is a `Member` of the house."""

    def __init__(self, context: ServerContext, house: House) -> None:
        self._context = context
        self._house = house
        self._session = 0
        self._me: Participant | None = None

    def talk(self, first: Command) -> Talk[None]:
        """The whole conversation; `first` is USR or ANS."""
        try:
            yield from self._open(first)
            while self._me is not None:
                command = yield from read(FROM_CLIENT)
                reply = self._handle(command)
                if reply is None:
                    return
                self._context.push(reply)
                self._house.settle()
        finally:
            if self._me is not None:
                self._house.unseat(self._session, self._me)

    def _open(self, first: Command) -> Talk[None]:
        trid = first.arg(0)
        account, _, endpoint = first.arg(1).partition(";")
        boards = self._house.world.switchboards
        try:
            if first.verb == "USR":
                session, me = boards.open(account, first.arg(2), endpoint=endpoint)
                name = encode(me.name)
                reply = line("USR", trid, "OK", first.arg(1), name)
            else:
                number = int(first.arg(3)) if first.arg(3).isdigit() else 0
                session, me, there = boards.answer(account, first.arg(2), number, endpoint=endpoint)
                roll = (
                    line("IRO", trid, at, len(there), one.address, encode(one.name), *self._capabilities(one))
                    for at, one in enumerate(there, 1)
                )
                reply = b"".join(roll) + line("ANS", trid, "OK")
        except WorldError as error:
            self._context.push(line(str(error.msnp), trid))
            return
        self._session, self._me = session.id, me
        yield Sighting("msnp", tags.from_account(account), {"command": f"{first.verb} switchboard"})
        self._context.push(reply)
        self._house.seat(session.id, me, self)
        self._house.settle()

    def _handle(self, command: Command) -> bytes | None:
        match command.verb:
            case "OUT":
                return None
            case "CAL":
                return self._call(command)
            case "MSG":
                return self._message(command)
        raise WireError(f"{command.verb} in a switchboard session")

    def _call(self, command: Command) -> bytes:
        trid = command.arg(0)
        assert self._me is not None
        try:
            callee = command.arg(1).partition(";")[0]
            invitation = self._house.world.switchboards.call(self._session, self._me.address, callee)
        except WorldError as error:
            return line(str(error.msnp), trid)
        reply = line("CAL", trid, "RINGING", self._session)
        self._context.push(reply)  # before the callee's JOI, which may come within the ring
        for listener in self._house.at(invitation.callee):
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
        self._context.push(line("JOI", participant.address, encode(participant.name), *self._capabilities(participant)))

    def left(self, participant: Participant) -> None:
        self._context.push(line("BYE", participant.address))

    def message(self, sender: Participant, payload: bytes) -> None:
        self._context.push(line("MSG", sender.address, encode(sender.name), payload=payload))

    @staticmethod
    def _capabilities(participant: Participant) -> tuple[str, ...]:
        words = str(participant.capabilities)
        return (f"{words}:{participant.extended}" if participant.extended else words,)
