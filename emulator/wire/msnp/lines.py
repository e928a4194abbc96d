"""MSNP lines and payloads as talks. Not the meaning of commands. Source: protocols/msnp.md 1.1 to 1.3, 1.7."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from emulator.wire.errors import WireError
from emulator.wire.talk import Exactly, Send, Talk, Until

LINE_LIMIT = 8192  # bytes, CRLF included
PAYLOAD_LIMIT = 64 * 1024  # bytes; the largest genuine payloads are address lists of 7,500

FROM_CLIENT = frozenset({"QRY", "UUX", "ADL", "RML", "FQY", "UUN", "UUM", "MSG", "PGD", "PAG", "SDC", "VAS", "NOT"}) | {
    "PUT",
    "DEL",
    "SDG",
}  # those three from MSNP18 on
FROM_SERVER = frozenset({"MSG", "GCF", "UBX", "UBN", "UBM", "NOT", "IPG", "ADL", "RML", "FQY", "UUX", "NFY", "PUT"})

_FIRST, _LINE = Exactly(1), Until(b"\r\n", LINE_LIMIT - 1)
_NUMBER = re.compile(r"[0-9]{1,10}")
_DIGITS = re.compile(r"[0-9]+")
_VERB = re.compile(r"[A-Z]{3}|[0-9]{3}|URL\?")


class Command(msgspec.Struct, frozen=True):
    """One line, and the payload that it announced (b"" where there is none)."""

    verb: str
    args: tuple[str, ...] = ()
    payload: bytes = b""

    def arg(self, index: int) -> str:
        """Argument `index`; raises WireError when the line is too short."""
        try:
            return self.args[index]
        except IndexError:
            raise WireError(f"{self.verb} has {len(self.args)} arguments, wanted more than {index}") from None


def number(text: str) -> int | None:
    """A decimal number of at most 10 ASCII digits, or None."""
    return int(text) if _NUMBER.fullmatch(text) else None


def nothing() -> None:
    """Nobody cares when a command begins."""


def read(payload_verbs: frozenset[str], begun: Callable[[], None] = nothing) -> Talk[Command]:
    """The next command. `payload_verbs` names those of this direction that carry a payload; numeric errors may too.

    `begun` is called with the first byte, so that somebody can look at the clock while the rest is missing.

    Raises WireError for a line over LINE_LIMIT, a payload over PAYLOAD_LIMIT, bytes that are no UTF-8, a bad verb.
    """
    first = yield _FIRST
    begun()
    raw = first + (yield _LINE)
    try:
        words = raw[:-2].decode().split(" ")
    except UnicodeDecodeError as error:
        raise WireError(f"a line that is not UTF-8: {raw[:60]!r}") from error
    verb, args = words[0], tuple(words[1:])
    if not _VERB.fullmatch(verb):
        raise WireError(f"not an MSNP command: {raw[:60]!r}")
    announces = verb in payload_verbs or (verb.isdigit() and len(args) > 1)
    if not announces or not args or not _DIGITS.fullmatch(args[-1]):
        return Command(verb, args)
    length = number(args[-1])
    if length is None or length > PAYLOAD_LIMIT:
        raise WireError(f"{verb} announces a payload of {args[-1][:20]} bytes, limit {PAYLOAD_LIMIT}")
    payload = (yield Exactly(length)) if length else b""
    return Command(verb, args, payload)


def line(verb: str, *args: object, payload: bytes | None = None) -> bytes:
    """A line as bytes; with `payload`, its length is appended and the payload follows."""
    words = [verb, *(str(arg) for arg in args)]
    if payload is not None:
        words.append(str(len(payload)))
    return " ".join(words).encode() + b"\r\n" + (payload or b"")


def send(verb: str, *args: object, payload: bytes | None = None) -> Talk[None]:
    """Put one command on the wire."""
    yield Send(line(verb, *args, payload=payload))


def expect(verb: str, *start: str, skip: tuple[str, ...] = ()) -> Talk[Command]:
    """The next server command must be `verb` whose arguments begin with `start`; commands in `skip` pass by.

    Raises WireError with what came instead (at most 100 commands are skipped).
    """
    for _ in range(100):
        command = yield from read(FROM_SERVER)
        if command.verb == verb and command.args[: len(start)] == start:
            return command
        if command.verb not in skip:
            got = " ".join((command.verb, *command.args))
            raise WireError(f"expected {' '.join((verb, *start))}, got {got[:120]}")
    raise WireError(f"no {verb} within 100 commands")
