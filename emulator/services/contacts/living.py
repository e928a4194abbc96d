"""A contact's life: it signs in, takes every call, accepts whoever adds it, and comes back when its session ends.

Not what it says to people (`manners`). Source: protocols/msnp.md 2.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from emulator.catalog.model import Catalog
from emulator.client import account
from emulator.client.board import Board
from emulator.client.book import Book
from emulator.client.direct_bridge import Limits
from emulator.client.messenger import Messenger
from emulator.client.network import CallLater, ClientError, Unexpected
from emulator.services.contacts.files import Files
from emulator.services.contacts.folders import Folders
from emulator.services.contacts.games import Games
from emulator.services.contacts.inside import Inside
from emulator.services.contacts.manners import BOT, HURRIED, Echo, Manners
from emulator.services.contacts.sockets import ContactSockets
from emulator.services.contacts.voice import Voice
from emulator.services.msnp.house import House
from emulator.wire import msnobject
from emulator.wire.msnp import lists
from emulator.wire.msnp.reply import Ring
from emulator.wire.msnp.switchboard import CAPABILITIES, CONTACT, CONTACT_NAME
from emulator.wire.receipt import Endpoint
from emulator.world import picture
from emulator.world.names import fold, is_volatile

DIALECT = 15
MANNERS: dict[str, type[Manners]] = {  # by the address's first word
    "echo": Echo,
    "files": Files,
    "folders": Folders,
    "games": Games,
    "voice": Voice,
}
PING = 600.0  # seconds; a session without any command is closed after 900
RETRY = 5.0  # seconds after which a contact whose session ended signs in again
_FIRST_WORD = re.compile("[a-z]+")
CLOSING = "SSD"  # the service goes down: nobody comes back


def move_in(
    house: House,
    catalog: Catalog,
    *,
    call_later: CallLater,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
    sockets: ContactSockets | None = None,
) -> list[Living]:
    """Bring every resident of the world online but hidden ones, and the contact that probes call.

    They are signed in when this returns. Hidden residents stay signed out, so that messages for them wait. With
    `sockets` they take and make direct connections.
    """
    network = Inside(house, catalog, call_later=call_later, now=now, entropy=entropy)
    if sockets is not None:
        network.ways = sockets.ways(lambda address: seen_from(house, address))
    world = house.world
    if world.find(CONTACT) is None:
        world.accounts.create(CONTACT, "", name=CONTACT_NAME, resident=True)
    living = []
    for address in world.addresses():
        one = world.account(address)
        if (one.resident and not one.hidden) or one.key == fold(CONTACT):
            living.append(Living(network, one.address))
    for contact in living:
        contact.start()
    network.soon.drain()
    return living


@runtime_checkable
class Observed(Protocol):
    """A session that tells where its client's packets come from."""

    @property
    def observed(self) -> Endpoint: ...


def seen_from(house: House, address: str) -> frozenset[str]:
    """Addresses from which the sessions of an account are seen."""
    return frozenset(one.observed.address for one in house.at(address) if isinstance(one, Observed))


def manners_of(address: str) -> type[Manners]:
    """By the letters that the address begins with; whoever has no manners of its own is plain."""
    found = _FIRST_WORD.match(address.lower())
    return MANNERS.get(found[0], Manners) if found else Manners


class Living:
    """One contact."""

    def __init__(self, network: Inside, address: str) -> None:
        self.network = network
        self.address = address
        self.face = picture.generate(fold(address))
        self.portrait = msnobject.describe(address, self.face)
        self.messenger: Messenger | None = None
        self._book: Book | None = None
        self._credentials = network.door.key(address)
        self._manners = manners_of(address)(self)

    def start(self) -> None:
        """Sign in; when that fails, try again later."""
        self.spawn(self._live(), self._again)

    def spawn(self, work: Any, failed: Callable[[ClientError], None] = lambda error: None) -> None:
        """Do something beside everything else; the end of a session in its midst is nothing special."""

        def trap(failure: Any) -> None:
            failure.trap(ClientError)
            failed(failure.value)

        Deferred.fromCoroutine(work).addErrback(trap)

    async def _live(self) -> None:
        tickets = await account.tickets(self.network, self._credentials)
        book = self._book = Book(self.network, tickets)
        membership, contacts = await book.membership(), await book.contacts()
        stream = await self.network.stream("messenger.hotmail.com", 1863)
        messenger = Messenger(self.network, stream, self._credentials, dialect=DIALECT)
        messenger.on_ring = lambda ring: self.spawn(self._answer(ring))
        messenger.on_uun = self._manners.handed
        messenger.on_lists = self._listed
        await messenger.sign_in(tickets)
        portrait = msnobject.quoted(self.portrait)
        await messenger.present(
            capabilities=CAPABILITIES | BOT, membership=membership, contacts=contacts, picture=portrait
        )
        messenger.keep_alive(PING)
        self.messenger = messenger
        messenger.on_ended = self._ended
        if messenger.over is not None:
            self._ended(messenger.over)

    def _ended(self, error: ClientError) -> None:
        self.messenger = None
        self._again(error)

    def _again(self, error: ClientError) -> None:
        if CLOSING not in error.detail:
            self.network.call_later(RETRY, self.start)

    async def _answer(self, ring: Ring) -> None:
        """Take a call, and leave when nobody else is there."""
        board = Board(self.network, await self.network.stream(ring.host, ring.port), self.address)
        board.on_left = lambda gone: None if board.guests else self.spawn(board.leave())
        self._manners.sit(board, HURRIED if is_volatile(ring.caller) else Limits())
        await board.answer(ring.session, ring.cookie)
        if not board.guests:
            await board.leave()

    def _listed(self, verb: str, items: tuple[lists.Item, ...]) -> None:
        """Whoever adds us is added in turn; accounts of probes, which pass by, are not."""
        for item in items:
            if verb == "ADL" and item.bits & lists.REVERSE and not is_volatile(item.address):
                self.spawn(self._accept(item.address))

    async def _accept(self, address: str) -> None:
        assert self._book is not None
        try:
            await self._book.add_contact(address, allow=True)
        except Unexpected as error:
            if error.code != "ContactAlreadyExists":
                raise
        if self.messenger is not None:
            await self.messenger.upload((lists.Item(address, lists.FORWARD | lists.ALLOW, 1),))
