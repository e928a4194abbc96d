"""Files and pictures between peers: with the contact that takes files, between two clients, and against raw bytes."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from pathlib import Path

import dpkt
import pytest
from client_place import ALICE, BOB, FILES, Person, Town
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import Script, ScriptNetwork
from twisted.internet.defer import Deferred

from emulator.client.board import Board
from emulator.client.network import StreamEnded, Unexpected
from emulator.client.transfer import Transfers
from emulator.wire import msnobject, p2p, slp

VECTORS = Path(__file__).parent.parent / "vectors"
SIZES = [0, 1, 1202, 1203, 300_000]


@pytest.fixture
def town() -> Town:
    return Town()


def content(size: int) -> bytes:
    return hashlib.shake_128(b"a file").digest(size)


def seated(town: Town, person: Person, callee: str) -> tuple[Board, Transfers]:
    town.run(person.online())
    made = []
    board = town.run(person.chat(callee, lambda board: made.append(Transfers(board, town.network))))
    return board, made[0]


def pair(town: Town) -> tuple[Transfers, Transfers, Board, Board]:
    """Alice and bob in one conversation, both with transfers."""
    other = Person(town, BOB)
    bob = town.run(other.online())
    seats = []

    async def answer(ring):
        board = Board(town.network, await other.dial("SB", ring.host, ring.port), BOB)
        seats.append((board, Transfers(board, town.network)))
        await board.answer(ring.session, ring.cookie)

    bob.on_ring = lambda ring: Deferred.fromCoroutine(answer(ring))
    board, transfers = seated(town, Person(town, ALICE), BOB)
    return transfers, seats[0][1], board, seats[0][0]


@pytest.mark.parametrize("over_gateway", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_taken_and_its_digest_told(town, size, over_gateway):
    board, transfers = seated(town, Person(town, ALICE, over_gateway=over_gateway), FILES)
    data = content(size)
    sent = town.run(transfers.send_file(FILES, "hello.txt", data))
    wanted = f"hello.txt, {size} bytes, SHA-1 {hashlib.sha1(data).hexdigest()}"
    assert town.run(board.heard()).message.text == wanted
    assert (sent.size, sent.sha1) == (size, hashlib.sha1(data).hexdigest())


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_sent_when_asked_for(town, size):
    board, transfers = seated(town, Person(town, ALICE), FILES)
    offers = []
    transfers.on_file = offers.append
    town.run(board.say(f"send {size}"))
    town.turn()
    assert (offers[0].name, offers[0].size, offers[0].sender) == (f"emulator-{size}.bin", size, FILES)
    got = town.run(offers[0].accept())
    assert len(got.data) == size
    told = town.run(board.heard()).message.text
    assert told == f"Sent {got.name}, {size} bytes, SHA-1 {hashlib.sha1(got.data).hexdigest()}"


def test_a_declined_file_is_said(town):
    board, _ = seated(town, Person(town, ALICE), FILES)  # nobody takes files: declined
    town.run(board.say("send 10"))
    assert "was not taken" in town.run(board.heard()).message.text
    town.run(board.say("send 99999999"))
    assert "too many" in town.run(board.heard()).message.text


def test_files_go_both_ways_at_once(town):
    one, other, *_ = pair(town)
    got = []
    for transfers in (one, other):
        transfers.on_file = lambda incoming: incoming.accept().addCallback(got.append)
    there = Deferred.fromCoroutine(one.send_file(BOB, "there.bin", content(90_000)))
    back = Deferred.fromCoroutine(other.send_file(ALICE, "Ω back.bin", content(70_000), preview=b"\x89PNG"))
    town.run(there)
    town.run(back)
    assert {(one.name, one.size, one.sha1) for one in got} == {
        ("there.bin", 90_000, hashlib.sha1(content(90_000)).hexdigest()),
        ("Ω back.bin", 70_000, hashlib.sha1(content(70_000)).hexdigest()),
    }
    town.turn()
    assert one.sessions_ended + other.sessions_ended == 2  # each sender closed its session


@pytest.mark.parametrize("accepts", [True, False])
def test_who_leaves_in_the_middle_of_a_file_is_noticed_at_once(town, accepts):
    one, other, _, bobs_board = pair(town)
    problems, unheard = [], []

    def taken(incoming):
        if accepts:
            incoming.accept().addErrback(lambda failure: problems.append(failure.value))
        bobs_board.on_peer = unheard.append  # bob's program hangs: what comes is not acknowledged any more

    other.on_file = taken
    sending = Deferred.fromCoroutine(one.send_file(BOB, "x.bin", content(300_000)))
    sending.addErrback(lambda failure: problems.append(failure.value))
    town.turn()
    assert problems == []
    town.run(bobs_board.leave())
    town.turn(0.1)
    assert {type(one) for one in problems} == {StreamEnded}
    assert problems[-1].detail == f"{BOB} left the conversation"
    assert len(problems) == 1 + accepts, "whoever waits at either end is told"


def test_a_picture_is_fetched_and_checked(town):
    one, other, *_ = pair(town)
    data = content(5000)
    described = msnobject.describe(BOB, data)
    other.serve((described, data))
    assert town.run(one.fetch(BOB, described)) == data
    absent = msnobject.describe(BOB, b"something else")
    with pytest.raises(Unexpected) as declined:
        town.run(one.fetch(BOB, absent))
    assert declined.value.code == "603"
    other._objects[absent.data_digest] = b"forged"
    with pytest.raises(Unexpected, match="not the described"):
        town.run(one.fetch(BOB, absent))


def test_a_contact_s_picture_is_described_in_its_presence_and_can_be_fetched(town):
    person = Person(town, ALICE)
    _, transfers = seated(town, person, FILES)
    shown = person.messenger.people[FILES]
    described = msnobject.read(shown.picture)
    data = town.run(transfers.fetch(FILES, described))
    assert data.startswith(b"\x89PNG")
    assert base64.b64encode(hashlib.sha1(data).digest()).decode() == described.data_digest


def test_a_peer_that_leaves_breaks_a_transfer_off(town):
    one, other, _, seat = pair(town)
    offers = []
    other.on_file = offers.append
    sending = Deferred.fromCoroutine(one.send_file(BOB, "x", content(10)))
    town.turn()
    taking = offers[0].accept()
    town.run(seat.leave())
    with pytest.raises(StreamEnded):
        town.run(taking)
    with pytest.raises((StreamEnded, Unexpected, TimeoutError)):
        town.run(sending, 1.0)


def test_the_published_object_digest():
    data = b"\x89PNG-test-avatar"
    one = msnobject.describe("alice@example.com", data, location="TFR1.dat")
    assert (one.data_digest, one.own_digest) == ("cMoqGsPH05ikH5XydlwnoYMb3UM=", "fy3AKWRJOnM1TNGNfAfQk6K/3mY=")
    quoted = msnobject.quoted(one)
    assert quoted.startswith("%3cmsnobj%20Creator%3d%22alice%40example.com%22%20Size%3d%2216%22%20Type%3d%223%22")
    assert quoted.endswith("%2f%3e")
    assert msnobject.read(quoted) == one


# against raw bytes

SESSION, BRANCH, CALL = 305419896, "11111111222233334444555555555555", "66666666777788889999aaaaaaaaaaaa"


def captured() -> list[bytes]:
    found = []
    with (VECTORS / "sb_p2p.pcap").open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            found.append(bytes(dpkt.ethernet.Ethernet(frame).data.data.data))
    return [data for data in found if data]


def pieces(raw: bytes) -> list[bytes]:
    """P2P messages among client commands: header, chunk and footer."""
    found = []
    while raw:
        line, _, rest = raw.partition(b"\r\n")
        size = int(line.split()[-1]) if line.startswith(b"MSG") else 0
        payload, raw = rest[:size], rest[size:]
        if b"application/x-msnmsgrp2p" in payload:
            found.append(payload.partition(b"\r\n\r\n")[2])
    return found


def incoming(data: bytes, app: int = 0) -> bytes:
    """A P2P message of bob's, as the switchboard brings it."""
    head = b"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\nP2P-Dest: alice@example.test\r\n\r\n"
    payload = head + data + struct.pack(">I", app)
    return b"MSG bob@example.test Bob %d\r\n%s" % (len(payload), payload)


