"""Conversations without I/O: a protocol is a generator that yields effects and is handed bytes.

Not a transport: whoever owns a socket (or a gateway session, or a test) drives a `Conversation`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

import msgspec

from emulator.wire.errors import WireError

T = TypeVar("T")


class Send(msgspec.Struct, frozen=True):
    """Put these bytes on the wire."""

    data: bytes


class Exactly(msgspec.Struct, frozen=True):
    """Wait for exactly `count` bytes; they are the value of the yield."""

    count: int


class Until(msgspec.Struct, frozen=True):
    """Wait for bytes up to and including `separator`; more than `limit` bytes without it is a WireError."""

    separator: bytes
    limit: int = 8192


class Some(msgspec.Struct, frozen=True):
    """Wait for at least one byte, take what is there (at most `limit`); b"" means the peer closed."""

    limit: int = 65536


class Peek(msgspec.Struct, frozen=True):
    """Wait for `count` bytes (or the end of the stream) and look at all that is buffered, consuming nothing."""

    count: int = 1


class Note(msgspec.Struct, frozen=True):
    """Evidence for the receipt or observation: free facts, JSON-able."""

    facts: dict[str, Any]


class Sighting(msgspec.Struct, frozen=True):
    """A tag was seen. `request` and `response` are the bytes that both ends can digest (HTTP: bodies).

    Protocols that own their whole connection leave both None: the stream digests of the connection decide.
    """

    protocol: str
    tag: str
    facts: dict[str, Any] = {}
    request: bytes | None = None
    response: bytes | None = None


class Await(msgspec.Struct, frozen=True):
    """Wait for something other than bytes: `start` is called with a function to call, once, when it has happened.

    It may be called at once or later. Bytes that arrive meanwhile wait; what is sent afterwards goes to
    `Conversation.output`.
    """

    start: Callable[[Callable[[], None]], None]


Effect = Send | Exactly | Until | Some | Peek | Note | Sighting | Await
Talk = Generator[Effect, bytes, T]


class Conversation(Generic[T]):
    """Drives one Talk: bytes in, bytes out, until it returns (`done`, `result`) or fails (`error`).

    Limits: at most `buffer_limit` bytes wait unread. `error` is a WireError: malformed or oversize input,
    or a peer that closed too early. Nothing else escapes from `feed`. `output` is called when something that the talk
    awaited has happened, with what is then to be sent (possibly nothing).
    """

    __slots__ = (
        "_awaiting",
        "_awaits",
        "_buffer",
        "_eof",
        "_limit",
        "_output",
        "_started",
        "_talk",
        "_want",
        "done",
        "error",
        "notes",
        "result",
        "sightings",
    )

    def __init__(
        self, talk: Talk[T], *, buffer_limit: int = 4 << 20, output: Callable[[bytes], None] | None = None
    ) -> None:
        self._talk = talk
        self._output = output
        self._awaiting = 0  # number of the Await in progress, 0: none
        self._awaits = 0
        self._limit = buffer_limit
        self._buffer = bytearray()
        self._eof = False
        self._want: Effect | None = None
        self._started = False
        self.done = False
        self.result: T | None = None
        self.error: WireError | None = None
        self.notes: dict[str, Any] = {}
        self.sightings: list[Sighting] = []

    @property
    def finished(self) -> bool:
        """True when the talk returned or failed."""
        return self.done or self.error is not None

    @property
    def unread(self) -> bytes:
        """Bytes that arrived and were not consumed (the next talk on the same link starts with them)."""
        return bytes(self._buffer)

    def start(self) -> bytes:
        """Run to the first wait; returns what is to be sent."""
        self._started = True
        return self._advance(None)

    def feed(self, data: bytes) -> bytes:
        """Hand over received bytes; returns what is to be sent."""
        if len(self._buffer) + len(data) > self._limit:
            self._fail(WireError(f"more than {self._limit} bytes unread"))
            return b""
        self._buffer += data
        return self._resume()

    def end(self) -> bytes:
        """The peer closed its side; returns what is still to be sent."""
        self._eof = True
        return self._resume()

    def _resume(self) -> bytes:
        if not self._started:
            return self.start()
        if self.finished or self._awaiting:
            return b""
        return self._advance_if_ready()

    def _begin_await(self, effect: Await) -> bool:
        """Start waiting; True when it has happened already."""
        self._awaits += 1
        number = self._awaiting = self._awaits
        starting = True

        def happened() -> None:
            if self._awaiting != number:
                return  # a second call, or the conversation is over
            self._awaiting = 0
            if starting or self.finished:
                return
            out = self._advance(b"")
            if self._output is not None:
                self._output(out)

        effect.start(happened)
        starting = False
        return self._awaiting == 0

    def _advance_if_ready(self) -> bytes:
        try:
            value = self._take()
        except WireError as error:
            return self._throw(error)
        return b"" if value is None else self._advance(value)

    def _advance(self, value: bytes | None) -> bytes:
        out = bytearray()
        while True:
            try:
                effect = next(self._talk) if value is None else self._talk.send(value)
            except StopIteration as stop:
                self.done, self.result = True, stop.value
                return bytes(out)
            except WireError as error:
                self._fail(error)
                return bytes(out)
            value = None
            match effect:
                case Send(data):
                    out += data
                    value = b""
                case Note(facts):
                    self.notes.update(facts)
                    value = b""
                case Sighting():
                    self.sightings.append(effect)
                    value = b""
                case Await():
                    if not self._begin_await(effect):
                        return bytes(out)
                    value = b""
                case _:
                    self._want = effect
                    try:
                        value = self._take()
                    except WireError as error:
                        return bytes(out) + self._throw(error)
                    if value is None:
                        return bytes(out)

    def _throw(self, error: WireError) -> bytes:
        """Let the talk answer a broken peer (an error reply, say) before it ends."""
        out = bytearray()
        try:
            effect = self._talk.throw(error)
            while True:
                if isinstance(effect, Send):
                    out += effect.data
                elif isinstance(effect, Note):
                    self.notes.update(effect.facts)
                elif isinstance(effect, Sighting):
                    self.sightings.append(effect)
                else:
                    raise error
                effect = next(self._talk)
        except StopIteration as stop:
            self.done, self.result = True, stop.value
        except WireError as again:
            self._fail(again)
        return bytes(out)

    def _fail(self, error: WireError) -> None:
        self.error = error
        self._talk.close()

    def _take(self) -> bytes | None:
        """The bytes that satisfy the current wait, or None when more must arrive."""
        buffer = self._buffer
        match self._want:
            case Exactly(count):
                if len(buffer) >= count:
                    return self._cut(count)
            case Until(separator, limit):
                at = buffer.find(separator, 0, limit + len(separator))
                if at >= 0:
                    return self._cut(at + len(separator))
                if len(buffer) > limit:
                    raise WireError(f"no {separator!r} within {limit} bytes")
            case Some(limit):
                if buffer:
                    return self._cut(min(limit, len(buffer)))
                if self._eof:
                    return b""
            case Peek(count):
                if len(buffer) >= count or self._eof:
                    return bytes(buffer)
        if self._eof:
            raise WireError(f"the peer closed with {len(buffer)} bytes unread, waiting for {self._want}")
        return None

    def _cut(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece


def join(one: Conversation[Any], other: Conversation[Any], *, rounds: int = 10_000) -> None:
    """Run two conversations back to back without sockets, until neither has more to say.

    Raises WireError after `rounds` exchanges (a livelock).
    """
    to_other, to_one = one.start(), other.start()
    for _ in range(rounds):
        if not to_other and not to_one:
            return
        to_other, to_one = (
            one.feed(to_one) if to_one else b"",
            other.feed(to_other) if to_other else b"",
        )
    raise WireError(f"two conversations still talk after {rounds} rounds")
