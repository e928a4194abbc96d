"""Journey `legacy-session`: a client of 2003 signs in with MSNP8, gets its list in band, chats, and exchanges files.

Source: protocols/msnp.md 2.14, 2.21, 5.1; media.md 5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from emulator.catalog.model import Path
from emulator.client.account import passport_ticket
from emulator.client.board import Board
from emulator.client.direct_passage import LEGACY, Passage
from emulator.client.legacy_file import LegacyFile, LegacyFiles, LegacyLimits, LegacyOffer
from emulator.client.messenger import Messenger
from emulator.client.network import ClientError
from emulator.client.roster import Roster
from emulator.probe.journeys.direct import journey_ways
from emulator.probe.journeys.person import FILES, Person, call, somebody, talk, tells
from emulator.probe.journeys.travel import Pointless, Travel

DIALECT = 8
FILE_SIZE = 20_000  # bytes: some blocks each way
FILE_PATIENCE = 8.0  # time-outs: a file that waits for a connection in vain, twice each way
PARAMETERS = "lc=1033,id=507,tw=40,fs=1,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,kpp=1,kv=5,ver=2.1.0173.1"


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Session(journey)
    await journey.step("ticket", person.ticket)
    await journey.step("sign-in", person.sign_in)
    await journey.step("lists", person.lists)
    await journey.step("presence", person.presence)
    await journey.step("chat", person.chat)
    if await journey.step("invite", person.invite):
        await journey.step("file", person.file, patience=FILE_PATIENCE)
    await journey.step("sign-out", person.sign_out)


class _Session:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._seen = ""
        self._ticket = ""
        self._messenger: Messenger | None = None
        self._roster: Roster | None = None
        self._board: Board | None = None
        self._files_board: Board | None = None
        self._files: LegacyFiles

    async def ticket(self, path: Path) -> str:
        self._ticket = await passport_ticket(self._me.network, self._me.credentials, PARAMETERS)
        return "the nexus named the place, the ticket came"

    async def sign_in(self, path: Path) -> str:
        async def proof(parameters: str) -> str:
            return self._ticket  # of a step of its own: a client may keep one

        stream = await self._me.stream(path, "NS", "messenger.hotmail.com")
        messenger = Messenger(self._me.network, stream, self._me.credentials, dialect=DIALECT)
        signed = await messenger.sign_in(proof)
        self._messenger, self._seen = messenger, signed.client_ip
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

    async def invite(self, path: Path) -> str:
        assert self._messenger is not None
        assert self._roster is not None
        taker = next((one.address for one in self._roster.contacts if one.address.startswith(FILES)), "")
        if not taker:
            raise Pointless("nobody in the contact list takes files")
        self._files_board, _ = await self._me.board(self._messenger, path)
        place = self._journey.place
        limits = LegacyLimits(answer=place.timeout, connect=1.5 * place.timeout, silence=place.timeout)
        ways = journey_ways(self._journey, self._seen)
        self._files = LegacyFiles(self._files_board, self._me.network, ways, limits)
        self._files_board.on_heard = self._files.take
        await call(self._files_board, taker)
        return f"{taker} came"

    async def file(self, path: Path) -> str:
        """There and back, each over a connection that this end awaits and over one that the contact awaits.

        One of the two is enough: who cannot be reached says so, and connects.
        """
        there, back = await self._each("there", self._there), await self._each("back", self._back)
        return f"{FILE_SIZE} bytes {there}; {back}; the same SHA-1 at both ends"

    async def _each(self, what: str, transfer: Callable[[bool], Awaitable[LegacyFile]]) -> str:
        """One after another, with this end listening and with the contact listening; fails when both do."""
        words: list[str] = []
        problems: list[ClientError] = []
        for here in (True, False):
            try:
                went = await transfer(here)
            except ClientError as problem:
                problems.append(problem)
                words.append(f"{what} not while {'this end' if here else 'the contact'} listened: {problem}")
            else:
                passage = Passage(bridge=LEGACY, listened=went.listened, seconds=went.seconds)
                words.append(self._journey.carried(what, passage, went.size))
        if len(problems) == len(words):
            raise problems[-1]
        return "; ".join(words)

    async def _there(self, here: bool) -> LegacyFile:
        assert self._files_board is not None
        data = self._me.network.entropy(FILE_SIZE)
        told = self._files_board.heard()
        try:
            sent = await self._files.send("journey.bin", data, listen=here)
        finally:
            text = (await told).message.text  # the contact says what it got, or why it got nothing
        tells(text, sent.sha1, "sent")
        return sent

    async def _back(self, here: bool) -> LegacyFile:
        assert self._files_board is not None
        offered: Deferred[LegacyOffer] = Deferred()
        self._files.on_offer = offered.callback
        told = self._files_board.heard()
        await self._files_board.say(f"send {FILE_SIZE} old{' dial' if here else ''}")
        try:
            got = await (await offered).accept()
        finally:
            text = (await told).message.text
        tells(text, got.sha1, "received")
        return got

    async def sign_out(self, path: Path) -> str:
        assert self._messenger is not None
        for board in (self._board, self._files_board):
            if board is not None:
                await board.leave()
        await self._messenger.leave()
        return "left"

    def _somebody(self) -> str:
        assert self._roster is not None
        return somebody(tuple(entry.address for entry in self._roster.contacts))
