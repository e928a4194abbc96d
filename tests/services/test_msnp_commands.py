"""Commands beside presence, lists and chat, in raw lines: what leads to others, and what gets a number."""

from __future__ import annotations

import re

import pytest
from msnp_place import PASSWORD, Service

from emulator.world.errors import NoSuchAccount, WrongPassword

ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    service.world.books.add_contact(ALICE, BOB, allow=True)
    return service


def loud(verb: bytes, payload: bytes) -> bytes:
    return b"%s %d\r\n%s" % (verb, len(payload), payload)


@pytest.mark.parametrize("dialect", ["MSNP14", "MSNP15", "MSNP18"])
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_messages_between_networks_arrive_and_are_silent(service, dialect, kind):
    alice, bob = service.person(ALICE, dialect), service.person(BOB, dialect)
    alice.read()
    bob.read()
    body = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhi"
    assert alice.send(loud(b"UUM 9 bob@example.com 32 %d" % kind, body)) == b""
    assert bob.read() == loud(b"UBM alice@example.com 1 bob@example.com 1 %d" % kind, body)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (b"UUM 9 nobody@example.com 1 1", b"208"),
        (b"UUM 9 bob@example.com 1 1", b"217"),
        (b"UUM 9 bob@example.com 32 1", b"509"),
        (b"UUM 9 bob@example.com 32 9", b"201"),
        (b"UUN 9 bob@example.com 1", b"217"),
        (b"UUN 9 nobody@example.com 1", b"208"),
        (b"UUN 9 bob@example.com x", b"283"),
        (b"PGD 9 tel:+15551234 1", b"220"),
        (b"PGD 9 somebody 1", b"201"),
        (b"PAG 9 tel:+15551234 1", b"715"),
    ],
)
def test_what_cannot_be_delivered_gets_its_number(service, command, number):
    alice = service.person(ALICE)
    alice.read()
    assert alice.send(loud(command, b"hello")) == number + b" 9\r\n"
    assert alice.send(b"PNG\r\n") == b"QNG 60\r\n"


def test_too_long_a_message_is_285(service):
    alice, _ = service.person(ALICE), service.person(BOB)
    alice.read()
    assert alice.send(loud(b"UUM 9 bob@example.com 1 1", b"x" * 1665)) == b"285 9\r\n"


@pytest.mark.parametrize(
    ("dialect", "command", "answer"),
    [
        ("MSNP15", b"FND 9 fname=* lname=x", b"502 9\r\n"),
        ("MSNP8", b"FND 9 fname=* lname=x", b"502 9\r\n"),
        ("MSNP15", b"IMS 9 OFF", b"IMS 9 0 OFF\r\n"),
        ("MSNP9", b"IMS 9 ON", b"IMS 9 0 ON\r\n"),
        ("MSNP7", b"SND 9 eve@example.com 0x0409 MSMSGS", b"SND 9 OK\r\n"),
        ("MSNP15", b"SDC 9 eve@example.com 0x0409 MSMSGS MSMSGS X X Alice 5\r\nhello", b"SDC 9 OK\r\n"),
        ("MSNP8", b"PAG 9 tel:+15551234 5\r\nhello", b"220 9\r\n"),
        ("MSNP18", b"PUT 9 5\r\nhello", b"933 9\r\n"),
        ("MSNP18", b"DEL 9 5\r\nhello", b"933 9\r\n"),
        ("MSNP18", b"SDG 9 5\r\nhello", b"801 9\r\n"),
        ("MSNP18", b"USR 9 SHA A dGlja2V0", b"USR 9 OK alice@example.com 0 0\r\n"),
        ("MSNP15", b"USR 9 SSO I alice@example.com", b"207 9\r\n"),
    ],
)
def test_commands_that_are_answered_without_anybody_else(service, dialect, command, answer):
    alice = service.person(ALICE, dialect)
    alice.read()
    assert alice.send(command + b"\r\n" if b"\r\n" not in command else command) == answer
    assert alice.send(b"PNG\r\n").startswith(b"QNG")


@pytest.mark.parametrize(
    ("dialect", "command"),
    [
        ("MSNP15", b"PUT 9 5\r\nhello"),
        ("MSNP12", b"UUN 9 bob@example.com 1 5\r\nhello"),
        ("MSNP13", b"UUM 9 bob@example.com 1 1 5\r\nhello"),
        ("MSNP13", b"GTC 9 A\r\n"),
        ("MSNP10", b"UUX 9 5\r\nhello"),
        ("MSNP15", b"VER 9 MSNP8 CVR0\r\n"),
        ("MSNP6", b"ADG 9 Work 0\r\n"),
    ],
)
def test_commands_of_other_dialects_end_the_connection(service, dialect, command):
    alice = service.person(ALICE, dialect)
    alice.send(command)
    assert alice.far.error is not None


@pytest.mark.parametrize("kind", ["INBOX", "FOLDERS", "COMPOSE", "CHGMOB", "PERSON", "PROFILE", "CHAT", "MESSAGE"])
def test_every_page_has_a_path_a_login_and_a_site(service, kind):
    alice = service.person(ALICE)
    alice.read()
    answer = alice.send(f"URL 9 {kind} 0x0409\r\n".encode())
    assert re.fullmatch(rb"URL 9 /\S+ https://login\.live\.com/\S+ 2\r\n", answer)


def test_composing_names_the_receiver(service):
    alice = service.person(ALICE)
    alice.read()
    assert b"bob@example.com" in alice.send(b"URL 9 COMPOSE bob@example.com\r\n")


@pytest.mark.parametrize("dialect", ["MSNP11", "MSNP12"])
def test_shields_are_asked_for_by_name(service, dialect):
    alice = service.person(ALICE, dialect)
    alice.read()
    head, _, document = alice.send(b"GCF 9 Shields.xml\r\n").partition(b"\r\n")
    assert head == b"GCF 9 Shields.xml %d" % len(document)
    assert b"<shield>" in document


