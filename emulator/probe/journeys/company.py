"""Somebody on a journey who is signed in and in a conversation with one contact. Not what the two do there."""

from __future__ import annotations

from emulator.catalog.model import Path
from emulator.client.account import Tickets
from emulator.client.board import Board
from emulator.client.messenger import Messenger
from emulator.probe.journeys.person import Person, call
from emulator.probe.journeys.travel import Pointless, Travel


class Company:
    """The first steps and the last one of such a journey, and what they leave for those between."""

    def __init__(self, journey: Travel, contact: str) -> None:
        self.journey = journey
        self.me = Person(journey, journey.tag)
        self._contact = contact
        self._tickets: Tickets
        self._messenger: Messenger
        self._board: Board | None = None

    async def ticket(self, path: Path) -> str:
        self._tickets = await self.me.tickets(secure=self.journey.exchange(path).tls)
        return f"{len(self._tickets.tokens)} tickets"

    async def sign_in(self, path: Path) -> str:
        """Signed in, and in a conversation with the contact: invitations travel there."""
        self._messenger, words = await self.me.sign_in(path, self._tickets)
        await self._messenger.present()
        board, _ = await self.me.board(self._messenger, path)
        try:
            await call(board, self._contact)
        except Pointless as nobody:
            await board.leave()
            return f"{words}; {nobody}"
        self._board = board
        return words

    async def sign_out(self, path: Path) -> str:
        if self._board is not None:
            await self._board.leave()
        await self._messenger.leave()
        return "left"

    @property
    def board(self) -> Board:
        """The conversation. Raises Pointless where the contact is not there."""
        if self._board is None:
            raise Pointless(f"{self._contact} is not there: the emulator's cast has no such contact")
        return self._board
