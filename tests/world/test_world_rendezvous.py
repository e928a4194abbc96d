"""Switchboards, tickets, passwords, offline messages and probes' accounts. Source: msnp.md 2.16, 3.1, http.md 2, 14."""

from __future__ import annotations

import base64

import pytest
from worlds_made import Clock, dump, made, people

from emulator.wire import oim, tags
from emulator.world import World, errors, limits
from emulator.world.throttle import Throttle

TAG = bytes(range(16))
PROBE = tags.account(TAG)


def online(world: World, *addresses: str) -> None:
    for address in addresses:
        world.presence.set_status(world.presence.sign_in(address, 15).place.id, "NLN", capabilities=7)


def test_a_conversation_of_three() -> None:
    world = made()
    alice, bob, carol = people(world, "alice", "bob", "carol")
    online(world, alice, bob, carol)
    boards = world.switchboards
    session, first = boards.open(alice, boards.transfer(alice))
    assert (first.address, first.name, first.capabilities) == (alice, "alice", 7)
    assert 0 < session.id < 2**31
    call = boards.call(session.id, alice, bob)
    assert (call.session, call.callee, call.caller, call.caller_name) == (session.id, bob, alice, "alice")
    _, second, there = boards.answer(bob, call.cookie, session.id)
    assert there == (first,)
    with pytest.raises(errors.InSession):
        boards.call(session.id, alice, bob)
    third = boards.call(session.id, bob, carol)
    assert boards.answer(carol, third.cookie, session.id)[2] == (first, second)
    assert [one.address for one in boards.leave(session.id, first)] == [bob, carol]
    with pytest.raises(errors.NoSuchSession):
        boards.call(session.id, alice, bob)
    boards.leave(session.id, second)
    assert boards.sessions_of(carol) == (session,)
    boards.leave(session.id, next(iter(session.participants.values())))
    assert boards.sessions_of(carol) == ()


def test_who_cannot_be_called() -> None:
    world = made()
    alice, bob, carol, dave = people(world, "alice", "bob", "carol", "dave")
    online(world, alice, carol)
    world.lists.add_member(carol, "Block", alice)
    world.accounts.set_privacy(dave, "BL")
    session, _ = world.switchboards.open(alice, world.switchboards.transfer(alice))
    numbers = {bob: 217, carol: 216, dave: 216, "nobody@example.com": 208}
    for callee, number in numbers.items():
        with pytest.raises(errors.WorldError) as refused:
            world.switchboards.call(session.id, alice, callee)
        assert refused.value.msnp == number, callee


def test_cookies_open_once_for_two_minutes_for_one_account_and_purpose() -> None:
    clock = Clock()
    world = made(clock)
    alice, bob = people(world, "alice", "bob")
    online(world, alice, bob)
    boards = world.switchboards
    cookie = boards.transfer(alice)
    with pytest.raises(errors.BadCookie):
        boards.open(bob, cookie)
    session, _ = boards.open(alice, cookie)
    with pytest.raises(errors.BadCookie):
        boards.open(alice, cookie)
    call = boards.call(session.id, alice, bob)
    with pytest.raises(errors.BadCookie):
        boards.open(bob, call.cookie)
    with pytest.raises(errors.BadCookie):
        boards.answer(bob, call.cookie, session.id + 1)
    clock.at += 119.9
    boards.answer(bob, call.cookie, session.id)
    late = boards.transfer(alice)
    clock.at += 120.1
    with pytest.raises(errors.BadCookie):
        boards.open(alice, late)
    assert all(number < 2**32 for number in map(int, late.split(".")))


def test_tickets_live_for_a_day_and_belong_to_somebody() -> None:
    clock = Clock()
    world = made(clock)
    alice, bob = people(world, "alice", "bob")
    ticket = world.tickets.issue(alice, "messengerclear.live.com")
    other = world.tickets.issue(bob, "contacts.msn.com")
    assert ticket.text.startswith("t=")
    assert ticket.text.endswith("&p=")
    assert ticket.text.count("&") == 1, "papyon splits there"
    assert len(base64.b64decode(ticket.secret_base64)) == 24
    assert world.tickets.owner(ticket.text) is world.account(alice)
    assert world.tickets.owner(ticket.text.removeprefix("t=").removesuffix("&p=")) is world.account(alice), "RSI"
    assert world.tickets.owner(other.text.replace("&p=", "&p=xyz")) is world.account(bob), "p is ignored"
    assert world.tickets.verify(ticket.text).secret == ticket.secret
    for text in ("", "t=&p=", "t=nonsense&p=", tags.ticket(TAG)):
        with pytest.raises(errors.BadTicket):
            world.tickets.owner(text)
    clock.at += 86_400
    with pytest.raises(errors.BadTicket):
        world.tickets.owner(ticket.text)


