"""The contact that plays: it accepts invitations to the directory's game, and invites to it when asked.

After each round it tells the moves and their SHA-1, so that both ends can be held together.
"""

from __future__ import annotations

from emulator.client import games
from emulator.client.board import Board
from emulator.client.games import Game
from emulator.client.network import ClientError
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import by
from emulator.services.contacts.partner import Partner
from emulator.wire import activity, appdirectory
from emulator.wire.errors import WireError
from emulator.wire.slp import Slp

GAME = activity.of_entry(appdirectory.ENTRY, appdirectory.fields()["Name"])


class Games(Partner[Game]):
    """`play`, and invitations of others."""

    word = "play"
    help = (
        "Invite me to noughts and crosses: whoever invites begins, moves are the squares 1 to 9. "
        'Write "play" and I invite you.'
    )
    refused = "You do not play"

    async def propose(self, transfers: Transfers, peer: str) -> Game:
        return await games.invite(transfers, peer, GAME)

    def admit(self, transfers: Transfers, invitation: Slp) -> Game:
        if activity.read_context(invitation.field("Context")).app != GAME.app:
            raise WireError("no game of the directory")
        return games.accept(transfers, invitation)

    async def turn(self, board: Board, meeting: Game) -> bool:
        try:
            played = await meeting.play(self.host.network.now)
        except ClientError as error:
            if meeting.under_way:
                await board.say(f"The game is over: {error}")
            return False
        await board.say(
            f"{meeting.activity.name}: {played.moves} moves, {played.size} bytes, SHA-1 {played.sha1}"
            f"{by(played.passage, played.size)}"
        )
        return True
