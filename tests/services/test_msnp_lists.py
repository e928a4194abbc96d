"""ADL, RML and FQY as clients of MSNP13 and later send them: the session's own lists, and every refusal."""

from __future__ import annotations

import re

import pytest
from msnp_place import PASSWORD, Line, Service

ALICE, BOB, CAROL, EVE = (f"{name}@example.com" for name in ("alice", "bob", "carol", "eve"))
PUBLISHED = (
    b'<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/><c n="carol" l="5" t="1"/></d>'
    b'<d n="example.net"><c n="dave" l="2" t="1"/></d></ml>'
)


@pytest.fixture
def service() -> Service:
    service = Service()
    for one in (ALICE, BOB, CAROL, EVE):
        service.world.accounts.create(one, PASSWORD, name=one.partition("@")[0].title())
    return service


def listing(verb: bytes, trid: int, payload: bytes) -> bytes:
    return b"%s %d %d\r\n%s" % (verb, trid, len(payload), payload)


def one(name: bytes, bits: int, more: bytes = b't="1"') -> bytes:
    return b'<ml><d n="example.com"><c n="%s" l="%d" %s/></d></ml>' % (name, bits, more)


def initial(service: Service, dialect: str = "MSNP15", payload: bytes = b'<ml l="1"></ml>') -> Line:
    line = service.person(ALICE, dialect, status="")
    assert line.send(listing(b"ADL", 6, payload)) == b"ADL 6 OK\r\n"
    return line


def test_the_published_upload_is_answered_as_published(service):
    line = service.person(ALICE, status="")
    assert len(PUBLISHED) == 136
    assert line.send(listing(b"ADL", 9, PUBLISHED)) == b"ADL 9 OK\r\n"


@pytest.mark.parametrize(
    ("dialect", "bob"),
    [("MSNP13", b"bob@example.com"), ("MSNP15", b"bob@example.com 1"), ("MSNP18", b"1:bob@example.com")],
)
def test_who_is_only_on_the_session_s_list_is_in_the_roll_call(service, dialect, bob):
    service.person(BOB)
    line = initial(service, dialect, PUBLISHED)
    out = line.send(b"CHG 7 NLN 0 0\r\n")
    assert b" NLN " + bob + b" Bob" in out


def test_an_upload_may_come_in_pieces(service):
    service.person(BOB)
    service.person(CAROL)
    line = initial(service, payload=b'<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d></ml>')
    second = b'<ml l="1"><d n="example.com"><c n="carol" l="3" t="1"/></d></ml>'
    assert line.send(listing(b"ADL", 7, second)) == b"ADL 7 OK\r\n"
    out = line.send(b"CHG 8 NLN 0 0\r\n")
    assert b"ILN 8 NLN bob@example.com" in out
    assert b"ILN 8 NLN carol@example.com" in out


def test_later_additions_are_introduced_at_once_with_their_message(service):
    bob = service.person(BOB)
    bob.send(listing(b"UUX", 7, b"<Data><PSM>at lunch</PSM><CurrentMedia></CurrentMedia></Data>"))
    line = initial(service)
    line.send(b"CHG 7 NLN 0 0\r\n")
    out = line.send(listing(b"ADL", 8, one(b"bob", 1)))
    assert re.match(
        rb"ADL 8 OK\r\nNLN NLN bob@example.com 1 Bob 2007498796 0\r\n"
        rb"UBX bob@example.com 1 (\d+)\r\n<Data><PSM>at lunch<",
        out,
    )
    bob.send(b"CHG 9 AWY 0 0\r\n")
    assert line.read().startswith(b"NLN AWY bob@example.com 1")
    assert line.send(listing(b"RML", 9, one(b"bob", 1))) == b"RML 9 OK\r\n"
    bob.send(b"CHG 10 BSY 0 0\r\n")
    assert line.read() == b""


def test_blocking_in_the_session_looks_like_leaving(service):
    service.world.books.add_contact(BOB, ALICE)
    bob = service.person(BOB)
    line = initial(service)
    line.send(b"CHG 7 NLN 0 0\r\n")
    assert b"NLN NLN alice@example.com" in bob.read()
    assert line.send(listing(b"ADL", 8, one(b"bob", 4))) == b"ADL 8 OK\r\n"
    assert bob.read() == b"FLN alice@example.com 1\r\n"
    assert line.send(listing(b"RML", 9, one(b"bob", 4))) == b"RML 9 OK\r\n"
    assert b"NLN NLN alice@example.com" in bob.read()


def test_lists_of_a_session_end_with_it(service):
    service.world.books.add_contact(BOB, ALICE)
    line = initial(service)
    line.send(b"CHG 7 NLN 0 0\r\n" + listing(b"ADL", 8, one(b"bob", 4)))
    line.send(b"OUT\r\n")
    assert not service.world.lists.members(ALICE, "Block")
    initial(service).send(b"CHG 7 NLN 0 0\r\n")
    assert service.world.sees(BOB, ALICE)


