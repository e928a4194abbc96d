"""Signing in: tickets and their refusals, Passport 1.4 of old clients, the login pages."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from lxml import etree
from web_place import TAG, ask, scene, vector

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
    login = rst.Login("alice@emu.test", "right", (rst.Site(rst.PASSPORT), *sites(3)))
    outcome = rst.read_answer(ask("POST", "https://login.live.com/RST.srf", (), rst.request(login)).response.body)
    assert [token.site for token in outcome.tokens] == [site.address for site in login.sites]
    assert [token.id for token in outcome.tokens] == ["", "Compact1", "Compact2", "Compact3"]
    assert {token.expires for token in outcome.tokens} == {"2007-07-02T12:00:05Z"}


def test_no_password_and_no_ticket_in_facts() -> None:
    login = rst.Login(ACCOUNT, "secret-word", sites(1))
    answered = ask("POST", "https://login.live.com/RST.srf", (), rst.request(login))
    assert "secret-word" not in repr(answered.facts)
    assert TICKET not in repr(answered.facts)


@pytest.mark.parametrize("host", ["login.live.com", "loginnet.passport.com"])
def test_passport_of_old_clients(host: str) -> None:
    def sign_in(password: str) -> http.Answered:
        line = passport.authorization(ACCOUNT, password, "lc=1033,id=507")
        return ask("GET", f"https://{host}/login2.srf", (("Authorization", line),))

    good, bad, none = sign_in("right"), sign_in("wrong"), ask("GET", f"https://{host}/login2.srf")
    assert good.tag == bad.tag == TAG.hex()
    assert good.response.status == 200
    info = good.response.header("Authentication-Info")
    assert re.match(r"Passport1\.4 da-status=success,.*from-PP='t=[^']+&p=',", info)
    assert f"from-PP='{TICKET}'" in info
    for refused in (bad, none):
        assert refused.response.status == 401
        assert refused.response.header("WWW-Authenticate").startswith("Passport1.4 da-status=failed,")


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