def test_an_empty_personal_message_takes_it_away(service):
    alice, bob = service.person(ALICE), service.person(BOB)
    bob.send(loud(b"UUX 8", b"<Data><PSM>here</PSM><CurrentMedia></CurrentMedia></Data>"))
    assert b"here" in alice.read()
    assert bob.send(b"UUX 9 0\r\n").endswith(b"UUX 9 0\r\n")
    assert alice.read() == b"UBX bob@example.com 1 0\r\n"


def test_capabilities_may_be_missing_as_third_parties_leave_them(service):
    alice = service.person(ALICE, status="")
    assert alice.send(b"CHG 7 NLN\r\n").startswith(b"CHG 7 NLN\r\n")
    assert alice.send(b"XFR 8 SB\r\n").startswith(b"XFR 8 SB ")


# limits: msnp.md 1.7


def test_a_name_has_at_most_387_bytes(service):
    alice = service.person(ALICE)
    alice.read()
    good = b"x" * 387
    assert alice.send(b"PRP 8 MFN " + good + b"\r\n") == b"PRP 8 MFN " + good + b"\r\n"
    assert alice.send(b"PRP 9 MFN " + good + b"x\r\n") == b"209 9\r\n"
    assert alice.send(b"PRP 10 MFN " + b"%20" * 130 + b"\r\n") == b"209 10\r\n"
    old = service.person(BOB, "MSNP9")
    old.read()
    assert old.send(b"REA 9 bob@example.com " + good + b"x\r\n") == b"209 9\r\n"


@pytest.mark.parametrize("dialect", ["MSNP9", "MSNP12"])
def test_group_names_and_groups_are_limited(service, dialect):
    alice = service.person(ALICE, dialect)
    alice.read()
    assert alice.send(b"ADG 9 " + b"g" * 62 + b"\r\n") == b"229 9\r\n"
    for number in range(30):
        assert alice.send(b"ADG 10 g%d\r\n" % number).startswith(b"ADG 10 ")
    assert alice.send(b"ADG 11 more\r\n") == b"223 11\r\n"


def test_a_full_address_book_is_210(service, monkeypatch):
    from emulator.world import limits

    monkeypatch.setattr(limits, "CONTACTS", 1)
    service.world.accounts.create("eve@example.com", PASSWORD)
    alice = service.person(ALICE, "MSNP9")
    alice.read()
    assert alice.send(b"ADD 9 FL eve@example.com Eve\r\n") == b"210 9\r\n"


def test_phone_numbers_have_at_most_95_bytes(service):
    alice = service.person(ALICE, "MSNP9")
    alice.read()
    assert re.fullmatch(rb"PRP 9 \d+ PHH 5%2055\r\n", alice.send(b"PRP 9 PHH 5%2055\r\n"))
    assert b"PRP PHH 5%2055\r\n" in alice.send(b"SYN 10 0\r\n")
    alice.send(b"PRP 11 PHH " + b"5" * 96 + b"\r\n")
    assert alice.far.error is not None


def test_who_asks_for_too_many_switchboards_is_told_to_wait(service):
    alice = service.person(ALICE)
    alice.read()
    answers = [alice.send(b"XFR 9 SB\r\n") for _ in range(30)]
    assert answers[0].startswith(b"XFR 9 SB ")
    assert answers[-1] == b"800 9\r\n"
    service.clock.advance(30)
    assert alice.send(b"XFR 9 SB\r\n").startswith(b"XFR 9 SB ")


def test_who_calls_too_often_is_told_to_wait(service):
    alice = service.person(ALICE)
    alice.read()
    board = service.line()
    board.send(b"USR 1 alice@example.com " + alice.send(b"XFR 9 SB\r\n").split()[5] + b"\r\n")
    answers = [board.send(b"CAL 2 bob@example.com\r\n") for _ in range(40)]
    assert answers[0] == b"217 2\r\n"
    assert answers[-1] == b"713 2\r\n"


@pytest.mark.parametrize(("size", "ends"), [(1664, False), (1665, True)])
def test_a_switchboard_message_has_at_most_1664_bytes(service, size, ends):
    alice = service.person(ALICE)
    alice.read()
    board = service.line()
    board.send(b"USR 1 alice@example.com " + alice.send(b"XFR 9 SB\r\n").split()[5] + b"\r\n")
    board.send(loud(b"MSG 2 N", b"x" * size))
    assert (board.far.error is not None) is ends


@pytest.mark.parametrize("known", [True, False])
def test_open_accounts_are_made_at_the_first_sign_in(known):
    accounts = Service(anybody=known).world.accounts
    if not known:
        with pytest.raises(NoSuchAccount):
            accounts.authenticate("new@example.com", "first")
        return
    assert accounts.authenticate("new@example.com", "first").address == "new@example.com"
    assert accounts.authenticate("NEW@example.com", "first").address == "new@example.com"
    with pytest.raises(WrongPassword):
        accounts.authenticate("new@example.com", "second")
    with pytest.raises(WrongPassword):
        accounts.authenticate("contact@hotmail.com", "resident")


@pytest.mark.parametrize(("known", "answer"), [(True, b"USR 3 OK new@example.com new\r\n"), (False, b"911 3\r\n")])
def test_open_accounts_let_clients_in_that_never_show_a_password(known, answer):
    service = Service(anybody=known)
    line = service.line()
    line.send(b"VER 0 MSNP7 CVR0\r\nUSR 2 MD5 I new@example.com\r\n")
    assert line.send(b"USR 3 MD5 S 0123456789abcdef0123456789abcdef\r\n") == answer
