"""A webcam between alice and the contact that has one: every way, either role, and peers that do not keep to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from client_place import ALICE, VOICE, Person, Town
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from emulator.client import camera
from emulator.client.board import Board
from emulator.client.camera import Camera, Shown, TalkOn
from emulator.client.direct_bridge import Limits, NoWay
from emulator.client.direct_ways import Harbour, MemoryWays
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.transfer import Transfers
from emulator.wire import p2p, reflector, reflector_http, slp, webcam, webcam_words
from emulator.wire.errors import WireError
from emulator.wire.webcam_words import Party, Role, Tunnel

HERE, THERE = "10.0.0.1", "10.0.0.2"
FRAMES = webcam.frames(b"alicecam")
KNOWN = "ewBCADgAQgBFADcAMABEAEUALQBFADIAQwBBAC0ANAA0ADAAMAAtAEEARQAwADMALQA4ADgARgBGADgANQBCADkARgA0AEUAOAB9AA=="


class Place:
    """Alice and the contact in one conversation, with ways to each other and a reflector."""

    def __init__(self) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        network = self.town.contacts[0].network
        network.ways = MemoryWays(self.harbour, THERE)
        self.reflector = reflector.Reflector()
        for one in (network, self.town.network):
            one.reflector = self.reflector.server
        self.person = Person(self.town, ALICE)
        self.town.run(self.person.online())
        made: list[Transfers] = []

        def sit(board: Board) -> None:
            made.append(Transfers(board, self.town.network, None, Limits()))

        self.board = self.town.run(self.person.chat(VOICE, sit))
        self.mine = made[0]
        self.ways = MemoryWays(self.harbour, HERE)

    def invite(self, role: Role, ways: MemoryWays | None) -> Camera:
        async def agreed() -> Camera:
            one = await camera.invite(self.mine, self.town.network, VOICE, role, ways)
            await one.agree()
            return one

        return self.town.run(agreed())

    def told(self) -> str:
        return self.town.run(self.board.heard()).message.text

    def agrees(self, seen: Shown, verb: str) -> None:
        found = re.fullmatch(rf"{verb}: (\d+) frames, (\d+) bytes, SHA-1 ([0-9a-f]{{40}}), .*", told := self.told())
        assert found, told
        assert (int(found[1]), int(found[2]), found[3]) == (seen.frames, seen.size, seen.sha1)


def closed(place: Place) -> None:
    place.town.turn(2.0)
    assert not place.harbour.doors  # nobody listens any more


@pytest.mark.parametrize("refused", ["", HERE, THERE])
def test_shown_directly_whoever_can_be_reached(refused: str) -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: address == refused
    one = place.invite("producer", place.ways)
    seen = place.town.run(one.direct(5.0, FRAMES))
    assert (seen.frames, seen.size) == (4, 930)
    if refused:
        assert seen.way == f"directly, {'this end' if refused == THERE else 'the other end'} listened"
    place.agrees(seen, "Seen")
    one.close()
    closed(place)


@pytest.mark.parametrize("refused", ["", HERE, THERE])
def test_the_contact_shows_its_own(refused: str) -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: address == refused
    one = place.invite("viewer", place.ways)
    assert one.mine.session == one.theirs.session  # the producer's
    seen = place.town.run(one.direct(5.0))
    assert seen.frames == 4
    place.agrees(seen, "Shown")
    closed(place)


def test_where_nothing_direct_comes_up_the_producer_names_a_reflector() -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: True
    one = place.invite("producer", place.ways)
    with pytest.raises(NoWay):
        place.town.run(one.direct(5.0, FRAMES))
    web = place.town.run(place.town.network.web(reflector_http.HOST, secure=False))
    tunnel = place.town.run(camera.tunnel(web))
    assert tunnel.url == "http://m1reflector.spotlife.net:80"
    place.town.run(one.tell(tunnel))
    stream = place.town.network.tunnel()
    assert stream is not None
    place.town.run(TalkOn(stream, reflector.producer(tunnel.tid, FRAMES)).done)
    place.agrees(camera.shown(FRAMES, ""), "Seen")
    closed(place)


def test_the_contact_goes_to_the_reflector_by_itself() -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: True
    one = place.invite("viewer", place.ways)
    waiting = Deferred.fromCoroutine(one.told())
    tunnel = place.town.run(waiting)  # after the fifteen seconds that producers wait
    stream = place.town.network.tunnel()
    assert stream is not None
    frames = place.town.run(TalkOn(stream, reflector.viewer(tunnel.tid)).done)
    place.agrees(camera.shown(frames, ""), "Shown")


def test_it_is_over_when_the_inviter_leaves_and_when_nothing_comes() -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: True
    one = place.invite("producer", None)
    one.close()
    assert "The webcam is over" in place.told()
    place.invite("producer", None)  # and then says nothing
    assert "no connection, and no word of a reflector" in place.told()
    closed(place)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["syn", "ack", "<producer>"],
        ["syn", "ack", "<viewer><rid>1</rid><session>2</session></viewer>\r\n\r\n"],
        ["syn", "ack", "<producer><rid>x</rid><session>2</session></producer>"],
    ],
)
def test_a_peer_that_says_something_else_is_left(words: list[str]) -> None:
    place = Place()

    async def talk() -> None:
        channel = await place.mine.open_channel(VOICE, slp.SHOW_WEBCAM, webcam_words.CONTEXT, app=p2p.ACTIVITY)
        for text in words:
            await channel.send(webcam_words.blob(text, b"123"))

    try:
        place.town.run(talk())
    except ClientError:
        pass  # it may close before all is said
    assert "The webcam is over" in place.told()
    closed(place)


def test_other_contexts_are_declined() -> None:
    place = Place()
    with pytest.raises(Unexpected) as declined:
        place.town.run(place.mine.open_channel(VOICE, slp.SHOW_WEBCAM, "e30=", app=p2p.ACTIVITY))
    assert declined.value.code == "603"


def test_a_stranger_that_knocks_gets_no_frames() -> None:
    place = Place()
    place.harbour.refuses = lambda address, port: address == THERE
    one = place.invite("producer", place.ways)
    work: Any = Deferred.fromCoroutine(one.direct(5.0, FRAMES))
    ((address, port),) = [where for where in place.harbour.doors if where[0] == HERE]
    stranger = place.town.run(place.ways.dial(VOICE, address, port, 1.0))
    heard: list[bytes] = []
    ended: list[Exception] = []
    stranger.attach(heard.append, ended.append)
    stranger.send(webcam.greeting(bytes(8)))
    seen = place.town.run(work)
    place.agrees(seen, "Seen")
    assert heard == []
    assert isinstance(ended[0], StreamEnded)


class TestWords:
    """Bytes, against the examples of the dossier."""

    def test_the_examples(self) -> None:
        syn = bytes.fromhex("80 11 22 01 08 00 08 00 00 00 73 00 79 00 6e 00 00 00")
        assert webcam_words.blob("syn", bytes.fromhex("112201")) == syn
        assert webcam_words.read_blob(syn) == "syn"
        assert webcam_words.CONTEXT == KNOWN

    def test_a_description_and_its_order(self) -> None:
        party = Party(role="producer", rid=150, session=9123, port=5000, addresses=("10.0.0.1", "192.0.2.7"))
        text = webcam_words.describe(party)
        assert text.startswith(
            "<producer><version>2.0</version><rid>150</rid><session>9123</session><ctypes>0</ctypes>"
        )
        assert "<tcp><tcpport>5000</tcpport><tcplocalport>5000</tcplocalport>" in text
        assert "<tcpipaddress2>192.0.2.7</tcpipaddress2></tcp><codec/><channelmode>2</channelmode>" in text
        assert text.endswith("</producer>\r\n\r\n")
        assert webcam_words.read(text) == party
        assert webcam.greeting(party.tag) == b"recipientid=150&sessionid=9123\r\n\r\n"
        assert webcam.tag_in(b"recipientid=150&sessionid=9123\r\n\r\nconnected") == party.tag
        assert webcam.tag_in(b"recipientid=4294967296&sessionid=1\r\n\r\n") == b""

    def test_where_a_reflector_is(self) -> None:
        tunnel = Tunnel("http://203.0.113.9:9010", "00112233445566ff")
        said = webcam_words.reflected(tunnel)
        assert said == "ReflData:" + b"ru=http://203.0.113.9:9010&ti=00112233445566ff".hex().upper()
        assert webcam_words.read_reflected(said) == tunnel

    @given(st.text(max_size=200), st.binary(max_size=64))
    def test_anything_is_read_or_refused(self, text: str, data: bytes) -> None:
        for read, what in (
            (webcam_words.read, text),
            (webcam_words.read, f"<viewer><rid>{text}</rid><tcp><tcpipaddress1>{text}</tcpipaddress1></tcp></viewer>"),
            (webcam_words.read_reflected, f"ReflData:{text}"),
            (webcam_words.read_blob, data),
            (reflector_http.read_session, text.encode("utf-8", "replace")),
            (reflector_http.read_tunnel, data),
        ):
            try:
                read(what)  # type: ignore[operator]
            except WireError:
                continue
