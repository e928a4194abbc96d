"""Invitations of the older kind between alice and the contact that takes them, and answers that say nonsense."""

from __future__ import annotations

from typing import Any

import pytest
from client_place import BOB, VOICE, Person, Town
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from emulator.client import invitations
from emulator.client.board import Board, Heard
from emulator.client.invitations import Invitation, Program
from emulator.client.network import Unexpected
from emulator.services.contacts.voice import PhoneOf
from emulator.wire.msnp import message as mime
from emulator.wire.receipt import Endpoint

HERE, THERE = "192.0.2.10", "203.0.113.9"


class Desk:
    """A phone, as far as places go."""

    address = THERE


class Place:
    """Alice in a conversation with the contact."""

    def __init__(self) -> None:
        self.town = Town()
        phone: Any = Desk()
        self.town.contacts[0].network.phone = PhoneOf(phone, lambda account: frozenset((HERE,)))
        person = Person(self.town)
        self.town.run(person.online())
        self.person = person
        self.board = self.town.run(person.chat(VOICE))

    def invite(self, program: Program) -> Invitation:
        return self.town.run(invitations.invite(self.board, self.town.network, program, HERE))


@pytest.mark.parametrize(
    ("program", "ports"),
    [
        (invitations.WHITEBOARD, [1503]),
        (invitations.SHARING, [1503]),
        (invitations.OFFER, [3389, 49152]),
        (invitations.ASK, [3389, 49152]),
    ],
    ids=["whiteboard", "sharing", "offer", "ask"],
)
def test_the_answer_names_where_to_connect(program: Program, ports: list[int]) -> None:
    answer = Place().invite(program)
    assert answer.places == tuple(Endpoint(THERE, port) for port in ports)
    assert answer.fields["Session-Protocol"] == "SM1"
    assert answer.fields["Launch-Application"] == "TRUE"


def test_without_a_phone_there_is_no_place() -> None:
    place = Place()
    place.town.contacts[0].network.phone = None
    assert place.invite(invitations.WHITEBOARD).places == ()


def test_what_the_contact_does_not_have_is_declined() -> None:
    with pytest.raises(Unexpected) as declined:
        Place().invite(Program("NetMeeting", "{44BBA842-CC51-11CF-AAFA-00AA00B6015C}"))
    assert declined.value.code == "REJECT"


def test_answers_and_cancels_are_not_answered() -> None:
    place = Place()
    for command in ("ACCEPT", "CANCEL", "DANCE", ""):
        rows = (("Invitation-Command", command), ("Invitation-Cookie", "7"))
        head = (("MIME-Version", "1.0"), ("Content-Type", mime.INVITATION))
        place.board.post(mime.compose(head, mime.compose(rows)))
    place.town.turn(1.0)
    waiting = place.board.heard(mime.INVITATION)
    assert not waiting.called
    waiting.addErrback(lambda failure: None).cancel()


def test_an_answer_to_another_question_is_passed_over() -> None:
    place = Place()
    bob = Person(place.town, BOB)
    place.town.run(bob.online())
    ringing: Deferred[Any] = Deferred()
    bob.messenger.on_ring = ringing.callback
    asked: list[Heard] = []

    def answer(heard: Heard) -> None:
        asked.append(heard)
        invitation = invitations.read(heard)
        if invitation.program is not None:
            fields = mime.Fields((("Invitation-Cookie", "1"),))
            board.post(invitations.accepted(Invitation("", fields), Endpoint("198.51.100.66", 1)))
            board.post(invitations.accepted(invitation, Endpoint(THERE, 1503)))

    async def rung() -> Board:
        ring = await ringing
        joined = Board(place.town.network, await bob.dial("SB", ring.host, ring.port), BOB)
        joined.on_heard = answer
        await joined.answer(ring.session, ring.cookie)
        return joined

    calling = Deferred.fromCoroutine(place.person.chat(BOB))
    board = place.town.run(rung())
    mine = place.town.run(calling)
    got = place.town.run(invitations.invite(mine, place.town.network, invitations.SHARING, HERE))
    assert got.places == (Endpoint(THERE, 1503),)
    place.town.turn()
    last = invitations.read(asked[-1])
    assert (last.command, last.fields["IP-Address"]) == ("ACCEPT", HERE)  # the inviter's own
    assert last.cookie == got.cookie


NONSENSE = [
    ("IP-Address", "203.0.113.9"),
    ("IP-Address", "203.0.113.9:0"),
    ("IP-Address", "203.0.113.9:65536"),
    ("IP-Address", "203.0.113.9:x"),
    ("IP-Address", "somewhere.example:80"),
    ("IP-Address", "203.0.113.9:١"),
    ("Context-Data", "203.0.113.9:1503;:"),
]


@pytest.mark.parametrize("row", NONSENSE, ids=[value for _, value in NONSENSE])
def test_what_is_no_place(row: tuple[str, str]) -> None:
    with pytest.raises(Unexpected, match="no place to connect to"):
        assert not Invitation("", mime.Fields((row,))).places


def test_both_forms_of_the_address_must_agree() -> None:
    for hidden, problem in (("MTkyLjAuMi4xOjgw", "something else"), ("%%%", "no base64")):
        told = mime.Fields((("IP-Address", "203.0.113.9:80"), ("IP-Address-Enc64", hidden)))
        with pytest.raises(Unexpected, match=problem):
            assert not Invitation("", told).places


def test_no_more_places_than_eight() -> None:
    many = ";".join(f"203.0.113.9:{port}" for port in range(1, 100))
    assert len(Invitation("", mime.Fields((("Context-Data", many),))).places) == invitations.PLACES


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    invitation = invitations.read(Heard("", mime.Message(mime.Fields(()), body)))
    assert invitation.program is None or invitation.command == "INVITE"
    try:
        assert all(0 < one.port < 65536 for one in invitation.places)
    except Unexpected:
        pass
