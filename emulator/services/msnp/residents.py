"""Contacts that live in the emulator, so that one person alone has somebody to call. Minimal: they answer by protocol.

Not clients over a transport yet: that is a later layer.
"""

from __future__ import annotations

from emulator.services.msnp.house import House
from emulator.wire import p2p
from emulator.wire.errors import WireError
from emulator.wire.msnp.switchboard import CAPABILITIES, CONTACT, CONTACT_NAME, mime
from emulator.world.notices import Notice
from emulator.world.presence import Place
from emulator.world.rendezvous import Invitation, Participant

DIALECT = 15
MESSAGES = 64  # P2P messages under way in one session
ECHO = "echo@"  # residents whose address begins so repeat text and nudges
REPEATED = (b"text/plain", b"text/x-msnmsgr-datacast")


def move_in(house: House) -> list[Resident]:
    """Bring every resident of the world online but hidden ones, and the contact that probes call."""
    residents = [Resident(house)]
    for address in house.world.addresses():
        account = house.world.account(address)
        if account.resident and not account.hidden and not house.at(address):
            residents.append(Resident(house, account.address, account.name))
    return residents


class Resident:
    """A contact that is always online: joins when called, acknowledges P2P messages, accepts shared folders."""

    def __init__(self, house: House, address: str = CONTACT, name: str = CONTACT_NAME) -> None:
        self._house = house
        world = house.world
        if world.find(address) is None:
            world.accounts.create(address, "", name=name, resident=True)
        self._address = address
        self._echoes = address.startswith(ECHO)
        self._arrival = world.presence.sign_in(address, DIALECT)
        world.presence.set_status(self._arrival.place.id, "NLN", capabilities=CAPABILITIES)
        house.enter(self._arrival.place, self)
        house.settle()

    @property
    def place(self) -> Place | None:
        return self._house.world.presence.place(self._arrival.place.id)

    def tell(self, notice: Notice) -> None:
        """Lists and presence of others do not matter to it."""

    def oust(self) -> None:
        """Nobody else signs in as a resident."""

    def ring(self, invitation: Invitation) -> None:
        """Take the call."""
        boards = self._house.world.switchboards
        session, me, _ = boards.answer(self._address, invitation.cookie, invitation.session)
        self._house.seat(session.id, me, _Guest(self._house, session.id, me, echoes=self._echoes))

    def hand(self, sender: str, kind: int, payload: bytes) -> None:
        """A request for a shared folder is accepted (emulated beyond the ACK)."""
        if kind == 1 and b'opcode="SNM"' in payload:
            answer = payload.replace(b'opcode="SNM"', b'opcode="ACK"')
            for listener in self._house.at(sender):
                listener.hand(self._address, 1, answer)


class _Guest:
    """The resident in one switchboard session."""

    def __init__(self, house: House, session: int, me: Participant, *, echoes: bool) -> None:
        self._house = house
        self._echoes = echoes
        self._session = session
        self._me = me
        self._received: dict[int, int] = {}
        self._identifier = 5000

    def joined(self, participant: Participant) -> None:
        """More guests are welcome."""

    def left(self, participant: Participant) -> None:
        """Leave when nobody else is there."""
        if len(self._house.world.switchboards.session(self._session).participants) == 1:
            self._house.unseat(self._session, self._me)

    def message(self, sender: Participant, payload: bytes) -> None:
        """Acknowledge a complete P2P message, as every client must; an echo contact repeats what people say."""
        head, blank, body = payload.partition(b"\r\n\r\n")
        if self._echoes and any(kind in head for kind in REPEATED):
            self._house.say(self._session, self._me, payload)
            return
        if not blank or b"application/x-msnmsgrp2p" not in head or len(body) < p2p.HEADER + 4:
            return
        try:
            header = p2p.unpack(body)
        except WireError:
            return  # what a client makes of it is its own business
        if header.kind == p2p.ACK:
            return
        got = self._received.get(header.identifier, 0) + header.length
        if len(self._received) >= MESSAGES:
            self._received.clear()
        self._received[header.identifier] = got
        if got >= header.total:
            self._identifier += 1
            answer = mime(p2p.acknowledgement(header, self._identifier), body[-4:], to=sender.address)
            self._house.say(self._session, self._me, answer)
