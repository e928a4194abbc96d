"""Journey `session`: the 8.1 client from its first request to its last.

Source: protocols/msnp.md 2.4, http.md 2 to 15.
"""

from __future__ import annotations

from hashlib import sha1

from twisted.internet.defer import Deferred

from emulator.catalog.model import Path
from emulator.client import offline
from emulator.client.account import Tickets
from emulator.client.board import Board
from emulator.client.book import Book, Contacts, Membership
from emulator.client.messenger import Messenger
from emulator.client.network import Unexpected
from emulator.client.transfer import Incoming, Received, Sent, Transfers
from emulator.probe.journeys.direct import journey_ways, limits_of
from emulator.probe.journeys.person import FILES, Person, reachable, somebody, talk, tells
from emulator.probe.journeys.travel import Pointless, Travel

FILE_SIZE = 20_000  # bytes: some chunks each way
DIRECT_SIZE = 200_000  # bytes: enough to tell a rate
DIRECT_PATIENCE = 6.0  # time-outs: each way may wait for a connection that does not come up, and go on without it
MESSAGE = "Left while you were away: ☂ até logo"


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Session(journey)
    await journey.step("config", person.config)
    await journey.step("ticket", person.ticket)
    await journey.step("sign-in", person.sign_in)
    await journey.step("membership", person.lists)
    await journey.step("address-book", person.address_book)
    await journey.step("profile", person.profile)
    await journey.step("presence", person.presence)
    await journey.step("chat", person.chat)
    await journey.step("file", person.file)
    await journey.step("direct-file", person.direct_file, patience=DIRECT_PATIENCE)
    await journey.step("leave-message", person.leave_message)
    await journey.step("read-message", person.read_message)
    await journey.step("sign-out", person.sign_out)


