"""Presence as each dialect writes it: initial, online, offline, personal message. Source: protocols/msnp.md 2.9, 2.12.

Not who may see whom: that is the world's.
"""

from __future__ import annotations

import re

import msgspec

from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import line, number

STATUSES = frozenset({"NLN", "BSY", "IDL", "BRB", "AWY", "PHN", "LUN", "HDN"})

_UNSAFE = re.compile(r"[\x00-\x20%\x7f]")


class Shown(msgspec.Struct, frozen=True):
    """What others see of a person. `name` is plain text; `picture` an encoded MSNObject or "0"."""

    address: str
    status: str
    name: str
    capabilities: int = 0
    extended: int = 0
    picture: str = "0"


def encode(text: str) -> str:
    """Percent-encode only what a token cannot hold, as the official client does (msnp.md 1.2)."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", text) or "%20"


def initial(dialect: Dialect, trid: str, shown: Shown) -> bytes:
    """ILN, which carries the CHG's transaction id; MSNP18 knows only NLN."""
    if dialect.prefixed:
        return online(dialect, shown)
    return line("ILN", trid, shown.status, *_person(dialect, shown))


def online(dialect: Dialect, shown: Shown) -> bytes:
    """NLN."""
    return line("NLN", shown.status, *_person(dialect, shown))


def offline(dialect: Dialect, address: str) -> bytes:
    """FLN."""
    if dialect.prefixed or dialect.places:
        network = () if dialect.prefixed else ("1",)
        return line("FLN", dialect.account(address), *network, "0:0")
    return line("FLN", address, *(("1",) if dialect.networks else ()))


def personal(dialect: Dialect, address: str, payload: bytes) -> bytes:
    """UBX: personal message and media; an empty payload means there is none (any more)."""
    network = ("1",) if dialect.networks else ()
    return line("UBX", dialect.account(address), *network, payload=payload)


def capabilities(dialect: Dialect, word: int, extended: int = 0) -> str:
    """The capability token."""
    return f"{word}:{extended}" if dialect.places else str(word)


def read_capabilities(text: str) -> tuple[int, int]:
    """Both capability words of CHG: absent, `n` and `n:m` are all valid (clients.md 4). Nonsense reads as zero."""
    first, _, second = text.partition(":")
    return number(first) or 0, number(second) or 0


def _person(dialect: Dialect, shown: Shown) -> tuple[str, ...]:
    network = ("1",) if dialect.networks else ()
    words = (dialect.account(shown.address), *network, encode(shown.name))
    if not dialect.capable:
        return words
    caps = capabilities(dialect, shown.capabilities, shown.extended)
    if not dialect.objects:
        return (*words, caps)
    if shown.picture in ("", "0") and not dialect.networks and not dialect.prefixed:
        return (*words, caps)
    return (*words, caps, shown.picture or "0")
