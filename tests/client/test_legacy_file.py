"""MSNFTP between two clients in memory, on all ten ports and both ways; cancelled, refused, cut off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dpkt
import pytest
from client_place import ALICE, BOB, FILES, Person, Town
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from emulator.client.board import Board
from emulator.client.direct_ways import Harbour, MemoryStream, MemoryWays
from emulator.client.legacy_file import PORTS, LegacyFile, LegacyFiles, LegacyLimits, LegacyOffer
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.wire import msnftp
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.talk import Conversation, join

VECTORS = Path(__file__).parent.parent / "vectors"
LIMITS = LegacyLimits(answer=2.0, connect=1.0, silence=1.0)
HERE, THERE = "10.0.0.1", "10.0.0.2"


def content(size: int) -> bytes:
    return hashlib.shake_128(b"legacy").digest(size)


class Pair:
    """Alice and bob in one conversation, both with files of the old kind."""

    def __init__(self) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        seats: list[tuple[Board, LegacyFiles]] = []
        other, person = Person(self.town, BOB), Person(self.town, ALICE)
        messenger = self.town.run(other.online())

        async def answer(ring: Any) -> None:
            board = Board(self.town.network, await other.dial("SB", ring.host, ring.port), BOB)
            seats.append((board, self.files(board, THERE)))
            await board.answer(ring.session, ring.cookie)

        messenger.on_ring = lambda ring: Deferred.fromCoroutine(answer(ring))
        self.town.run(person.online())
        made: list[LegacyFiles] = []
        self.board = self.town.run(person.chat(BOB, lambda board: made.append(self.files(board, HERE))))
        self.alice = made[0]
        self.town.turn()
        self.bobs_board, self.bob = seats[0]
        self.words: list[mime.Fields] = []

    def files(self, board: Board, address: str) -> LegacyFiles:
        files = LegacyFiles(board, self.town.network, MemoryWays(self.harbour, address), LIMITS)

        def heard(message: Any) -> None:
            self.words.append(mime.read(message.message.body + b"\r\n\r\n").fields)
            files.take(message)

        board.on_heard = heard
        return files

    def accepting(self) -> list[Any]:
        """What becomes of the file that bob takes."""
        results: list[Any] = []
        self.bob.on_offer = lambda offer: offer.accept().addCallbacks(
            results.append, lambda failure: results.append(failure.value)
        )
        return results


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("back", [False, True])
def test_a_file_goes_on_every_port_and_both_ways(port: int, back: bool) -> None:
    pair = Pair()
    sender, receiver, address = (pair.bob, pair.alice, THERE) if back else (pair.alice, pair.bob, HERE)
    for taken in PORTS[: PORTS.index(port)]:
        pair.harbour.doors[address, taken] = lambda stream: None
    got: list[LegacyFile] = []
    receiver.on_offer = lambda offer: offer.accept().addCallback(got.append)
    sent = pair.town.run(sender.send("old.bin", content(10_000)))
    pair.town.turn()
    assert (sent.port, got[0].port) == (port, port)
    assert got[0].data == content(10_000)
    assert sent.sha1 == got[0].sha1 == hashlib.sha1(content(10_000)).hexdigest()
    assert (address, port) not in pair.harbour.doors
    assert pair.alice.open == pair.bob.open == ()


@pytest.mark.parametrize("size", [0, 1, 2045, 2046, 300_000])
def test_sizes(size: int) -> None:
    pair = Pair()
    results = pair.accepting()
    pair.town.run(pair.alice.send("x", content(size)))
    pair.town.turn()
    assert results[0].data == content(size)


def test_the_words_are_those_of_the_protocol() -> None:
    pair = Pair()
    pair.accepting()
    pair.town.run(pair.alice.send("a.txt", b"hello world"))
    invite, accept, where = pair.words[:3]
    assert (invite["Invitation-Command"], invite["Application-FileSize"]) == ("INVITE", "11")
    assert (accept["Invitation-Command"], accept["Request-Data"]) == ("ACCEPT", "IP-Address:")
    assert (where["IP-Address"], where["Port"], where["PortX"]) == (HERE, "6891", "11178")
    assert len({one["Invitation-Cookie"] for one in (invite, accept, where)}) == 1


@pytest.mark.parametrize("size", [0, 5000])
def test_who_has_no_port_left_says_so_and_connects_to_the_receiver(size: int) -> None:
    pair = Pair()
    results = pair.accepting()
    for taken in PORTS:
        pair.harbour.doors[HERE, taken] = lambda stream: None
    pair.town.run(pair.alice.send("x", content(size)))
    pair.town.turn()
    assert results[0].data == content(size)
    assert pair.harbour.dialled == [(THERE, 6891)]
    assert pair.words[0]["Connectivity"] == "N"
    assert pair.words[1]["Sender-Connect"] == "TRUE"


def test_where_neither_end_has_a_port_left_both_hear_it_at_once() -> None:
    pair = Pair()
    for address in (HERE, THERE):
        for taken in PORTS:
            pair.harbour.doors[address, taken] = lambda stream: None
    results = pair.accepting()
    sending = Deferred.fromCoroutine(pair.alice.send("x", b"1"))
    sending.addErrback(lambda failure: results.append(failure.value))
    pair.town.turn()  # nobody waits for a time-out
    assert pair.words[-1]["Cancel-Code"] == "FAIL"
    assert sorted(type(one).__name__ for one in results) == ["Unexpected", "Unexpected"]
    assert pair.alice.open == pair.bob.open == ()


def test_ten_ports_and_no_more() -> None:
    pair = Pair()
    results = pair.accepting()
    for taken in PORTS:
        for address in (HERE, THERE):
            pair.harbour.doors[address, taken] = lambda stream: None
    with pytest.raises(Unexpected):
        pair.town.run(pair.alice.send("x", b"1"))
    assert "every port is taken" in str(results[0])


def test_a_refusal_says_so() -> None:
    pair = Pair()
    pair.bob.on_offer = LegacyOffer.decline
    with pytest.raises(Unexpected) as refused:
        pair.town.run(pair.alice.send("x", b"1"))
    assert refused.value.code == "REJECT"


@pytest.mark.parametrize("listen", [True, False])
def test_who_awaits_a_connection_hears_that_none_will_come(listen: bool) -> None:
    pair = Pair()
    results = pair.accepting()
    pair.harbour.refuses = lambda address, port: True
    sending = Deferred.fromCoroutine(pair.alice.send("x", b"1", listen=listen))
    failed: list[Any] = []
    sending.addErrback(lambda failure: failed.append(failure.value))
    pair.town.turn()  # no time passes: nothing is waited for
    (dialler, other) = (results, failed) if listen else (failed, results)
    assert isinstance(dialler[0], StreamEnded)
    assert other[0].code == "FAIL"
    assert pair.alice.open == pair.bob.open == ()
    assert not pair.harbour.doors


def test_nobody_answers_or_nobody_comes() -> None:
    pair = Pair()
    pair.bob.on_offer = lambda offer: None
    with pytest.raises(Unexpected) as late:
        pair.town.run(pair.alice.send("x", b"1"))
    assert late.value.code == "TIMEOUT"
    results = pair.accepting()
    pair.harbour.refuses = lambda address, port: True
    with pytest.raises(Unexpected) as failed:
        pair.town.run(pair.alice.send("x", b"1"))
    assert failed.value.code in ("FAIL", "FTTIMEOUT")
    assert "cannot be reached" in str(results[0])
    assert not pair.harbour.doors


def held(pair: Pair, after: int) -> list[MemoryStream]:
    """Nothing more reaches bob after so many bytes; the list has his stream."""
    streams: list[MemoryStream] = []
    whole = MemoryWays.dial

    async def dial(self: MemoryWays, *arguments: Any) -> MemoryStream:
        stream = await whole(self, *arguments)
        attach, count = stream.attach, [0]

        def attached(data: Any, ended: Any) -> None:
            def counted(piece: bytes) -> None:
                part = piece[: max(after - count[0], 0)]
                count[0] += len(piece)
                if part:
                    data(part)

            attach(counted, ended)

        stream.attach = attached  # type: ignore[method-assign]
        streams.append(stream)
        return stream

    pair.bob._ways.dial = dial.__get__(pair.bob._ways)  # type: ignore[method-assign]
    return streams


def test_the_receiver_cancels_in_the_middle() -> None:
    pair = Pair()
    results = pair.accepting()
    held(pair, 20_000)
    sending = Deferred.fromCoroutine(pair.alice.send("x", content(50_000)))
    pair.town.turn()
    pair.bob.cancel(pair.bob.open[0])
    with pytest.raises(Unexpected) as broken:
        pair.town.run(sending)
    assert broken.value.code in (str(msnftp.CANCELLED), "OUTBANDCANCEL")
    assert "cancelled" in str(results[0])


def test_the_sender_cancels_by_a_word_in_the_conversation() -> None:
    pair = Pair()
    results = pair.accepting()
    held(pair, 20_000)
    sending = Deferred.fromCoroutine(pair.alice.send("x", content(50_000)))
    pair.town.turn()
    pair.alice.cancel(pair.alice.open[0])
    with pytest.raises(Unexpected, match="cancelled here"):
        pair.town.run(sending)
    pair.town.turn()
    assert isinstance(results[0], ClientError)


def test_a_peer_that_vanishes_in_the_middle_is_named() -> None:
    pair = Pair()
    results = pair.accepting()
    streams = held(pair, 20_000)
    sending = Deferred.fromCoroutine(pair.alice.send("x", content(50_000)))
    pair.town.turn()
    streams[0].close()  # bob's end is gone without a word
    with pytest.raises(StreamEnded, match="vanished after 50000 bytes"):
        pair.town.run(sending)
    pair.town.turn()  # no time passes: the receiver, which has not noticed, is told
    assert results[0].code == "FAIL"


def test_silence_in_the_middle_is_named() -> None:
    pair = Pair()
    results = pair.accepting()
    held(pair, 20_000)
    with pytest.raises(StreamEnded, match="said nothing for 1 s"):
        pair.town.run(pair.alice.send("x", content(50_000)))
    assert isinstance(results[0], StreamEnded)


def test_whoever_has_a_wrong_cookie_is_refused_and_the_receiver_still_served() -> None:
    pair = Pair()
    results = pair.accepting()
    said: list[list[bytes]] = []
    whole = MemoryWays.dial

    async def dial(self: MemoryWays, *arguments: Any) -> MemoryStream:
        for line in (msnftp.usr(BOB, 1), msnftp.usr("eve@example.com", 2), b"GET / HTTP/1.0\r\n"):
            stream, heard = await whole(self, *arguments), []
            stream.attach(heard.append, lambda error: None)
            stream.send(msnftp.VERSION + line)
            said.append(heard)
        return await whole(self, *arguments)

    pair.bob._ways.dial = dial.__get__(pair.bob._ways)  # type: ignore[method-assign]
    pair.town.run(pair.alice.send("x", content(5000)))
    pair.town.turn()
    assert results[0].data == content(5000)
    assert [b"".join(one) for one in said] == [msnftp.VERSION] * 3


def test_a_cookie_that_is_said_once_more_serves_nobody() -> None:
    pair = Pair()
    results = pair.accepting()
    heard: list[bytes] = []
    whole = MemoryWays.dial
    places: list[tuple[Any, ...]] = []

    def again(stream: MemoryStream) -> None:
        cookie = next(int(told["AuthCookie"]) for told in pair.words if "AuthCookie" in told)
        stream.send(msnftp.VERSION + msnftp.usr(BOB, cookie) + b"TFR\r\n")

    async def dial(self: MemoryWays, *arguments: Any) -> MemoryStream:
        places.append(arguments)
        early = await whole(self, *arguments)  # in before the receiver, and silent until that is known
        early.attach(heard.append, lambda error: None)
        pair.town.clock.callLater(0.01, again, early)
        return await whole(self, *arguments)

    pair.bob._ways.dial = dial.__get__(pair.bob._ways)  # type: ignore[method-assign]
    pair.town.run(pair.alice.send("x", content(200_000)))
    pair.town.turn(1.0)
    assert results[0].data == content(200_000)
    assert b"FIL" not in b"".join(heard)
    with pytest.raises(ClientError):  # nor is anybody let in any more
        pair.town.run(whole(pair.bob._ways, *places[0]))


def with_the_contact() -> tuple[Town, Board, LegacyFiles]:
    town = Town()
    harbour = Harbour(town.clock.callLater)
    town.contacts[0].network.ways = MemoryWays(harbour, THERE)
    person = Person(town, ALICE)
    town.run(person.online())
    board = town.run(person.chat(FILES))
    files = LegacyFiles(board, town.network, MemoryWays(harbour, HERE), LIMITS)
    board.on_heard = files.take
    return town, board, files


def test_the_contact_takes_such_a_file_and_tells_its_digest() -> None:
    town, board, files = with_the_contact()
    sent = town.run(files.send("old.bin", content(4000)))
    told = town.run(board.heard()).message.text
    assert told == f"old.bin, 4000 bytes, SHA-1 {sent.sha1}, by MSNFTP on port 6891"


def test_the_contact_sends_such_a_file_when_asked() -> None:
    town, board, files = with_the_contact()
    got: list[LegacyFile] = []
    files.on_offer = lambda offer: offer.accept().addCallback(got.append)
    town.run(board.say("send 7000 old"))
    told = town.run(board.heard()).message.text
    assert told == f"Sent emulator-7000.bin, 7000 bytes, SHA-1 {got[0].sha1}, by MSNFTP on port 6891"
    assert got[0].size == 7000


# published bytes


def captured() -> tuple[list[bytes], list[bytes]]:
    """What receiver and sender say in the published transfer."""
    receiver, sender = [], []
    with (VECTORS / "msnftp.pcap").open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            segment = dpkt.ethernet.Ethernet(frame).data.data
            if segment.data:
                (receiver if segment.dport == 6891 else sender).append(bytes(segment.data))
    return receiver, sender


def test_the_published_transfer_byte_for_byte() -> None:
    receiver, sender = captured()
    end: Conversation[bytes] = Conversation(msnftp.sending(b"hello world", "bob@example.test", 123456))
    out = end.start() + end.feed(b"".join(receiver))
    assert out == b"".join(sender)
    assert (end.finished, end.error) == (True, None)
    other: Conversation[bytes] = Conversation(msnftp.receiving("bob@example.test", 123456, 11))
    out = other.start() + other.feed(b"".join(sender))
    assert out == b"".join(receiver)
    assert other.result == b"hello world"


@pytest.mark.parametrize("code", [msnftp.SENT, msnftp.DISK_FULL, msnftp.CANCELLED, msnftp.TIMED_OUT])
def test_every_other_farewell_is_a_failure_with_its_code(code: int) -> None:
    end: Conversation[bytes] = Conversation(msnftp.sending(b"hello", "bob@example.test", 7))
    end.start()
    end.feed(msnftp.VERSION + msnftp.usr("bob@example.test", 7) + b"TFR\r\n" + msnftp.bye(code))
    assert isinstance(end.error, msnftp.Broken)
    assert end.error.code == code


@pytest.mark.parametrize("line", [b"CCL\r\n", msnftp.bye(msnftp.CANCELLED)])
def test_a_receiver_that_cancels_before_it_begins(line: bytes) -> None:
    end: Conversation[bytes] = Conversation(msnftp.sending(b"hello", "bob@example.test", 7))
    end.start()
    end.feed(msnftp.VERSION + msnftp.usr("bob@example.test", 7) + line)
    assert isinstance(end.error, msnftp.Broken)
    assert end.error.code == msnftp.CANCELLED


def test_a_sender_that_cancels_in_the_middle() -> None:
    end: Conversation[bytes] = Conversation(msnftp.receiving("bob@example.test", 7, 100))
    end.start()
    end.feed(msnftp.VERSION + b"FIL 100\r\n" + msnftp.block(b"x" * 40) + msnftp.END)
    assert isinstance(end.error, msnftp.Broken)
    assert "after 40 of 100" in str(end.error)


@given(st.binary(max_size=9000), st.integers(0, 2**32 - 1))
def test_both_ends_agree_on_any_file(data: bytes, cookie: int) -> None:
    one: Conversation[bytes] = Conversation(msnftp.receiving("bob@example.test", cookie, len(data)))
    other: Conversation[bytes] = Conversation(msnftp.sending(data, "bob@example.test", cookie))
    join(one, other)
    assert one.result == data
    assert other.error is None


@given(st.binary(max_size=400))
def test_no_bytes_break_an_end_in_another_way_than_by_refusing(raw: bytes) -> None:
    begun = msnftp.VERSION + b"FIL 100\r\n"
    for talk, lead in (
        (msnftp.sending(b"x" * 100, "b@c", 7), b""),
        (msnftp.sending(b"x" * 100, "b@c", 7), msnftp.VERSION + msnftp.usr("b@c", 7)),
        (msnftp.receiving("b@c", 7, 100), b""),
        (msnftp.receiving("b@c", 7, 100), begun),
    ):
        end: Conversation[bytes] = Conversation(talk)
        end.start()
        end.feed(lead + raw)
        assert not end.finished or end.error is None or isinstance(end.error, WireError)