class _Session:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._friend = Person(journey, journey.new_tag())
        self._tickets: Tickets | None = None
        self._friends_tickets: Tickets | None = None
        self._messenger: Messenger | None = None
        self._book: Book | None = None
        self._board: Board | None = None
        self._files: Board | None = None
        self._transfers: Transfers | None = None
        self._taker = ""
        self._membership: Membership | None = None
        self._contacts: Contacts | None = None

    async def config(self, path: Path) -> str:
        await self._me.dialogue(path)
        return f"read from {self._journey.exchange(path).host}"

    async def ticket(self, path: Path) -> str:
        self._tickets = await self._me.tickets(secure=self._journey.exchange(path).tls)
        return f"{len(self._tickets.tokens)} tickets, one with the secret for the proof"

    async def sign_in(self, path: Path) -> str:
        assert self._tickets is not None
        self._messenger, words = await self._me.sign_in(path, self._tickets)
        return words

    async def lists(self, path: Path) -> str:
        assert self._tickets is not None
        exchange = self._journey.exchange(path)
        self._book = Book(self._me.network, self._tickets, secure=exchange.tls, host=exchange.host)
        self._membership = await self._book.membership()
        return f"{len(self._membership.members)} members"

    async def address_book(self, path: Path) -> str:
        assert self._book is not None
        self._contacts = await self._book.contacts()
        return f"{len(self._contacts.people)} contacts in {len(self._contacts.groups)} groups"

    async def profile(self, path: Path) -> str:
        assert self._tickets is not None
        assert self._contacts is not None
        exchange = self._journey.exchange(path)
        book = Book(self._me.network, self._tickets, secure=exchange.tls, storage=exchange.host)
        try:
            profile = await book.profile(cid=self._contacts.cid)
        finally:
            book.close()
        return f"name and status message of {len(profile.name)} and {len(profile.status)} characters"

    async def presence(self, path: Path) -> str:
        messenger, contacts = self._signed_in()
        challenged = messenger.challenged()
        await messenger.present(membership=self._membership, contacts=contacts, message="on a journey")
        shown = await messenger.presence(somebody(reachable(contacts)))
        await challenged
        return f"{shown.address} is {shown.status}; the challenge was answered"

    async def chat(self, path: Path) -> str:
        messenger, contacts = self._signed_in()
        self._board, named = await self._me.board(messenger, path)
        return f"{await talk(self._board, somebody(reachable(contacts)))}, at the switchboard {named}"

    async def file(self, path: Path) -> str:
        """To the contact that takes files, who tells size and SHA-1 of what came; and one back, asked for in words."""
        messenger, contacts = self._signed_in()
        taker = next((one for one in reachable(contacts) if one.startswith(FILES)), "")
        if not taker:
            raise Pointless("nobody in the address book takes files")
        self._files, _ = await self._me.board(messenger, path)
        board = self._files
        await board.call(taker)
        self._transfers, self._taker = Transfers(board, self._me.network), taker
        sent = (await self._there(board, self._transfers, FILE_SIZE)).passage
        received = (await self._back(board, self._transfers, FILE_SIZE)).passage
        there, back = (
            self._journey.carried(what, one, FILE_SIZE) for what, one in (("there", sent), ("back", received))
        )
        return f"{FILE_SIZE} bytes {there}; {back}; the same SHA-1 at both ends"

    async def direct_file(self, path: Path) -> str:
        """The same between the peers themselves: the contact listens for the one, this end for the other.

        Where no connection comes up the file goes over the switchboard, as clients do; the words tell which it was.
        """
        board, transfers = self._files, self._transfers
        if board is None or transfers is None or board.over is not None:
            raise Pointless("no conversation with a contact that takes files")
        ways = journey_ways(self._journey, self._me.seen)
        transfers.connect_directly(ways, limits_of(self._journey.place))
        sent = (await self._there(board, transfers, DIRECT_SIZE)).passage
        received = ways.explained((await self._back(board, transfers, DIRECT_SIZE)).passage)
        there, back = (
            self._journey.carried(what, one, DIRECT_SIZE) for what, one in (("there", sent), ("back", received))
        )
        return f"{DIRECT_SIZE} bytes {there}; {back}; the same SHA-1 at both ends"

    async def _there(self, board: Board, transfers: Transfers, size: int) -> Sent:
        data = self._me.network.entropy(size)
        told = board.heard()
        sent = await transfers.send_file(self._taker, "journey.bin", data)
        tells((await told).message.text, sha1(data).hexdigest(), "sent")
        return sent

    async def _back(self, board: Board, transfers: Transfers, size: int) -> Received:
        offered: Deferred[Incoming] = Deferred()
        transfers.on_file = offered.callback
        told = board.heard()
        await board.say(f"send {size}")
        received = await (await offered).accept(keep=False)
        tells((await told).message.text, received.sha1, "received")
        return received

    async def leave_message(self, path: Path) -> str:
        assert self._tickets is not None
        secure = self._journey.exchange(self._journey.path("ticket")).tls
        self._friends_tickets = await self._friend.tickets(secure=secure)  # whose account begins with its first ticket
        await offline.leave(self._me.network, self._tickets, self._me.address, self._friend.address, MESSAGE)
        return "refused with a challenge for the lock key, answered, accepted"

    async def read_message(self, path: Path) -> str:
        if self._friends_tickets is None:
            raise Pointless("no message was left")
        network, tickets = self._friend.network, self._friends_tickets
        found = [one for one in await offline.waiting(network, tickets) if one.sender == self._me.address]
        if not found:
            raise Unexpected("the message that was left does not wait")
        message = await offline.read(network, tickets, found[0].id)
        if message.text != MESSAGE:
            raise Unexpected("the message that waits has another text")
        await offline.delete(network, tickets, found[0].id)
        return "found, read whole, deleted"

    async def sign_out(self, path: Path) -> str:
        messenger, _ = self._signed_in()
        for board in (self._board, self._files):
            if board is not None:
                await board.leave()
        if self._book is not None:
            self._book.close()
        await messenger.leave()
        return "left"

    def _signed_in(self) -> tuple[Messenger, Contacts]:
        assert self._messenger is not None
        assert self._contacts is not None
        return self._messenger, self._contacts