def test_tickets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TICKETS", 3)
    world = made()
    (alice,) = people(world, "alice")
    issued = [world.tickets.issue(alice, str(number)).text for number in range(4)]
    assert len(set(issued)) == 4
    with pytest.raises(errors.BadTicket):
        world.tickets.owner(issued[0])
    assert world.tickets.verify(issued[1]).site == "1"


def test_passwords() -> None:
    world = made()
    alice = world.accounts.create("Alice@example.com", "opal-Kite7-is-a-long-one").address
    assert world.accounts.authenticate("alice@EXAMPLE.com", "opal-Kite7-is-a-long-one").address == alice
    assert world.accounts.authenticate(alice, "opal-Kite7-is-a-"), "some clients cut after 16 characters"
    for password in ("", "opal-Kite7", "opal-Kite7-is-a-x", "Opal-Kite7-is-a-long-one"):
        with pytest.raises(errors.WrongPassword):
            world.accounts.authenticate(alice, password)
    with pytest.raises(errors.NoSuchAccount):
        world.accounts.authenticate("bob@example.com", "x")
    world.accounts.create("echo@example.com", "", resident=True)
    with pytest.raises(errors.WrongPassword):
        world.accounts.authenticate("echo@example.com", "")
    world.accounts.set_password(alice, "new")
    assert world.accounts.authenticate(alice, "new")


def test_probes_are_let_in_only_when_open_and_leave_nothing() -> None:
    closed = made()
    with pytest.raises(errors.NoSuchAccount):
        closed.account(PROBE)
    world = made(open_accounts=True)
    alice, bob = people(world, "alice", "bob")
    before = world.take_changes() and dump(world)
    with pytest.raises(errors.NoSuchAccount):
        world.account("nobody@hotmail.com")
    assert world.accounts.authenticate(PROBE, "anything").address == PROBE
    with pytest.raises(errors.WrongPassword):
        world.accounts.authenticate(PROBE, "wrong")
    assert world.tickets.owner(tags.ticket(TAG)).address == PROBE
    issued = world.tickets.issue(PROBE, "messengerclear.live.com")
    assert tags.from_ticket(issued.text) == TAG.hex(), "the tag rides on"
    assert world.tickets.issue(PROBE, "contacts.msn.com").secret == issued.secret
    assert world.tickets.verify(tags.ticket(TAG)).secret == issued.secret
    world.books.add_contact(PROBE, alice)
    world.mail.store(PROBE, alice, "x")
    online(world, PROBE)
    cookie = world.switchboards.transfer(PROBE)
    assert world.lists.bits(alice, PROBE) == 8 + 16
    assert world.take_changes() == []
    assert world.forget("ff") == 0
    assert world.forget(TAG.hex()[:6].upper()) == 1
    assert world.find(PROBE) is None
    assert world.mail.messages(alice) == ()
    assert world.lists.bits(alice, PROBE) == 0
    assert not world.presence.signed_in(PROBE)
    with pytest.raises(errors.BadCookie):
        world.switchboards.answer(PROBE, cookie, 1)
    world.books.add_group(bob, "x")
    world.books.remove_group(bob, world.books.group_numbered(bob, 1).id)
    assert [change.account for change in world.take_changes()] == [bob, bob]
    assert before


def test_probes_that_passed_by_are_forgotten_when_they_are_old_and_gone() -> None:
    clock = Clock()
    world = made(clock, open_accounts=True)
    (alice,) = people(world, "alice")
    stays, passed, young = (tags.account(bytes([number]) * 16) for number in (1, 2, 3))
    online(world, stays)
    world.books.add_contact(passed, alice)
    clock.at += 1800
    world.account(young)
    clock.at += 1
    assert world.forget(age=1800) == 1
    assert [world.find(name) is not None for name in (stays, passed, young, alice)] == [True, False, True, True]
    assert world.lists.bits(alice, passed) == 0


def test_too_many_probes_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VOLATILE_ACCOUNTS", 10)
    monkeypatch.setattr("emulator.world.accounts._ROOM", {False: 100, True: 10})
    world = made(open_accounts=True)
    names = [tags.account(bytes([number]) * 16) for number in range(30)]
    online(world, names[0])
    for name in names:
        world.account(name)
    assert len(world) == 10
    assert world.find(names[0]) is not None, "who is signed in stays"
    for number in range(100):
        world.accounts.create(f"x{number}@example.com", "x")
    with pytest.raises(errors.ListFull):
        world.accounts.create("more@example.com", "x")


