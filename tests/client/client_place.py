"""A whole Messenger service in memory, with its contacts, and clients of every generation that sign in to it.

No sockets and no reactor: a `Clock` runs everything, and `run` turns it until a coroutine is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from emulator.catalog import load
from emulator.client import account
from emulator.client.account import Credentials
from emulator.client.board import Board
from emulator.client.book import Book
from emulator.client.gateway import GatewayStream
from emulator.client.messenger import Messenger
from emulator.client.network import Stream, StreamEnded
from emulator.services.contacts import Living, move_in
from emulator.services.contacts.inside import Inside
from emulator.services.gateway import PATH, Gateway
from emulator.services.msnp.house import House
from emulator.services.msnp.session import Session
from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint
from emulator.world.world import World

NOW = 1181040434.0
PASSWORD = "opal-Kite7"
ALICE, BOB = "alice@example.com", "bob@example.com"
ECHO, FILES, VOICE, SHY = "echo@example.com", "files@example.com", "voice@example.com", "shy@example.com"
GAMES, FOLDERS = "games@example.com", "folders@example.com"
RESIDENTS = (ECHO, FILES, VOICE, GAMES, FOLDERS, SHY)
MACHINE = "{11111111-2222-4333-8444-555555555555}"
PLACE = Endpoint("203.0.113.20", 1863)
T = TypeVar("T")


class Town:
    """World, house, contacts, gateway; alice, bob and the contacts have each other in their address books."""

    def __init__(self, *, dispatch: bool = False) -> None:
        self._entropy = 0
        self.clock = Clock()
        self.world = World(now=self.now, entropy=self.entropy)
        for address in (ALICE, BOB):
            self.world.accounts.create(address, PASSWORD, name=address.partition("@")[0].title())
        for address in RESIDENTS:
            self.world.accounts.create(address, "", name=address, resident=True, hidden=address == SHY)
        for one in (ALICE, BOB):
            for other in (ALICE, BOB, *RESIDENTS):
                if one != other:
                    self.world.books.add_contact(one, other, allow=True)
        self.world.take_changes()
        self.house = House(
            self.world,
            lambda: self.world.take_changes() and None,
            call_later=self.clock.callLater,
            now=self.now,
            dispatch=dispatch,
        )
        self.contacts: list[Living] = move_in(
            self.house, load(), call_later=self.clock.callLater, now=self.now, entropy=self.entropy
        )
        self.network = MemoryNetwork(self)

    def now(self) -> float:
        return NOW + self.clock.seconds()

    def entropy(self, size: int) -> bytes:
        self._entropy += 1
        return hashlib.shake_128(self._entropy.to_bytes(8, "big")).digest(size)

    def run(self, work: Coroutine[Deferred[Any], Any, T] | Deferred[T], seconds: float = 60.0) -> T:
        """Turn the clock until the work is done; its result or its error. TimeoutError after so many seconds."""
        done = Deferred.fromCoroutine(work) if not isinstance(work, Deferred) else work
        results: list[Any] = []
        done.addCallbacks(results.append, lambda failure: results.append(failure.value) or None)
        for _ in range(int(seconds / 0.05)):
            self.clock.advance(0)
            if results:
                if isinstance(results[0], BaseException):
                    raise results[0]
                return results[0]
            self.clock.advance(0.05)
        done.cancel()
        raise TimeoutError(f"not done within {seconds} seconds of the clock")

    def turn(self, seconds: float = 0.0) -> None:
        """Let things happen."""
        self.clock.advance(0)
        for _ in range(int(seconds / 0.05)):
            self.clock.advance(0.05)


class MemoryNetwork(Inside):
    """The client's outside: the same far ends as sockets reach, and the gateway."""

    def __init__(self, town: Town) -> None:
        before = town.house.afterwards
        super().__init__(town.house, load(), call_later=town.clock.callLater, now=town.now, entropy=town.entropy)
        mine = town.house.afterwards
        town.house.afterwards = lambda: (before(), mine())[1]
        self.gateway = Gateway(
            lambda context: Session(context, town.house, over_gateway=True).talk(), town.clock.callLater
        )
        self.asked: list[http.Request] = []

    async def web(self, host: str, *, secure: bool) -> Any:
        web = await super().web(host, secure=secure)
        return MemoryWeb(self, web)

    def beneath(self) -> ServerContext:
        """The surroundings of an HTTP connection."""
        return self._context(push=lambda data: None, hang_up=lambda: None)


