"""MIME-like payloads of MSG: header fields, blank line, body; typing, nudges, text; long messages in parts.

Not who they are for. Source: protocols/msnp.md 3.3, 3.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

TEXT = "text/plain"
CONTROL = "text/x-msmsgscontrol"
DATACAST = "text/x-msnmsgr-datacast"
INVITATION = "text/x-msmsgsinvite"
PEER = "application/x-msnmsgrp2p"
CAPS = "text/x-clientcaps"
NUDGE = b"ID: 1\r\n\r\n"
FORMAT = "FN=Segoe%20UI; EF=; CO=0; CS=1; PF=0"

PART = 1400  # bytes of text in one message; longer ones are sent in parts
PARTS = 64  # parts of one message
OPEN = 16  # messages in parts that may be under way


class Fields(Mapping[str, str]):
    """Header fields in their order; looked up in any spelling."""

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.pairs = pairs
        self._found: dict[str, str] = {}
        for name, value in pairs:
            self._found.setdefault(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(dict(self.pairs))

    def __repr__(self) -> str:
        return f"Fields({self.pairs!r})"

    @property
    def kind(self) -> str:
        """Content-Type without parameters, in lower case."""
        return self.get("Content-Type", "").partition(";")[0].strip().lower()


class Message(msgspec.Struct, frozen=True):
    """One payload, taken apart. `payload` is what arrived (b"" for one put together from parts)."""

    fields: Fields
    body: bytes
    payload: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


def compose(pairs: tuple[tuple[str, str], ...], body: bytes = b"") -> bytes:
    """A payload; no line end follows the body."""
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode() + b"\r\n" + body


def read(payload: bytes) -> Message:
    """Take any payload apart; lines without a colon are left out, so nothing is refused."""
    head, _, body = payload.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    return Message(Fields(tuple((name.strip(), value.strip()) for name, colon, value in lines if colon)), body, payload)


def text(words: str) -> tuple[tuple[str, str], ...]:
    """Header fields of a text message."""
    return (
        ("MIME-Version", "1.0"),
        ("Content-Type", f"{TEXT}; charset=UTF-8"),
        ("X-MMS-IM-Format", FORMAT + ("; RL=1" if words[:1] in "\u200f\u202b" and words else "")),
    )


def typing(account: str) -> bytes:
    """The notification that somebody is writing."""
    fields = (("MIME-Version", "1.0"), ("Content-Type", CONTROL), ("TypingUser", account))
    return compose(fields, b"\r\n")


def nudge() -> bytes:
    """A nudge."""
    return compose((("MIME-Version", "1.0"), ("Content-Type", DATACAST)), NUDGE)


def parts(pairs: tuple[tuple[str, str], ...], body: bytes, identifier: str) -> list[bytes]:
    """The payloads of a message: one, or as many as it takes. `identifier` is a GUID in braces.

    Parts are cut between characters, for clients that decode each.
    """
    if len(body) <= PART:
        return [compose(pairs, body)]
    pieces = []
    while body:
        end = min(PART, len(body))
        while end < len(body) and body[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(body[: end or PART])
        body = body[end or PART :]
    first = compose((*pairs, ("Message-ID", identifier), ("Chunks", str(len(pieces)))), pieces[0])
    rest = (
        compose((("Message-ID", identifier), ("Chunk", str(number))), piece)
        for number, piece in enumerate(pieces[1:], 1)
    )
    return [first, *rest]


class Assembly:
    """Puts messages in parts together again, by sender and Message-ID. At most OPEN are kept, the oldest goes first."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[Fields, list[bytes], int]] = {}

    def take(self, sender: str, message: Message) -> Message | None:
        """A whole message, or None until its last part is there. Parts out of order drop their message."""
        identifier = message.fields.get("Message-ID", "")
        chunks, chunk = message.fields.get("Chunks", ""), message.fields.get("Chunk", "")
        if not identifier or not (_number(chunks) or _number(chunk)):
            return message
        key = (sender, identifier)
        if _number(chunks) and not chunk:
            if not 1 < int(chunks) <= PARTS:
                return message
            self._open[key] = (message.fields, [message.body], int(chunks))
            while len(self._open) > OPEN:
                del self._open[next(iter(self._open))]
            return None
        fields, pieces, total = self._open.get(key, (message.fields, [], 0))
        if not total or not _number(chunk) or int(chunk) != len(pieces):
            self._open.pop(key, None)
            return None
        pieces.append(message.body)
        if len(pieces) < total:
            return None
        del self._open[key]
        return Message(fields, b"".join(pieces))


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6