def test_offline_messages() -> None:
    clock = Clock()
    world = made(clock)
    alice, bob = people(world, "alice", "bob")
    text = oim.mime(oim.WAITING).replace("\r\n", "\n")
    message = world.mail.store(alice, bob, text, run=oim.WAITING.run, number=1, nickname="Alice Ω")
    assert (message.content, message.nickname, message.read) == (text, "Alice Ω", False)
    assert message.size == len(oim.mime(oim.WAITING).encode()), "counted with CR LF"
    assert message.received - int(clock.at * 1000) in (0, 1), "milliseconds, later than the account"
    assert world.mail.message(bob, "{" + message.id.upper() + "}") == message
    assert world.mail.mark_read(bob, message.id).read
    with pytest.raises(errors.NoSuchMessage):
        world.mail.delete(bob, [message.id, "x"])
    assert world.mail.messages(bob), "nothing is deleted when one id is unknown"
    world.mail.delete(bob, [message.id])
    assert world.mail.messages(bob) == ()
    with pytest.raises(errors.NoSuchMessage):
        world.mail.message(bob, message.id)
    with pytest.raises(errors.TooLong):
        world.mail.store(alice, bob, "x" * (limits.MESSAGE + 1))
    with pytest.raises(errors.TooLong):
        world.mail.store(alice, bob, "x", nickname="x" * 49)
    with pytest.raises(errors.NoSuchAccount):
        world.mail.store(alice, "nobody@example.com", "x")
    world.lists.add_member(bob, "Block", alice)
    with pytest.raises(errors.Refused):
        world.mail.store(alice, bob, "x")


def test_offline_messages_are_limited_in_number_and_rate() -> None:
    clock = Clock()
    world = made(clock)
    alice, bob = people(world, "alice", "bob")
    for _ in range(10):
        world.mail.store(alice, bob, "x")
    with pytest.raises(errors.TooFast) as fast:
        world.mail.store(alice, bob, "x")
    assert fast.value.wait == 11.0
    world.mail.store(bob, alice, "x")
    clock.at += 10.9
    with pytest.raises(errors.TooFast) as again:
        world.mail.store(alice, bob, "x")
    assert again.value.wait == pytest.approx(0.1)
    clock.at += 0.2
    world.mail.store(alice, bob, "x")
    world.mail.throttle = None
    for _ in range(limits.MESSAGES - 11):
        world.mail.store(alice, bob, "x")
    with pytest.raises(errors.MailboxFull):
        world.mail.store(alice, bob, "x")


def test_one_message_a_second_is_never_too_fast() -> None:
    throttle = Throttle(table=2)
    assert [throttle.take("a", float(second)) for second in range(100)] == [0.0] * 100
    for key in ("a", "b", "c"):
        throttle.take(key, 100.0)
    assert throttle.table == 2
    assert len(throttle._buckets) == 2


def test_pictures() -> None:
    world = made()
    (alice,) = people(world, "alice")
    tile = world.accounts.set_tile(alice, b"one", "image/png", name="tile")
    account = world.account(alice)
    assert (tile.number, account.tile, account.resource(tile.number)) == (205, tile, f"{account.cid_hex}!205")
    changed = account.profile_version
    world.accounts.store_document(alice, b"two", "png", number=tile.number)
    assert account.tile is not None
    assert account.tile.data == b"two"
    assert account.profile_version > changed
    for _ in range(limits.DOCUMENTS + 3):
        world.accounts.store_document(alice, b"x", "image/png")
    assert len(account.documents) == limits.DOCUMENTS
    assert account.tile.data == b"two", "the tile is never what makes room"
    world.accounts.relate_photo(alice, 0)
    assert account.tile is None
    with pytest.raises(errors.NoSuchDocument):
        world.accounts.relate_photo(alice, 7)
    with pytest.raises(errors.TooLong):
        world.accounts.store_document(alice, bytes(limits.DOCUMENT + 1), "image/png")


def test_annotations_of_oneself() -> None:
    world = made()
    (alice,) = people(world, "alice")
    world.accounts.annotate(alice, [("MSN.IM.BLP", "2"), ("MSN.IM.GTC", "2"), ("MSN.IM.MBEA", "0"), ("x", "1")])
    world.accounts.annotate(alice, [("x", "2")])
    account = world.account(alice)
    assert (account.blp, account.gtc, dict(account.annotations)) == ("BL", "N", {"MSN.IM.MBEA": "0", "x": "2"})
    with pytest.raises(errors.SameMode) as same:
        world.accounts.set_privacy(alice, "BL")
    assert same.value.msnp == 218
    world.accounts.set_prompt(alice, "A")
    assert world.contacts_since(alice, account.created).me
