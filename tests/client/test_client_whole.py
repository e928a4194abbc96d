"""The client against the whole service: every generation, directly and over the gateway."""

from __future__ import annotations

import pytest
from client_place import ALICE, BOB, ECHO, FILES, RESIDENTS, SHY, Person, Town
from twisted.internet.defer import Deferred

from emulator.client import offline
from emulator.client.board import Board
from emulator.client.network import StreamEnded, Unexpected
from emulator.client.transfer import Transfers

WAYS = [(8, False), (9, False), (12, False), (13, False), (15, False), (18, False), (8, True), (12, True), (15, True)]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture(params=WAYS, ids=lambda way: f"MSNP{way[0]}{'-gateway' if way[1] else ''}")
def person(town, request):
    dialect, over_gateway = request.param
    return Person(town, ALICE, dialect, over_gateway=over_gateway)


def test_a_person_signs_in_and_sees_who_is_there(town, person):
    messenger = town.run(person.online())
    assert person.signed_in.dialect == person.dialect
    assert person.signed_in.client_ip == "127.0.0.1"
    assert person.signed_in.headers["MSPAuth"]
    shown = town.run(messenger.presence(ECHO))
    assert (shown.address, shown.status, shown.name) == (ECHO, "NLN", ECHO)
    assert SHY not in messenger.people
    assert town.world.online(ALICE)
    town.run(messenger.leave())
    town.turn(2.0)
    assert not town.world.online(ALICE)


def test_contacts_are_the_ones_that_the_world_keeps(town, person):
    town.run(person.online())
    if person.dialect <= 12:
        by_address = {one.address: one for one in person.roster.contacts}
        assert by_address[BOB].bits & 3 == 3
        assert by_address[BOB].name == "Bob"
        assert set(by_address) == {BOB, *RESIDENTS}
    else:
        contacts = town.run(person.book.contacts())
        assert contacts.owner == ALICE
        assert {one.address for one in contacts.people} == {BOB, *RESIDENTS}
        membership = town.run(person.book.membership())
        assert BOB in {one.address for one in membership.of("Allow")}
        assert BOB in {one.address for one in membership.of("Reverse")}


def test_the_challenge_is_answered_in_time(town, person):
    messenger = town.run(person.online())
    if not person.over_gateway:
        town.turn(62.0)
    else:
        town.turn(5.0)
    assert messenger.over is None
    town.run(messenger.transfer())


def test_chat_with_echo_goes_both_ways(town, person):
    town.run(person.online())
    board = town.run(person.chat(ECHO))
    assert [guest.address for guest in board.guests] == [ECHO]
    long = "Ω Ж €, " * 700  # parts, none of which may be cut inside a character
    for words in ("Hello, Ω!", long):
        town.run(board.say(words))
        assert town.run(board.heard("text/x-msmsgscontrol")).message.fields["TypingUser"] == ECHO
        heard = town.run(board.heard())
        assert (heard.sender, heard.message.text) == (ECHO, words)
    town.run(board.nudge())
    assert town.run(board.heard("text/x-msnmsgr-datacast")).message.body == b"ID: 1\r\n\r\n"
    town.run(board.leave())
    town.turn(2.0)
    assert not town.world.switchboards.sessions_of(ECHO)


def test_two_people_see_each_other_and_talk(town, person):
    alice = town.run(person.online())
    other = Person(town, BOB)
    bob = town.run(other.online("BSY", message="at <lunch> & back"))
    assert town.run(alice.presence(BOB, lambda shown: shown.status == "BSY")).name == "Bob"
    ringing = bob.ring(ALICE)

    async def answered():
        ring = await ringing
        seat = Board(town.network, await other.dial("SB", ring.host, ring.port), BOB)
        await seat.answer(ring.session, ring.cookie)
        return seat

    sitting = Deferred.fromCoroutine(answered())
    board = town.run(person.chat(BOB))
    seat = town.run(sitting)
    assert [guest.address for guest in seat.guests] == [ALICE]
    town.run(board.say("from alice"))
    assert town.run(seat.heard()).message.text == "from alice"
    town.run(seat.say("from bob"))
    assert town.run(board.heard()).message.text == "from bob"
    gone = board.left(BOB)
    town.run(seat.leave())
    assert town.run(gone) == BOB
    with pytest.raises(Unexpected) as nobody:
        town.run(board.say("anybody?"))
    assert nobody.value.verb == "NAK"


@pytest.mark.parametrize("dialect", [12, 13, 15, 18])
def test_a_personal_message_arrives(town, dialect):
    alice = town.run(Person(town, ALICE, dialect).online())
    waiting = alice.personal(BOB)
    town.run(Person(town, BOB).online("BSY", message="at <lunch> & back"))
    assert town.run(waiting).message == "at <lunch> & back"


@pytest.mark.parametrize("over_gateway", [False, True])
def test_signing_in_elsewhere_ends_the_first(town, over_gateway):
    first = town.run(Person(town, ALICE, over_gateway=over_gateway).online())
    town.run(Person(town, ALICE).online())
    town.turn(3.0)
    assert isinstance(first.over, StreamEnded)
    assert "OUT OTH" in first.over.detail
    with pytest.raises(StreamEnded):
        town.run(first.transfer())