class MemoryWeb:
    """An HTTP connection; requests to the gateway may be held."""

    def __init__(self, network: MemoryNetwork, web: Any) -> None:
        self._network = network
        self._web = web
        self._waiting: Deferred[http.Answered] | None = None
        self.closed = False

    async def ask(self, request: http.Request) -> http.Response:
        assert self._waiting is None, "two requests at once on one connection"
        assert not self.closed, "a request on a closed connection"
        self._network.asked.append(request)
        if request.path != PATH:
            return await self._web.ask(request)
        done: Deferred[http.Answered] = Deferred()
        self._waiting = done
        self._network.soon(lambda: self._handle(request, done))
        answered = await done
        self._waiting = None
        return answered.response

    def _handle(self, request: http.Request, done: Deferred[http.Answered]) -> None:
        if done.called:
            return
        handled = self._network.gateway.handle(request, self._network.beneath())
        if isinstance(handled, http.Later):
            handled.start(lambda answered: None if done.called else done.callback(answered))
        else:
            done.callback(handled)

    def close(self) -> None:
        self.closed = True
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(StreamEnded("closed"))


class Person:
    """Somebody who signs in with our client, directly or over the gateway."""

    def __init__(
        self,
        town: Town,
        address: str = ALICE,
        dialect: int = 15,
        *,
        over_gateway: bool = False,
        lifespan: int = 0,
        password: str = PASSWORD,
    ) -> None:
        self.town = town
        self.credentials = Credentials(address, password)
        self.address = address
        self.dialect = dialect
        self.over_gateway = over_gateway
        self.lifespan = lifespan
        self.tickets: account.Tickets | None = None
        self.book: Book | None = None

    async def dial(self, server: str, host: str, port: int) -> Stream:
        network = self.town.network
        if not self.over_gateway:
            return await network.stream(host, port)
        web = await network.web("gateway.messenger.hotmail.com", secure=False)
        return await GatewayStream.open(web, server, host, network, lifespan=self.lifespan)  # type: ignore[arg-type]

    async def connect(self) -> Messenger:
        """Signed in, not yet present."""
        stream = await self.dial("NS", "messenger.hotmail.com", 1863)
        messenger = Messenger(
            self.town.network,
            stream,
            self.credentials,
            dialect=self.dialect,
            machine=MACHINE if self.dialect >= 16 else "",
            dial=lambda host, port: self.dial("NS", host, port),
        )
        self.signed_in = await messenger.sign_in(await self.proof())
        self.messenger = messenger
        return messenger

    async def proof(self) -> Any:
        if self.dialect < 8:
            return self.credentials.password
        if self.dialect < 15:
            return self._passport
        self.tickets = await account.tickets(self.town.network, self.credentials)
        return self.tickets

    def _passport(self, parameters: str) -> Awaitable[str]:
        return account.passport_ticket(self.town.network, self.credentials, parameters)

    async def online(self, status: str = "NLN", message: str = "", **more: Any) -> Messenger:
        """Signed in and present."""
        messenger = await self.connect()
        if self.dialect >= 13:
            tickets = self.tickets or await account.tickets(self.town.network, self.credentials)
            self.tickets = tickets
            self.book = Book(self.town.network, tickets)
            membership, contacts = await self.book.membership(), await self.book.contacts()
            await messenger.present(status, message=message, membership=membership, contacts=contacts, **more)
        elif self.dialect >= 8:
            self.roster = await messenger.lists()
            await messenger.present(status, message=message, **more)
        else:
            await messenger.present(status)
        return messenger

    async def chat(self, callee: str, prepare: Callable[[Board], object] = lambda board: None) -> Board:
        """A conversation with somebody who has joined it."""
        host, port, cookie = await self.messenger.transfer()
        board = Board(self.town.network, await self.dial("SB", host, port), self.address)
        prepare(board)
        await board.open(cookie)
        await board.call(callee)
        return board