def scripted() -> tuple[ScriptNetwork, Script, Transfers]:
    network = ScriptNetwork()
    script = Script()
    board = Board(network, script, "alice@example.test")
    transfers = Transfers(board, network)
    opening = Deferred.fromCoroutine(board.open("1.2.3"))
    assert script.sent() == b"USR 1 alice@example.test 1.2.3\r\n"
    script.say(b"USR 1 OK alice@example.test Alice\r\nJOI bob@example.test Bob 1985855532\r\n")
    assert opening.called
    return network, script, transfers


def test_our_invitation_is_the_captured_one_byte_for_byte():
    network, script, transfers = scripted()
    network.bytes[4] = [struct.pack("<I", SESSION), struct.pack("<I", 1000), struct.pack("<I", 0xCAFEBABE)]
    network.bytes[16] = [bytes.fromhex(BRANCH), bytes.fromhex(CALL)]
    sending = Deferred.fromCoroutine(transfers.send_file("bob@example.test", "hello.txt", b"Hello there"))
    ours = script.sent()
    theirs = b"".join(captured())
    assert ours == re.sub(rb"MSG 1([01]) D", lambda found: b"MSG %d D" % (2 + int(found[1])), theirs)
    # bob's acknowledgement and 200 OK are the dossier's
    script.say(b"ACK 2\r\nACK 3\r\n")
    script.say(
        incoming(
            bytes.fromhex("00000000881300000000000000000000ff040000000000000000000002000000")
            + bytes.fromhex("e8030000bebafecaff04000000000000")
        )
    )
    text = (VECTORS / "slp-ok.txt").read_bytes()
    head = struct.pack("<IIQQIIIIQ", 0, 5001, 0, len(text), len(text), 0, 77, 0, 0)
    script.say(incoming(head + text))
    sent = pieces(script.sent())
    answer, data = sent[0], sent[1]
    assert answer[:48] == struct.pack("<IIQQIIIIQ", 0, 1001, 0, len(text), 0, 2, 5001, 77, len(text))
    session, identifier, offset, total, length, flags, unique, _, _ = struct.unpack("<IIQQIIIIQ", data[:48])
    assert (session, offset, total, length, flags) == (SESSION, 0, 11, 11, 0x01000030)
    assert data[48:] == b"Hello there" + struct.pack(">I", 2)
    script.say(b"ACK 4\r\nACK 5\r\n")
    assert not sending.called
    script.say(incoming(struct.pack("<IIQQIIIIQ", SESSION, 5002, 0, 11, 0, 2, identifier, unique, 11), 2))
    assert sending.called
    bye = pieces(script.sent())[0]
    assert slp.decode(bye[48:-4]).start == "BYE"
    assert slp.decode(bye[48:-4]).call_id == "{66666666-7777-8888-9999-AAAAAAAAAAAA}"


