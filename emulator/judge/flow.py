"""A flow: one attempt over one path. Planned by the probe, judged here, stored in every record."""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["outward", "inward"]  # opened by the probe · by the emulator, as a contact would
RowKind = Literal["clause", "endpoint", "leak", "note", "journey"]

VANTAGE = "vantage"  # the host of inward flows: where the probe stands


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: which row it proves, what is spoken, where to, which way, through what.

    `id` is stable across runs with the same seed (`whiteboard-tcp-1503/t120`, `games-udp-1025-65535/trudp@1025`); that
    of a journey's step is journey, step and the exchange of its path (`session/chat/gateway`, `#2`: second connection);
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

    @property
    def needs(self) -> tuple[str, ...]:
        """The names by which an outcome's needs can mean this flow (outcomes.toml)."""
        if self.row_kind == "journey":
            whole = self.id.partition("#")[0]
            return whole, whole.rpartition("/")[0]
        key = f"{self.row}/{self.exchange}" if self.row_kind == "clause" else self.row
        return key, f"{key}@{self.port}"
