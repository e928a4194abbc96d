"""What happens when nothing happens: every time limit, on a clock that is moved by hand; and the end of the service."""

from __future__ import annotations

import re

import pytest
from msnp_place import PASSWORD, Line, Service

from emulator.wire import challenge

ALICE, BOB = "alice@example.com", "bob@example.com"
TEXT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhi"


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    service.world.books.add_contact(ALICE, BOB, allow=True)
    service.world.books.add_contact(BOB, ALICE, allow=True)
    return service


def settled(service: Service, address: str = ALICE) -> Line:
    """Signed in, and the challenge answered."""
    line = service.person(address, status="")
    asked = re.search(rb"CHL 0 (\d{20})\r\n", line.send(b"CHG 5 NLN 2007498796 0\r\n"))
    assert asked is not None
    right = challenge.lock_key(asked[1].decode(), challenge.CLIENT).encode()
    assert line.send(b"QRY 6 %s 32\r\n%s" % (challenge.CLIENT.encode(), right)).endswith(b"QRY 6\r\n")
    return line


def test_an_unanswered_challenge_ends_with_a_bare_out(service):
    bob = settled(service, BOB)
    line = service.person(ALICE)
    line.read()
    bob.read()
    service.clock.advance(59)
    assert not line.hung_up
    service.clock.advance(2)
    assert line.read() == b"OUT\r\n"
    assert line.hung_up
    assert bob.read() == b"FLN alice@example.com 1\r\n"
    assert not service.world.online(ALICE)


def test_an_answered_challenge_does_not(service):
    line = settled(service)
    service.clock.advance(300)
    assert not line.hung_up


@pytest.mark.parametrize(
    "opening", [b"", b"VER 1 MSNP15 CVR0\r\n", b"VER 1 MSNP15 CVR0\r\nUSR 2 SSO I a@example.com\r\n"]
)
def test_who_does_not_sign_in_within_a_minute_is_closed(service, opening):
    line = service.line()
    line.send(opening)
    service.clock.advance(59)
    assert not line.hung_up
    service.clock.advance(2)
    assert line.hung_up


def test_who_pings_every_fifty_seconds_stays_for_hours(service):
    line = settled(service)
    line.read()
    for _ in range(200):
        service.clock.advance(50)
        assert line.send(b"PNG\r\n") == b"QNG 60\r\n"
    assert not line.hung_up


def test_a_silent_client_has_a_quarter_of_an_hour(service):
    line = settled(service)
    service.clock.advance(890)
    assert not line.hung_up
    service.clock.advance(20)
    assert line.hung_up
    assert not service.world.online(ALICE)


@pytest.mark.parametrize("beginning", [b"P", b"CHG 7 NL", b"UUX 7 50\r\n", b"UUX 7 50\r\n<Data>"])
def test_a_command_that_does_not_go_on_ends_the_connection(service, beginning):
    line = settled(service)
    line.send(beginning)
    service.clock.advance(29)
    assert not line.hung_up
    service.clock.advance(2)
    assert line.hung_up


def test_a_slow_but_steady_command_arrives(service):
    line = settled(service)
    line.read()
    for byte in b"PNG\r\n":
        service.clock.advance(6)
        line.send(bytes((byte,)))
    service.clock.advance(100)
    assert not line.hung_up


def board(service: Service) -> tuple[Line, Line]:
    """Alice and bob in one switchboard session."""
    alice, bob = settled(service), settled(service, BOB)
    alice.read()
    bob.read()
    cookie = alice.send(b"XFR 20 SB\r\n").split()[5]
    first = service.line()
    first.send(b"USR 1 alice@example.com " + cookie + b"\r\nCAL 2 bob@example.com\r\n")
    ring = re.search(rb"RNG (\d+) \S+ CKI (\S+) alice@example.com", bob.read())
    assert ring is not None
    second = service.line()
    second.send(b"ANS 1 bob@example.com %s %s\r\n" % (ring[2], ring[1]))
    first.read()
    return first, second


def test_a_silent_switchboard_ends_for_everybody(service):
    first, second = board(service)
    service.clock.advance(200)
    first.send(b"MSG 3 N %d\r\n%s" % (len(TEXT), TEXT))
    second.read()
    service.clock.advance(299)
    assert (first.hung_up, second.hung_up) == (False, False)
    service.clock.advance(2)
    assert first.read() == b"BYE bob@example.com 1\r\n"
    assert second.read() == b"BYE alice@example.com 1\r\n"
    assert (first.hung_up, second.hung_up) == (True, True)
    assert not service.world.switchboards.sessions_of(ALICE)


def test_a_slow_message_ends_one_member_and_the_others_hear_of_it(service):
    first, second = board(service)
    second.send(b"MSG 3 N 100\r\nMIME-")
    service.clock.advance(31)
    assert second.hung_up
    assert first.read() == b"BYE bob@example.com\r\n"


def test_nothing_is_left_on_the_clock_when_everybody_is_gone(service):
    before = set(service.clock.getDelayedCalls())
    first, second = board(service)
    for line in (first, second):
        line.send(b"OUT\r\n")
    for address in (ALICE, BOB):
        service.house.at(address)[0].oust()
    assert not set(service.clock.getDelayedCalls()) - before


def test_the_end_of_the_service_is_told(service):
    first, second = board(service)
    alice, stranger = service.person(ALICE, "MSNP12"), service.line()
    alice.read()
    service.house.close()
    assert alice.read() == b"OUT SSD\r\n"
    assert stranger.read() == b"OUT SSD\r\n"
    assert all(line.hung_up for line in (first, second, alice, stranger))
    assert not service.world.online(ALICE)
