"""Lists in band of MSNP8 to MSNP12, against the shapes of the published transcripts."""

from __future__ import annotations

import re

import pytest
from msnp_place import PASSWORD, Service

ALICE, BOB, DAVE, EVE = (f"{name}@example.com" for name in ("alice", "bob", "dave", "eve"))
GUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB, DAVE, EVE):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    service.world.books.add_contact(ALICE, BOB, name="Bob B", allow=True)
    service.world.lists.add_member(ALICE, "Allow", DAVE)
    return service


def test_numbered_synchronisation(service):
    group = service.world.books.add_group(ALICE, "Climbing")
    contact = service.world.books.contact_of(ALICE, BOB)
    service.world.books.put_in_group(ALICE, contact.id, group.id)
    out = service.person(ALICE, "MSNP8", status="").send(b"SYN 8 0\r\n").split(b"\r\n")
    assert re.fullmatch(rb"SYN 8 \d+ 2 2", out[0])
    assert out[1:3] == [b"GTC A", b"BLP AL"]
    assert out[3:5] == [b"LSG 0 Other%20Contacts 0", b"LSG 1 Climbing 0"]
    assert out[5:7] == [b"LST bob@example.com Bob%20B 3 1", b"LST dave@example.com Dave 2"]


def test_nothing_is_sent_when_the_version_is_the_same(service):
    line = service.person(ALICE, "MSNP9", status="")
    version = line.send(b"SYN 8 0\r\n").split()[2]
    assert line.send(b"SYN 9 " + version + b"\r\n") == b"SYN 9 " + version + b"\r\n"


@pytest.mark.parametrize(("dialect", "network"), [("MSNP10", b""), ("MSNP11", b""), ("MSNP12", b" 1")])
def test_synchronisation_with_guids(service, dialect, network):
    out = service.person(ALICE, dialect, status="").send(b"SYN 8 0 0\r\n").split(b"\r\n")
    stamp = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00"
    assert re.fullmatch(rb"SYN 8 " + stamp + rb" " + stamp + rb" 2 0", out[0])
    assert out[3] == b"PRP MFN Alice"
    assert re.fullmatch(rb"LST N=bob@example.com F=Bob%20B C=" + GUID + rb" 3" + network, out[4])
    assert out[5] == b"LST N=dave@example.com 2" + network


def test_numbered_editing_counts_versions_up(service):
    line = service.person(ALICE, "MSNP8")
    eve = service.person(EVE, "MSNP8")
    eve.read()
    line.read()
    added = re.match(rb"ADD 9 FL (\d+) eve@example.com Eve 0\r\n", line.send(b"ADD 9 FL eve@example.com Eve 0\r\n"))
    assert added is not None
    assert re.search(rb"ADD 0 RL \d+ alice@example.com Alice\r\n", eve.read())
    line.read()
    allowed = re.fullmatch(
        rb"ADD 10 AL (\d+) eve@example.com eve@example.com\r\n",
        line.send(b"ADD 10 AL eve@example.com eve@example.com\r\n"),
    )
    assert allowed is not None
    assert int(allowed[1]) > int(added[1])
    line.read()
    assert re.match(rb"REM 11 FL \d+ eve@example.com\r\n", line.send(b"REM 11 FL eve@example.com\r\n"))
    assert b"REM 0 RL" in eve.read()


def test_numbered_groups(service):
    line = service.person(ALICE, "MSNP9")
    line.read()
    assert re.fullmatch(rb"ADG 9 \d+ Work 1 0\r\n", line.send(b"ADG 9 Work 0\r\n"))
    assert re.fullmatch(rb"REG 10 \d+ 1 Office 0\r\n", line.send(b"REG 10 1 Office 0\r\n"))
    assert re.fullmatch(rb"ADD 11 FL \d+ bob@example.com Bob 1\r\n", line.send(b"ADD 11 FL bob@example.com Bob 1\r\n"))
    assert re.fullmatch(rb"REM 12 FL \d+ bob@example.com 1\r\n", line.send(b"REM 12 FL bob@example.com 1\r\n"))
    assert re.fullmatch(rb"RMG 13 \d+ 1\r\n", line.send(b"RMG 13 1\r\n"))
    assert line.send(b"RMG 14 0\r\n") == b"230 14\r\n"
    assert line.send(b"RMG 15 7\r\n") == b"224 15\r\n"


def test_editing_with_guids(service):
    line = service.person(ALICE, "MSNP12")
    line.read()
    group = re.fullmatch(rb"ADG 9 Work (" + GUID + rb") 0\r\n", line.send(b"ADG 9 Work\r\n"))
    assert group is not None
    contact = re.match(
        rb"ADC 10 FL N=eve@example.com F=Eve C=(" + GUID + rb")\r\n",
        line.send(b"ADC 10 FL N=eve@example.com F=Eve\r\n"),
    )
    assert contact is not None
    into = b"ADC 11 FL C=%s %s\r\n" % (contact[1], group[1])
    assert line.send(into) == into
    assert line.send(b"ADC 12 AL N=eve@example.com\r\n") == b"ADC 12 AL N=eve@example.com\r\n"
    name = b"SBP 13 %s MFN Evelyn\r\n" % contact[1]
    assert line.send(name) == name
    gone = b"REM 14 FL %s\r\n" % contact[1]
    assert line.send(gone) == gone


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (b"ADD 9 FL nobody@example.com x 0", b"20[58]"),
        (b"ADD 9 FL bob@example.com Bob", b"215"),
        (b"ADD 9 BL dave@example.com dave@example.com", b"219"),
        (b"REM 9 FL eve@example.com", b"216"),
        (b"GTC 9 A", b"218"),
    ],
)
def test_refusals_get_the_protocol_s_numbers(service, command, number):
    line = service.person(ALICE, "MSNP8")
    line.read()
    assert re.fullmatch(number + rb" 9\r\n", line.send(command + b"\r\n"))


@pytest.mark.parametrize(
    ("dialect", "command"), [("MSNP15", b"SYN 8 0"), ("MSNP12", b"ADD 9 FL x y"), ("MSNP8", b"ADL 9 0")]
)
def test_commands_of_other_generations_end_the_connection(service, dialect, command):
    line = service.person(ALICE, dialect)
    line.send(command + b"\r\n")
    assert line.far.error is not None
