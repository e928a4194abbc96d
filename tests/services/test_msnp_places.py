"""Several places of one account (MSNP16 to 18), what they are told of each other, and NOT; in raw lines."""

from __future__ import annotations

import re
from html import unescape

import pytest
from lxml import etree
from msnp_place import PASSWORD, Line, Service

ALICE, BOB = "alice@example.com", "bob@example.com"
ONE, TWO = "{44bfd5a4-7450-4bda-ba3a-c51b3031126d}", "{00000000-0000-4000-8000-000000000002}"


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    service.world.books.add_contact(ALICE, BOB, allow=True)
    service.world.books.add_contact(BOB, ALICE, allow=True)
    return service


def payload(out: bytes, head: bytes) -> bytes:
    """The payload of the last command that begins so."""
    found = list(re.finditer(rb"(?m)^" + head + rb" (\d+)\r\n", out))
    assert found, out
    return out[found[-1].end() : found[-1].end() + int(found[-1][1])]


def loud(verb: bytes, body: bytes) -> bytes:
    return b"%s %d\r\n%s" % (verb, len(body), body)


def own(line: Line, who: bytes = rb"1:alice@example\.com") -> etree._Element:
    return etree.fromstring(payload(line.read(), rb"UBX " + who))


@pytest.mark.parametrize(
    ("dialect", "who"), [("MSNP16", rb"alice@example\.com 1"), ("MSNP18", rb"1:alice@example\.com")]
)
def test_every_place_is_shown_to_the_others(service, dialect, who):
    first = service.person(ALICE, dialect, guid=ONE)
    first.read()
    second = service.person(ALICE, dialect, guid=TWO)
    document = own(first, who)
    assert document.xpath("EndpointData/@id") == [ONE, TWO]
    assert document.xpath("EndpointData/Capabilities/text()") == ["2007498796:0"] * 2
    assert document.xpath("PrivateEndpointData/State/text()") == ["NLN", "NLN"]
    body = (
        b"<PrivateEndpointData><EpName>laptop</EpName><Idle>true</Idle><ClientType>1</ClientType>"
        b"<State>AWY</State></PrivateEndpointData>"
    )
    second.send(loud(b"UUX 9", body))
    document = own(first, who)
    assert document.xpath("PrivateEndpointData/EpName/text()") == ["laptop"]
    assert document.xpath("PrivateEndpointData/Idle/text()") == ["false", "true"]
    second.send(b"OUT\r\n")
    assert own(first, who).xpath("EndpointData/@id") == [ONE]


def test_others_see_the_places_and_nothing_private(service):
    bob = service.person(BOB, "MSNP18", guid=TWO)
    service.person(ALICE, "MSNP18", guid=ONE)
    document = etree.fromstring(payload(bob.read(), rb"UBX 1:alice@example\.com"))
    assert document.xpath("EndpointData/@id") == [ONE]
    assert not document.xpath("PrivateEndpointData")


def test_the_same_machine_gives_way_and_another_stays(service):
    first = service.person(ALICE, "MSNP18", guid=ONE)
    other = service.person(ALICE, "MSNP18", guid=TWO)
    first.read()
    again = service.person(ALICE, "MSNP18", guid=ONE.upper())
    assert first.read().endswith(b"OUT OTH\r\n")
    assert (first.hung_up, other.hung_up, again.hung_up) == (True, False, False)


@pytest.mark.parametrize("guid", ["{44bfd5a4}", "x", "{zzzzzzzz-7450-4bda-ba3a-c51b3031126d}"])
def test_a_machine_must_be_a_guid(service, guid):
    line = service.person(ALICE, "MSNP18", status="", guid=guid)
    assert line.far.done
    assert not service.world.presence.signed_in(ALICE)


def test_an_older_client_ends_every_modern_place(service):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    service.person(ALICE, "MSNP15")
    assert (first.hung_up, second.hung_up) == (True, True)


@pytest.mark.parametrize(("target", "word"), [(f"{ALICE};{TWO}", b"goawyplzthxbye"), (ALICE, b"gtfo")])
def test_another_place_is_signed_off_from_here(service, target, word):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    first.read()
    assert first.send(loud(f"UUN 9 {target} 4".encode(), word)).startswith(b"UUN 9 OK\r\n")
    assert second.read().endswith(b"OUT OTH\r\n")
    assert second.hung_up
    assert not first.hung_up
    assert len(service.world.presence.places(ALICE)) == 1


def test_a_message_to_one_s_own_other_place(service):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    first.read()
    second.read()
    assert first.send(loud(f"UUN 9 1:{ALICE};{TWO} 5".encode(), b"hi")) == b"UUN 9 OK\r\n"
    assert second.read() == f"UBN 1:{ALICE};{ONE} 5 2\r\nhi".encode()
    assert first.read() == b""
    assert first.send(loud(f"UUN 10 {ALICE};{ONE[:-2]}0}} 5".encode(), b"hi")) == b"217 10\r\n"


@pytest.mark.parametrize(
    ("dialect", "named"), [("MSNP15", ALICE), ("MSNP16", f"{ALICE};{ONE}"), ("MSNP18", f"1:{ALICE};{ONE}")]
)
def test_messages_of_a_place_are_named_as_the_receiver_understands(service, dialect, named):
    bob = service.person(BOB, dialect, guid="" if dialect == "MSNP15" else TWO)
    alice = service.person(ALICE, "MSNP18", guid=ONE)
    bob.read()
    alice.send(loud(f"UUN 9 1:{BOB} 1".encode(), b"hi"))
    assert bob.read() == f"UBN {named} 1 2\r\nhi".encode()


