"""Games with the contact that plays, and between two clients: moves both ways, every bridge, and what breaks them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from client_place import ALICE, BOB, GAMES, Person, Town
from twisted.internet.defer import Deferred

from emulator.client import games
from emulator.client.board import Board
from emulator.client.channel import LIMIT, WAITING
from emulator.client.direct_bridge import Limits, NoWay
from emulator.client.direct_ways import Harbour, MemoryWays, Standing
from emulator.client.games import Game, Round
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.noughts import Grid
from emulator.client.transfer import Transfers
from emulator.services.contacts.games import GAME
from emulator.wire import activity, p2p, slp
from emulator.wire.errors import WireError

LIMITS = Limits(whole=2.0, dial=0.5, handshake=1.0)
HERE, THERE = "10.0.0.1", "10.0.0.2"
NAT = Standing(conn_type="Port-Restrict-NAT")


class Table:
    """Alice and the contact that plays, in one conversation, both with ways to each other."""

    def __init__(self, callee: str = GAMES, standing: Standing = Standing(), *, over_gateway: bool = False) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        self.town.contacts[0].network.ways = MemoryWays(self.harbour, THERE)
        person = self.person = Person(self.town, ALICE, over_gateway=over_gateway)
        self.town.run(person.online())
        made: list[Transfers] = []
        self.board = self.town.run(person.chat(callee, lambda board: made.append(self.sessions(board, standing))))
        self.mine = made[0]

    def sessions(self, board: Board, standing: Standing) -> Transfers:
        return Transfers(board, self.town.network, MemoryWays(self.harbour, HERE, standing), LIMITS)

    def invite(self, played: activity.Activity = GAME) -> Game:
        return self.town.run(games.invite(self.mine, GAMES, played))

    def play(self, game: Game) -> Round:
        return self.town.run(game.play(self.town.now))

    def told(self) -> str:
        return self.town.run(self.board.heard()).message.text

    def agrees(self, played: Round) -> str:
        """What the contact says of the round is what this end has seen; returns the rest of its words."""
        told = self.told()
        found = re.fullmatch(r"Emu Noughts and Crosses: (\d+) moves, (\d+) bytes, SHA-1 ([0-9a-f]{40})(.*)", told)
        assert found, told
        whole = b"".join(played.blobs)
        assert (int(found[1]), int(found[2]), found[3]) == (
            len(played.blobs),
            len(whole),
            hashlib.sha1(whole).hexdigest(),
        )
        return found[4]


@pytest.mark.parametrize("over_gateway", [False, True])
def test_a_round_over_the_switchboard_is_the_same_at_both_ends(over_gateway: bool) -> None:
    table = Table(over_gateway=over_gateway)
    played = table.play(table.invite())
    assert table.agrees(played) == ""
    assert played.passage.bridge == "SBBridge"
    assert not table.harbour.dialled
    # as the dossier writes them: 80 00 00 00 08 00, the length, UTF-16LE text with its NUL
    assert played.blobs[0] == bytes.fromhex("80000000 0800 04000000 3500 0000")
    squares = [one[10:11].decode() for one in played.blobs]
    assert sorted(squares) == sorted(set(squares))


def test_the_same_game_goes_on_over_a_direct_connection() -> None:
    table = Table()
    game = table.invite()
    table.agrees(table.play(game))
    table.town.run(game.channel.connect())
    played = table.play(game)
    assert (played.passage.bridge, played.passage.listened) == ("TCPv1", False)
    assert table.agrees(played).startswith(", by TCPv1, I listened")
    assert [address for address, _ in table.harbour.dialled] == [THERE]
    game.channel.close()
    table.town.turn(0.5)
    assert not table.harbour.doors


@pytest.mark.parametrize(("standing", "listener"), [(Standing(), HERE), (NAT, THERE)])
def test_the_contact_invites_when_asked_and_whoever_is_better_connected_listens(
    standing: Standing, listener: str
) -> None:
    table = Table(standing=standing)
    invited: list[slp.Slp] = []
    table.mine.on_invited = invited.append
    table.town.run(table.board.say("play"))
    table.town.turn()
    game = games.accept(table.mine, invited[0])
    assert (game.activity, game.begins) == (GAME, False)
    played = table.play(game)
    assert played.passage.direct
    assert [address for address, _ in table.harbour.dialled] == [listener]
    assert "by TCPv1" in table.agrees(played)
    table.town.turn()
    assert isinstance(game.channel.over, StreamEnded), "whoever invited ends the session"
    assert table.mine.sessions_ended == 1


def test_without_a_path_the_game_stays_on_the_switchboard_and_says_why() -> None:
    table = Table()
    table.harbour.refuses = lambda address, port: True
    game = table.invite()
    with pytest.raises(NoWay):
        table.town.run(game.channel.connect())
    played = table.play(game)
    assert played.passage.bridge == "SBBridge"
    assert "cannot be reached" in played.passage.why
    assert table.agrees(played) == ""


def test_a_wrong_nonce_opens_no_direct_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    game = table.invite()
    real, wrong = p2p.handshake, bytes(16)
    monkeypatch.setattr("emulator.client.direct.p2p.handshake", lambda identifier, nonce: real(identifier, wrong))
    with pytest.raises(NoWay):
        table.town.run(game.channel.connect())
    monkeypatch.undo()
    table.town.turn(LIMITS.whole)
    assert not game.channel.direct
    assert table.agrees(table.play(game)) == ""


@pytest.mark.parametrize(
    ("guid", "context"),
    [
        ("{E073B06B-636E-45B7-ACA4-6D4B5978C93C}", activity.context(GAME)),  # a wink
        ("{00000000-0000-0000-0000-000000000000}", ""),
        (slp.ACTIVITY, ""),
        (slp.ACTIVITY, "%%%"),
        (slp.ACTIVITY, base64.b64encode(b"\x00\xd8").decode()),  # half a surrogate pair
        (slp.ACTIVITY, activity.context(activity.Activity("9999", "Another"))),
        (slp.ACTIVITY, "A" * 5000),
    ],
)
def test_what_the_contact_does_not_play_is_declined(guid: str, context: str) -> None:
    table = Table()
    with pytest.raises(Unexpected) as declined:
        table.town.run(table.mine.open_channel(GAMES, guid, context, app=p2p.ACTIVITY))
    assert declined.value.code == "603"
    assert table.agrees(table.play(table.invite())) == "", "the conversation goes on"


TEXT = "5".encode("utf-16-le") + b"\0\0"


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"", "no blob"),
        (activity.blob("5")[:9], "no blob"),
        (activity.blob("5")[:-1], "says 4 bytes and has 3"),
        (activity.blob("5") + b"\0", "says 4 bytes and has 5"),
        (b"\x81" + activity.blob("5")[1:], "no blob"),
        (activity.BLOB + (1 << 31).to_bytes(4, "little") + TEXT, "says 2147483648 bytes"),
        (activity.BLOB + b"\x02\0\0\0" + b"\x00\xd8", "UTF-16"),
        (activity.blob("55"), "no move"),
        (activity.blob("0"), "no move"),
        (activity.blob(""), "no move"),
    ],
)
def test_a_move_that_is_none_ends_the_game_with_a_reason(blob: bytes, why: str) -> None:
    table = Table()
    game = table.invite()
    table.town.run(game.channel.send(blob))
    assert re.match(rf"The game is over: .*{re.escape(why)}", table.told())
    table.town.turn()
    assert isinstance(game.channel.over, StreamEnded)
    with pytest.raises(StreamEnded):
        table.play(game)


def test_a_message_of_impossible_size_ends_the_session() -> None:
    table = Table()
    game = table.invite()
    sending = Deferred.fromCoroutine(game.channel.send(bytes(LIMIT + 1)))
    with pytest.raises(ClientError):
        table.town.run(sending)
    assert isinstance(game.channel.over, StreamEnded)


def test_messages_that_nobody_asked_for_are_kept_up_to_a_limit() -> None:
    table = Table()
    invited: list[slp.Slp] = []
    table.mine.on_invited = invited.append
    table.town.run(table.board.say("play"))
    table.town.turn()
    channel = table.mine.admit(invited[0], app=p2p.ACTIVITY)
    header = p2p.Header(identifier=1, total=1, length=1)
    for _ in range(WAITING):
        sink = channel.sink(header)
        sink.write(b"x")
        sink.done(header)
    assert channel.over is None
    channel.sink(header)
    assert isinstance(channel.over, Unexpected)


class Both:
    """Alice and bob play; bob can vanish."""

    def __init__(self) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        other, person = Person(self.town, BOB), Person(self.town, ALICE)
        self.seats: list[tuple[Board, Transfers]] = []

        async def answer(ring: Any) -> None:
            board = Board(self.town.network, await other.dial("SB", ring.host, ring.port), BOB)
            bob = Transfers(board, self.town.network, MemoryWays(self.harbour, THERE), LIMITS)
            bob.on_invited = lambda invitation: self.games.append(games.accept(bob, invitation))
            self.seats.append((board, bob))
            await board.answer(ring.session, ring.cookie)

        self.games: list[Game] = []
        messenger = self.town.run(other.online())
        messenger.on_ring = lambda ring: Deferred.fromCoroutine(answer(ring))
        self.town.run(person.online())
        made: list[Transfers] = []
        ways = MemoryWays(self.harbour, HERE)
        self.town.run(person.chat(BOB, lambda board: made.append(Transfers(board, self.town.network, ways, LIMITS))))
        self.alice = made[0]
        self.game = self.town.run(games.invite(self.alice, BOB, GAME))

    def vanish(self, *, direct: bool) -> ClientError:
        """Bob makes one move and is gone while alice waits for the next; what she is told."""
        if direct:
            self.town.run(self.game.channel.connect())
        playing = Deferred.fromCoroutine(self.game.play(self.town.now))
        problems: list[Any] = []
        playing.addErrback(lambda failure: problems.append(failure.value))
        self.town.turn(0.2)
        self.town.run(self.games[0].channel.message())
        if direct:
            opened = self.games[0].channel._session.direct
            assert opened is not None
            opened._stream.close()
        else:
            self.town.run(self.seats[0][0].leave())
        self.town.turn(0.2)
        return problems[0]


@pytest.mark.parametrize(("direct", "why"), [(False, "left the conversation"), (True, "ended early")])
def test_a_peer_that_vanishes_in_the_middle_of_a_game_is_noticed_at_once(direct: bool, why: str) -> None:
    problem = Both().vanish(direct=direct)
    assert isinstance(problem, StreamEnded)
    assert why in problem.detail


def test_an_open_direct_connection_outlives_the_conversation() -> None:
    both = Both()
    both.town.run(both.game.channel.connect())
    theirs = Deferred.fromCoroutine(both.games[0].play(both.town.now))
    both.alice._left(BOB)
    played = both.town.run(both.game.play(both.town.now))
    assert both.town.run(theirs).sha1 == played.sha1


def test_contexts_are_those_of_the_dossier() -> None:
    context = activity.context(activity.Activity("1234", "Example"))
    assert base64.b64decode(context).decode("utf-16-le") == "10331234;1;Example"
    assert activity.read_context(context) == activity.Activity("1234", "Example", 1033)
    assert GAME.app == "0001"
    for bad in (activity.Activity("123", "x"), activity.Activity("1234", "a;b"), activity.Activity("1234", "x" * 300)):
        with pytest.raises(WireError):
            activity.context(bad)
    with pytest.raises(WireError):
        activity.blob("x" * activity.BLOB_LIMIT)


def test_rules_of_the_grid() -> None:
    grid = Grid()
    for square in "15293":
        grid.place(square)
    assert (grid.over, grid.won) == (True, True)
    with pytest.raises(Unexpected):
        grid.place("4")
    perfect = Grid()
    while not perfect.over:
        perfect.place(perfect.choice())
    assert not perfect.won
    threatened = Grid()
    for square in "142":
        threatened.place(square)
    assert threatened.choice() == "3"
