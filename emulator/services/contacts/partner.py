"""A contact that meets others in sessions with messages both ways: invited, or inviting when it is told to in a word.

Not what goes on in such a session: `games`, `folders`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from emulator.client.board import Board, Heard
from emulator.client.channel import Channel
from emulator.client.direct_bridge import NoWay
from emulator.client.network import ClientError
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import Manners
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.slp import Slp


class Meeting(Protocol):
    """An open session with somebody."""

    @property
    def channel(self) -> Channel: ...


M = TypeVar("M", bound=Meeting)


class Partner(Manners, Generic[M]):
    """`word` makes it invite, `refused` is what it says when that is declined; `help` answers anything else."""

    hesitation = 0.0
    word: str
    help: str
    refused: str

    async def propose(self, transfers: Transfers, peer: str) -> M:
        """Invite somebody. Raises ClientError or WireError."""
        raise NotImplementedError

    def admit(self, transfers: Transfers, invitation: Slp) -> M:
        """Accept an invitation. Raises WireError for one that is declined."""
        raise NotImplementedError

    async def turn(self, board: Board, meeting: M) -> bool:
        """One round of whatever it is, and what came of it said on the board. False at the end of the session."""
        raise NotImplementedError

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind != mime.TEXT:
            return
        wanted = heard.message.text.strip().lower() == self.word
        self.host.spawn(self._invite(board, transfers, heard.sender) if wanted else board.say(self.help))

    def invited(self, board: Board, transfers: Transfers, invitation: Slp) -> None:
        try:
            meeting = self.admit(transfers, invitation)
        except WireError:
            transfers.calls.decline(invitation)
        else:
            self.host.spawn(self._meet(board, meeting))

    async def _invite(self, board: Board, transfers: Transfers, peer: str) -> None:
        """One round, directly where a connection comes up, else over the switchboard, as clients do."""
        try:
            meeting = await self.propose(transfers, peer)
        except (ClientError, WireError) as error:
            await board.say(f"{self.refused}: {error}")
            return
        with suppress(NoWay):
            await meeting.channel.connect()
        if await self.turn(board, meeting):
            meeting.channel.close()

    async def _meet(self, board: Board, meeting: M) -> None:
        """Rounds until whoever invited ends the session."""
        while await self.turn(board, meeting):
            pass
