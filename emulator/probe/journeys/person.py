"""A person on a journey: one account, its tickets, its streams to the servers on the path in use.

Not the order of steps: that is each journey's.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from emulator.catalog.model import Path
from emulator.client.account import Credentials, Tickets
from emulator.client.account import tickets as fetch_tickets
from emulator.client.board import Board
from emulator.client.book import Contacts
from emulator.client.gateway import GatewayStream
from emulator.client.messenger import Messenger
from emulator.client.network import Stream, Unexpected
from emulator.client.transfer import Transfers
from emulator.probe.journeys.outside import TravelNetwork
from emulator.probe.journeys.travel import Pointless, Travel
from emulator.probe.web import DIALOGUES
from emulator.probe.web.context import WebContext
from emulator.wire import tags
from emulator.wire.msnp.switchboard import CONTACT
from emulator.wire.slp import Slp

POLL = 0.1  # seconds between two polls of the gateway: a journey has no time to lose
ECHO = "echo@"  # contacts whose address begins so repeat what they are told
FILES = "files@"  # and those take files and send them
NOBODY = (208, 217)  # CAL and UUN: no such account, not online
HELLO = "Olá! ☺ Is anybody there?"


class Person:
    """Somebody with an account that lives as long as the run. `network` opens the journey's connections."""

    def __init__(self, travel: Travel, tag: bytes) -> None:
        self._travel = travel
        self._tag = tag
        self.network: TravelNetwork = travel.network(tag)
        self.seen = ""  # the address from which the service sees this client, once it is signed in
        self.credentials = Credentials(tags.account(tag), travel.place.entropy(6).hex())

    @property
    def address(self) -> str:
        """The account."""
        return self.credentials.address

    async def tickets(self, *, secure: bool, request: bytes = b"") -> Tickets:
        """Tickets for every site, and a certificate for a `request` (DER); or Unexpected."""
        return await fetch_tickets(self.network, self.credentials, secure=secure, request=request)

    async def dialogue(self, path: Path) -> dict[str, Any]:
        """What a flow of the path's exchange asks of its web service; the facts that it found."""
        exchange, place = self._travel.exchange(path), self._travel.place
        context = WebContext(
            tag=self._tag,
            host=exchange.host,
            port=self._travel.port(path),
            secure=exchange.tls,
            now=place.now,
            entropy=place.entropy,
            root_pem=place.root_pem,
        )
        web = await self.network.web(exchange.host, secure=exchange.tls)
        try:
            steps = DIALOGUES[path.speaks](context)
            request = next(steps)
            while True:
                request = steps.send(await web.ask(request))
        except StopIteration as stop:
            return dict(stop.value)
        finally:
            web.close()

    async def sign_in(self, path: Path, tickets: Tickets) -> tuple[Messenger, str]:
        """Signed in, not yet present; and how that went, in words."""
        stream = await self.stream(path, "NS", "messenger.hotmail.com")
        messenger = Messenger(self.network, stream, self.credentials)
        signed = await messenger.sign_in(tickets)
        self.seen = signed.client_ip
        port = f":{signed.client_port}" if signed.client_port else ""
        return messenger, f"MSNP{signed.dialect}, seen from {signed.client_ip}{port}"

    async def stream(self, path: Path, server: str, address: str) -> Stream:
        """A stream to a notification server ("NS") or switchboard ("SB"): direct, or a session of the gateway.

        A switchboard is dialled where the notification server was reached, whatever address XFR gave: the emulator is
        one machine, and between here and there addresses may be translated.
        """
        exchange = self._travel.exchange(path)
        if exchange.service == "http":
            web = await self.network.web(exchange.host, secure=exchange.tls)
            return await GatewayStream.open(
                web, "SB" if server == "SB" else "NS", address, self.network, period=POLL, host=exchange.host
            )
        return await self.network.stream(exchange.host, self._travel.port(path))

    async def board(self, messenger: Messenger, path: Path) -> tuple[Board, str]:
        """A switchboard session of one's own, and the address that the server named."""
        host, port, cookie = await messenger.transfer()
        board = Board(self.network, await self.stream(path, "SB", host), self.address)
        await board.open(cookie)
        return board, f"{host}:{port}"


def somebody(contacts: tuple[str, ...]) -> str:
    """Whom to watch and to talk to: the contact that repeats what it is told where there is one, else the first."""
    if not contacts:
        raise Unexpected("the address book is empty: nobody to talk to")
    return next((one for one in contacts if one.startswith(ECHO)), CONTACT if CONTACT in contacts else contacts[0])


def reachable(contacts: Contacts) -> tuple[str, ...]:
    """Addresses of the contacts with whom one can talk."""
    return tuple(person.address for person in contacts.people if person.messenger and "@" in person.address)


def nobody(problem: Unexpected, contact: str) -> Exception:
    """Pointless, when the server says that there is no such contact (nothing is broken then); else the problem."""
    if problem.number in NOBODY:
        return Pointless(f"{contact} is not there: the emulator's cast has no such contact")
    return problem


async def call(board: Board, contact: str) -> None:
    """Call a contact of the emulator's cast. Raises Pointless when it has none of that name."""
    try:
        await board.call(contact)
    except Unexpected as problem:
        raise nobody(problem, contact) from problem


def invited(transfers: Transfers) -> Deferred[Slp]:
    """The next invitation to something that is neither file nor picture; those after it are declined."""
    waiting: Deferred[Slp] = Deferred()

    def came(invitation: Slp) -> None:
        transfers.on_invited = transfers.calls.decline
        waiting.callback(invitation)

    transfers.on_invited = came
    return waiting


async def talk(board: Board, to: str) -> str:
    """Call somebody, say something, hear it said back. Raises Unexpected when something else comes back."""
    guest = await board.call(to)
    answer = board.heard()
    await board.say(HELLO)
    heard = (await answer).message.body.decode("utf-8", "replace")
    if heard != HELLO:
        raise Unexpected(f"{guest.address} answered {heard[:80]!r}")
    return f"said {len(HELLO)} characters to {guest.address} and heard them back"


def tells(text: str, digest: str, what: str) -> None:
    """Raises Unexpected unless the contact tells the SHA-1 that a file has here."""
    if digest not in text:
        raise Unexpected(f"the file that was {what} has another SHA-1 at the other end: {text[:120]}")
