"""Direct connections between two clients in memory: both roles, both kinds of nonces, and what goes wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dpkt
import pytest
from client_place import ALICE, BOB, FILES, Person, Town
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from emulator.client.board import Board
from emulator.client.direct import Direct, Nonces
from emulator.client.direct_bridge import Limits
from emulator.client.direct_ways import Harbour, MemoryStream, MemoryWays, Standing
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.peers import Hashed, Incoming
from emulator.client.transfer import Received, Sent, Transfers
from emulator.wire import msnobject, p2p, p2p_direct, slp
from emulator.wire.errors import WireError

VECTORS = Path(__file__).parent.parent / "vectors"
LIMITS = Limits(whole=2.0, dial=0.5, handshake=1.0)
NAT = Standing(conn_type="Port-Restrict-NAT")
HERE, THERE = "10.0.0.1", "10.0.0.2"
SECRET, OTHER = bytes(range(16)), bytes(range(16, 32))


def content(size: int) -> bytes:
    return hashlib.shake_128(b"direct").digest(size)


class Pair:
    """Alice and bob in one conversation, both with ways to each other."""

    def __init__(self, alice: Standing = Standing(), bob: Standing = Standing()) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        self.bobs_seat: list[tuple[Board, Transfers]] = []
        other, person = Person(self.town, BOB), Person(self.town, ALICE)
        messenger = self.town.run(other.online())

        async def answer(ring: Any) -> None:
            board = Board(self.town.network, await other.dial("SB", ring.host, ring.port), BOB)
            self.bobs_seat.append((board, self.transfers(board, THERE, bob)))
            await board.answer(ring.session, ring.cookie)

        messenger.on_ring = lambda ring: Deferred.fromCoroutine(answer(ring))
        self.town.run(person.online())
        made: list[Transfers] = []
        self.board = self.town.run(person.chat(BOB, lambda board: made.append(self.transfers(board, HERE, alice))))
        self.alice = made[0]
        self.town.turn()
        self.bobs_board, self.bob = self.bobs_seat[0]

    def transfers(self, board: Board, address: str, standing: Standing) -> Transfers:
        return Transfers(board, self.town.network, MemoryWays(self.harbour, address, standing), LIMITS)

    def send(self, data: bytes) -> tuple[Sent, Received]:
        got: list[Received] = []
        self.bob.on_file = lambda incoming: incoming.accept().addCallback(got.append)
        sent = self.town.run(self.alice.send_file(BOB, "x.bin", data))
        self.town.turn(0.2)
        return sent, got[0]


@pytest.mark.parametrize("size", [0, 1, 1352, 1353, 700_000])
def test_the_invited_side_listens_when_it_is_no_worse_connected(size: int) -> None:
    pair = Pair()
    sent, got = pair.send(content(size))
    assert got.data == content(size)
    assert (sent.sha1, got.sha1) == (hashlib.sha1(content(size)).hexdigest(),) * 2
    assert (sent.passage.bridge, sent.passage.listened) == ("TCPv1", False)
    assert (got.passage.bridge, got.passage.listened) == ("TCPv1", True)
    assert [address for address, _ in pair.harbour.dialled] == [THERE]
    assert pair.bob.sessions_ended == 1
    assert not pair.harbour.doors, "the listener is closed when the connection is there"


def test_roles_are_reversed_when_the_inviter_is_better_connected() -> None:
    pair = Pair(bob=NAT)
    sent, got = pair.send(content(90_000))
    assert got.data == content(90_000)
    assert (sent.passage.listened, got.passage.listened) == (True, False)
    assert sent.passage.direct
    assert got.passage.direct
    assert [address for address, _ in pair.harbour.dialled] == [HERE]
    assert not pair.harbour.doors


def test_a_large_picture_goes_directly_and_a_small_one_does_not() -> None:
    pair = Pair()
    for size, dials in ((5000, 0), (200_000, 1)):
        data = content(size)
        described = msnobject.describe(BOB, data)
        pair.bob.serve((described, data))
        assert pair.town.run(pair.alice.fetch(BOB, described)) == data
        assert len(pair.harbour.dialled) == dials
    pair.town.turn(0.2)
    assert not pair.harbour.doors


def test_without_a_path_the_file_goes_over_the_switchboard_and_says_why() -> None:
    pair = Pair()
    pair.harbour.refuses = lambda address, port: True
    sent, got = pair.send(content(30_000))
    assert got.data == content(30_000)
    assert (sent.passage.bridge, got.passage.bridge) == ("SBBridge", "SBBridge")
    assert "cannot be reached" in sent.passage.why
    pair.town.turn(LIMITS.whole)
    assert not pair.harbour.doors, "nobody listens for ever"


def test_a_listener_that_nobody_reaches_is_waited_for_no_longer_than_the_limit() -> None:
    pair = Pair(bob=NAT)
    pair.harbour.refuses = lambda address, port: True
    before = pair.town.clock.seconds()
    sent, _ = pair.send(content(3000))
    assert not sent.passage.direct
    assert f"within {LIMITS.whole:g} s" in sent.passage.why
    assert pair.town.clock.seconds() - before < 2 * LIMITS.whole


def test_who_has_no_ways_is_sent_to_over_the_switchboard() -> None:
    pair = Pair()
    board = pair.bobs_board
    plain = Transfers(board, pair.town.network)
    pair.bob = plain
    sent, got = pair.send(content(3000))
    assert got.data == content(3000)
    assert not sent.passage.direct


def test_a_bridge_is_refused_to_a_call_that_was_never_accepted() -> None:
    pair = Pair()
    call = slp.Slp(start="INVITE", to=BOB, sender=ALICE, branch="{B}", call_id="{C}", content_type=slp.SESSION_REQUEST)
    asked = pair.alice.calls.negotiate(call, slp.BRIDGE_REQUEST, slp.bridge_request(slp.BridgeRequest(), "1"))
    answer = pair.town.run(asked)
    assert (answer.status, answer.content_type) == (481, slp.SESSION_FAILURE)
    assert not pair.harbour.doors


def test_the_connection_lost_in_the_middle_is_said_at_both_ends() -> None:
    pair = Pair()
    whole, count = MemoryWays.dial, [0]

    async def dial(self: MemoryWays, *arguments: Any) -> MemoryStream:
        stream = await whole(self, *arguments)
        send = stream.send

        def counted(data: bytes) -> None:
            send(data)
            count[0] += 1
            if count[0] == 5:
                stream.close()

        stream.send = counted  # type: ignore[method-assign]
        return stream

    problems: list[ClientError] = []
    pair.bob.on_file = lambda incoming: incoming.accept().addErrback(lambda failure: problems.append(failure.value))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryWays, "dial", dial)
        with pytest.raises(StreamEnded, match="direct connection ended early"):
            pair.town.run(pair.alice.send_file(BOB, "x", content(5_000_000)))
        pair.town.turn()
    assert "direct connection ended early" in str(problems[0])


@pytest.mark.parametrize("bridges", ["TRUDPv1", "TRUDPv1 TCPv1", "TRUDPv1 TCPv1 SBBridge TURNv1"])
def test_trudp_is_declined_by_choosing_tcp(bridges: str) -> None:
    pair = Pair()
    offers: list[Any] = []
    pair.bob.on_file = offers.append
    seen: list[slp.Slp] = []

    async def invite() -> None:
        body = (
            ("EUF-GUID", slp.FILE_TRANSFER),
            ("SessionID", "77"),
            ("AppID", "2"),
            ("Context", slp.file_context("x", 5)),
        )
        call = await pair.alice.calls.invite(BOB, body)
        asked = slp.BridgeRequest(bridges=tuple(bridges.split()), nonce=p2p.published(SECRET))
        seen.append(await pair.alice.calls.negotiate(call, slp.BRIDGE_REQUEST, slp.bridge_request(asked, "77")))

    going = Deferred.fromCoroutine(invite())
    pair.town.turn()
    offers[0].accept().addErrback(lambda failure: None)
    pair.town.run(going)
    told = slp.read_bridge_answer(seen[0])
    assert told.bridge == "TCPv1"
    assert told.listening == ("TCPv1" in bridges.split())


@pytest.mark.parametrize("back", [False, True])
def test_the_contact_takes_and_sends_files_directly(back: bool) -> None:
    town = Town()
    harbour = Harbour(town.clock.callLater)
    town.contacts[0].network.ways = MemoryWays(harbour, THERE)
    person = Person(town, ALICE)
    town.run(person.online())
    board = town.run(person.chat(FILES))
    transfers = Transfers(board, town.network, MemoryWays(harbour, HERE), LIMITS)
    got: list[Received] = []
    transfers.on_file = lambda incoming: incoming.accept().addCallback(got.append)
    if back:
        town.run(board.say("send 50000"))
        told = town.run(board.heard()).message.text
        assert got[0].passage.listened
        assert "by TCPv1, you listened" in told
        assert got[0].sha1 in told
    else:
        sent = town.run(transfers.send_file(FILES, "x", content(50_000)))
        told = town.run(board.heard()).message.text
        assert not sent.passage.listened
        assert "by TCPv1, I listened" in told
        assert sent.sha1 in told
    assert [address for address, _ in harbour.dialled] == [HERE if back else THERE]


# against bytes that are not ours


def captured() -> list[tuple[bool, bytes]]:
    """The published connection: (from the connector, bytes)."""
    found = []
    with (VECTORS / "dc_v1.pcap").open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            segment = dpkt.ethernet.Ethernet(frame).data.data
            if segment.data:
                found.append((segment.dport == 1119, bytes(segment.data)))
    return found


class Wire:
    """A stream whose far end is this test."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = ""

    def attach(self, data: Any, ended: Any) -> None:
        self.data, self.ended = data, ended

    def send(self, data: bytes) -> None:
        self.sent += data

    def room(self) -> None:
        return None

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abandon(self, problem: Exception) -> None:
        self.closed = f"abandoned: {problem}"


