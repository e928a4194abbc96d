"""A flow: one attempt over one path. Planned by the probe, judged here, stored in every record."""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["outward"]
RowKind = Literal["clause", "endpoint", "leak", "note"]


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: which row it proves, what is spoken, where to, which way, through what.

    `id` is stable across runs with the same seed (`whiteboard-tcp-1503/t120`, `games-udp-1025-65535/trudp@1025`);
    `uid` is the 128-bit flow id in hex. `decides` is False for fixed ports of other clauses inside a range and for
    recorded extras: tested and shown, but no outcome rests on them.
    """

    id: str
    uid: str
    row: str
    row_kind: RowKind
    feature: str = ""
    exchange: str
    transport: Literal["tcp", "udp"]
    host: str
    port: int
    direction: Direction = "outward"
    via: str = ""  # "" or the proxy as "http://host:port", never with credentials
    credentials: bool = False
    agent: str = ""  # User-Agent where it matters
    tls: bool = False
    decides: bool = True
    emulated: bool = False
