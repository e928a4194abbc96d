"""Journey `folder`: a certificate, SNM, a session, and lists of files; between the peers where that is possible.

Emulated beyond SNM. Source: dossier media.md 1.6, 8.1, msnp.md 5.7.
"""

from __future__ import annotations

from hashlib import sha1

from emulator.catalog.model import Path
from emulator.client import folders
from emulator.client.account import Tickets
from emulator.client.board import Board
from emulator.client.folders import Compared, Folder
from emulator.client.messenger import Messenger
from emulator.client.network import Unexpected
from emulator.client.transfer import Transfers
from emulator.pki.persons import Applicant
from emulator.probe.journeys.datagrams import DatagramLeg
from emulator.probe.journeys.direct import each_listens
from emulator.probe.journeys.person import Person, call, invited, nobody
from emulator.probe.journeys.travel import Travel
from emulator.wire import shared_folder, tags
from emulator.wire.filler import filler
from emulator.wire.shared_folder import Listed

FOLDERS = "folders@example.com"  # the contact of the default cast that shares one
DIRECT_PATIENCE = 6.0  # time-outs: each way may wait for a connection that does not come up, and go on without it


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    sharer = _Sharer(journey)
    await journey.step("certificate", sharer.certificate)
    await journey.step("sign-in", sharer.sign_in)
    if await journey.step("ask", sharer.ask) and await journey.step("open", sharer.open):
        try:
            await journey.step("list", sharer.list, patience=DIRECT_PATIENCE)
        finally:
            await journey.step("sign-out", sharer.sign_out)


class _Sharer:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._csid = tags.guid(journey.tag)
        self._tickets: Tickets
        self._messenger: Messenger
        self._boards: list[Board] = []
        self._transfers: Transfers
        self._folder: Folder
        self._files = tuple(
            Listed(name, 1000 + at, sha1(filler(journey.tag, 64, name)).hexdigest())
            for at, name in enumerate(("férias.jpg", "minutes of the meeting.doc", "Ω.txt"))
        )

    async def certificate(self, path: Path) -> str:
        applicant, place = Applicant(), self._journey.place
        self._tickets = await self._me.tickets(secure=self._journey.exchange(path).tls, request=applicant.request)
        try:
            name = applicant.subject(self._tickets.certificate, place.root_pem, place.now())
        except ValueError as problem:
            raise Unexpected(str(problem)) from problem
        return f"{len(self._tickets.tokens) - 1} tickets, and a certificate for {name} that the root has signed"

    async def sign_in(self, path: Path) -> str:
        self._messenger, words = await self._me.sign_in(path, self._tickets)
        await self._messenger.present()
        return words

    async def ask(self, path: Path) -> str:
        try:
            await folders.ask(self._messenger, FOLDERS, self._csid)
        except Unexpected as problem:
            raise nobody(problem, FOLDERS) from problem
        return f"{FOLDERS} agreed to {self._csid}"

    async def open(self, path: Path) -> str:
        self._transfers, self._folder = await self._session(path)
        return "accepted, with the numbers of the invitation"

    async def list(self, path: Path) -> str:
        if path.speaks == "trudp":
            return await self._datagrams(path)
        if path.speaks == "msnp":
            _, folder = await self._session(path)
            found = await self._compared(folder)
            return f"{self._journey.carried('lists', found.passage, found.size)}; the same at both ends"
        folder = self._folder
        _, _, words = await each_listens(
            self._journey, self._me.seen, self._transfers, folder.channel, lambda: self._compared(folder), self._asked
        )
        return f"lists {words}; the same at both ends"

    async def _session(self, path: Path) -> tuple[Transfers, Folder]:
        board, _ = await self._me.board(self._messenger, path)
        self._boards.append(board)
        await call(board, FOLDERS)
        transfers = Transfers(board, self._me.network)
        return transfers, await folders.invite(transfers, FOLDERS, self._csid, self._me.network.entropy)

    async def _asked(self) -> Compared:
        """The contact asks in turn, opens the session and the direct connection, and ends it."""
        handed, waiting = self._messenger.handed(shared_folder.KIND), invited(self._transfers)
        await self._boards[0].say("share")
        _, kind, payload = await handed
        csid = shared_folder.read_snm(payload).csid
        await self._messenger.uun(FOLDERS, kind, folders.answered(payload, agreed=lambda wanted: True))
        folder = folders.accept(self._transfers, await waiting, lambda wanted: wanted.upper() == csid.upper())
        found = await self._compared(folder)
        await folder.channel.ended()  # else its farewell could meet a closed connection
        return found

    async def _compared(self, folder: Folder) -> Compared:
        """Lists both ways, and what the contact tells of them held against what was seen here."""
        told = self._boards[-1].heard()
        found = await folder.compare(self._files, self._journey.place.now)
        text = (await told).message.text
        if found.ours not in text or found.theirs not in text:
            raise Unexpected(f"the lists are others at the other end: {text[:160]}")
        return found

    async def _datagrams(self, path: Path) -> str:
        """The list in a datagram of our own form."""
        listed = shared_folder.write_list(self._files)
        passage = await DatagramLeg(self._journey, path, (listed,)).send()
        return f"{self._journey.carried('list', passage, len(listed))}, acknowledged"

    async def sign_out(self, path: Path) -> str:
        for board in self._boards:
            await board.leave()
        await self._messenger.leave()
        return "left"
