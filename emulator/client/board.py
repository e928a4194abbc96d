"""A switchboard session of a client: opened or answered, people called, messages said and heard.

Not transfers of files and pictures (`transfer`), which ride in it. Source: protocols/msnp.md 3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from twisted.internet.defer import Deferred, succeed

from emulator.client.commands import Commands
from emulator.client.network import ClientError, Network, Stream, StreamEnded, Unexpected
from emulator.client.waiting import Waiting
from emulator.wire import tags
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.msnp.lines import Command
from emulator.wire.msnp.message import Fields, Message
from emulator.wire.msnp.presence import read_capabilities

UNHEARD = 256  # messages that are kept for `heard`


class Guest(msgspec.Struct, frozen=True):
    """Somebody in the session; the address without an endpoint."""

    address: str
    name: str = ""
    capabilities: int = 0
    extended: int = 0


class Heard(msgspec.Struct, frozen=True):
    """A message of somebody, whole."""

    sender: str
    message: Message

    @property
    def kind(self) -> str:
        """Content-Type without parameters."""
        return self.message.fields.kind


class Board:
    """One account in one switchboard session. Time limits are the caller's.

    The `on_…` functions may be replaced at any time; `on_peer` gets messages between peers (P2P) instead of
    `on_message`. Waits fail with StreamEnded when the session is over.
    """

    def __init__(self, network: Network, stream: Stream, me: str) -> None:
        self._network = network
        self._me = me
        self._assembly = mime.Assembly()
        self._guests: dict[str, Guest] = {}
        self._joins: Waiting[Guest] = Waiting()
        self._leaves: Waiting[str] = Waiting()
        self._hearing: Waiting[Heard] = Waiting()
        self._unheard: deque[Heard] = deque(maxlen=UNHEARD)
        self.over: ClientError | None = None
        self.session = ""  # the session's number, once somebody was called
        self.on_message: Callable[[str, Fields, bytes], None] = lambda sender, headers, body: None
        self.on_heard: Callable[[Heard], object] = lambda heard: None
        self.on_peer: Callable[[Heard], None] | None = None
        self.on_joined: Callable[[Guest], None] = lambda guest: None
        self.on_left: Callable[[str], None] = lambda address: None
        self.on_ended: Callable[[ClientError], None] = lambda error: None
        self._at_end: list[Callable[[ClientError], None]] = []
        self._at_left: list[Callable[[str], None]] = []
        self._commands = Commands(stream, self._handle, self._end)

    def at_end(self, call: Callable[[ClientError], None]) -> None:
        """Call when the session is over, before `on_ended`; at once when it is."""
        if self.over is not None:
            call(self.over)
        else:
            self._at_end.append(call)

    def at_left(self, call: Callable[[str], None]) -> None:
        """Call whenever somebody has left the session, before `on_left`."""
        self._at_left.append(call)

    @property
    def me(self) -> str:
        """The account, with its endpoint if it was given one."""
        return self._me

    @property
    def guests(self) -> tuple[Guest, ...]:
        """Everybody else who is there."""
        return tuple(self._guests.values())

    async def open(self, cookie: str) -> None:
        """USR: a new session. Raises Unexpected (911: the cookie is not good)."""
        answer = await self._commands.ask("USR", self._me, cookie)
        if answer.arg(1) != "OK":
            raise Unexpected(f"USR was answered {' '.join(answer.args)[:80]}", verb="USR")

    async def answer(self, session: str, cookie: str) -> None:
        """ANS: into the session that one was called to. Raises Unexpected (911)."""
        self.session = session
        answer = await self._commands.ask("ANS", self._me, cookie, session)
        if answer.arg(1) != "OK":
            raise Unexpected(f"ANS was answered {' '.join(answer.args)[:80]}", verb="ANS")

    async def call(self, address: str) -> Guest:
        """CAL, and wait until the callee has joined. Raises Unexpected (217: offline, 216: blocked, 215: there)."""
        joined = self.joined(address)
        try:
            answer = await self._commands.ask("CAL", address)
            if answer.arg(1) != "RINGING":
                raise Unexpected(f"CAL was answered {' '.join(answer.args)[:80]}", verb="CAL")
            self.session = answer.arg(2)
            return await joined
        except BaseException:
            joined.addErrback(lambda failure: None)
            joined.cancel()
            raise

    def joined(self, address: str = "") -> Deferred[Guest]:
        """The next who joins: anybody, or one address."""
        key = address.lower()
        return self._joins.wait(lambda guest: not key or guest.address.lower() == key)

    def left(self, address: str = "") -> Deferred[str]:
        """The next who leaves: anybody, or one address."""
        key = address.lower()
        return self._leaves.wait(lambda gone: not key or gone.lower() == key)

    def heard(self, kind: str = mime.TEXT) -> Deferred[Heard]:
        """The oldest message of that Content-Type that was not heard yet, else the next."""
        for one in self._unheard:
            if one.kind == kind:
                self._unheard.remove(one)
                return succeed(one)
        return self._hearing.wait(lambda heard: heard.kind == kind)

    async def say(self, text: str) -> None:
        """A text; long ones go in parts. Returns when the server has it. Raises Unexpected (NAK: nobody is there)."""
        await self.pass_on(mime.text(text), text.encode("utf-8", "replace"))

    async def pass_on(self, pairs: tuple[tuple[str, str], ...], body: bytes) -> None:
        """A message with header fields of one's own, in parts when it is long."""
        payloads = mime.parts(pairs, body, tags.guid(self._network.entropy(16)) if len(body) > mime.PART else "")
        for payload in payloads:
            await self.message(payload, "A")

    def nudge(self) -> Deferred[Command]:
        """A nudge; the Deferred is its ACK. Fails with Unexpected (`verb` NAK)."""
        return self.message(mime.nudge(), "A")

    def typing(self) -> Deferred[None]:
        """Show that one is writing; nothing answers it, so the Deferred is done at once."""
        self.post(mime.typing(self._me.partition(";")[0]), "U")
        return succeed(None)

    def message(self, payload: bytes, flag: str = "A") -> Deferred[Command]:
        """A payload as it stands, with flag A or D; the Deferred is its ACK. Fails with Unexpected (`verb` NAK)."""
        return self._commands.ask("MSG", flag, payload=payload, answers=("ACK", "NAK")).addCallback(_acknowledged)

    def post(self, payload: bytes, flag: str = "N") -> None:
        """A payload as it stands, with flag U or N; whether it arrives is not waited for."""
        self._commands.tell("MSG", flag, payload=payload)

    async def leave(self) -> None:
        """OUT, and close."""
        if self._commands.over is None:
            self._commands.send("OUT")
            self._commands.close(StreamEnded("left the session"))

    # what the server says

    def _handle(self, command: Command) -> None:
        match command.verb:
            case "JOI":
                self._join(command.args)
            case "IRO":
                self._join(command.args[3:])
            case "BYE":
                self._bye(command)
            case "MSG":
                self._message(command)
            case "OUT":
                self._commands.close(StreamEnded("the server said OUT"))

    def _join(self, words: tuple[str, ...]) -> None:
        if not words:
            raise WireError("JOI without an address")
        address = words[0].partition(";")[0]
        name = unquote(words[1]) if len(words) > 1 else ""
        guest = Guest(address, name, *read_capabilities(words[2] if len(words) > 2 else ""))
        known = address.lower() in self._guests
        if address.lower() == self._me.partition(";")[0].lower():
            return  # later clients are in the session with every place of theirs
        self._guests[address.lower()] = guest
        self._joins.tell(guest)
        if not known:
            self.on_joined(guest)

    def _bye(self, command: Command) -> None:
        address = command.arg(0).partition(";")[0]
        if self._guests.pop(address.lower(), None) is not None:
            self._leaves.tell(address)
            for call in self._at_left:
                call(address)
            self.on_left(address)

    def _message(self, command: Command) -> None:
        sender = command.arg(0).partition(";")[0]
        whole = self._assembly.take(sender, mime.read(command.payload))
        if whole is None:
            return
        heard = Heard(sender, whole)
        if heard.kind == mime.PEER and self.on_peer is not None:
            self.on_peer(heard)
            return
        if not self._hearing.tell(heard):
            self._unheard.append(heard)
        self.on_heard(heard)
        self.on_message(sender, whole.fields, whole.body)

    def _end(self, error: ClientError) -> None:
        self.over = error
        waits: tuple[Waiting[Any], ...] = (self._joins, self._leaves, self._hearing)
        for wait in waits:
            wait.end(error)
        self._guests.clear()
        calls, self._at_end = self._at_end, []
        for call in calls:
            call(error)
        self.on_ended(error)


def _acknowledged(answer: Command) -> Command:
    if answer.verb != "ACK":
        raise Unexpected("nobody is there to hear it", verb=answer.verb)
    return answer