def test_switchboards_list_people_of_2009_twice(service):
    alice, bob = service.person(ALICE, "MSNP18", guid=ONE), service.person(BOB, "MSNP18", guid=TWO)
    alice.read()
    bob.read()
    cookie = alice.send(b"XFR 20 SB\r\n").split()[5]
    first = service.line()
    opened = first.send(f"USR 1 {ALICE};{ONE} ".encode() + cookie + b"\r\n")
    assert opened == f"USR 1 OK {ALICE};{ONE} Alice\r\n".encode()
    first.send(b"CAL 2 bob@example.com\r\n")
    ring = re.search(rb"RNG (\d+) \S+ CKI (\S+) alice@example.com Alice U messenger.msn.com 1", bob.read())
    assert ring is not None
    second = service.line()
    out = second.send(f"ANS 1 {BOB};{TWO} ".encode() + ring[2] + b" " + ring[1] + b"\r\n")
    assert (
        out
        == (
            f"IRO 1 1 2 {ALICE};{ONE} Alice 2007498796:0\r\nIRO 1 2 2 {ALICE} Alice 2007498796:0\r\nANS 1 OK\r\n"
        ).encode()
    )
    joined = first.read()
    assert joined == f"JOI {BOB};{TWO} Bob 2007498796:0\r\nJOI {BOB} Bob 2007498796:0\r\n".encode()
    second.send(b"OUT\r\n")
    assert first.read() == f"BYE {BOB};{TWO}\r\nBYE {BOB}\r\n".encode()


def test_to_older_people_they_are_one(service):
    alice, bob = service.person(ALICE, "MSNP15"), service.person(BOB, "MSNP18", guid=TWO)
    alice.read()
    bob.read()
    first = service.line()
    first.send(f"USR 1 {ALICE} ".encode() + alice.send(b"XFR 20 SB\r\n").split()[5] + b"\r\nCAL 2 bob@example.com\r\n")
    ring = re.search(rb"RNG (\d+) \S+ CKI (\S+) ", bob.read())
    assert ring is not None
    second = service.line()
    first.read()
    second.send(f"ANS 1 {BOB};{TWO} ".encode() + ring[2] + b" " + ring[1] + b"\r\n")
    assert first.read() == (b"JOI bob@example.com Bob 2007498796\r\n")


def test_one_s_own_other_places_can_be_called(service):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    first.read()
    board = service.line()
    board.send(f"USR 1 {ALICE};{ONE} ".encode() + first.send(b"XFR 9 SB\r\n").split()[5] + b"\r\n")
    second.read()
    assert board.send(f"CAL 2 {ALICE}\r\n".encode()).startswith(b"CAL 2 RINGING ")
    assert second.read().startswith(b"RNG ")
    assert first.read() == b""


# NOT: msnp.md 2.19


def notification(line: Line) -> tuple[etree._Element, etree._Element]:
    document = etree.fromstring(payload(line.read(), rb"NOT"))
    return document, etree.fromstring(unescape(document.xpath("string(MSG/BODY)")).encode())


def test_other_places_are_told_that_the_address_book_changed(service):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    first.read()
    second.read()
    service.world.books.add_group(ALICE, "Climbing")  # as a SOAP call does
    service.house.settle()
    account = service.world.account(ALICE)
    for line in (first, second):
        document, body = notification(line)
        assert document.get("siteid") == "45705"
        assert document.xpath("TO/@name") == [ALICE]
        assert document.xpath("TO/@pid") == [f"0x{account.member_id_high:08x}:0x{account.member_id_low:08x}"]
        assert body.findtext("Service") == "ABCHInternal"
        assert body.findtext("CID") == str(account.cid)
        assert body.findtext("HasNewItem") == "true"


def test_the_place_that_did_it_is_not_told(service):
    first, second = (service.person(ALICE, "MSNP18", guid=one) for one in (ONE, TWO))
    first.read()
    second.read()
    assert b"NOT" not in first.send(b"PRP 9 MFN Alicia\r\n") + first.read()
    notification(second)


def test_a_single_place_knows_what_it_did_by_soap(service):
    alice = service.person(ALICE)
    alice.read()
    service.world.books.add_group(ALICE, "Climbing")
    service.house.settle()
    assert alice.read() == b""


def test_being_added_is_told_by_adl_and_then_not(service):
    service.world.accounts.create("eve@example.com", PASSWORD, name="Eve E")
    alice, old = service.person(ALICE), service.person(BOB, "MSNP12")
    alice.read()
    old.read()
    for one in (ALICE, BOB):
        service.world.books.add_contact("eve@example.com", one)
    service.house.settle()
    out = alice.read()
    added = b'<ml><d n="example.com"><c n="eve" t="1" l="8" f="Eve%20E"/></d></ml>'
    assert out.startswith(b"ADL 0 %d\r\n%sNOT " % (len(added), added))
    assert b"NOT" not in old.read()
    service.world.books.remove_contact("eve@example.com", service.world.books.contact_of("eve@example.com", ALICE).id)
    service.house.settle()
    assert re.match(rb"RML 0 \d+\r\n<ml>.*</ml>NOT ", alice.read())
