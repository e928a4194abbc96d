"""Whole lives of clients of every generation: sign in, see contacts, talk to a client of another time, leave."""

from __future__ import annotations

import hashlib
import re

import envelopes
import pytest
import web
from lines import Wire, connect
from people import (
    Refused,
    call,
    go_online,
    passport_ticket,
    sign_in,
    sign_in_passport,
    sign_in_ticketed,
    sign_off,
    take_call,
    talk_both_ways,
    tickets,
    tickets_2009,
)
from running import PASSWORD, REALM, Running, needs_root

pytestmark = needs_root


def upload(wire: Wire, contact: str) -> None:
    """What clients of MSNP13 and later say between OK and CHG: BLP, ADL, PRP, UUX."""
    name, _, domain = contact.partition("@")
    wire.say("BLP 5 AL")
    wire.wait("BLP 5 AL")
    lists = f'<ml l="1"><d n="{domain}"><c n="{name}" l="3" t="1"/></d></ml>'.encode()
    wire.ask(f"ADL 6 {len(lists)}", "ADL 6 OK", lists)
    wire.ask("PRP 7 MFN Anna%20%CE%A9", "PRP 7 MFN")
    data = b"<Data><PSM>hello &amp; bye</PSM><CurrentMedia></CurrentMedia></Data>"
    wire.ask(f"UUX 8 {len(data)}", "UUX 8 0", data)


def enter(there: Running, dialect: int, account: str, contact: str) -> Wire:
    """Sign in as a client of that dialect does, as far as being seen."""
    if dialect <= 9:
        wire = sign_in_passport(there.address, account, f"MSNP{dialect} CVR0")
        words = wire.ask("SYN 8 0", "SYN 8").split(" ")
        assert len(words) == 5, words
        wire.wait(f"LST {contact}")
        go_online(wire, capabilities="268435492", product="msn5" if dialect == 8 else "msn6")
    elif dialect <= 12:
        wire = sign_in_passport(there.address, account, f"MSNP{dialect}")
        assert len(wire.ask("SYN 8 0 0", "SYN 8").split(" ")) == 6
        wire.wait(f"LST N={contact}")
        go_online(wire, capabilities="1073791028", product="msn6" if dialect == 10 else "msn7")
    elif dialect <= 14:
        wire, _ = sign_in_ticketed(there.address, account, f"MSNP{dialect}", program="8.0.0812")
        upload(wire, contact)
        go_online(wire, capabilities="1610612780")
    else:
        family = "wlm2009" if dialect >= 18 else "libpurple"
        wire, _ = sign_in(there.address, account, f"MSNP{dialect}", family=family)
        upload(wire, contact)
        words = "2788999228:48 0" if dialect >= 16 else "2007498796 0"
        go_online(wire, capabilities=words, product="wlm2009" if dialect >= 16 else "wlm81")
    return wire


def presence(dialect: int, account: str, status: str) -> str:
    """How a line about somebody online begins in that dialect."""
    return f"NLN {status} 1:{account} " if dialect >= 18 else f"NLN {status} {account} "


@pytest.mark.parametrize(("old", "new"), [(8, 15), (9, 13), (10, 18), (11, 16), (12, 14), (14, 8), (15, 18), (18, 12)])
def test_clients_of_different_times_see_and_reach_each_other(
    there: Running, pair: tuple[str, str], old: int, new: int
) -> None:
    one, other = pair
    first = enter(there, old, one, other)
    second = enter(there, new, other, one)
    first.wait(presence(old, other, "NLN"))
    second.say(f"CHG 40 BSY {'2788999228:48' if new >= 16 else '268435492'} 0")
    second.wait("CHG 40 BSY")
    first.wait(presence(old, other, "BSY"))
    board = call(there.address, first, one, other)
    seat = take_call(second, other, one)
    joined = board.wait(f"JOI {other} ").split(" ")
    assert len(joined) in (3, 4)
    talk_both_ways(board, seat, one, other)
    board.say("OUT")
    seat.wait(f"BYE {one}")
    sign_off(second)
    gone = first.wait("FLN ")
    assert gone.startswith(f"FLN 1:{other}" if old >= 18 else f"FLN {other}")
    for wire in (board, seat):
        wire.close()
    sign_off(first)


