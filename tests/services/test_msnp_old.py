"""Dispatch for every generation, and the whole life of MSNP2 to MSNP7, in raw lines."""

from __future__ import annotations

import re
from hashlib import md5

import pytest
from msnp_place import PASSWORD, Service

from emulator.wire import sso

ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    service.world.books.add_contact(ALICE, BOB, name="Bob B", allow=True)
    service.world.books.add_contact(BOB, ALICE)
    return service


@pytest.mark.parametrize("dialect", ["MSNP2", "MSNP4", "MSNP5", "MSNP6", "MSNP7"])
def test_a_client_of_2000_signs_in_with_its_own_digest(service, dialect):
    line = service.line()
    assert line.send(f"VER 0 {dialect} CVR0\r\n".encode()) == f"VER 0 {dialect}\r\n".encode()
    assert line.send(b"INF 1\r\n") == b"INF 1 MD5\r\n"
    asked = re.fullmatch(rb"USR 2 MD5 S (\S+)\r\n", line.send(b"USR 2 MD5 I alice@example.com\r\n"))
    assert asked is not None
    answer = md5(asked[1] + PASSWORD.encode()).hexdigest().encode()
    assert line.send(b"USR 3 MD5 S " + answer + b"\r\n") == b"USR 3 OK alice@example.com Alice\r\n"


def test_a_wrong_digest_is_911(service):
    line = service.line()
    line.send(b"VER 0 MSNP7 CVR0\r\nUSR 2 MD5 I alice@example.com\r\n")
    assert line.send(b"USR 3 MD5 S 00000000000000000000000000000000\r\n") == b"911 3\r\n"
    assert line.far.done


def test_each_list_comes_by_itself_with_version_and_count(service):
    out = service.person(ALICE, "MSNP5", status="").send(b"SYN 5 0\r\n")
    version = out.split()[2]
    assert out.split(b"\r\n") == [
        b"SYN 5 " + version,
        b"GTC 5 " + version + b" A",
        b"BLP 5 " + version + b" AL",
        b"LST 5 FL " + version + b" 1 1 bob@example.com Bob%20B",
        b"LST 5 AL " + version + b" 1 1 bob@example.com Bob%20B",
        b"LST 5 BL " + version + b" 0 0",
        b"LST 5 RL " + version + b" 1 1 bob@example.com Bob%20B",
        b"",
    ]


def test_msnp7_knows_groups(service):
    out = service.person(ALICE, "MSNP7", status="").send(b"SYN 5 0\r\n")
    version = out.split()[2]
    assert b"LSG 5 " + version + b" 1 1 0 Other%20Contacts 0\r\n" in out
    assert b"LST 5 FL " + version + b" 1 1 bob@example.com Bob%20B 0\r\n" in out


def test_one_list_can_be_asked_for_and_an_equal_version_is_short(service):
    line = service.person(ALICE, "MSNP2", status="")
    version = line.send(b"SYN 5 0\r\n").split()[2]
    assert line.send(b"SYN 6 " + version + b"\r\n") == b"SYN 6 " + version + b"\r\n"
    assert line.send(b"LST 7 BL\r\n") == b"LST 7 BL " + version + b" 0 0\r\n"


def test_presence_without_capabilities_and_changes_with_versions(service):
    bob = service.person(BOB, "MSNP5")
    alice = service.person(ALICE, "MSNP5", status="")
    assert alice.send(b"CHG 8 NLN\r\n") == b"CHG 8 NLN\r\nILN 8 NLN bob@example.com Bob\r\n"
    assert bob.read().endswith(b"NLN NLN alice@example.com Alice\r\n")
    assert re.fullmatch(rb"REA 9 \d+ alice@example.com Alicia\r\n", alice.send(b"REA 9 alice@example.com Alicia\r\n"))
    assert bob.read() == b"NLN NLN alice@example.com Alicia\r\n"
    assert re.fullmatch(rb"REM 10 FL \d+ bob@example.com\r\n", alice.send(b"REM 10 FL bob@example.com\r\n"))
    assert re.match(rb"REM 0 RL \d+ alice@example.com\r\n", bob.read())
    assert re.match(rb"ADD 11 FL \d+ bob@example.com Bob\r\n", alice.send(b"ADD 11 FL bob@example.com Bob\r\n"))
    alice.read()
    assert re.fullmatch(rb"GTC 12 \d+ N\r\n", alice.send(b"GTC 12 N\r\n"))
    assert re.fullmatch(rb"BLP 13 \d+ BL\r\n", alice.send(b"BLP 13 BL\r\n"))
    assert alice.send(b"ADD 14 FL nobody@example.com x\r\n") == b"205 14\r\n"
    assert alice.send(b"PNG\r\n") == b"QNG\r\n"


