"""The contact that plays: it accepts invitations to the directory's game, and invites to it when asked.

After each round it tells the moves and their SHA-1, so that both ends can be held together.
"""

from __future__ import annotations

from contextlib import suppress

from emulator.client import games
from emulator.client.board import Board, Heard
from emulator.client.direct_bridge import NoWay
from emulator.client.games import Game
from emulator.client.network import ClientError
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import Manners, by
from emulator.wire import activity, appdirectory
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.slp import Slp

HELP = (
    "Invite me to noughts and crosses: whoever invites begins, moves are the squares 1 to 9. "
    'Write "play" and I invite you.'
)
GAME = activity.of_entry(appdirectory.ENTRY, appdirectory.fields()["Name"])


class Games(Manners):
    """`play`, and invitations of others; anything else is answered with help."""

    hesitation = 0.0

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.TEXT and heard.message.text.strip().lower() == "play":
            self.host.spawn(self._invite(board, transfers, heard.sender))
        elif heard.kind == mime.TEXT:
            self.host.spawn(board.say(HELP))

    def invited(self, board: Board, transfers: Transfers, invitation: Slp) -> None:
        try:
            if activity.read_context(invitation.field("Context")).app != GAME.app:
                raise WireError("no game of the directory")
            game = games.accept(transfers, invitation)
        except WireError:
            transfers.calls.decline(invitation)
            return
        self.host.spawn(self._play(board, game))

    async def _invite(self, board: Board, transfers: Transfers, peer: str) -> None:
        try:
            game = await games.invite(transfers, peer, GAME)
        except ClientError as error:
            await board.say(f"You do not play: {error}")
            return
        with suppress(NoWay):  # then it goes over the switchboard, as clients do
            await game.channel.connect()
        if await self._round(board, game):
            game.channel.close()

    async def _play(self, board: Board, game: Game) -> None:
        """Rounds until whoever invited ends the session."""
        while await self._round(board, game):
            pass

    async def _round(self, board: Board, game: Game) -> bool:
        try:
            played = await game.play(self.host.network.now)
        except ClientError as error:
            if game.under_way:
                await board.say(f"The game is over: {error}")
            return False
        await board.say(
            f"{game.activity.name}: {played.moves} moves, {played.size} bytes, SHA-1 {played.sha1}"
            f"{by(played.passage, played.size)}"
        )
        return True
