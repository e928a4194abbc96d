"""A connection that is awaited among others on the same port: told by its tag, heard from its first byte to its end."""

from __future__ import annotations

from typing import Any

import pytest
from client_place import VOICE, Person, Town
from twisted.internet.defer import Deferred

from emulator.client import invitations
from emulator.client.camera import TalkOn
from emulator.client.direct_ways import Harbour, MemoryWays
from emulator.client.meetings import Meetings
from emulator.client.network import StreamEnded
from emulator.client.opening import Opening
from emulator.wire import p2p, rdp, t120
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.msnp import message as mime
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Sighting, Talk

HERE, THERE = "10.0.0.1", "10.0.0.2"
NOWHERE = Endpoint("0.0.0.0", 0)
TAGS = {"t120": bytes(range(8)), "rdp": bytes(range(5))}
CLIENTS = {"t120": t120.client, "rdp": rdp.client}
SERVERS = {"t120": t120.server, "rdp": rdp.server}


class Seen:
    """A watch that writes down what it sees."""

    def __init__(self) -> None:
        self.ends: list[tuple[Endpoint, Endpoint]] = []
        self.out = self.came = b""
        self.how: list[tuple[str, str]] = []

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None:
        assert not dialled
        self.ends.append((local, peer))

    def sent(self, data: p2p.Bytes) -> None:
        self.out += bytes(data)

    def received(self, data: bytes) -> None:
        self.came += data

    def ended(self, how: str, problem: str) -> None:
        self.how.append((how, problem))


def far() -> ServerContext:
    return ServerContext(
        observed=Endpoint(THERE, 5),
        local=Endpoint(HERE, 1503),
        second=NOWHERE,
        relay=NOWHERE,
        relay_key=b"",
        entropy=bytes,
        now=lambda: 0.0,
    )


def near(tag: bytes) -> ClientContext:
    return ClientContext(tag=tag, host="", local=NOWHERE, remote=NOWHERE, relay_key=b"", entropy=bytes, now=lambda: 0.0)


def meet(talk: Talk[None], kind: str, tag: bytes, *, cut: int = 1 << 20) -> tuple[bytes, bytes, Conversation[None]]:
    """A client against the talk, byte by byte: what each said. After `cut` bytes of the client it is gone."""
    there, here = Conversation(CLIENTS[kind](near(tag))), Conversation(talk)
    said, answered = there.start(), here.start()
    asked = b""
    while said and not here.finished:
        answer = b""
        for at in range(len(said)):
            if len(asked) == cut:
                here.end()
                return asked, answered, here
            asked += said[at : at + 1]
            answer += here.feed(said[at : at + 1])
        answered += answer
        said = there.feed(answer)
    return asked, answered, here


@pytest.mark.parametrize("kind", TAGS)
def test_the_awaited_one_is_heard_whole_and_others_are_not(kind: str) -> None:
    meetings, seen = Meetings(), Seen()
    over = meetings.awaited(TAGS[kind], seen)
    serve = meetings.server(SERVERS[kind])
    other = bytes(len(TAGS[kind]))
    _, answered, stranger = meet(serve(far()), kind, other)
    assert stranger.done
    assert answered
    assert (seen.ends, over.called) == ([], False)
    asked, answered, talk = meet(serve(far()), kind, TAGS[kind])
    assert talk.done
    assert [one for one in talk.sightings if isinstance(one, Sighting)]  # the listener's receipt is as ever
    assert (seen.came, seen.out) == (asked, answered)
    assert seen.ends == [(Endpoint(HERE, 1503), Endpoint(THERE, 5))]
    assert seen.how == [("closed", "")]
    assert over.called
    meet(serve(far()), kind, TAGS[kind])  # the same tag once more is a stranger's
    assert len(seen.ends) == 1