def made(
    *, connects: bool, hashed: bool = True, mine: bytes = SECRET, theirs: bytes = OTHER, clock: Clock | None = None
) -> tuple[Wire, Direct]:
    wire, clock = Wire(), clock or Clock()
    nonces = Nonces(mine, p2p.published(theirs) if hashed else p2p.plain(mine), hashed)
    direct = Direct(
        wire, lambda: nonces, connects=connects, identifier=1001 if connects else 5002, call_later=clock.callLater
    )
    direct.ready.addErrback(lambda failure: None)
    return wire, direct


def test_the_published_connection_byte_for_byte_as_connector() -> None:
    talk = captured()
    wire, direct = made(connects=True)
    assert wire.sent == talk[0][1] + talk[1][1]
    wire.data(talk[2][1])
    assert direct.ready.called
    wire.sent = b""
    pouring = direct.pour(
        BOB, b"hello world", session=0x12345678, identifier=1002, flags=p2p.FILE_DATA, ack_id=0xDEAD0001, app=2
    )
    with pytest.raises(StopIteration):
        pouring.send(None)
    assert wire.sent == talk[3][1]
    heard: list[p2p.Header] = []
    direct.deliver = lambda header, piece, by: heard.append(header)
    wire.data(talk[4][1])
    assert (heard[0].kind, heard[0].ack_id, heard[0].ack_size) == (p2p.ACK, 1002, 11)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_the_published_connection_byte_for_byte_as_listener(step: int) -> None:
    talk = captured()
    wire, direct = made(connects=False, mine=OTHER, theirs=SECRET)
    got: list[tuple[p2p.Header, bytes]] = []
    direct.deliver = lambda header, piece, by: got.append((header, bytes(piece)))
    raw = b"".join(data for connector, data in talk if connector)
    for at in range(0, len(raw), step):
        wire.data(raw[at : at + step])
    assert wire.sent == talk[2][1]
    assert got[0][1] == b"hello world"
    assert got[1][0].session == 0
    assert slp.decode(got[1][1]).start == "BYE"
    assert p2p_direct.record(p2p.acknowledgement(got[0][0], 5003)) == talk[4][1]