def test_an_offline_message_is_left_and_read_by_another(town):
    alice = Person(town, ALICE)
    town.run(alice.online())
    town.run(offline.leave(town.network, alice.tickets, ALICE, BOB, "gone climbing: Ω Ж €"))
    bob = Person(town, BOB)
    messenger = town.run(bob.connect())
    told = messenger.mail("text/x-msmsgsinitialmdatanotification")
    town.run(messenger.present())
    body = town.run(told).fields
    assert body.kind == "text/x-msmsgsinitialmdatanotification"
    waiting = town.run(offline.waiting(town.network, bob.tickets))
    assert [(one.sender, one.name, one.read) for one in waiting] == [(ALICE, "alice", False)]
    message = town.run(offline.read(town.network, bob.tickets, waiting[0].id, mark=True))
    assert message.text == "gone climbing: Ω Ж €"
    assert town.run(offline.waiting(town.network, bob.tickets))[0].read
    town.run(offline.delete(town.network, bob.tickets, waiting[0].id))
    assert town.run(offline.waiting(town.network, bob.tickets)) == ()
    with pytest.raises(Unexpected):
        town.run(offline.delete(town.network, bob.tickets, waiting[0].id))


def test_mail_that_arrives_is_told(town):
    bob = town.run(Person(town, BOB).online())
    alice = Person(town, ALICE)
    town.run(alice.online())
    told = bob.mail("text/x-msmsgsoimnotification")
    town.run(offline.leave(town.network, alice.tickets, ALICE, BOB, "now"))
    found = offline.announced(dict(_fields(town.run(told).body))["Mail-Data"])
    assert [one.sender for one in found] == [ALICE]


def _fields(body):
    for row in body.decode().split("\r\n"):
        name, colon, value = row.partition(": ")
        if colon:
            yield name, value


def test_messages_for_somebody_hidden_wait(town):
    alice = Person(town, ALICE)
    town.run(alice.online())
    with pytest.raises(Unexpected) as offline_now:
        town.run(alice.chat(SHY))
    assert offline_now.value.number == 217
    town.run(offline.leave(town.network, alice.tickets, ALICE, SHY, "hello?"))
    assert len(town.world.mail.messages(SHY)) == 1


def test_the_book_changes(town):
    town.world.accounts.create("carol@example.com", "x", name="Carol")
    alice = Person(town, ALICE)
    town.run(alice.online())
    book = alice.book
    identifier = town.run(book.add_contact("carol@example.com", invite="hi"))
    people = {one.address: one for one in town.run(book.contacts()).people}
    assert people["carol@example.com"].id == identifier
    with pytest.raises(Unexpected) as again:
        town.run(book.add_contact("carol@example.com"))
    assert again.value.code == "ContactAlreadyExists"
    town.run(book.delete_contact(identifier))
    assert "carol@example.com" not in {one.address for one in town.run(book.contacts()).people}
    town.run(book.add_member("Block", "carol@example.com"))
    assert "carol@example.com" in {one.address for one in town.run(book.membership()).of("Block")}
    town.run(book.delete_member("Block", "carol@example.com"))
    with pytest.raises(Unexpected) as missing:
        town.run(book.delete_member("Block", "carol@example.com"))
    assert missing.value.code == "MemberDoesNotExist"
    group = town.run(book.add_group("Climbing"))
    assert town.run(book.contacts()).groups[group] == "Climbing"
    assert town.run(book.profile()).name == "Alice"


@pytest.mark.parametrize("dialect", [8, 15])
def test_a_wrong_password_is_said(town, dialect):
    with pytest.raises(Unexpected) as refused:
        town.run(Person(town, ALICE, dialect, password="wrong-one").connect())
    assert refused.value.code == ("wrong password" if dialect == 8 else "0x80048821")


@pytest.mark.parametrize("dialect", [8, 12, 15, 18])
def test_a_referral_is_followed(dialect):
    town = Town(dispatch=True)
    messenger = town.run(Person(town, ALICE, dialect).online())
    assert town.world.online(ALICE)
    assert town.run(messenger.presence(ECHO)).status == "NLN"


def test_a_held_poll_brings_news_at_once(town):
    person = Person(town, ALICE, over_gateway=True, lifespan=20)
    messenger = town.run(person.online())
    asked = len(town.network.asked)
    town.turn(15.0)
    assert len(town.network.asked) - asked <= 1
    seen = messenger.presence(BOB)
    town.run(Person(town, BOB).online())
    assert town.run(seen, 0.2).address == BOB


def test_someone_who_adds_us_is_told_to_us(town):
    town.world.accounts.create("eve@example.com", "x", name="Eve E")
    for dialect in (8, 12, 15):
        messenger = town.run(Person(town, ALICE, dialect).online())
        told = messenger.listed()
        contact = town.world.books.add_contact("eve@example.com", ALICE)
        town.house.settle()
        verb, items = town.run(told)
        assert verb == "ADL"
        assert [(one.address, one.name) for one in items] == [("eve@example.com", "Eve E")]
        gone = messenger.listed()
        town.world.books.remove_contact("eve@example.com", contact.id)
        town.house.settle()
        assert town.run(gone)[0] == "RML"


def test_renaming_is_seen_by_others(town):
    for dialect in (8, 12, 15):
        bob = town.run(Person(town, BOB).online())
        alice = town.run(Person(town, ALICE, dialect).online())
        town.run(alice.rename(f"Alice of {dialect} %"))
        assert town.run(bob.presence(ALICE, lambda shown, to=dialect: shown.name == f"Alice of {to} %"))


def test_transfers_do_not_hinder_talk(town):
    person = Person(town, ALICE)
    town.run(person.online())
    made = []
    board = town.run(person.chat(FILES, lambda board: made.append(Transfers(board, town.network))))
    sending = Deferred.fromCoroutine(made[0].send_file(FILES, "big.bin", bytes(200_000)))
    town.run(board.say("help"))
    first = town.run(board.heard())
    assert first.message.text.startswith("Send me a file")
    assert town.run(sending).size == 200_000
