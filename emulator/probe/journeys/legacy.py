"""Journey `legacy-session`: a client of 2003 signs in with MSNP8, gets its list in band, and chats.

Source: protocols/msnp.md 2.14, 2.21, 5.1.
"""

from __future__ import annotations

from emulator.catalog.model import Path
from emulator.client.account import passport_ticket
from emulator.client.board import Board
from emulator.client.messenger import Messenger
from emulator.client.roster import Roster
from emulator.probe.journeys.person import Person, somebody, talk
from emulator.probe.journeys.travel import Travel

DIALECT = 8
PARAMETERS = "lc=1033,id=507,tw=40,fs=1,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,kpp=1,kv=5,ver=2.1.0173.1"


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Session(journey)
    await journey.step("ticket", person.ticket)
    await journey.step("sign-in", person.sign_in)
    await journey.step("lists", person.lists)
    await journey.step("presence", person.presence)
    await journey.step("chat", person.chat)
    await journey.step("sign-out", person.sign_out)


class _Session:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._me = Person(journey, journey.tag)
        self._ticket = ""
        self._messenger: Messenger | None = None
        self._roster: Roster | None = None
        self._board: Board | None = None

    async def ticket(self, path: Path) -> str:
        self._ticket = await passport_ticket(self._me.network, self._me.credentials, PARAMETERS)
        return "the nexus named the place, the ticket came"

    async def sign_in(self, path: Path) -> str:
        async def proof(parameters: str) -> str:
            return self._ticket  # of a step of its own: a client may keep one

        stream = await self._me.stream(path, "NS", "messenger.hotmail.com")
        messenger = Messenger(self._me.network, stream, self._me.credentials, dialect=DIALECT)
        signed = await messenger.sign_in(proof)
        self._messenger = messenger
        return f"MSNP{signed.dialect}, seen from {signed.client_ip}"

    async def lists(self, path: Path) -> str:
        assert self._messenger is not None
        self._roster = await self._messenger.lists()
        return f"{len(self._roster.contacts)} contacts in {len(self._roster.groups)} groups"

    async def presence(self, path: Path) -> str:
        assert self._messenger is not None
        await self._messenger.present()
        shown = await self._messenger.presence(self._somebody())
        return f"{shown.address} is {shown.status}"

    async def chat(self, path: Path) -> str:
        assert self._messenger is not None
        self._board, named = await self._me.board(self._messenger, path)
        return f"{await talk(self._board, self._somebody())}, at the switchboard {named}"

    async def sign_out(self, path: Path) -> str:
        assert self._messenger is not None
        if self._board is not None:
            await self._board.leave()
        await self._messenger.leave()
        return "left"

    def _somebody(self) -> str:
        assert self._roster is not None
        return somebody(tuple(entry.address for entry in self._roster.contacts))