@pytest.mark.parametrize("kind", TAGS)
def test_a_connection_that_breaks_off_says_so(kind: str) -> None:
    whole, _, _ = meet(SERVERS[kind](far()), kind, TAGS[kind])
    meetings, seen = Meetings(), Seen()
    problems: list[Any] = []
    meetings.awaited(TAGS[kind], seen).addErrback(lambda failure: problems.append(failure.value))
    meet(meetings.server(SERVERS[kind])(far()), kind, TAGS[kind], cut=len(whole) - 4)
    assert isinstance(problems[0], StreamEnded)
    assert seen.how[0][1]
    assert len(seen.how) == 1


def test_who_is_forgotten_is_a_stranger() -> None:
    meetings, seen = Meetings(), Seen()
    over = meetings.awaited(TAGS["t120"], seen)
    meetings.forget(TAGS["t120"])
    meet(meetings.server(t120.server)(far()), "t120", TAGS["t120"])
    assert (seen.ends, over.called) == ([], False)


@pytest.mark.parametrize("kind", TAGS)
def test_the_tag_is_found_in_what_the_opener_says_however_it_comes(kind: str) -> None:
    asked, _, _ = meet(SERVERS[kind](far()), kind, TAGS[kind])
    opening = Opening()
    known = [at for at in range(len(asked)) if opening.said(asked[at : at + 1], opener=True)]
    assert len(known) == 1
    assert (opening.protocol, opening.tag) == (kind, TAGS[kind])
    other = Opening()
    assert not other.said(asked, opener=False)


class TestVisits:
    """The contact is told in a word to invite, and comes."""

    @staticmethod
    def place() -> tuple[Town, Harbour, Any]:
        town = Town()
        harbour = Harbour(town.clock.callLater)
        town.contacts[0].network.ways = MemoryWays(harbour, THERE)
        person = Person(town)
        town.run(person.online())
        return town, harbour, town.run(person.chat(VOICE))

    @pytest.mark.parametrize(("word", "kind"), [("whiteboard", "t120"), ("Share", "t120"), ("help ", "rdp")])
    def test_it_connects_to_the_place_that_was_named(self, word: str, kind: str) -> None:
        town, harbour, board = self.place()
        talks: list[TalkOn[None]] = []
        tags: list[str] = []

        def overheard() -> Talk[None]:
            talk, value = SERVERS[kind](far()), None
            try:
                effect = next(talk)
                while True:
                    if isinstance(effect, Sighting):
                        tags.append(effect.tag)
                    value = yield effect
                    effect = talk.send(value)
            except StopIteration:
                return

        async def whole() -> str:
            door = await MemoryWays(harbour, HERE).listen(lambda stream: talks.append(TalkOn(stream, overheard())))
            await board.say(word)
            asked = invitations.read(await board.heard(mime.INVITATION))
            told: Deferred[Any] = board.heard()
            board.post(invitations.accepted(asked, Endpoint(HERE, door.port)))
            text: str = (await told).message.text
            assert tags == [asked.tag(len(TAGS[kind])).hex()]
            return text

        assert town.run(whole()).startswith("I came as user 1007")
        assert len(talks) == 1

    @pytest.mark.parametrize("places", [(), (Endpoint(HERE, 9),), (Endpoint("198.51.100.66", 1503),)])
    def test_it_says_why_it_did_not_come(self, places: tuple[Endpoint, ...]) -> None:
        town, _, board = self.place()

        async def whole() -> str:
            await board.say("whiteboard")
            asked = invitations.read(await board.heard(mime.INVITATION))
            told: Deferred[Any] = board.heard()
            board.post(invitations.accepted(asked, *places))
            return str((await told).message.text)

        assert town.run(whole()).startswith("I did not come: ")

    def test_a_refusal_is_taken(self) -> None:
        town, _, board = self.place()

        async def whole() -> str:
            await board.say("help")
            asked = invitations.read(await board.heard(mime.INVITATION))
            told: Deferred[Any] = board.heard()
            board.post(invitations.declined(asked))
            return str((await told).message.text)

        assert "REJECT" in town.run(whole())