def test_msn_5_changes_its_lists_by_number(there: Running, pair: tuple[str, str]) -> None:
    """MSNP8: version numbers in every answer, groups by number, ADD and REM (msnp.md 2.14)."""
    one, other = pair
    wire = enter(there, 8, one, other)
    version, group = (int(word) for word in wire.ask("ADG 30 New%20group 0", "ADG 30").split(" ")[2::2][:2])
    words = wire.ask(f"REG 31 {group} Better%20name 0", "REG 31").split(" ")
    assert int(words[2]) > version
    assert words[3:] == [str(group), "Better%20name", "0"]
    words = wire.ask(f"ADD 32 FL {other} {other} {group}", "ADD 32 FL").split(" ")
    assert words[4:] == [other, other, str(group)]
    assert wire.ask(f"ADD 33 AL {other} {other}", "2") == "215 33"
    assert wire.ask(f"ADD 34 BL {other} {other}", "2") == "219 34"
    wire.ask(f"REM 35 AL {other}", "REM 35 AL")
    wire.ask(f"ADD 36 BL {other} {other}", "ADD 36 BL")
    wire.ask(f"REM 37 FL {other} {group}", "REM 37 FL")
    wire.ask(f"RMG 38 {group}", "RMG 38")
    wire.say("SYN 39 0")
    answers = wire.collect(f"LST {other}")
    last = answers[-1][0].split(" ")
    assert int(last[3]) == 1 | 4 | 8
    current = next(line for line, _ in answers if line.startswith("SYN 39")).split(" ")[2]
    assert wire.ask(f"SYN 40 {current}", "SYN 40") == f"SYN 40 {current}", "an equal version is answered without lists"
    sign_off(wire)


def test_msn_75_changes_its_lists_by_guid(there: Running, pair: tuple[str, str]) -> None:
    """MSNP12: ADC, REM, ADG, SBP by GUID, and UUX seen by the other side as UBX."""
    one, other = pair
    watcher = enter(there, 12, other, one)
    wire = sign_in_passport(there.address, one, "MSNP12 MSNP11 MSNP10")
    wire.say("SYN 8 0 0")
    seen = wire.collect(f"LST N={other}")
    groups = {line.split(" ")[1]: line.split(" ")[2] for line, _ in seen if line.startswith("LSG")}
    assert list(groups) == ["Climbing%20&%20more"]
    words = seen[-1][0].split(" ")
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", fields["C"])
    assert words[-1] == groups["Climbing%20&%20more"]
    go_online(wire, capabilities="1073791028 0", product="msn75")
    data = b"<Data><PSM>on &lt;the&gt; wall</PSM><CurrentMedia>\\0Music\\01\\0{0}\\0Title\\0</CurrentMedia></Data>"
    wire.ask(f"UUX 9 {len(data)}", "UUX 9 0", data)
    found = [payload for line, payload in watcher.collect(f"UBX {one} ") if line.startswith("UBX")]
    for _ in range(3):
        if b"wall" in found[-1]:
            break
        watcher.wait(f"UBX {one} ")
        found.append(watcher.payload)
    assert b"<PSM>on &lt;the&gt; wall</PSM>" in found[-1]
    made = wire.ask("ADG 10 Rope%20team", "ADG 10").split(" ")
    group = made[3]
    wire.ask(f"ADC 11 FL C={fields['C']} {group}", f"ADC 11 FL C={fields['C']} {group}")
    wire.ask(f"SBP 12 {fields['C']} MFN Bobby%20B", "SBP 12")
    wire.ask(f"REM 13 FL {fields['C']} {group}", "REM 13 FL")
    wire.ask(f"REG 14 {group} Other%20name", "REG 14")
    wire.ask(f"RMG 15 {group}", "RMG 15")
    wire.ask(f"REM 16 FL {fields['C']}", "REM 16 FL")
    watcher.wait(f"REM 0 RL {one}")
    again = wire.ask(f"ADC 17 FL N={other} F=Boris", "ADC 17 FL").split(" ")
    assert again[-1].startswith("C=")
    watcher.wait("ADC 0 RL ")
    document = wire.ask("GCF 18 Shields.xml", "GCF 18 Shields.xml")
    assert int(document.split(" ")[3]) == len(wire.payload)
    sign_off(wire, watcher)


