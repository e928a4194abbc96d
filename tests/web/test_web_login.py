"""Signing in: tickets and their refusals, Passport 1.4 of old clients, the login pages."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from lxml import etree
from web_place import PASSWORD, TAG, ask, scene, town, vector

from emulator.services.web import site
from emulator.wire import (
    http,
    passport,
    rst,
    tags,
)
from emulator.wire.talk import Conversation

TICKET = tags.ticket(TAG)


ACCOUNT = tags.account(TAG)


def sites(count: int) -> tuple[rst.Site, ...]:
    return tuple(rst.Site(f"site{number}.example") for number in range(count))


@pytest.mark.parametrize(
    ("body", "fault", "status"),
    [
        (rst.request(rst.Login(ACCOUNT, "wrong", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login(ACCOUNT, "", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login("", "right", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login(ACCOUNT, "right", ())), rst.INVALID, "0x80048820"),
        (rst.request(rst.Login(ACCOUNT, "right", sites(33))), rst.INVALID, "0x80048820"),
        (b"", rst.INVALID, "0x80048820"),
        (b"<a/>", rst.INVALID, "0x80048820"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Envelope>&b;</Envelope>', rst.INVALID, "0x80048820"),
        (vector(3)[:-30], rst.INVALID, "0x80048820"),
    ],
)
def test_refused_ticket_requests_are_200_with_a_fault_beside_the_body(body: bytes, fault: str, status: str) -> None:
    for url in ("https://login.live.com/RST.srf", "http://msnia.login.live.com/pp900/RST.srf"):
        response = ask("POST", url, (), body).response
        assert response.status == 200
        assert rst.read_answer(response.body) == rst.Outcome(fault=fault, status=status)
        assert etree.fromstring(response.body).find("{*}Fault") is not None


def test_tickets_in_the_order_asked_numbered_by_their_place() -> None:
    login = rst.Login("alice@emu.test", PASSWORD, (rst.Site(rst.PASSPORT), *sites(3)))
    home = town()
    answered = ask("POST", "https://login.live.com//RST.srf", (), rst.request(login), at=scene(home=home))
    outcome = rst.read_answer(answered.response.body)
    assert [token.site for token in outcome.tokens] == [site.address for site in login.sites]
    assert [token.id for token in outcome.tokens] == ["", "Compact1", "Compact2", "Compact3"]
    assert {token.expires for token in outcome.tokens} == {"2007-07-02T12:00:05Z"}
    tickets = [token.ticket for token in outcome.tokens[1:]]
    assert len(set(tickets)) == 3
    assert {home.world.tickets.owner(ticket).address for ticket in tickets} == {"alice@emu.test"}
    header = etree.fromstring(answered.response.body)
    alice = home.world.account("alice@emu.test")
    assert header.findtext(".//{*}PUID") == f"{alice.puid:016X}"
    assert header.findtext(".//{*}extProperty") == alice.cid_hex


@pytest.mark.parametrize(
    ("account", "password"),
    [
        ("alice@emu.test", "opal-Kite8"),
        ("alice@emu.test", "wrong"),
        ("nobody@emu.test", "opal-Kite7"),
        ("contact@hotmail.com", "x"),
        ("\u03a9", "\u03a9"),
    ],
)
def test_people_need_their_own_password(account: str, password: str) -> None:
    login = rst.request(rst.Login(account, password, sites(1)))
    there = scene(home=town())
    response = ask("POST", "https://login.live.com/RST.srf", (), login, at=there).response
    assert rst.read_answer(response.body) == rst.Outcome(fault=rst.FAILED, status="0x80048821")
    newer = ask("POST", "https://login.live.com/RST2.srf", (), login, at=there).response
    assert newer.status == 500
    assert newer.header("Content-Type") == "application/soap+xml; charset=utf-8"
    found = {"S": "http://www.w3.org/2003/05/soap-envelope", "psf": rst.PSF}
    root = etree.fromstring(newer.body)
    assert root.findtext("S:Body/S:Fault/S:Code/S:Subcode/S:Value", namespaces=found) == "wst:FailedAuthentication"
    assert root.findtext("S:Body/S:Fault/S:Detail/psf:error/psf:value", namespaces=found) == "0x80048821"


def test_tickets_of_2009() -> None:
    home = town()
    login = rst.Login("alice@emu.test", PASSWORD, (rst.Site(rst.PASSPORT), rst.Site(rst.CLEAR), *sites(1)))
    body = rst.request(login).replace(rst.SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope")
    response = ask("POST", "https://login.live.com/RST2.srf", (), body, at=scene(home=home)).response
    assert response.status == 200
    root = etree.fromstring(response.body)
    names = {
        "S": "http://www.w3.org/2003/05/soap-envelope",
        "wst": "http://schemas.xmlsoap.org/ws/2005/02/trust",
        "wsa": "http://www.w3.org/2005/08/addressing",
        "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    }
    assert root.findtext("S:Header/wsa:Action", namespaces=names).endswith("/RSTR/Issue")
    tokens = root.findall("S:Body/wst:RequestSecurityTokenResponseCollection/*", names)
    assert len(tokens) == 3
    assert all(token.find("wst:Lifetime", names) is not None for token in tokens)
    assert all(token.find("wst:RequestedUnattachedReference", names) is not None for token in tokens)
    texts = [one.text for one in root.iterfind(".//wsse:BinarySecurityToken", names)]
    assert {home.world.tickets.owner(text).address for text in texts} == {"alice@emu.test"}
    assert len(root.findall(".//wst:BinarySecret", names)) == 2
    assert ask("POST", "https://login.live.com/RST2.srf", (), b"<").response.status == 500


def test_accounts_of_the_realm_are_sent_there() -> None:
    home = town()
    home.world.accounts.create("dora@msn.com", PASSWORD)
    body, there = rst.request(rst.Login("dora@msn.com", PASSWORD, sites(1))), scene(home=home)
    first = ask("POST", "https://login.live.com/RST.srf", (), body, at=there).response
    assert rst.read_answer(first.body).fault == "psf:Redirect"
    url = etree.fromstring(first.body).findtext(".//{*}redirectUrl")
    assert url == "https://msnia.login.live.com/pp900/RST.srf"
    second = rst.read_answer(ask("POST", url, (), body, at=there).response.body)
    assert home.world.tickets.owner(second.tokens[0].ticket).address == "dora@msn.com"


def test_no_password_and_no_ticket_in_facts() -> None:
    login = rst.Login(ACCOUNT, "secret-word", sites(1))
    answered = ask("POST", "https://login.live.com/RST.srf", (), rst.request(login))
    assert "secret-word" not in repr(answered.facts)
    assert TICKET not in repr(answered.facts)


def test_passport_of_old_clients() -> None:
    def sign_in(password: str) -> http.Answered:
        headers = (("Authorization", passport.authorization(ACCOUNT, password, "lc=1033,id=507")),)
        sent = ask("GET", "https://login.live.com/login2.srf", headers)
        assert sent.response.status == 302
        assert sent.response.header("Authentication-Info") == "Passport1.4 da-status=redir"
        return ask("GET", sent.response.header("Location"), headers)

    good, bad, none = sign_in("right"), sign_in("wrong"), ask("GET", "https://login.live.com/login2.srf")
    assert good.tag == bad.tag == TAG.hex()
    assert good.response.status == 200
    info = good.response.header("Authentication-Info")
    assert re.match(r"Passport1\.4 da-status=success,.*from-PP='t=[^']+&p=',", info)
    assert f"from-PP='{TICKET}'" in info
    for refused in (bad, none):
        assert refused.response.status == 401
        assert refused.response.header("WWW-Authenticate").startswith("Passport1.4 da-status=failed,")


def test_people_sign_in_the_old_way_with_their_own_password() -> None:
    home = town()
    url = "https://loginnet.passport.com/login2.srf"

    def sign_in(account: str, password: str) -> http.Response:
        line = passport.authorization(account, password, "lc=1033,id=507")
        return ask("GET", url, (("Authorization", line),), at=scene(home=home)).response

    good = sign_in("alice@emu.test", PASSWORD)
    ticket = re.search(r"from-PP='([^']+)'", good.header("Authentication-Info")).group(1)
    assert home.world.tickets.owner(ticket).address == "alice@emu.test"
    assert sign_in("alice@emu.test", "right").status == 401
    assert sign_in("nobody@emu.test", PASSWORD).status == 401


def test_the_nexus_header_is_spelled_as_old_clients_compare_it() -> None:
    far = Conversation(site.talk(scene(secure=True)))
    out = far.start() + far.feed(b"GET /rdr/pprdr.asp HTTP/1.1\r\nHost: nexus.passport.com\r\n\r\n")
    assert b"\r\nPassportURLs: DARealm=Passport.Net,DALogin=login.live.com/login2.srf," in out
    assert b"ConfigVersion=11\r\n" in out


def test_login_pages() -> None:
    clear = ask("GET", "http://login.live.com/login.srf?ru=http://messenger.msn.com/&a=1").response
    assert (clear.status, clear.header("Location")) == (
        302,
        "https://login.live.com/login.srf?ru=http://messenger.msn.com/&a=1",
    )
    assert ask("GET", "https://login.live.com/login.srf?ru=x").response.status == 200
    assert ask("POST", "http://login.live.com/").response.status == 200
    assert ask("POST", "https://login.live.com/").response.status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://messenger.msn.com/emu/today", 302),
        ("http://elsewhere.example/", 500),
        ("", 500),
        ("http://[", 500),
        ("http://messenger.msn.com/\r\nX: y", 500),
    ],
)
def test_a_hand_over_leads_to_our_own_hosts_only(target: str, status: int) -> None:
    body = "token=" + quote("x=1&ru=" + quote(target, safe=""), safe="")
    response = ask("POST", "https://login.live.com/ppsecure/sha1auth.srf", (), body.encode()).response
    assert response.status == status
    assert response.header("Location") == (target if status == 302 else "")