def test_switchboards_of_old_clients_list_no_capabilities(service):
    alice, bob = service.person(ALICE, "MSNP7"), service.person(BOB, "MSNP7")
    bob.read()
    alice.read()
    words = alice.send(b"XFR 20 SB\r\n").split()
    assert [*words[:3], words[4]] == [b"XFR", b"20", b"SB", b"CKI"]
    assert len(words) == 6
    board = service.line()
    board.send(b"USR 1 alice@example.com " + words[5] + b"\r\nCAL 2 bob@example.com\r\n")
    ring = re.search(rb"RNG (\d+) \S+ CKI (\S+) alice@example.com Alice\r\n", bob.read())
    assert ring is not None
    seat = service.line()
    out = seat.send(b"ANS 1 bob@example.com %s %s\r\n" % (ring[2], ring[1]))
    assert out == b"IRO 1 1 1 alice@example.com Alice\r\nANS 1 OK\r\n"
    assert board.read().endswith(b"JOI bob@example.com Bob\r\n")


@pytest.mark.parametrize(("dialect", "asked"), [("MSNP5", False), ("MSNP6", True), ("MSNP10", True)])
def test_challenges_begin_with_msnp6_and_take_the_short_answer(service, dialect, asked):
    line = service.person(ALICE, dialect, status="")
    found = re.search(rb"CHL 0 (\d+)\r\n", line.send(b"CHG 5 NLN 0\r\n"))
    assert (found is not None) is asked
    if found is not None:
        answer = md5(found[1] + b"Q1P7W2E4J9R8U3S5").hexdigest().encode()
        assert line.send(b"QRY 6 msmsgs@msnmsgr.com 32\r\n" + answer) == b"QRY 6\r\n"


@pytest.mark.parametrize(
    ("dialect", "tail"),
    [
        ("MSNP5", b""),
        ("MSNP8", b" 0 203.0.113.20:1863"),
        ("MSNP12", b" 0 203.0.113.20:1863"),
        ("MSNP13", b" U D"),
        ("MSNP15", b" U D"),
        ("MSNP18", b" U D"),
    ],
)
def test_who_follows_the_referral_signs_in(dialect, tail):
    service = Service(dispatch=True)
    service.world.accounts.create(ALICE, PASSWORD, name="Alice")
    scheme = "SSO" if int(dialect[4:]) >= 15 else "TWN" if int(dialect[4:]) >= 8 else "MD5"
    version = f"VER 1 {dialect} CVR0\r\n".encode()
    cvr = b"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs alice@example.com\r\n"
    first = service.line()
    out = first.send(version + cvr + f"USR 3 {scheme} I alice@example.com\r\n".encode())
    assert out.endswith(b"XFR 3 NS 203.0.113.20:1863" + tail + b"\r\n")
    assert first.far.done
    second = service.line()
    asked = second.send(version + cvr + f"USR 6 {scheme} I alice@example.com\r\n".encode())
    nonce = asked.split()[-1]
    ticket = service.world.tickets.issue(ALICE, "messengerclear.live.com")
    proof = ticket.text
    if scheme == "MD5":
        proof = md5(nonce + PASSWORD.encode()).hexdigest()
    if scheme == "SSO":
        proof += " " + sso.response(ticket.secret_base64, nonce.decode(), bytes(8))
    assert b"USR 7 OK alice@example.com" in second.send(f"USR 7 {scheme} S {proof}\r\n".encode())


def test_without_dispatch_nobody_is_referred(service):
    line = service.line()
    assert b"XFR" not in line.send(b"VER 1 MSNP15 CVR0\r\nUSR 2 SSO I alice@example.com\r\n")
