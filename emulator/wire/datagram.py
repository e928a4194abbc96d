"""Datagram exchanges without I/O: a question with a matching answer, or a datagram that wants none.

Not a retransmission timer: whoever owns the socket repeats an `Ask` until it is answered or time is up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Literal, TypeVar

import msgspec

from emulator.wire.receipt import Endpoint

T = TypeVar("T")

Where = Literal["peer", "second"]  # the flow's destination, or the second echo server


class Ask(msgspec.Struct, frozen=True):
    """Send `data` (again and again) until a datagram arrives for which `match` is true; that one is the value.

    `source` names the server whose socket must answer. Digests of question and answer are compared at both ends.
    """

    data: bytes
    match: Callable[[bytes], bool]
    to: Where = "peer"
    source: Where = "peer"
    port: int = 0  # 0: the flow's own port


class Tell(msgspec.Struct, frozen=True):
    """Send `data` once, nothing comes back; the value is b""."""

    data: bytes
    to: Where = "peer"
    port: int = 0


DatagramTalk = Generator[Ask | Tell, bytes, T]


class Reply(msgspec.Struct, frozen=True):
    """An answer datagram; it goes to the observed source only, from the socket asked or from the second server's.

    `origin`: the far end's own address and port that it must leave from instead (RFC 3489 CHANGE-REQUEST).
    """

    data: bytes
    source: Where = "peer"
    origin: Endpoint | None = None


class Answered(msgspec.Struct, frozen=True):
    """What a datagram was: protocol and tag for the receipt (hex; "" if it has none), and the answers to it."""

    protocol: str
    tag: str = ""
    replies: tuple[Reply, ...] = ()
    facts: dict[str, Any] = {}