def test_plain_nonces_are_the_same_at_both_ends() -> None:
    wire, direct = made(connects=False, hashed=False)
    assert p2p.plain(SECRET) == "{03020100-0504-0706-0809-0A0B0C0D0E0F}"
    wire.data(p2p_direct.OPENING + p2p_direct.record(p2p.handshake(9, SECRET)))
    assert wire.sent == p2p_direct.record(p2p.handshake(5002, SECRET))
    assert direct.ready.called
    assert direct.over is None


HELLO = p2p_direct.record(p2p.handshake(9, SECRET))
BAD = {
    "wrong nonce": (p2p_direct.OPENING + p2p_direct.record(p2p.handshake(9, OTHER)), "nonce"),
    "no foo": (HELLO, "foo"),
    "http": (b"GET / HTTP/1.0\r\n\r\n", "foo"),
    "version 2": (p2p_direct.OPENING + b"\x10\0\0\0" + SECRET, "handshake of 16"),
    "no handshake": (p2p_direct.OPENING + p2p_direct.record(p2p.pack(p2p.Header(identifier=1))), "no handshake"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_whoever_is_not_the_peer_is_closed_without_a_word(name: str) -> None:
    wire, direct = made(connects=False, mine=OTHER, theirs=SECRET)
    raw, why = BAD[name]
    wire.data(raw)
    assert wire.sent == b""
    assert wire.closed.startswith("abandoned")
    assert why in wire.closed
    assert direct.over is not None


def test_a_peer_that_published_no_nonce_is_not_let_in() -> None:
    nonces = Nonces(SECRET, slp.NO_NONCE, True)
    assert not nonces.accepts(bytes(16))
    assert not Nonces(SECRET, slp.NO_NONCE, False).accepts(bytes(16))


def test_silence_in_the_handshake_is_closed() -> None:
    clock = Clock()
    wire, direct = made(connects=False, clock=clock)
    wire.data(p2p_direct.OPENING)
    clock.advance(10.1)
    assert "no nonce in time" in wire.closed
    assert isinstance(direct.over, StreamEnded)


def test_a_second_connection_is_closed_and_the_first_goes_on() -> None:
    pair = Pair()
    strangers: list[tuple[MemoryStream, list[str]]] = []
    whole = MemoryWays.dial

    async def dial(self: MemoryWays, peer: str, address: str, port: int, seconds: float) -> MemoryStream:
        for raw in (b"", b"GET / HTTP/1.0\r\n\r\n", p2p_direct.OPENING + p2p_direct.record(p2p.handshake(1, OTHER))):
            stream, ends = await whole(self, peer, address, port, seconds), []
            stream.attach(lambda data: None, lambda error, ends=ends: ends.append(str(error)))
            stream.send(raw)
            strangers.append((stream, ends))
        return await whole(self, peer, address, port, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryWays, "dial", dial)
        sent, got = pair.send(content(50_000))
    assert sent.passage.direct
    assert got.data == content(50_000)
    assert [len(ends) for _, ends in strangers] == [1, 1, 1]


@pytest.mark.parametrize("size", [0, 47, p2p_direct.RECORD_LIMIT + 1, 0xFFFFFFFF])
def test_a_frame_of_an_impossible_size_ends_the_connection(size: int) -> None:
    wire, direct = made(connects=False, mine=OTHER, theirs=SECRET)
    wire.data(p2p_direct.OPENING + HELLO)
    ends: list[ClientError] = []
    direct.on_ended = ends.append
    wire.data(size.to_bytes(4, "little") + bytes(60))
    assert isinstance(ends[0], Unexpected)
    assert wire.closed.startswith("abandoned")


def test_a_frame_cut_short_is_not_delivered() -> None:
    wire, direct = made(connects=False, mine=OTHER, theirs=SECRET)
    got: list[Any] = []
    direct.deliver = lambda header, piece, by: got.append(header)
    (chunk,) = p2p.chunks(b"x" * 100, session=1, identifier=2, flags=0x30, ack_id=3, limit=1352)
    wire.data(p2p_direct.OPENING + HELLO + p2p_direct.record(chunk)[:-1])
    wire.ended(StreamEnded("gone"))
    assert not got
    assert direct.over is not None


@given(
    sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=20),
)
def test_records_are_the_chunks_with_their_length_and_come_apart_anywhere(sizes: list[int], cuts: list[int]) -> None:
    raw, wanted = b"", []
    for number, size in enumerate(sizes, 1):
        more = {"session": 7, "identifier": number, "flags": 0x30, "ack_id": 9}
        plain = list(p2p.chunks(content(size), limit=p2p.DIRECT_CHUNK, **more))
        assert b"".join(p2p.records(content(size), **more)) == b"".join(map(p2p_direct.record, plain))
        raw += b"".join(map(p2p_direct.record, plain))
        wanted += plain
    cut, got, at = p2p_direct.Records(), [], 0
    for size in cuts * (len(raw) // sum(cuts) + 1):
        for record, piece in cut.feed(raw[at : at + size]):
            got.append(p2p.pack(p2p.header_of(record)) + bytes(piece))
        at += size
    assert got == wanted


@given(raw=st.binary(max_size=300))
def test_no_bytes_break_the_connection_in_another_way_than_by_closing(raw: bytes) -> None:
    for begun in (b"", p2p_direct.OPENING, p2p_direct.OPENING + HELLO):
        wire, direct = made(connects=False, mine=OTHER, theirs=SECRET)
        direct.deliver = lambda header, piece, by: Incoming(Hashed(keep=False, then=lambda done: None), header)
        wire.data(begun + raw)
        assert direct.over is None or wire.closed.startswith("abandoned")


# bodies

words = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), max_size=20)


