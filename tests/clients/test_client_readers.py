"""One test for every client family and every table of what it reads: the values must be those of the cast."""

from __future__ import annotations

import functools
import re

import envelopes as say
import pytest
import web
from people import go_online, sign_in, sign_off, tickets
from read_books import BOOKS, Book, Person
from read_lists import LISTS
from read_profiles import CARDS_READ, FAULTS, PROFILES
from read_tickets import READERS
from running import CAROL, DAVE, INVITATION, Running, anna, anna_name, boris, boris_name, needs_root

pytestmark = needs_root

SHARING, ABOOK = "/abservice/SharingService.asmx", "/abservice/abservice.asmx"
STORE = "/storageservice/SchematizedStore.asmx"
ANNA, BORIS = anna(0), boris(0)


@functools.cache
def passes(address: str) -> dict[str, str]:
    """Tickets of the Anna who is only read."""
    return tickets(address, ANNA)[0]


def book(there: Running, operation: str, body: str, path: str = ABOOK, ticket: str = "") -> web.Answer:
    ticket = ticket or passes(there.address)[say.CONTACTS]
    call = say.book_call(operation, ticket, body)
    return web.soap(there.address, "contacts.msn.com", path, f"{say.BOOK}/{operation}", call)


@pytest.mark.parametrize("family", READERS)
def test_tickets_are_read_and_sign_in(there: Running, pair: tuple[str, str], family: str) -> None:
    """http.md 2.2: the messenger accepts the ticket and the secret that this family found."""
    wire, found = sign_in(there.address, pair[0], family=family)
    go_online(wire)
    sign_off(wire)
    sites = {site for site, _ in say.SITES}
    if family == "bitlbee":
        sites = {site for site, _ in say.SITES[:4]}
    assert sites <= set(found)
    answer = book(there, "FindMembership", say.membership_body(), SHARING, found[say.CONTACTS])
    assert answer.status == 200


@pytest.mark.parametrize("family", LISTS)
def test_lists_are_read(there: Running, family: str) -> None:
    """http.md 4.3."""
    answer = book(there, "FindMembership", say.membership_body(), SHARING)
    assert answer.status == 200
    wanted = {"Allow": {BORIS}, "Block": {DAVE}, "Reverse": {BORIS, CAROL}, "Pending": {CAROL}}
    assert LISTS[family](answer.body) == wanted


def test_the_text_of_an_invitation_is_where_clients_look(there: Running) -> None:
    answer = book(there, "FindMembership", say.membership_body(), SHARING)
    pending = answer.text.split("<MemberRole>Pending</MemberRole>")[1].split("</Membership>")[0]
    pattern = (
        "<Annotations><Annotation><Name>MSN.IM.InviteMessage</Name><Value>(.*?)</Value></Annotation></Annotations>"
    )
    (text,) = re.findall(pattern, pending)
    assert text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == INVITATION


@pytest.mark.parametrize("family", BOOKS)
def test_the_address_book_is_read(there: Running, family: str) -> None:
    """http.md 4.5; libpurple asks for pages."""
    paged = family == "libpurple"
    operation, body = ("ABFindContactsPaged", say.paged_body()) if paged else ("ABFindAll", say.book_body())
    answer = book(there, operation, body)
    assert answer.status == 200
    found = BOOKS[family](answer.body)
    assert found == Book({Person(BORIS, boris_name(0))}, {"Climbing & more": {BORIS}}, found.cid)
    assert -(1 << 63) <= int(found.cid) < 1 << 63


@pytest.mark.parametrize("family", PROFILES)
def test_the_profile_is_read(there: Running, family: str) -> None:
    """http.md 5.1: bitlbee's sign-in ends with this answer; emesene takes the first ResourceID."""
    cid = BOOKS["bitlbee"](book(there, "ABFindAll", say.book_body()).body).cid
    body = say.storage_call("GetProfile", passes(there.address)[say.STORED], say.profile_body(cid))
    answer = web.soap(there.address, "storage.msn.com", STORE, f"{say.STORAGE}/GetProfile", body)
    assert answer.status == 200
    found = PROFILES[family](answer.body)
    assert found.resource.endswith("!106")
    assert found.name == anna_name(0)
    if found.status:
        assert found.status == "на стене <☀> & более"


@pytest.mark.parametrize("family", FAULTS)
def test_faults_are_read(there: Running, family: str) -> None:
    """http.md 1.4 and clients.md 10: 500, and the code at the place where each looks for it."""
    refused = book(there, "ABFindAll", say.book_body(), ticket="t=forged&p=")
    assert refused.status == 500
    assert FAULTS[family](refused.body) == "PassportAuthFail"
    inside = '<Contact xmlns=""></Contact>'
    missing = book(there, "ABContactDelete", f"<abId>{say.WHOLE}</abId><contacts>{inside}</contacts>")
    assert missing.status == 500
    assert FAULTS[family](missing.body) == "ContactDoesNotExist"


@pytest.mark.parametrize("family", CARDS_READ)
def test_the_contact_card_is_read(there: Running, family: str) -> None:
    """http.md 22, with the white space that papyon leaves behind the ticket."""
    cid = BOOKS["papyon"](book(there, "ABFindAll", say.book_body()).body).cid
    for wanted, name in ((cid, anna_name(0)), ("12345", "")):
        body = say.card_call(passes(there.address)[say.CARDS], wanted)
        path = "/contactcard/contactcardservice.asmx"
        action = "http://www.msn.com/webservices/spaces/v1/GetXmlFeed"
        answer = web.soap(there.address, "cc.services.spaces.live.com", path, action, body, secure=False)
        assert answer.status == 200
        shown, count = CARDS_READ[family](answer.body)
        assert shown == name
        assert name or not count


def test_the_preferred_host_and_the_cache_key_are_followed(there: Running) -> None:
    """http.md 4.2: aMSN and msnp-sharp go on at the host named; libpurple echoes the key."""
    host, key, changed = "byrdr.omega.contacts.msn.com", "", []
    for _ in range(3):
        call = say.book_call("FindMembership", passes(there.address)[say.CONTACTS], say.membership_body(), key=key)
        answer = web.soap(there.address, host, SHARING, f"{say.BOOK}/FindMembership", call)
        assert answer.status == 200
        host = re.findall("<PreferredHostName>([^<]+)</PreferredHostName>", answer.text)[0]
        assert host.endswith(".contacts.msn.com")
        changed += re.findall("<CacheKeyChanged>([^<]+)</CacheKeyChanged>", answer.text)
        key = re.findall("<CacheKey>([^<]+)</CacheKey>", answer.text)[0]
    assert changed == ["true", "false", "false"]
