"""A caller of ours and the far end's phone in one process: signalling in memory, media over real loopback sockets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from emulator.client.call_dialog import Call
from emulator.client.call_line import Line
from emulator.client.call_ports import Address, Receive
from emulator.client.call_telephone import Telephone
from emulator.net.datagrams import BoundDatagrams
from emulator.services.journal import Journal
from emulator.services.phone import Phone
from emulator.services.registrar import People
from emulator.wire import sdp, tags
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation

FAR, NEAR = "127.0.0.81", "127.0.0.82"
NOWHERE = Endpoint("127.0.0.1", 9)


class MemoryStream:
    """The client's end of a connection to `Phone.stream`."""

    def __init__(self, phone: Phone, observed: Endpoint) -> None:
        self._data: Callable[[bytes], None] = lambda data: None
        context = ServerContext(
            observed=observed,
            local=Endpoint(FAR, 443),
            second=NOWHERE,
            relay=NOWHERE,
            relay_key=b"",
            entropy=os.urandom,
            now=time.time,
            secure=True,
            push=self._arrived,
        )
        self.far: Conversation[Any] = Conversation(phone.stream(context))
        self.far.start()

    def _arrived(self, data: bytes) -> None:
        from twisted.internet import reactor

        reactor.callLater(0, lambda: self._data(data))  # type: ignore[attr-defined]

    def attach(self, data: Callable[[bytes], None], ended: Callable[[Exception], None]) -> None:
        self._data = data

    def send(self, data: bytes) -> None:
        out = self.far.feed(data)
        assert out == b""

    def close(self) -> None:
        if not self.far.finished:
            self.far.end()


def pair_on(reactor: Any, address: str, through: Callable[[Any], Any] = lambda port: port) -> Any:
    """Opens the two ports of a line; `through` may put something between."""

    def open_pair(rtp: Receive, rtcp: Receive) -> tuple[Any, Any]:
        for _ in range(64):
            port = 30000 + 2 * (int.from_bytes(os.urandom(2), "big") % 15000)
            try:
                first = BoundDatagrams(reactor, address, port, rtp)
            except OSError:
                continue
            try:
                return through(first), BoundDatagrams(reactor, address, port + 1, rtcp)
            except OSError:
                first.close()
        raise OSError("no ports")

    return open_pair


@contextmanager
def phone_on(
    reactor: Any, journal: Journal | None = None, people: People | None = None, **more: Any
) -> Iterator[Phone]:
    journal = Journal(time.time) if journal is None else journal
    phone = Phone(reactor, journal, FAR, now=time.time, entropy=os.urandom, people=people or People(), **more)
    try:
        yield phone
    finally:
        phone.close()


def telephone(reactor: Any, phone: Phone, observed: Endpoint = Endpoint(NEAR, 40000)) -> Telephone:
    stream = MemoryStream(phone, observed)
    return Telephone(stream, "alice@example.com", observed, call_later=reactor.callLater, entropy=os.urandom)


class Registered:
    """A client of ours with a probe's account."""

    def __init__(self, phone: Phone, port: int) -> None:
        self.tag = os.urandom(16)
        self.account = tags.account(self.tag)
        self.stream = MemoryStream(phone, Endpoint(NEAR, port))
        from twisted.internet import reactor

        later: Any = reactor.callLater  # type: ignore[attr-defined]
        local = Endpoint(NEAR, port)
        self.telephone = Telephone(self.stream, self.account, local, call_later=later, entropy=os.urandom)

    async def register(self) -> None:
        await self.telephone.register(tags.ticket(self.tag), self.tag.hex())

    async def call(self, other: str, line: Line, started: Any = lambda call: None) -> Call:
        offer = sdp.encode(sdp.Session(NEAR, (line.description(NEAR),)))
        return await self.telephone.call(other, offer, os.urandom(16).hex(), started)

    def takes(self, line: Line) -> list[Call]:
        """Take every call with this line; the list gets them."""
        taken: list[Call] = []

        def ringing(call: Call) -> None:
            taken.append(call)
            offer = sdp.decode(call.offer)
            line.connect(offer.audio, NEAR, send=False)
            call.accept(self.telephone.contact, sdp.encode(sdp.answer(offer, line.description(NEAR))))

        self.telephone.on_call = ringing
        return taken


async def both(phone: Phone) -> tuple[Registered, Registered]:
    one, other = Registered(phone, 40001), Registered(phone, 40002)
    await one.register()
    await other.register()
    return one, other


def near_line(reactor: Any, through: Callable[[Any], Any] = lambda port: port, **more: Any) -> Line:
    return Line(reactor, pair_on(reactor, NEAR, through), now=time.time, entropy=os.urandom, **more)


class Lossy:
    """A port that swallows some packets on their way out, holds others back, and lets the rest pass."""

    def __init__(self, port: Any, fate: Callable[[int], str]) -> None:
        self._port = port
        self._fate = fate
        self._held: list[tuple[bytes, Address]] = []
        self.number = port.number
        self.count = 0
        self.lost = 0

    def send(self, data: bytes, to: Address) -> None:
        if data[0] != 0x80:
            self._port.send(data, to)
            return
        fate = self._fate(self.count)
        self.count += 1
        if fate == "lose":
            self.lost += 1
        elif fate == "hold":
            self._held.append((data, to))
        else:
            self._port.send(data, to)
            for held in self._held:
                self._port.send(*held)
            self._held.clear()
            if fate == "twice":
                self._port.send(data, to)

    def close(self) -> None:
        self._port.close()