def test_a_captured_invitation_is_taken_and_a_direct_connection_declined_politely():
    network = ScriptNetwork()
    offers = []
    transfers = Transfers(board := Board(network, mine := Script(), "bob@example.test"), network)
    transfers.on_file = offers.append
    text = (VECTORS / "slp-inv.txt").read_bytes()

    def to_bob(data: bytes, app: int = 0) -> bytes:
        return incoming(data, app).replace(b"P2P-Dest: alice", b"P2P-Dest: bob")

    def sized(raw: bytes) -> bytes:
        payload = raw.partition(b"\r\n")[2]
        return b"MSG alice@example.test Alice %d\r\n%s" % (len(payload), payload)

    for raw in captured():
        payload = raw.partition(b"\r\n")[2]
        mine.say(b"MSG alice@example.test Alice%%20A %d\r\n%s" % (len(payload), payload))
    assert (offers[0].name, offers[0].size, offers[0].sender) == ("hello.txt", 11, "alice@example.test")
    assert text.endswith(b"\0")
    taking = offers[0].accept()
    ack, ok = pieces(mine.sent())
    assert ack[:4] + ack[8:] == bytes(4) + struct.pack("<QQIIIIQ", 0, 1279, 0, 2, 1000, 0xCAFEBABE, 1279) + bytes(4)
    assert ok[48:-4] == (VECTORS / "slp-ok.txt").read_bytes()
    request = (VECTORS / "slp-tr.txt").read_bytes()
    head = struct.pack("<IIQQIIIIQ", 0, 1002, 0, len(request), len(request), 0, 5, 0, 0)
    mine.say(sized(to_bob(head + request)))
    answer = slp.decode(pieces(mine.sent())[1][48:-4])
    assert (answer.start, answer.content_type) == ("200 OK", slp.BRIDGE_RESPONSE)
    assert answer.field("Listening") == "false"
    data = struct.pack("<IIQQIIIIQ", SESSION, 1003, 0, 11, 11, 0x30, 9, 0, 0) + b"Hello there"
    mine.say(sized(to_bob(data, 2)))
    results = []
    taking.addCallback(results.append)
    assert results[0].data == b"Hello there"
    assert board.over is None


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=120), max_size=4), st.integers(0, 0xFFFFFFFF), st.integers(0, 20))
def test_any_peer_message_leaves_the_session_alone(bodies, flags, session):
    _, script, transfers = scripted()
    board = transfers._peers
    for body in bodies:
        script.say(incoming(body))
        total = len(body) + session
        script.say(incoming(struct.pack("<IIQQIIIIQ", session, 7, 0, total, len(body), flags, 1, 2, 3) + body))
    script.say(incoming(p2p.pack(p2p.Header(identifier=9, total=1, length=1)) + b"x"))
    assert board._over is None
    assert pieces(script.sent())[-1][48:] == bytes(4)  # it still acknowledges