def test_wlm_8_lists_of_a_session_and_a_policy(there: Running, pair: tuple[str, str]) -> None:
    """MSNP15: the pushed policy has its checksum, RML and FQY are answered, and so is the mail notice."""
    one, other = pair
    wire = connect(there.address)
    wire.say("VER 1 MSNP15 CVR0")
    wire.say(f"USR 3 SSO I {one}")
    wire.wait("GCF 0 ")
    policy = re.fullmatch(
        rb'<Policies><Policy type="SHIELDS" checksum="([0-9A-F]{32})">(.*)</Policy></Policies>', wire.payload
    )
    assert policy
    assert hashlib.md5(policy.group(2)).hexdigest().upper() == policy.group(1).decode()
    wire.close()
    wire = enter(there, 15, one, other)
    name, _, domain = other.partition("@")
    removed = f'<ml><d n="{domain}"><c n="{name}" l="1" t="1"/></d></ml>'.encode()
    wire.ask(f"RML 9 {len(removed)}", "RML 9 OK", removed)
    asked = f'<ml l="2"><d n="{domain}"><c n="{name}"/></d></ml>'.encode()
    wire.ask(f"FQY 10 {len(asked)}", "FQY 10", asked)
    assert b't="1"' in wire.payload
    sign_off(wire)


def test_somebody_who_signs_in_elsewhere_is_told(there: Running, pair: tuple[str, str]) -> None:
    """OUT OTH for the older session up to MSNP15; with machine GUIDs only for the same machine."""
    one, _ = pair
    first, _ = sign_in(there.address, one)
    second, _ = sign_in(there.address, one)
    assert first.ends()[-1] == "OUT OTH"
    sign_off(second)
    here = sign_in(there.address, one, "MSNP18", machine="{11111111-2222-4333-8444-555555555555}")[0]
    elsewhere = sign_in(there.address, one, "MSNP18", machine="{99999999-2222-4333-8444-555555555555}")[0]
    assert not [line for line, _ in here.until_quiet() if line.startswith("OUT")]
    again = sign_in(there.address, one, "MSNP18", machine="{11111111-2222-4333-8444-555555555555}")[0]
    assert here.ends()[-1] == "OUT OTH"
    sign_off(elsewhere, again)


def test_wrong_passwords_and_proofs_are_refused(there: Running, pair: tuple[str, str]) -> None:
    one, _ = pair
    with pytest.raises(Refused, match="Wrong%20password"):
        passport_ticket(there.address, one, "not-it", "ct=1,rver=1,lc=1,id=1")
    for family in ("papyon", "bitlbee", "libpurple", "emesene", "amsn", "msnpsharp"):
        with pytest.raises(Refused, match=r"^wsse:FailedAuthentication$"):
            tickets(there.address, one, "not-it", family=family)
    with pytest.raises(Refused, match=r"^wst:FailedAuthentication$"):
        tickets_2009(there.address, one, "not-it")
    wire = connect(there.address)
    wire.ask("VER 1 MSNP15 CVR0", "VER 1 MSNP15")
    wire.ask(f"USR 3 SSO I {one}", "USR 3 SSO S")
    found, _ = tickets(there.address, one)
    wire.say(f"USR 4 SSO S {found[envelopes.CLEAR]} {'A' * 172}")
    assert wire.ends() == ["911 4"]
    wire.close()


def test_a_ticket_of_somebody_else_does_not_sign_in(there: Running, pair: tuple[str, str]) -> None:
    one, other = pair
    wire = connect(there.address)
    wire.ask("VER 1 MSNP12 CVR0", "VER 1 MSNP12")
    wire.ask(f"USR 3 TWN I {one}", "USR 3 TWN S")
    ticket = passport_ticket(there.address, other, PASSWORD, "ct=1")
    wire.say(f"USR 4 TWN S {ticket}")
    assert wire.ends() == ["911 4"]
    wire.close()


def test_accounts_of_the_msn_domain_are_sent_to_their_realm(there: Running) -> None:
    answer = web.soap(there.address, "login.live.com", "/RST.srf", "", envelopes.ticket_request(REALM, PASSWORD))
    assert "msnia.login.live.com/pp900/RST.srf" in answer.text
    found, secret = tickets(there.address, REALM)
    assert len(found) == 7
    assert secret


def test_a_dialect_that_nobody_speaks_ends_the_call(there: Running) -> None:
    wire = connect(there.address)
    wire.say("VER 1 MSNP99 CVR0")
    assert wire.ends() == ["VER 1 0"]
    wire.close()


def test_a_wrong_answer_to_the_challenge_ends_the_session(there: Running, pair: tuple[str, str]) -> None:
    wire, _ = sign_in(there.address, pair[0])
    wire.say("CHG 5 NLN 0")
    wire.wait("CHL 0")
    wire.say("QRY 6 PROD0114ES4Z%Q5W 32", b"0" * 32)
    assert wire.ends()[-1] == "540 6"
    wire.close()