def test_what_is_kept_overrules_what_was_said(service):
    service.world.books.add_contact(BOB, ALICE)
    bob = service.person(BOB)
    line = initial(service, payload=b'<ml l="1"><d n="example.com"><c n="bob" l="4" t="1"/></d></ml>')
    line.send(b"CHG 7 NLN 0 0\r\n")
    bob.read()
    service.world.lists.add_member(ALICE, "Block", BOB)
    service.world.lists.remove_member(ALICE, "Block", BOB)
    service.house.settle()
    assert b"NLN NLN alice@example.com" in bob.read()


@pytest.mark.parametrize(
    ("payload", "number", "closes"),
    [
        (b"<ml></ml>", b"240", True),
        (b'<ml><d n="example.com"></d></ml>', b"240", True),
        (b'<ml><d><c n="bob" l="1" t="1"/></d></ml>', b"241", True),
        (b"<ml><d", b"241", True),
        (one(b"bob", 1, b't="256"'), b"204", False),
        (one(b"nobody", 1), b"208", False),
        (one(b"carol", 2), b"219", False),
        (one(b"eve", 1), b"215", False),
    ],
)
def test_additions_that_cannot_be_made(service, payload, number, closes):
    upload = b'<ml l="1"><d n="example.com"><c n="carol" l="4" t="1"/><c n="eve" l="1" t="1"/></d></ml>'
    line = initial(service, payload=upload)
    assert line.send(listing(b"ADL", 8, payload)) == number + b" 8\r\n"
    assert line.far.finished is closes


def test_removal_of_somebody_absent_is_216(service):
    line = initial(service)
    assert line.send(listing(b"RML", 8, one(b"bob", 2))) == b"216 8\r\n"
    assert line.send(b"PNG\r\n") == b"QNG 60\r\n"


@pytest.mark.parametrize("bits", [8, 16])
def test_bits_of_the_server_are_241_with_the_offenders(service, bits):
    line = initial(service)
    named = b'<ml><d n="example.com"><c n="bob" t="1" l="%d"/></d></ml>' % bits
    assert line.send(listing(b"ADL", 8, one(b"bob", bits))) == b"241 8 %d\r\n%s" % (len(named), named)
    assert not line.far.finished


def test_an_upload_with_bad_contacts_takes_the_good_ones(service):
    service.person(BOB)
    line = service.person(ALICE, status="")
    upload = (
        b'<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/><c n="eve" l="6" t="1"/><c n="x" l="8" t="1"/></d></ml>'
    )
    out = line.send(listing(b"ADL", 6, upload))
    named = b'<ml><d n="example.com"><c n="eve" t="1" l="6"/><c n="x" t="1" l="8"/></d></ml>'
    assert out == b"241 6 %d\r\n%s" % (len(named), named)
    assert b"ILN 7 NLN bob@example.com" in line.send(b"CHG 7 NLN 0 0\r\n")


def test_people_whom_nobody_knows_may_be_in_an_upload(service):
    initial(service, payload=b'<ml l="1"><d n="gone.example"><c n="old" l="3" t="1"/></d></ml>')


@pytest.mark.parametrize(("people", "answer"), [(100, b"ADL 6 OK\r\n"), (400, b"241 6\r\n")])
def test_an_upload_has_at_most_7500_bytes(service, people, answer):
    inside = b"".join(b'<c n="person%d" l="3" t="1"/>' % number for number in range(people))
    line = service.person(ALICE, status="")
    assert line.send(listing(b"ADL", 6, b'<ml l="1"><d n="example.com">' + inside + b"</d></ml>")) == answer


def test_a_thousand_contacts_and_then_210(service):
    line = service.person(ALICE, status="")
    for start in range(0, 1000, 100):
        inside = b"".join(b'<c n="p%d" l="1" t="1"/>' % number for number in range(start, start + 100))
        assert line.send(listing(b"ADL", 6, b'<ml l="1"><d n="x.org">' + inside + b"</d></ml>")) == b"ADL 6 OK\r\n"
    assert line.send(listing(b"ADL", 7, one(b"bob", 1))) == b"210 7\r\n"


def test_telephone_contacts_have_no_domain(service):
    upload = b'<ml l="1"><t><c n="tel:+15551112222" l="3"/></t></ml>'
    line = initial(service, payload=upload)
    assert line.send(b"LKP 8 tel:+15551112222\r\n") == b"LKP 8 tel:+15551112222\r\n"
    assert line.send(b"LKP 9 tel:+15550000000\r\n") == b"235 9\r\n"
    assert line.send(b"LKP 10 tel:%2b1555\r\n") == b"201 10\r\n"


def test_a_contact_of_a_foreign_network_is_no_account_of_ours(service):
    line = initial(service)
    foreign = b'<ml><d n="yahoo.example"><c n="zed" l="3" t="32"/></d></ml>'
    assert line.send(listing(b"ADL", 8, foreign)) == b"ADL 8 OK\r\n"


def test_fqy_names_the_network(service):
    line = initial(service)
    asked = b'<ml l="2"><d n="yahoo.example"><c n="zed"/></d></ml>'
    told = b'<ml><d n="yahoo.example"><c n="zed" t="32"/></d></ml>'
    assert line.send(listing(b"FQY", 8, asked)) == b"FQY 8 %d\r\n%s" % (len(told), told)
    assert line.send(listing(b"FQY", 9, b'<ml><d n="example.com"><c n="bob"/></d></ml>')).endswith(
        b'<c n="bob" t="1"/></d></ml>'
    )
