"""Journey `game`: from the directory to moves over the switchboard, and between the peers themselves.

Source: dossier media.md 1.5, 1.6, 8.2.
"""

from __future__ import annotations

from emulator.catalog.model import Path
from emulator.client import games
from emulator.client.account import Tickets
from emulator.client.board import Board
from emulator.client.games import Game, Round
from emulator.client.messenger import Messenger
from emulator.client.network import Unexpected
from emulator.client.transfer import Transfers
from emulator.probe.journeys.datagrams import DatagramLeg
from emulator.probe.journeys.direct import each_listens
from emulator.probe.journeys.person import Person, call, invited
from emulator.probe.journeys.travel import Travel
from emulator.wire import activity

GAMES = "games@example.com"  # the contact of the default cast that plays
DIRECT_PATIENCE = 6.0  # time-outs: each way may wait for a connection that does not come up, and go on without it


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    player = _Player(journey)
    await journey.step("directory", player.directory)
    await journey.step("ticket", player.ticket)
    await journey.step("sign-in", player.sign_in)
    if await journey.step("invite", player.invite):
        await journey.step("moves", player.moves)
        await journey.step("direct", player.direct, patience=DIRECT_PATIENCE)
    await journey.step("sign-out", player.sign_out)


class _Player:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._tickets: Tickets
        self._messenger: Messenger
        self._board: Board | None = None
        self._transfers: Transfers
        self._found: activity.Activity
        self._game: Game
        self._played: Round

    async def directory(self, path: Path) -> str:
        found = await self._me.dialogue(path)
        self._found = activity.of_entry(found["id"], found["name"])
        return f"{found['entries']} listed; {self._found.name} is {self._found.app}"

    async def ticket(self, path: Path) -> str:
        self._tickets = await self._me.tickets(secure=self._journey.exchange(path).tls)
        return f"{len(self._tickets.tokens)} tickets"

    async def sign_in(self, path: Path) -> str:
        self._messenger, words = await self._me.sign_in(path, self._tickets)
        await self._messenger.present()
        return words

    async def invite(self, path: Path) -> str:
        self._board, _ = await self._me.board(self._messenger, path)
        await call(self._board, GAMES)
        self._transfers = Transfers(self._board, self._me.network)
        self._game = await games.invite(self._transfers, GAMES, self._found)
        return f"{GAMES} plays {self._found.name}"

    async def moves(self, path: Path) -> str:
        self._played = await self._round(self._game)
        words = self._journey.carried("moves", self._played.passage, self._played.size)
        return f"{self._played.moves} {words}; the same at both ends"

    async def direct(self, path: Path) -> str:
        if path.speaks == "trudp":
            return await self._datagrams(path)
        game = self._game
        there, back, words = await each_listens(
            self._journey, self._me.seen, self._transfers, game.channel, lambda: self._round(game), self._invited
        )
        return f"{there.moves + back.moves} moves {words}; the same at both ends"

    async def _invited(self) -> Round:
        """A round of the contact's: it invites, asks for the direct connection, and ends the session."""
        assert self._board is not None
        waiting = invited(self._transfers)
        await self._board.say("play")
        game = games.accept(self._transfers, await waiting)
        played = await self._round(game)
        await game.channel.ended()  # else its farewell could meet a closed connection
        return played

    async def _datagrams(self, path: Path) -> str:
        """The moves that were played, in datagrams of our own form."""
        passage = await DatagramLeg(self._journey, path, self._played.blobs).send()
        words = self._journey.carried("moves", passage, self._played.size)
        return f"{self._played.moves} {words}, each acknowledged"

    async def _round(self, game: Game) -> Round:
        """Play, and hold what the contact tells against what was seen here."""
        assert self._board is not None
        told = self._board.heard()
        played = await game.play(self._journey.place.now)
        text = (await told).message.text
        if f"{played.moves} moves" not in text or played.sha1 not in text:
            raise Unexpected(f"the moves are others at the other end: {text[:120]}")
        return played

    async def sign_out(self, path: Path) -> str:
        if self._board is not None:
            await self._board.leave()
        await self._messenger.leave()
        return "left"
