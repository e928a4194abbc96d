"""A Messenger service without sockets: a world, a house, and clients that talk to it back to back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from twisted.internet.task import Clock

from emulator.catalog import load
from emulator.services.contacts import move_in
from emulator.services.msnp.house import House
from emulator.services.msnp.session import Session
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk
from emulator.world.world import World

NOW = 1181040434.0
PASSWORD = "opal-Kite7"


class Line:
    """One connection to the service; what is pushed waits in `inbox` until the client reads it."""

    def __init__(self, service: Service) -> None:
        self._clock = service.clock
        self.inbox = bytearray()
        self.hung_up = False
        context = ServerContext(
            observed=Endpoint("192.0.2.10", 50321),
            local=Endpoint("203.0.113.20", 1863),
            second=Endpoint("203.0.113.9", 7001),
            relay=Endpoint("203.0.113.8", 30478),
            relay_key=b"k" * 16,
            entropy=service.entropy,
            now=service.now,
            push=self._push,
            hang_up=self._hang_up,
        )
        self.far: Conversation[Any] = Conversation(Session(context, service.house).talk())
        self.inbox += self.far.start()

    def _push(self, data: bytes) -> None:
        self.inbox += data

    def _hang_up(self) -> None:
        self.hung_up = True

    def send(self, data: bytes) -> bytes:
        """Bytes to the service; returns all that has arrived since the last look."""
        self.inbox += self.far.feed(data)
        self._clock.advance(0)  # contacts that live here take their turn
        return self.read()

    def read(self) -> bytes:
        """What has arrived."""
        data = bytes(self.inbox)
        self.inbox.clear()
        return data

    def hang_up(self) -> None:
        """The client vanishes."""
        self.far.end()


class Service:
    """World, house and a contact that lives here."""

    def __init__(self, *, dispatch: bool = False, anybody: bool = False) -> None:
        numbers = count(1)
        self.clock = Clock()
        self.now: Callable[[], float] = lambda: NOW + self.clock.seconds()
        self.entropy: Callable[[int], bytes] = lambda size: (next(numbers)).to_bytes(size, "big")
        self.world = World(now=self.now, entropy=self.entropy, open_accounts=True, anybody=anybody)
        self.house = House(
            self.world,
            lambda: self.world.take_changes() and None,
            call_later=self.clock.callLater,
            now=self.now,
            dispatch=dispatch,
        )
        self.contacts = move_in(self.house, load(), call_later=self.clock.callLater, now=self.now, entropy=self.entropy)

    def line(self) -> Line:
        """A new connection."""
        return Line(self)

    def run(self, talk: Talk[Any], line: Line | None = None) -> tuple[Conversation[Any], Line]:
        """A client's talk against the service, to its end."""
        line = line or self.line()
        near: Conversation[Any] = Conversation(talk)
        out = near.start()
        for _ in range(1000):
            back = line.send(out) if out else line.read()
            if not back and not out:
                break
            out = near.feed(back) if back and not near.finished else b""
        return near, line

    def person(self, address: str, dialect: str = "MSNP15", status: str = "NLN", guid: str = "") -> Line:
        """An account that signs in by hand, line by line, and is online. `guid`: its machine, MSNP16 and later."""
        if self.world.find(address) is None:
            self.world.accounts.create(address, PASSWORD, name=address.partition("@")[0].title())
        line = self.line()
        line.send(f"VER 1 {dialect} CVR0\r\n".encode())
        line.send(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {address}\r\n".encode())
        number = int(dialect[4:])
        scheme = "SSO" if number >= 15 else "TWN" if number >= 8 else "MD5"
        asked = line.send(f"USR 3 {scheme} I {address}\r\n".encode())
        proof = self._proof(address, scheme, asked) + (f" {guid}" if guid else "")
        line.send(f"USR 4 {scheme} S {proof}\r\n".encode())
        if status:
            line.send(f"CHG 5 {status} 2007498796 0\r\n".encode())
        return line

    def _proof(self, address: str, scheme: str, asked: bytes) -> str:
        from hashlib import md5

        from emulator.wire import sso

        nonce = asked.split()[-1].decode()
        if scheme == "MD5":
            return md5((nonce + PASSWORD).encode()).hexdigest()
        ticket = self.world.tickets.issue(address, "messengerclear.live.com")
        if scheme == "TWN":
            return ticket.text
        return f"{ticket.text} {sso.response(ticket.secret_base64, nonce, bytes(8))}"


def context(tag: bytes = bytes(range(16))) -> ClientContext:
    """A probe's surroundings."""
    return ClientContext(
        tag=tag,
        host="messenger.hotmail.com",
        local=Endpoint("192.0.2.10", 50321),
        remote=Endpoint("203.0.113.20", 1863),
        relay_key=b"k" * 16,
        entropy=lambda size: bytes(size),
        now=lambda: NOW,
    )
