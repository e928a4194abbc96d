"""Clients that sign in: Passport 1.4 of MSN 5 to 7, tickets of 7.5 and 8, single sign-on of 8.1 and 2009.

Plain sockets and own words; what a family reads of the answers is the reader's choice. Source: msnp.md 2, 5.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import envelopes
import read_tickets
import web
from lines import Wire, connect
from running import PASSWORD
from sums import PRODUCTS, new_answer, old_answer, proof

MACHINE = "{44BFD5A4-7450-4BDA-BA3A-C51B3031126D}"
TEXT = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nX-MMS-IM-Format: FN=Segoe%20UI; EF=; CO=0\r\n\r\n"
)


class Refused(AssertionError):
    """The password was not taken."""


def passport_ticket(address: str, account: str, password: str, parameters: str) -> str:
    """Nexus, then login2.srf with its redirect, all inside TLS; header names compared letter by letter."""
    answer = web.once(address, web.request("GET", "/rdr/pprdr.asp", "nexus.passport.com"), secure=True)
    urls = answer.header("PassportURLs")
    where = re.search(r"DALogin=([^,]+)", urls)
    assert where, answer.head
    url = "https://" + where.group(1)
    claim = (
        "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,"
        f"sign-in={quote(account, safe='')},pwd={quote(password, safe='')},{parameters}"
    )
    for _ in range(4):
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"User_Agent": "MSMSGS", "Authorization": claim, "Connection": "Keep-Alive"}
        answer = web.once(address, web.request("GET", target, parts.netloc, **headers), secure=True)
        if answer.status != 302:
            break
        assert "da-status=redir" in answer.header("Authentication-Info")
        url = answer.header("Location")
    if answer.status == 401:
        assert "da-status=failed" in answer.header("WWW-Authenticate")
        raise Refused(answer.header("WWW-Authenticate"))
    found = re.search(r"da-status=success,.*from-PP='([^']+)'", answer.header("Authentication-Info"))
    assert answer.status == 200
    assert found, answer.head
    return found.group(1)


def tickets(
    address: str,
    account: str,
    password: str = PASSWORD,
    *,
    family: str = "papyon",
    host: str = "login.live.com",
    path: str = "/RST.srf",
) -> read_tickets.Tickets:
    """RST.srf as read by one family; a redirect to another realm is followed as clients do."""
    for _ in range(3):
        body = envelopes.ticket_request(account, password)
        answer = web.soap(address, host, path, "", body, User_Agent=web.PURPLE_AGENT)
        assert answer.status == 200
        if "Fault>" not in answer.text:
            return read_tickets.READERS[family](answer.body)
        code = read_tickets.fault_code(family, answer.body)
        if code != "psf:Redirect":
            raise Refused(code)
        parts = urlsplit(re.findall("<psf:redirectUrl>(.*?)</psf:redirectUrl>", answer.text)[0])
        host, path = parts.netloc, parts.path
    raise AssertionError("redirected in circles")


def tickets_2009(address: str, account: str, password: str = PASSWORD) -> read_tickets.Tickets:
    """RST2.srf, read by the names of SOAP 1.2."""
    body = envelopes.ticket_request_2009(account, password)
    headers = {"Content_Type": "application/soap+xml; charset=utf-8", "User_Agent": web.OFFICIAL_AGENT}
    data = web.request("POST", "/RST2.srf", "login.live.com", body.encode(), **headers)
    answer = web.once(address, data, secure=True)
    if answer.status != 200:
        raise Refused(re.findall("<S:Value>(wst:[^<]+)</S:Value>", answer.text)[0])
    found, secret = {}, ""
    for piece in answer.text.split("<wst:RequestSecurityTokenResponse>")[1:]:
        site = re.findall("<wsa:Address>([^<]+)</wsa:Address>", piece)[0]
        for token in re.findall("<wsse:BinarySecurityToken[^>]*>([^<]+)<", piece):
            found[site] = token.replace("&amp;", "&")
        if site == envelopes.CLEAR:
            secret = re.findall("<wst:BinarySecret>([^<]*)<", piece)[0]
    return found, secret


def hello(wire: Wire, dialects: str, account: str, *, program: str = "8.1.0178") -> str:
    """VER and CVR, each waited for; returns the dialect that was chosen."""
    chosen = wire.ask(f"VER 1 {dialects} CVR0", "VER 1").split(" ")[2]
    answer = wire.ask(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR {program} msmsgs {account}", "CVR 2").split(" ")
    assert answer[2] == program, "another version in the answer makes clients ask for an upgrade"
    return chosen


def sign_in_passport(
    address: str, account: str, dialects: str, *, password: str = PASSWORD, wire: Wire | None = None
) -> Wire:
    """MSN 5 to 7.0 (MSNP8 to 11): USR TWN with a ticket from the nexus."""
    wire = wire or connect(address)
    dialect = hello(wire, dialects, account, program="7.0.0813")
    parameters = wire.ask(f"USR 3 TWN I {account}", "USR 3 TWN S").split(" ", 4)[4]
    ticket = passport_ticket(address, account, password, parameters)
    welcome = wire.ask(f"USR 4 TWN S {ticket}", f"USR 4 OK {account}").split(" ")
    assert len(welcome) == (7 if dialect in ("MSNP8", "MSNP9") else 6), welcome
    wire.wait("MSG Hotmail Hotmail")
    assert b"text/x-msmsgsprofile" in wire.payload
    return wire


def sign_in_ticketed(address: str, account: str, dialects: str, *, program: str) -> tuple[Wire, dict[str, str]]:
    """MSN 7.5 and WLM 8.0 (MSNP12 to 14): the USR TWN dialogue with a ticket out of RST.srf."""
    wire = connect(address)
    hello(wire, dialects, account, program=program)
    wire.ask(f"USR 3 TWN I {account}", "USR 3 TWN S")
    found, _ = tickets(address, account, family="libpurple")
    wire.ask(f"USR 4 TWN S {found[envelopes.MESSENGER]}", f"USR 4 OK {account} 1 0")
    wire.wait("MSG Hotmail Hotmail")
    return wire, found


def sign_in(
    address: str,
    account: str,
    dialects: str = "MSNP15 MSNP14 MSNP13",
    *,
    family: str = "papyon",
    wire: Wire | None = None,
    machine: str = MACHINE,
    password: str = PASSWORD,
) -> tuple[Wire, dict[str, str]]:
    """WLM 8.1 and later: single sign-on with what `family` reads out of the tickets."""
    wire = wire or connect(address)
    if wire.ahead:
        wire.say(f"VER 1 {dialects} CVR0")
        wire.say(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {account}")
        wire.say(f"USR 3 SSO I {account}")
        dialect = wire.wait("VER 1").split(" ")[2]
    else:
        dialect = hello(wire, dialects, account)
        wire.say(f"USR 3 SSO I {account}")
    challenge = wire.wait("USR 3 SSO S").split(" ")
    policy, nonce = challenge[4:]
    assert (policy, len(nonce)) == ("MBI_KEY_OLD", 64)
    if family == "wlm2009":
        found, secret = tickets_2009(address, account, password)
    else:
        found, secret = tickets(address, account, password, family=family)
    guid = f" {machine}" if int(dialect[4:]) >= 16 else ""
    wire.say(f"USR 4 SSO S {found[envelopes.CLEAR]} {proof(secret, nonce)}{guid}")
    wire.wait(f"USR 4 OK {account} 1 0")
    wire.wait("MSG Hotmail Hotmail")
    assert b"text/x-msmsgsprofile" in wire.payload
    return wire, found


def go_online(wire: Wire, status: str = "NLN", capabilities: str = "2007498796 0", *, product: str = "wlm81") -> None:
    """CHG, and the answer to the challenge that follows, by the algorithm of the product's time."""
    wire.say(f"CHG 20 {status} {capabilities}".rstrip())
    wire.wait(f"CHG 20 {status}")
    challenge = wire.wait("CHL 0").split(" ")[2]
    answer(wire, challenge, product)