@settings(max_examples=60)
@given(
    st.sampled_from(["Direct-Connect", "Port-Restrict-NAT", "Symmetric-NAT", "Unknown-NAT", "ISALike", "Firewall"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_requests_are_read_as_they_were_written(kind: str, upnp: bool, icf: bool, hashed: bool) -> None:
    asked = slp.BridgeRequest(conn_type=kind, upnp=upnp, icf=icf, nonce=p2p.published(SECRET), hashed=hashed)
    assert slp.read_bridge_request(sent(slp.bridge_request(asked, "5"))) == asked
    assert 0 <= asked.weight <= 6
    assert asked.weight == 0 or not icf


@given(st.lists(st.ip_addresses(v=4).map(str), max_size=4), st.integers(1, 65535), st.booleans())
def test_answers_are_read_as_they_were_written_and_backwards(addresses: list[str], port: int, hashed: bool) -> None:
    places = tuple((address, port) for address in addresses)
    given_ = slp.BridgeAnswer(listening=True, nonce=p2p.published(OTHER), hashed=hashed, internal=places)
    body = slp.bridge_answer(given_, "5")
    assert slp.read_bridge_answer(sent(body)) == given_
    hidden = tuple((key[::-1], value[::-1]) if key.startswith("IPv4") else (key, value) for key, value in body)
    assert slp.read_bridge_answer(sent(hidden)) == given_


@given(st.lists(st.tuples(st.sampled_from(["IPv4Internal-Addrs", "IPv4Internal-Port", "Listening", "Nonce"]), words)))
def test_strange_answers_are_refused_as_such(pairs: list[tuple[str, str]]) -> None:
    message = sent(tuple(pairs))
    try:
        told = slp.read_bridge_answer(message)
    except WireError:
        return
    assert all(0 < port < 65536 for _, port in told.internal)


def sent(body: slp.Fields) -> slp.Slp:
    """A message with that body as it arrives."""
    message = slp.Slp(start="INVITE", to=BOB, sender=ALICE, branch="{B}", call_id="{C}", content_type="x", body=body)
    return slp.decode(slp.encode(message))


def test_the_published_negotiation_byte_for_byte() -> None:
    for name in ("slp-tr", "slp-tro"):
        raw = (VECTORS / f"{name}.txt").read_bytes()
        message = slp.decode(raw)
        if name == "slp-tr":
            body = slp.bridge_request(slp.read_bridge_request(message), message.field("SessionID"))
        else:
            body = slp.bridge_answer(slp.read_bridge_answer(message), message.field("SessionID"))
        again = slp.Slp(**{key: getattr(message, key) for key in slp.Slp.__struct_fields__} | {"body": body})
        assert slp.encode(again) == raw


def test_the_published_nonce() -> None:
    secret = bytes.fromhex("37292d12865c7b4c81f50e05017880c2")
    assert p2p.published(secret) == "{2B95F56D-9CA0-9A64-82CE-ADC1F3C55845}"
