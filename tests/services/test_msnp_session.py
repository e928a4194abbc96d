"""Notification and switchboard sessions: the probe's talks, people of every generation, and what goes wrong."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msnp_place import Service, context

from emulator.services.msnp import profile
from emulator.wire import challenge
from emulator.wire.msnp import notification, switchboard
from emulator.wire.msnp.dialects import DIALECTS
from emulator.wire.msnp.lines import FROM_CLIENT, FROM_SERVER, read
from emulator.wire.talk import Conversation

VECTORS = Path(__file__).parent.parent / "vectors"
TAG = bytes(range(16))


@pytest.fixture
def service() -> Service:
    return Service()


def befriend(service: Service, *people: str) -> None:
    for one in people:
        service.world.accounts.create(one, "opal-Kite7", name=one.partition("@")[0].title())
    for one in people:
        for other in people:
            if one != other:
                service.world.books.add_contact(one, other, allow=True)


@pytest.mark.parametrize("talk", [notification.client, notification.call_client, notification.folders_client])
def test_the_probe_signs_in_and_its_tag_is_seen(service, talk):
    near, line = service.run(talk(context()))
    assert near.error is None
    assert near.done
    assert line.far.done
    assert {sighting.tag for sighting in line.far.sightings} == {TAG.hex()}


def test_the_profile_tells_where_the_client_was_seen(service):
    near, _ = service.run(notification.client(context()))
    assert near.result == {"client_ip": "192.0.2.10", "client_port": "37316", "dialect": "MSNP15"}


@pytest.mark.parametrize("talk", [switchboard.file_client, switchboard.game_client])
def test_the_resident_contact_joins_and_acknowledges(service, talk):
    asked, _ = service.run(notification.transfer_client(context()))
    address, cookie = asked.result
    assert address == "203.0.113.20:1863"
    near, line = service.run(talk(context(), cookie))
    assert near.error is None
    assert near.done
    assert line.far.sightings[0].tag == TAG.hex()


def test_a_cookie_is_good_once(service):
    asked, _ = service.run(notification.transfer_client(context()))
    service.run(switchboard.game_client(context(), asked.result[1]))
    again, _ = service.run(switchboard.game_client(context(), asked.result[1]))
    assert "911" in str(again.error)


def test_policy_checksum_is_the_published_one():
    assert b'checksum="94A347C122C483F8BEAD525832DB2F71"' in profile.policies()


@pytest.mark.parametrize("dialect", ["MSNP7", "MSNP8", "MSNP9", "MSNP12", "MSNP13", "MSNP14", "MSNP15", "MSNP18"])
def test_people_of_every_generation_get_online(service, dialect):
    line = service.person("alice@example.com", dialect)
    assert not line.far.finished
    assert service.world.online("alice@example.com")
    line.send(b"OUT\r\n")
    assert line.far.done
    assert not service.world.online("alice@example.com")


@pytest.mark.parametrize("dialect", ["MSNP8", "MSNP12", "MSNP13", "MSNP15", "MSNP18"])
def test_presence_and_personal_message_reach_the_other_in_its_dialect(service, dialect):
    befriend(service, "alice@example.com", "bob@example.com")
    alice = service.person("alice@example.com", dialect)
    bob = service.person("bob@example.com", "MSNP15")
    alice.read()
    bob.send(b"CHG 9 BSY 1985855532 0\r\n")
    wire = DIALECTS[dialect]
    who = wire.account("bob@example.com").encode()
    assert b"NLN BSY " + who in alice.read()
    payload = b"<Data><PSM>at &lt;lunch&gt;</PSM><CurrentMedia></CurrentMedia></Data>"
    bob.send(b"UUX 10 %d\r\n%s" % (len(payload), payload))
    got = alice.read()
    assert (b"at &lt;lunch&gt;" in got) == wire.personal
    bob.hang_up()
    assert b"FLN " + who in alice.read()


def test_the_initial_roll_call_carries_the_transaction_of_chg(service):
    befriend(service, "alice@example.com", "bob@example.com")
    service.person("bob@example.com", status="BSY")
    alice = service.person("alice@example.com", status="")
    out = alice.send(b"CHG 12 NLN 2007498796 0\r\n")
    assert out.startswith(b"CHG 12 NLN 2007498796 0\r\nILN 12 BSY bob@example.com 1 Bob 2007498796 0\r\n")


def test_blocked_people_see_nothing(service):
    befriend(service, "alice@example.com", "bob@example.com")
    service.world.lists.add_member("alice@example.com", "Block", "bob@example.com", move=True)
    bob = service.person("bob@example.com")
    bob.read()
    service.person("alice@example.com")
    assert b"alice" not in bob.read()


def test_chat_typing_and_leaving(service):
    befriend(service, "alice@example.com", "bob@example.com")
    alice, bob = service.person("alice@example.com"), service.person("bob@example.com")
    bob.read()
    alice.read()
    cookie = alice.send(b"XFR 20 SB\r\n").split()[5]
    board = service.line()
    assert b"USR 1 OK" in board.send(b"USR 1 alice@example.com " + cookie + b"\r\n")
    assert board.send(b"CAL 2 bob@example.com\r\n").startswith(b"CAL 2 RINGING ")
    ring = re.search(rb"RNG (\d+) \S+ CKI (\S+) alice@example.com", bob.read())
    assert ring is not None
    assert int(ring[1]) < 2**31
    seat = service.line()
    answer = seat.send(b"ANS 1 bob@example.com %s %s\r\n" % (ring[2], ring[1]))
    assert answer == b"IRO 1 1 1 alice@example.com Alice 2007498796\r\nANS 1 OK\r\n"
    assert board.read() == b"JOI bob@example.com Bob 2007498796\r\n"
    text = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nHello Bob"
    assert board.send(b"MSG 3 A %d\r\n%s" % (len(text), text)) == b"ACK 3\r\n"
    assert seat.read() == b"MSG alice@example.com Alice %d\r\n%s" % (len(text), text)
    assert board.send(b"MSG 4 U %d\r\n%s" % (len(text), text)) == b""
    assert seat.read() != b""
    seat.send(b"OUT\r\n")
    assert board.read() == b"BYE bob@example.com\r\n"
    assert board.send(b"MSG 5 N %d\r\n%s" % (len(text), text)) == b"NAK 5\r\n"


@pytest.mark.parametrize(
    ("callee", "number"),
    [(b"nobody@example.com", b"208"), (b"bob@example.com", b"217"), (b"alice@example.com", b"")],
)
def test_calls_that_cannot_be_made_get_the_protocol_s_numbers(service, callee, number):
    befriend(service, "alice@example.com", "bob@example.com")
    alice = service.person("alice@example.com")
    cookie = alice.send(b"XFR 20 SB\r\n").split()[5]
    board = service.line()
    board.send(b"USR 1 alice@example.com " + cookie + b"\r\n")
    assert board.send(b"CAL 2 " + callee + b"\r\n").startswith(number)


def test_signing_in_elsewhere_ends_the_first(service):
    first = service.person("alice@example.com")
    first.read()
    second = service.person("alice@example.com")
    assert first.read() == b"OUT OTH\r\n"
    assert first.hung_up
    first.hang_up()
    assert service.world.online("alice@example.com")
    assert not second.far.finished


def test_modern_places_of_one_account_stay_online_together(service):
    service.world.accounts.create("alice@example.com", "opal-Kite7", name="Alice")
    first = service.person("alice@example.com", "MSNP18")
    service.person("alice@example.com", "MSNP18")
    assert not first.hung_up


def test_the_challenge_is_checked(service):
    line = service.person("alice@example.com", status="")
    asked = re.search(rb"CHL 0 (\d{20})\r\n", line.send(b"CHG 5 NLN 0 0\r\n"))
    assert asked is not None
    right = challenge.lock_key(asked[1].decode(), challenge.CLIENT).encode()
    assert line.send(b"QRY 6 %s 32\r\n%s" % (challenge.CLIENT.encode(), right)) == b"QRY 6\r\n"
    other = service.person("bob@example.com", status="")
    other.send(b"CHG 5 NLN 0 0\r\n")
    assert other.send(b"QRY 6 %s 32\r\n%s" % (challenge.CLIENT.encode(), b"0" * 32)) == b"540 6\r\n"
    assert other.far.done


def test_a_wrong_ticket_or_a_wrong_response_is_911(service):
    service.world.accounts.create("alice@example.com", "opal-Kite7", name="Alice")
    good = service.world.tickets.issue("alice@example.com", "messengerclear.live.com").text
    for proof in (b"t=forged&p=", good.encode(), good.encode() + b" AAAA"):
        line = service.line()
        line.send(b"VER 1 MSNP15 CVR0\r\nUSR 2 SSO I alice@example.com\r\n")
        assert line.send(b"USR 3 SSO S " + proof + b"\r\n") == b"911 3\r\n"
        assert line.far.done


def test_somebody_else_s_ticket_is_911(service):
    befriend(service, "alice@example.com", "bob@example.com")
    ticket = service.world.tickets.issue("bob@example.com", "messenger.msn.com").text
    line = service.line()
    line.send(b"VER 1 MSNP12 CVR0\r\nUSR 2 TWN I alice@example.com\r\n")
    assert line.send(b"USR 3 TWN S " + ticket.encode() + b"\r\n") == b"911 3\r\n"


def test_later_dialects_are_refused_so_that_clients_fall_back(service):
    assert service.line().send(b"VER 1 MSNP21 MSNP20 MSNP19 CVR0\r\n") == b"VER 1 0\r\n"
    assert service.line().send(b"VER 1 MSNP21 MSNP18 CVR0\r\n") == b"VER 1 MSNP18\r\n"


def test_being_added_is_told_with_the_name(service):
    befriend(service, "alice@example.com", "bob@example.com")
    service.world.accounts.create("eve@example.com", "opal-Kite7", name="Eve E")
    alice = service.person("alice@example.com")
    alice.read()
    service.world.books.add_contact("eve@example.com", "alice@example.com")
    service.house.settle()
    assert b'<ml><d n="example.com"><c n="eve" t="1" l="8" f="Eve%20E"/></d></ml>' in alice.read()


def test_waiting_mail_is_announced_after_the_first_chg(service):
    befriend(service, "alice@example.com", "bob@example.com")
    service.world.mail.store("bob@example.com", "alice@example.com", "MIME-Version: 1.0\n\nx")
    line = service.person("alice@example.com", status="")
    out = line.send(b"CHG 5 NLN 0 0\r\n")
    assert b"text/x-msmsgsinitialmdatanotification" in out
    assert b"<E>bob@example.com</E>" in out


def test_what_the_world_refuses_is_a_number_and_no_end(service):
    line = service.person("alice@example.com")
    line.read()
    picture = b"x" * 5000
    assert re.fullmatch(rb"\d{3} 9\r\n", line.send(b"CHG 9 NLN 0 " + picture + b"\r\n"))
    payload = b"<Data><PSM>" + b"x" * 9000 + b"</PSM></Data>"
    assert re.fullmatch(rb"\d{3} 10\r\n", line.send(b"UUX 10 %d\r\n%s" % (len(payload), payload)))
    assert line.send(b"PNG\r\n") == b"QNG 60\r\n"


@pytest.mark.parametrize("command", [b"CHG 5 FLN 0\r\n", b"XFR 5 SB\r\n", b"FQY 5 9\r\n<ml></ml>"])
def test_refusals_are_numbers(service, command):
    line = service.person("alice@example.com", status="")
    assert re.fullmatch(rb"\d{3} 5\r\n", line.send(command))


@pytest.mark.parametrize(
    "opening",
    [
        b"HELO x\r\n",
        b"CHG 1 NLN\r\n",
        b"VER 1 MSNP15 CVR0\r\nXFR 2 SB\r\n",
        b"VER 1 MSNP15 CVR0\r\nUUX 2 70000\r\n",
        b"USR 1 alice@example.com\r\n",
        b"A" * 9000,
    ],
)
def test_input_against_the_protocol_ends_the_session_and_no_other(service, opening):
    other = service.person("bob@example.com")
    line = service.line()
    line.send(opening)
    assert line.far.error is not None
    assert other.send(b"PNG\r\n") == b"QNG 60\r\n"


def test_published_payloads_read_back_whole():
    rows = json.loads((VECTORS / "msnp-payloads.json").read_text())
    assert len(rows) > 10
    for row in rows:
        payload = base64.b64decode(row["payload_b64"])
        conversation = Conversation(read(FROM_SERVER if row["dir"] == "S" else FROM_CLIENT))
        conversation.start()
        conversation.feed(row["line"].encode() + b"\r\n" + payload)
        assert conversation.result is not None, row["line"]
        assert conversation.result.payload == payload, row["line"]
        assert conversation.unread == b""


COMMANDS = (
    b"PNG",
    b"CHG 2 NLN 0",
    b"XFR 3 SB",
    b"BLP 4 AL",
    b"PRP 5 MFN x",
    b"UUX 6 4\r\n<a/>",
    b"ADL 7 3\r\n<m>",
    b"OUT",
)


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(COMMANDS), st.binary(max_size=40)), max_size=8))
def test_any_commands_in_any_order_never_escape(commands):
    service = Service()
    line = service.person("alice@example.com")
    line.send(b"\r\n".join(commands) + b"\r\n")
    line.hang_up()
    assert line.far.finished
    assert not service.world.online("alice@example.com")