def answer(wire: Wire, challenge: str, product: str) -> None:
    """QRY, accepted."""
    identifier, key = PRODUCTS[product]
    old = product in ("msn5", "msn6")
    digest = old_answer(challenge, key) if old else new_answer(challenge, identifier, key)
    line = wire.ask(f"QRY 21 {identifier} 32", "QRY 21", digest.encode())
    assert line == "QRY 21"


def sign_off(*wires: Wire) -> None:
    """OUT, and wait for the server's end of it."""
    for wire in wires:
        wire.say("OUT")
        wire.ends()
        wire.close()


def call(address: str, wire: Wire, account: str, callee: str) -> Wire:
    """A switchboard session that somebody has been called into; his JOI has not been waited for."""
    words = wire.ask("XFR 30 SB", "XFR 30 SB").split(" ")
    host, _, port = words[3].partition(":")
    board = connect(host, int(port))
    board.ask(f"USR 1 {account} {words[5]}", f"USR 1 OK {account}")
    board.ask(f"CAL 2 {callee}", "CAL 2 RINGING")
    return board


def take_call(wire: Wire, account: str, caller: str) -> Wire:
    """Accept what rings; the caller is in the roll."""
    words = wire.wait("RNG ").split(" ")
    assert words[5] == caller
    number = int(words[1])
    assert 0 < number < 1 << 31, "clients read it as a signed number of 32 bits (clients.md 5)"
    host, _, port = words[2].partition(":")
    board = connect(host, int(port))
    board.ask(f"ANS 1 {account} {words[4]} {number}", f"IRO 1 1 1 {caller}")
    board.wait("ANS 1 OK")
    return board


def talk_both_ways(one: Wire, other: Wire, account: str, callee: str) -> None:
    """A text each way, byte for byte, acknowledged."""
    for trid, (sender, receiver, name) in enumerate(((one, other, account), (other, one, callee)), 10):
        payload = TEXT + f"Hëllo from {name} — Ω Ж €".encode()
        sender.say(f"MSG {trid} A {len(payload)}", payload)
        receiver.wait(f"MSG {name} ")
        assert receiver.payload == payload
        sender.wait(f"ACK {trid}")
