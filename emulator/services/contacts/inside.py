"""The network of those who live in the emulator: streams to its own sessions and calls of its own services, in memory.

Not sockets, and no second implementation of anything: the far ends are the very conversations that sockets reach.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from emulator.catalog.model import Catalog
from emulator.client.direct_ways import Ways
from emulator.client.network import CallLater, Data, Ended, StreamEnded
from emulator.services.contacts.door import Door
from emulator.services.msnp.house import House
from emulator.services.msnp.session import Session
from emulator.services.web import site
from emulator.services.web.scene import RelaySessions, Scene
from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk

HERE = Endpoint("127.0.0.1", 1863)
ROUNDS = 100_000  # calls of one draining, then the reactor gets its turn

Server = Callable[[ServerContext], Talk[None]]


class Soon:
    """Calls that are made one after another, never inside each other, as soon as whatever runs now is done."""

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._calls: deque[Callable[[], object]] = deque()
        self._draining = False
        self._due = False

    def __call__(self, call: Callable[[], object]) -> None:
        """Queue a call."""
        self._calls.append(call)
        self._schedule()

    def drain(self) -> None:
        """Make all calls, and those that they queue."""
        if self._draining:
            return
        self._draining = True
        try:
            for _ in range(ROUNDS):
                if not self._calls:
                    return
                self._calls.popleft()()
        finally:
            self._draining = False
            self._schedule()

    def _schedule(self) -> None:
        if self._calls and not self._due and not self._draining:
            self._due = True
            self._call_later(0, self._turn)

    def _turn(self) -> None:
        self._due = False
        self.drain()


class InsideStream:
    """Both ends of one connection: this is the client's, the server's is a conversation."""

    def __init__(self, soon: Soon, server: Server, context: Callable[..., ServerContext]) -> None:
        self._soon = soon
        self._data: Data | None = None
        self._ended: Ended | None = None
        self._inbox = bytearray()
        self._over = False  # for the client: no more bytes either way
        inside = context(push=self._push, hang_up=self._hang_up)
        self._far: Conversation[Any] = Conversation(server(inside), output=self._drive)
        self._push(self._far.start())

    def attach(self, data: Data, ended: Ended) -> None:
        self._data, self._ended = data, ended
        if self._inbox:
            self._soon(self._deliver)

    def send(self, data: bytes) -> None:
        if not self._over:
            self._soon(lambda: self._feed(data))

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._soon(self._end)

    def _feed(self, data: bytes) -> None:
        if not self._far.finished:
            self._drive(self._far.feed(data))

    def _drive(self, out: bytes) -> None:
        self._push(out)
        if self._far.finished:
            self._hang_up()

    def _end(self) -> None:
        """The client is gone: what it sent before has been fed already."""
        if not self._far.finished:
            self._far.end()

    def _push(self, data: bytes) -> None:
        if data and not self._over:
            self._inbox += data
            self._soon(self._deliver)

    def _deliver(self) -> None:
        if self._inbox and self._data is not None and not self._over:
            data, self._inbox = bytes(self._inbox), bytearray()
            self._data(data)

    def _hang_up(self) -> None:
        self._soon(self._finish)

    def _finish(self) -> None:
        self._deliver()
        if self._over:
            return
        self._over = True
        if not self._far.finished:
            self._far.end()
        if self._ended is not None:
            self._ended(StreamEnded("the server closed the connection"))


class InsideWeb:
    """Calls of one host's services."""

    def __init__(self, soon: Soon, answer: Callable[[http.Request], http.Response]) -> None:
        self._soon = soon
        self._answer = answer

    async def ask(self, request: http.Request) -> http.Response:
        turn: Deferred[None] = Deferred()
        self._soon(lambda: None if turn.called else turn.callback(None))
        await turn
        return self._answer(request)

    def close(self) -> None:
        """Nothing to close."""


class Inside:
    """A `Network` into one house. `door` issues the tickets of those who live here; nobody else comes through it.

    `ways`: how those who live here meet others directly; None where nobody can.
    """

    def __init__(
        self,
        house: House,
        catalog: Catalog,
        *,
        call_later: CallLater,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._house = house
        self.soon = Soon(call_later)
        house.afterwards = self.soon.drain
        self._call_later = call_later
        self.ways: Ways | None = None
        self.reflector: Server | None = None  # where those who live here view what nobody can show them directly
        self.phone: Any = None  # what the voice contact speaks with (`voice.PhoneOf`)
        self.now = now
        self.entropy = entropy
        self.door = Door(house.world, now=now, entropy=entropy)
        self._scene = Scene(
            now=now,
            entropy=entropy,
            observed=HERE,
            secure=True,
            crl=lambda: b"",
            catalog=catalog,
            relay_sessions=RelaySessions(),
            world=house.world,
            settle=house.settle,
            sign_request=_unsigned,
        )

    async def stream(self, host: str, port: int) -> InsideStream:
        """Every address is this house."""
        return InsideStream(self.soon, lambda context: Session(context, self._house).talk(), self._context)

    def tunnel(self) -> InsideStream | None:
        """A connection to the reflector of this house; None where it has none."""
        return None if self.reflector is None else InsideStream(self.soon, self.reflector, self._context)

    async def web(self, host: str, *, secure: bool) -> InsideWeb:
        """Every host is this site, but for the door."""
        return InsideWeb(self.soon, self._site)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        return self._call_later(seconds, call)

    def _site(self, request: http.Request) -> http.Response:
        issued = self.door.answer(request, self._scene)
        return issued if issued is not None else site.answer(request, self._scene).response

    def _context(self, *, push: Callable[[bytes], None], hang_up: Callable[[], None]) -> ServerContext:
        return ServerContext(
            observed=Endpoint(HERE.address, 0),
            local=HERE,
            second=HERE,
            relay=HERE,
            relay_key=b"",
            entropy=self.entropy,
            now=self.now,
            push=push,
            hang_up=hang_up,
        )


def _unsigned(request: bytes, name: str) -> bytes:
    raise ValueError("those who live here need no certificates")
