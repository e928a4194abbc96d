"""The client's own bytes against the dossier's transcripts, and servers that answer in every bad way."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.etree import fromstring
from scripted_server import Script, ScriptNetwork
from twisted.internet.defer import Deferred

from emulator.client.account import Credentials, Tickets, passport_ticket, tickets
from emulator.client.board import Board
from emulator.client.book import Contacts, Membership, Person
from emulator.client.gateway import GatewayStream
from emulator.client.messenger import Messenger
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.transfer import Transfers
from emulator.wire import http, rst
from emulator.wire.bookreply import Member
from emulator.wire.errors import WireError

ALICE = "alice@example.com"
NONCE = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5v"
SECRET = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"
BLOB = (
    "HAAAAAEAAAADZgAABIAAAAgAAAAUAAAASAAAAAARIjNEVWZ3BSWcDMONDXuoJ0M0/sRH/CJaXooneZVjo7cMUqJIfOa6+6ms5Wi3WiRNno3OmSTn"
    "NB/kAlG0DUsg76RrRT+JbOABPIKjKK53X4gUYh7Ljvmt89Os8mB4wckXRBI="
)
ROWS = json.loads((Path(__file__).parent.parent / "vectors" / "msnp-payloads.json").read_text())
MACHINE = "{44BFD5A4-7450-4BDA-BA3A-C51B3031126D}"


def published(direction: str, line: str) -> bytes:
    """A published line with its payload."""
    row = next(row for row in ROWS if row["dir"] == direction and row["line"].startswith(line))
    return row["line"].encode() + b"\r\n" + base64.b64decode(row["payload_b64"])


def modern(number: int = 15) -> tuple[ScriptNetwork, Script, Messenger, Tickets]:
    network, script = ScriptNetwork(), Script()
    network.bytes[8] = [bytes.fromhex("0011223344556677")]
    messenger = Messenger(network, script, Credentials(ALICE, "x"), dialect=number, machine=MACHINE)
    token = rst.Token("messengerclear.live.com", "Compact1", "t=TICKET1&p=", SECRET, "")
    return network, script, messenger, Tickets(ALICE, (token,))


def signed_in(piece: int = 1 << 20) -> tuple[ScriptNetwork, Script, Messenger]:
    """The published sign-in of 8.1, its server split into pieces."""
    network, script, messenger, held = modern()
    done = Deferred.fromCoroutine(messenger.sign_in(held))
    for line in SERVER:
        script.say(line, piece=piece)
    assert done.called
    assert done.result.client_port == 50321
    assert done.result.client_ip == "198.51.100.7"
    return network, script, messenger


SERVER = (
    b"VER 1 MSNP15\r\n",
    b"CVR 2 8.1.0178 8.1.0178 8.1.0178 http://example.com/dl http://example.com/info\r\n",
    published("S", "GCF 0") + b"USR 3 SSO S MBI_KEY_OLD " + NONCE.encode() + b"\r\n",
    b"USR 4 OK alice@example.com 1 0\r\nSBS 0 null\r\n" + published("S", "MSG Hotmail Hotmail 382"),
)


def test_an_8_1_sign_in_is_the_published_one():
    network, script, messenger, held = modern()
    done = Deferred.fromCoroutine(messenger.sign_in(held))
    assert script.sent() == b"VER 1 MSNP15 MSNP14 MSNP13 CVR0\r\n"
    script.say(SERVER[0])
    assert script.sent() == b"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs alice@example.com\r\n"
    script.say(SERVER[1])
    assert script.sent() == b"USR 3 SSO I alice@example.com\r\n"
    script.say(b"XFR 3 NS 192.0.2.10:1863 U D\r\n")
    assert script.closed
    host, port, script = network.streams[0]
    assert (host, port) == ("192.0.2.10", 1863)
    for line in SERVER[:2]:
        script.say(line)
    assert script.sent().endswith(b"USR 3 SSO I alice@example.com\r\n")
    script.say(SERVER[2])
    assert script.sent() == f"USR 4 SSO S t=TICKET1&p= {BLOB}\r\n".encode()
    script.say(SERVER[3])
    assert done.result.headers["ABCHMigrated"] == "1"

    contacts = Contacts(
        owner=ALICE,
        people=(
            Person(id="1", address="bob@example.com", name="Bob"),
            Person(id="2", address="carol@example.com", name="Carol"),
        ),
        groups={},
        notes={"MSN.IM.BLP": "1"},
    )
    members = (
        Member(role="Allow", kind="Passport", address="bob@example.com"),
        Member(role="Block", kind="Passport", address="carol@example.com"),
        Member(role="Allow", kind="Passport", address="dave@example.net"),
        Member(role="Reverse", kind="Passport", address="eve@example.net"),
    )
    present = Deferred.fromCoroutine(
        messenger.present(message="hello & bye", membership=Membership(ALICE, members), contacts=contacts)
    )
    assert script.sent() == b"BLP 5 AL\r\n" + published("C", "ADL 9").replace(b"ADL 9", b"ADL 6")
    script.say(b"BLP 5 AL\r\nADL 6 OK\r\n")
    assert script.sent() == published("C", "UUX 11").replace(b"UUX 11", b"UUX 7")
    script.say(b"UUX 7 0\r\n")
    assert script.sent() == b"CHG 8 NLN 2007498796 0\r\n"
    script.say(
        b"CHG 8 NLN 2007498796 0\r\n"
        b"ILN 8 BSY bob@example.com 1 Bob%20B 1985855532 %3cmsnobj%20Creator%3d%22bob%40example.com%22%20"
        b"Size%3d%221024%22%20Type%3d%223%22%20Location%3d%22TFR1.tmp%22%20Friendly%3d%22AAA%3d%22%20"
        b"SHA1D%3d%22aaaaaaaaaaaaaaaaaaaaaaaaaaa%3d%22%20SHA1C%3d%22bbbbbbbbbbbbbbbbbbbbbbbbbbb%3d%22%2f%3e\r\n"
    )
    assert present.called
    told = messenger.personal("BOB@example.com")
    mail = messenger.mail("text/x-msmsgsinitialmdatanotification")
    script.say(published("S", "UBX bob") + published("S", "MSG Hotmail Hotmail 289"))
    assert told.result.message == "at lunch"
    assert b"Mail-Data: <MD>" in mail.result.body
    bob = messenger.people["bob@example.com"]
    assert (bob.status, bob.name, bob.capabilities) == ("BSY", "Bob B", 1985855532)
    script.say(b"CHL 0 22210219642164014968\r\n")
    assert script.sent() == published("C", "QRY 13").replace(b"QRY 13", b"QRY 9")
    script.say(b"QRY 9\r\nFLN bob@example.com 1 0\r\n")
    assert "bob@example.com" not in messenger.people
    messenger.keep_alive(50.0)
    network.clock.advance(51.0)
    assert script.sent() == b"PNG\r\n"
    script.say(b"QNG 60\r\n")
    Deferred.fromCoroutine(messenger.leave())
    assert script.sent() == b"OUT\r\n"
    assert script.closed
    assert not network.clock.getDelayedCalls()


def test_an_msnp8_sign_in_is_the_published_one():
    network, script = ScriptNetwork(), Script()
    messenger = Messenger(network, script, Credentials(ALICE, "x"), dialect=8)
    asked = []

    async def ticket(parameters):
        asked.append(parameters)
        return "t=TICKET1&p=PROF1"

    done = Deferred.fromCoroutine(messenger.sign_in(ticket))
    assert script.sent() == b"VER 1 MSNP8 CVR0\r\n"
    script.say(b"VER 1 MSNP8 CVR0\r\n")  # as captures of that time show it
    assert script.sent() == b"CVR 2 0x0409 win 4.10 i386 MSNMSGR 5.0.0544 MSMSGS alice@example.com\r\n"
    script.say(b"CVR 2 5.0.0544 5.0.0544 1.0.0863 http://example.com/dl http://example.com/info\r\n")
    assert script.sent() == b"USR 3 TWN I alice@example.com\r\n"
    words = "lc=1033,id=507,tw=40,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,ct=1181040434,kpp=1,kv=5,ver=2.1.0173.1"
    script.say(f"USR 3 TWN S {words}\r\n".encode())
    assert asked == [words]
    assert script.sent() == b"USR 4 TWN S t=TICKET1&p=PROF1\r\n"
    script.say(b"USR 4 OK alice@example.com Alice%20A 1 0\r\n" + published("S", "MSG Hotmail Hotmail 385"))
    assert done.result.client_port == 1863
    syn = Deferred.fromCoroutine(messenger.lists())
    assert script.sent() == b"SYN 5 0\r\n"
    script.say(
        b"SYN 5 15 2 1\r\nGTC A\r\nBLP AL\r\nPRP PHH 123%20(4567)\r\nLSG 0 Other%20Contacts 0\r\n"
        b"LST bob@example.com Bob%20B 11 0\r\nBPR PHH 1%20(222)%20333%204444\r\n"
    )
    assert not syn.called
    script.say(b"LST dave@example.net dave 2\r\n")
    roster = syn.result
    assert [(one.address, one.name, one.bits, one.groups) for one in roster.contacts] == [
        ("bob@example.com", "Bob B", 11, ("0",)),
        ("dave@example.net", "dave", 2, ()),
    ]
    assert (roster.version, roster.groups, roster.privacy, roster.prompt) == (
        ("15",),
        {"0": "Other Contacts"},
        "AL",
        "A",
    )
    again = Deferred.fromCoroutine(messenger.lists(*roster.version))
    assert script.sent() == b"SYN 6 15\r\n"
    script.say(b"SYN 6 15\r\n")
    assert again.result.current
    present = Deferred.fromCoroutine(messenger.present())
    assert script.sent() == b"CHG 7 NLN 2007498796\r\n"
    script.say(b"CHG 7 NLN 2007498796\r\nILN 7 NLN bob@example.com Bob%20B 28\r\nCHL 0 15570131571988941333\r\n")
    assert present.called
    assert messenger.people["bob@example.com"].capabilities == 28
    assert script.sent() == published("C", "QRY 10").replace(b"QRY 10", b"QRY 8")
    told = messenger.listed()
    script.say(b"ADD 0 RL 16 eve@example.com Eve%20E\r\n")
    assert [(one.address, one.name) for one in told.result[1]] == [("eve@example.com", "Eve E")]


def test_lists_of_msnp10_to_12_are_read_as_published():
    for number, tail in ((12, b"1 "), (11, b"")):
        network, script = ScriptNetwork(), Script()
        messenger = Messenger(network, script, Credentials(ALICE, "x"), dialect=number)
        done = Deferred.fromCoroutine(messenger.sign_in(lambda words: Deferred.fromCoroutine(_ticket())))
        script.say(b"VER 1 MSNP%d\r\nCVR 2 a b c d e\r\nUSR 3 TWN S x\r\nUSR 4 OK %s 1 0\r\n" % (number, b"a@b.c"))
        script.say(published("S", "MSG Hotmail Hotmail 385"))
        assert done.called
        syn = Deferred.fromCoroutine(messenger.lists())
        assert script.sent().endswith(b"SYN 5 0 0\r\n")
        stamp = b"2005-06-24T02:53:13.8170000-07:00"
        script.say(
            b"SYN 5 %s %s 2 1\r\nGTC A\r\nBLP AL\r\nPRP MFN Alice%%20A\r\nPRP HSB 1\r\n"
            b"LSG Friends a1b2c3d4-0000-4000-8000-000000000001\r\n"
            b"LST N=bob@example.com F=Bob%%20B C=a1b2c3d4-0000-4000-8000-0000000000b0 11 "
            b"%sa1b2c3d4-0000-4000-8000-000000000001\r\nLST N=dave@example.net 2 %s\r\n"
            % (stamp, stamp, tail, tail.strip())
            if tail
            else b"SYN 5 %s %s 2 1\r\nLSG Friends a1b2c3d4-0000-4000-8000-000000000001\r\n"
            b"LST N=bob@example.com F=Bob%%20B C=a1b2c3d4-0000-4000-8000-0000000000b0 11 "
            b"a1b2c3d4-0000-4000-8000-000000000001\r\nLST N=dave@example.net 2\r\n" % (stamp, stamp)
        )
        bob, dave = syn.result.contacts
        assert (bob.address, bob.name, bob.bits) == ("bob@example.com", "Bob B", 11)
        assert bob.id == "a1b2c3d4-0000-4000-8000-0000000000b0"
        assert bob.groups == ("a1b2c3d4-0000-4000-8000-000000000001",)
        assert (dave.address, dave.bits, dave.groups) == ("dave@example.net", 2, ())
        assert syn.result.groups == {"a1b2c3d4-0000-4000-8000-000000000001": "Friends"}


async def _ticket() -> str:
    return "t=x&p="


@pytest.mark.parametrize("piece", [1, 2, 7, 100])
def test_a_server_may_split_its_bytes_anywhere(piece):
    _, _, messenger = signed_in(piece)
    assert messenger.over is None


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        (b"911 4\r\n", 911),
        (b"911 4 0\r\n", 911),
        (b"600 4\r\n", 600),
        (b"928 4 4\r\n<a/>", 928),
    ],
)
def test_a_refused_proof_is_the_server_s_number(bad, number):
    _, script, messenger, held = modern()
    done = Deferred.fromCoroutine(messenger.sign_in(held))
    for line in SERVER[:3]:
        script.say(line)
    script.say(bad)
    script.hang_up()
    with pytest.raises(Unexpected) as refused:
        done.result.raiseException()
    assert refused.value.number == number
    done.addErrback(lambda failure: None)


@pytest.mark.parametrize(
    "server",
    [
        (b"VER 1 0\r\n",),
        (b"VER 1 MSNP99\r\n",),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (SERVER[0], SERVER[1], b"USR 3 TWN S x\r\n"),
        (SERVER[0], SERVER[1], b"USR 3 SSO S MBI_KEY_OLD short\r\n"),
        (SERVER[0], SERVER[1], b"XFR 3 NS nonsense:99999 U D\r\n"),
        (SERVER[0], b"A" * 9000),
        (SERVER[0], b"\xff\xfe\r\n"),
    ],
)
def test_a_sign_in_that_goes_wrong_is_unexpected(server):
    _, script, messenger, held = modern()
    done = Deferred.fromCoroutine(messenger.sign_in(held))
    for line in server:
        script.say(line)
    with pytest.raises((Unexpected, WireError)):
        done.result.raiseException()
    done.addErrback(lambda failure: None)


@pytest.mark.parametrize("at", range(1, 5))
def test_a_server_that_closes_in_the_middle_ends_the_sign_in(at):
    _, script, messenger, held = modern()
    done = Deferred.fromCoroutine(messenger.sign_in(held))
    for line in SERVER[: at - 1]:
        script.say(line)
    script.say(SERVER[at - 1][:7])
    script.hang_up(ConnectionResetError("reset"))
    with pytest.raises(StreamEnded, match="reset") as ended:
        done.result.raiseException()
    assert isinstance(ended.value.__cause__, ConnectionResetError)
    done.addErrback(lambda failure: None)


def test_unknown_commands_and_strange_errors_are_left_alone():
    _, script, messenger = signed_in()
    script.say(b"XYZ 1 2 3\r\nNOT 4\r\nabcdIPG 3\r\nxyz500 99\r\nURL 7 a b 2\r\nQNG 5\r\nSBS 0 null\r\nUUM 1 2\r\n")
    script.say(b"NFY PUT 2\r\nabNLN NLN x@y.z 1 X 0\r\n")
    assert messenger.over is None
    assert messenger.people["x@y.z"].status == "NLN"


def test_every_wait_ends_with_the_server_s_last_word():
    _, script, messenger = signed_in()
    ended = []
    messenger.on_ended = ended.append
    waits = [
        messenger.presence("x@y.z"),
        messenger.ring(),
        messenger.mail(),
        messenger.handed(),
        Deferred.fromCoroutine(messenger.transfer()),
        Deferred.fromCoroutine(messenger.ping()),
    ]
    script.say(b"OUT OTH\r\nNLN NLN x@y.z 1 X 0\r\n")
    for wait in waits:
        with pytest.raises(StreamEnded, match="OUT OTH"):
            wait.result.raiseException()
        wait.addErrback(lambda failure: None)
    assert [error.detail for error in ended] == ["the server said OUT OTH"]
    assert script.closed
    late = messenger.ring()
    assert isinstance(late.result.value, StreamEnded)
    late.addErrback(lambda failure: None)


def test_a_cancelled_wait_disturbs_nobody():
    _, script, messenger = signed_in()
    first, second = messenger.presence("x@y.z"), messenger.presence("x@y.z")
    asked = Deferred.fromCoroutine(messenger.transfer())
    for one in (first, asked):
        one.cancel()
        one.addErrback(lambda failure: None)
    script.say(b"NLN NLN x@y.z 1 X 0\r\nXFR 5 SB 192.0.2.20:1863 CKI 1.2.3 U messenger.msn.com 1\r\n")
    assert second.result.address == "x@y.z"
    again = Deferred.fromCoroutine(messenger.transfer())
    script.say(b"XFR 6 SB 192.0.2.20:1863 CKI 17262740.1050826919.32308 U messenger.msn.com 1\r\n")
    assert again.result == ("192.0.2.20", 1863, "17262740.1050826919.32308")


@pytest.mark.parametrize(
    ("line", "direct"),
    [
        (b"RNG 11752099 192.0.2.20:1863 CKI 849102291.520491113 alice@example.com Alice%20A", True),
        (b"RNG 11752099 192.0.2.20:1863 CKI 849102291.520491113 alice@example.com Alice%20A U messenger.msn.com", True),
        (b"RNG 11752099 192.0.2.20 CKI 849102291.520491113 alice@example.com Alice%20A U messenger.msn.com 0", False),
    ],
)
def test_rings_of_all_ages_are_read(line, direct):
    _, script, messenger = signed_in()
    wait = messenger.ring(ALICE)
    script.say(line + b"\r\n")
    ring = wait.result
    assert (ring.session, ring.host, ring.port, ring.cookie) == (
        "11752099",
        "192.0.2.20",
        1863,
        "849102291.520491113",
    )
    assert (ring.name, ring.direct) == ("Alice A", direct)


# conversations


def board() -> tuple[Script, Board]:
    network, script = ScriptNetwork(), Script()
    network.bytes[16] = [bytes.fromhex("7f4d2a1000004000800000000000c0de")]
    made = Board(network, script, ALICE)
    opened = Deferred.fromCoroutine(made.open("17262740.1050826919.32308"))
    assert script.sent() == b"USR 1 alice@example.com 17262740.1050826919.32308\r\n"
    script.say(b"USR 1 OK alice@example.com Alice%20A\r\n")
    assert opened.called
    return script, made


def test_a_call_is_the_published_one():
    script, made = board()
    call = Deferred.fromCoroutine(made.call("bob@example.com"))
    assert script.sent() == b"CAL 2 bob@example.com\r\n"
    script.say(b"CAL 2 RINGING 11752099\r\n")
    assert not call.called
    script.say(b"JOI bob@example.com Bob%20B 1985855532\r\n")
    assert (call.result.name, call.result.capabilities, made.session) == ("Bob B", 1985855532, "11752099")
    made.typing()
    assert script.sent() == published("C", "MSG 4 U").replace(b"MSG 4", b"MSG 3")
    said = Deferred.fromCoroutine(made.say("Hello Bob"))
    assert script.sent() == published("C", "MSG 3 N").replace(b"MSG 3 N", b"MSG 4 A")
    script.say(b"ACK 4\r\n")
    assert said.called
    nudged = made.nudge()
    assert script.sent() == published("C", "MSG 5 N").replace(b"MSG 5 N", b"MSG 5 A")
    script.say(b"NAK 5\r\n")
    assert isinstance(nudged.result.value, Unexpected)
    nudged.addErrback(lambda failure: None)
    left = made.left()
    script.say(b"BYE bob@example.com 1\r\n")
    assert left.result == "bob@example.com"
    Deferred.fromCoroutine(made.leave())
    assert script.sent() == b"OUT\r\n"


def test_an_answer_is_the_published_one():
    network, script = ScriptNetwork(), Script()
    made = Board(network, script, "carol@example.com")
    answered = Deferred.fromCoroutine(made.answer("11752099", "849102291.520491113"))
    assert script.sent() == b"ANS 1 carol@example.com 849102291.520491113 11752099\r\n"
    script.say(b"IRO 1 1 2 alice@example.com Alice%20A 2007498796\r\nIRO 1 2 2 bob@example.com Bob%20B\r\nANS 1 OK\r\n")
    assert answered.called
    assert [(one.address, one.capabilities) for one in made.guests] == [(ALICE, 2007498796), ("bob@example.com", 0)]


def test_later_clients_are_one_guest_with_all_their_places():
    script, made = board()
    script.say(b"JOI bob@example.com;{11111111-2222-3333-4444-555555555555} Bob 1:2\r\nJOI bob@example.com Bob 1:2\r\n")
    script.say(b"JOI alice@example.com;{21111111-2222-3333-4444-555555555555} Alice 1\r\n")
    assert [(one.address, one.extended) for one in made.guests] == [("bob@example.com", 2)]


@pytest.mark.parametrize("number", [b"208", b"215", b"216", b"217", b"713"])
def test_a_refused_call_is_the_server_s_number(number):
    script, made = board()
    call = Deferred.fromCoroutine(made.call("bob@example.com"))
    script.say(number + b" 2\r\n")
    assert call.result.value.number == int(number)
    call.addErrback(lambda failure: None)


def test_the_published_message_in_parts_is_put_together():
    script, made = board()
    heard = []
    made.on_message = lambda sender, headers, body: heard.append((sender, headers, body))
    for line in ("MSG 9 N", "MSG 10 N"):
        payload = published("C", line).partition(b"\r\n")[2]
        script.say(b"MSG bob@example.com Bob %d\r\n%s" % (len(payload), payload))
    sender, headers, body = heard[0]
    assert (sender, body) == ("bob@example.com", b"first half, second half")
    assert headers["x-mms-im-format"].startswith("FN=Segoe")
    assert len(heard) == 1


# the account


RST_OK = (Path(__file__).parent.parent / "vectors" / "http" / "04.xml").read_bytes()


def test_the_published_ticket_answer_and_a_redirect_are_read():
    network = ScriptNetwork()
    redirect = (
        b'<?xml version="1.0" encoding="utf-8"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" '
        b'xmlns:psf="http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"><S:Fault>'
        b"<faultcode>psf:Redirect</faultcode><faultstring>Redirect</faultstring>"
        b"<psf:redirectUrl>https://msnia.login.live.com/pp900/RST.srf</psf:redirectUrl></S:Fault></S:Envelope>"
    )
    network.answers = [http.Response(200, (), redirect), http.Response(200, (), RST_OK)]
    done = Deferred.fromCoroutine(tickets(network, Credentials("alice@emu.test", "opal-Kite7")))
    assert done.result.secret
    assert done.result.for_site("contacts.msn.com").startswith("t=")
    assert [(host, secure, request.target) for host, secure, request in network.requests] == [
        ("login.live.com", True, "/RST.srf"),
        ("msnia.login.live.com", True, "/pp900/RST.srf"),
    ]
    assert b"<wsse:Password>opal-Kite7</wsse:Password>" in network.requests[1][2].body


def test_passport_1_4_is_the_published_exchange():
    network = ScriptNetwork()
    words = "lc=1033,id=507,tw=40,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,ct=1181040434,kpp=1,kv=5,ver=2.1.0173.1"
    network.answers = [
        http.Response(
            200, (("PassportURLs", "DARealm=Passport.Net,DALogin=login.live.com/login2.srf,ConfigVersion=11"),)
        ),
        http.Response(
            302,
            (
                ("Location", "https://loginnet.passport.com/login2.srf?lc=1033"),
                ("Authentication-Info", "Passport1.4 da-status=redir"),
            ),
        ),
        http.Response(
            200,
            (
                (
                    "Authentication-Info",
                    (
                        "Passport1.4 da-status=success,tname=MSPAuth,tname=MSPProf,tname=MSPSec,"
                        "from-PP='t=TICKET1&p=PROF1',ru=http://messenger.msn.com"
                    ),
                ),
            ),
        ),
    ]
    done = Deferred.fromCoroutine(passport_ticket(network, Credentials(ALICE, "secret"), words))
    assert done.result == "t=TICKET1&p=PROF1"
    assert [(host, request.target) for host, _, request in network.requests] == [
        ("nexus.passport.com", "/rdr/pprdr.asp"),
        ("login.live.com", "/login2.srf"),
        ("loginnet.passport.com", "/login2.srf?lc=1033"),
    ]
    wanted = (
        "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,sign-in=alice%40example.com,pwd=secret,"
        + words
    )
    assert [request.header("Authorization") for _, _, request in network.requests[1:]] == [wanted, wanted]


@pytest.mark.parametrize(
    "answers",
    [
        [http.Response(200)],
        [http.Response(200, (("PassportURLs", "DALogin="),))],
        [http.Response(200, (("PassportURLs", "DALogin=a/b"),)), http.Response(401)],
        [http.Response(200, (("PassportURLs", "DALogin=a/b"),)), http.Response(302, (("Location", "ftp://x"),))],
        [http.Response(200, (("PassportURLs", "DALogin=a/b"),)), http.Response(503)],
        [StreamEnded("gone")],
        [http.Response(200, (("PassportURLs", "DALogin=a/b"),))]
        + [http.Response(302, (("Location", "https://a/b"),))] * 9,
    ],
)
def test_a_passport_sign_in_that_goes_wrong_is_a_client_error(answers):
    network = ScriptNetwork()
    network.answers = list(answers)
    done = Deferred.fromCoroutine(passport_ticket(network, Credentials(ALICE, "secret"), "x"))
    with pytest.raises(ClientError):
        done.result.raiseException()
    done.addErrback(lambda failure: None)


# the gateway


def opened(**more) -> tuple[ScriptNetwork, GatewayStream, list[bytes], list[Exception]]:
    network = ScriptNetwork()
    data: list[bytes] = []
    ended: list[Exception] = []

    async def make():
        web = await network.web("gateway.messenger.hotmail.com", secure=False)
        return await GatewayStream.open(web, "NS", "messenger.hotmail.com", network, **more)

    stream = Deferred.fromCoroutine(make()).result
    stream.attach(data.append, ended.append)
    return network, stream, data, ended


def answer(session: str, body: bytes = b"", tail: str = "") -> http.Response:
    return http.Response(200, (("X-MSN-Messenger", f"SessionID={session}; GW-IP=192.0.2.30{tail}"),), body)


def test_a_gateway_session_is_the_published_one():
    network, stream, data, ended = opened(period=2.0)
    network.answers = [answer("954547325.13160", b"VER 1 MSNP15\r\n")]
    stream.send(b"VER 1 MSNP15 MSNP14 MSNP13 CVR0\r\n")
    request = network.requests[0][2]
    assert request.target == "/gateway/gateway.dll?Action=open&Server=NS&IP=messenger.hotmail.com"
    assert (len(request.body), request.header("Content-Type")) == (33, "application/x-msn-messenger")
    assert data == [b"VER 1 MSNP15\r\n"]
    network.answers = [answer("954547325.28011")]
    network.clock.advance(2.1)
    assert network.requests[1][2].target == "/gateway/gateway.dll?Action=poll&SessionID=954547325.13160"
    assert network.requests[1][2].body == b""
    network.answers = [answer("954547325.28012", b"CVR", "; Session=close")]
    stream.send(b"x" * 10)
    assert network.requests[2][2].target == "/gateway/gateway.dll?SessionID=954547325.28011"
    assert data[-1] == b"CVR"
    assert isinstance(ended[0], StreamEnded)
    assert len(ended) == 1
    stream.send(b"late")
    network.clock.advance(10)
    assert len(network.requests) == 3
    assert not network.clock.getDelayedCalls()


def test_much_goes_in_batches():
    network, stream, *_ = opened()
    network.answers = [answer(f"1.{number}") for number in range(4)]
    stream.send(bytes(150_000))
    assert [len(request.body) for _, _, request in network.requests] == [60_000, 60_000, 30_000]


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (http.Response(403), 403),
        (http.Response(407), 407),
        (http.Response(200), 200),
        (http.Response(200, (("X-MSN-Messenger", ";;="),)), 200),
    ],
)
def test_a_gateway_that_refuses_ends_the_stream(response, status):
    network, stream, _, ended = opened()
    network.answers = [response]
    stream.send(b"VER\r\n")
    assert isinstance(ended[0], Unexpected)
    assert ended[0].status == status
    stream.close()
    assert len(ended) == 1


# whatever comes

LINES = (
    b"NLN NLN",
    b"ILN 1 BSY bob@example.com 1 Bob 0",
    b"FLN",
    b"UBX bob@example.com 1 3\r\n<a>",
    b"UBX bob@example.com 1 0",
    b"UBN bob x 0",
    b"RNG 1 h:p CKI 1 a b",
    b"CHL 0",
    b"CHL 0 1",
    b"ADL 0 4\r\n<ml>",
    b'ADL 0 33\r\n<ml><d n="x"><c l="Z"/></d></ml>x',
    b"RML 0 0",
    b"ADC 0 RL",
    b"ADD 0 RL 7 a@b.c",
    b"LST",
    b"SYN 5 1 99999 1",
    b"SYN 5 1 1 1",
    b"LST a b c",
    b"MSG",
    b"MSG a",
    b"MSG a b 4\r\n\r\n\r\n",
    b"JOI",
    b"BYE",
    b"IRO 1",
    b"911 5",
    b"OUT",
    b"QNG",
    b"XFR 5 SB",
    b"USR 5 OK",
    "NLN NLN \u0664 \u00b2 1 \u0969".encode(),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=60)), max_size=10), st.booleans())
def test_nothing_that_a_server_says_raises_anything_else(lines, closes):
    errors = (ClientError, WireError)
    _, script, messenger = signed_in()
    waits = [Deferred.fromCoroutine(messenger.transfer()), messenger.presence("bob@example.com")]
    network, seat = ScriptNetwork(), Script()
    talking = Board(network, seat, ALICE)
    Transfers(talking, network)
    waits.append(Deferred.fromCoroutine(talking.open("1")))
    waits.append(Deferred.fromCoroutine(talking.call("bob@example.com")))
    for line in lines:
        for one in (script, seat):
            if not one.closed:
                one.say(line + b"\r\n")
    if closes:
        for one in (script, seat):
            if not one.closed:
                one.hang_up()
    for wait in waits:
        wait.addErrback(lambda failure: failure.trap(*errors) and None)
        wait.cancel()
        wait.addErrback(lambda failure: None)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(LINES)), max_size=6))
def test_nothing_that_a_server_says_to_a_sign_in_raises_anything_else(lines):
    for number in (8, 12, 15):
        _, script, messenger, held = modern(number)
        proof = held if number == 15 else (lambda words: Deferred.fromCoroutine(_ticket()))
        done = Deferred.fromCoroutine(messenger.sign_in(proof))
        script.say(f"VER 1 MSNP{number}\r\nCVR 2\r\n".encode())
        for line in lines:
            if not script.closed:
                script.say(line + b"\r\n")
        if not script.closed:
            script.hang_up()
        assert isinstance(done.result.value, ClientError | WireError)
        done.addErrback(lambda failure: None)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200), st.integers(100, 599))
def test_any_ticket_answer_is_tickets_or_a_client_error(body, status):
    for answered in (body, RST_OK[: len(RST_OK) - len(body)]):
        network = ScriptNetwork()
        network.answers = [http.Response(status, (), answered)]
        done = Deferred.fromCoroutine(tickets(network, Credentials(ALICE, "x")))
        if not isinstance(done.result, Tickets):
            assert isinstance(done.result.value, ClientError)
        done.addErrback(lambda failure: None)


def test_a_long_list_is_split_as_servers_take_it():
    _, script, messenger = signed_in()
    members = tuple(
        Member(role="Allow", kind="Passport", address=f"friend-{number:04d}@d{number % 3}.example.com")
        for number in range(700)
    )
    script.sent()
    Deferred.fromCoroutine(messenger.present(membership=Membership(ALICE, members)))
    seen = set()
    for trid in range(5, 30):
        raw = script.sent()
        if not raw.startswith(b"ADL"):
            break
        line, _, payload = raw.partition(b"\r\n")
        assert line == b"ADL %d %d" % (trid, len(payload))
        assert len(payload) <= 7500
        root = fromstring(payload)
        assert root.get("l") == "1"
        people = {f"{one.get('n')}@{domain.get('n')}" for domain in root for one in domain}
        assert len(people) <= 150
        assert not people & seen
        seen |= people
        script.say(b"ADL %d OK\r\n" % trid)
    assert seen == {one.address for one in members}
    assert raw.startswith(b"UUX")
