"""Which kind of network stands between: Messenger's own words for it, and those of RFC 3489 and RFC 5780. Pure tables.

Not a verdict about a flow: address translation is an observation, no failure. Source: dossier media.md 2.4 to 2.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar, cast, get_args

import msgspec

from emulator.wire.behaviour import Behaviour
from emulator.wire.netdetect import Detected
from emulator.wire.receipt import Endpoint

RULES = 1  # version of the tables below

ConnType = Literal[
    "Direct-Connect",
    "ISALike",
    "IP-Restrict-NAT",
    "Port-Restrict-NAT",
    "Symmetric-NAT",
    "Firewall",
    "Unknown-Connect",
    "Unknown-NAT",
]
Classic = Literal[
    "UDP blocked",
    "open Internet",
    "symmetric UDP firewall",
    "full cone NAT",
    "restricted cone NAT",
    "port-restricted cone NAT",
    "symmetric NAT",
    "unknown",
]
Mapped = Literal[
    "no translation", "endpoint-independent", "address-dependent", "address-and-port-dependent", "translated", "unknown"
]
Filtered = Literal["endpoint-independent", "address-dependent", "address-and-port-dependent", "unknown"]

CONN_TYPES: tuple[str, ...] = get_args(ConnType)
CLASSIC_TYPES: tuple[str, ...] = get_args(Classic)
MAPPINGS: tuple[str, ...] = get_args(Mapped)
FILTERINGS: tuple[str, ...] = get_args(Filtered)


class TcpSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Two connections from one local port to TCP 7001 of both servers (emulated: nothing public describes it).

    `mapped`, `direct`: the own address as the first and the second server saw it; None: no answer, `why` says how.
    `compared`: the second server has an address of its own, so that there is something to compare.
    """

    local: Endpoint | None = None
    mapped: Endpoint | None = None
    direct: Endpoint | None = None
    compared: bool = False
    why: str = ""


class NetworkSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was observed of the network's kind; None: not looked at, `why` says why.

    `client_ip`: the address that the notification server saw at sign-in, "" if nobody signed in. `seconds`: duration.
    """

    echo: Detected | None = None
    stun: Behaviour | None = None
    tcp: TcpSeen | None = None
    client_ip: str = ""
    seconds: float = 0.0
    why: str = ""


class NetworkType(msgspec.Struct, frozen=True, kw_only=True):
    """The network's kind in words, with what they rest on.

    `messenger`: the Conn-Type that a client would send; `because`: what decided it. `tcp`: TCP-Conn-Type, "" when not
    looked at. `classic`: RFC 3489 10.1; `mapping`, `filtering`: RFC 5780 4.3 and 4.4. `port_preserved`, `hairpin`:
    None when not found out.
    """

    messenger: ConnType
    because: str
    tcp: ConnType | Literal[""] = ""
    classic: Classic = "unknown"
    mapping: Mapped = "unknown"
    filtering: Filtered = "unknown"
    port_preserved: bool | None = None
    hairpin: bool | None = None
    external: str = ""
    seen: NetworkSeen = NetworkSeen()
    rules: int = RULES

    @property
    def manners(self) -> str:
        """What else a translator does, for people: `, port kept, no hairpin`; "" where nothing is known."""
        said = ""
        if self.port_preserved is not None and self.mapping != "no translation":
            said += ", port kept" if self.port_preserved else ", port changed"
        if self.hairpin is not None:
            said += ", hairpin" if self.hairpin else ", no hairpin"
        if self.seen.stun is not None and self.seen.stun.mapping.rewritten:
            said += ", addresses rewritten inside datagrams"
        return said


T = TypeVar("T")
S = TypeVar("S")
Table = tuple[tuple[str, Callable[[S], bool], str], ...]


def judge(seen: NetworkSeen) -> NetworkType:
    """Name what was seen. The same observations always give the same words."""
    messenger, because = _first(MESSENGER, seen)
    tcp = _first(TCP, seen.tcp)[0] if seen.tcp is not None else ""
    nat = seen.stun
    outer = seen.echo.mapped if seen.echo is not None else None
    first = nat.mapping.first if nat is not None else None
    return NetworkType(
        messenger=cast(ConnType, messenger),
        because=because,
        tcp=cast(ConnType, tcp),
        classic=cast(Classic, _first(CLASSIC, nat)[0]) if nat is not None else "unknown",
        mapping=cast(Mapped, _first(MAPPING, nat)[0]) if nat is not None else "unknown",
        filtering=cast(Filtered, _first(FILTERING, nat)[0]) if nat is not None else "unknown",
        port_preserved=None if nat is None or first is None else first.port == nat.mapping.local.port,
        hairpin=nat.hairpinned if nat is not None else None,
        external=(outer or first or Endpoint("", 0)).address,
        seen=seen,
    )


def _first(table: Table[S], seen: S) -> tuple[str, str]:
    return next((word, because) for word, test, because in table if test(seen))


def _echo(test: Callable[[Detected], bool]) -> Callable[[NetworkSeen], bool]:
    return lambda seen: seen.echo is not None and test(seen.echo)


def _same_port(one: Endpoint | None, other: Endpoint | None) -> bool:
    """The client compares ports alone, also where a gateway has several addresses."""
    return one is not None and other is not None and one.port == other.port


def _isa(seen: NetworkSeen) -> bool:
    echo = seen.echo
    return echo is not None and bool(seen.client_ip) and seen.client_ip != echo.local.address


# The client's decision table (dossier 2.4), in order. Unknown-Connect is what it starts with and keeps where no rule of
# its own holds.
MESSENGER: Table[NetworkSeen] = (
    ("Unknown-Connect", lambda seen: seen.echo is None, "not looked at"),
    ("Unknown-Connect", _echo(lambda echo: echo.cut_short), "out of time"),
    ("Firewall", _echo(lambda echo: echo.mapped is None), "no answer on UDP 7001"),
    (
        "ISALike",
        lambda seen: _echo(lambda echo: not echo.translated)(seen) and _isa(seen),
        "UDP is not translated, but sign-in came from another address",
    ),
    ("Direct-Connect", _echo(lambda echo: not echo.translated), "the echo server sees our own address"),
    ("IP-Restrict-NAT", _echo(lambda echo: echo.crossed is True), "once written to, the second server can answer"),
    ("Unknown-NAT", _echo(lambda echo: echo.crossed is None), "translated, and no second server to compare with"),
    ("Unknown-Connect", _echo(lambda echo: echo.direct is None), "translated, and the second server is out of reach"),
    (
        "Port-Restrict-NAT",
        _echo(lambda echo: _same_port(echo.mapped, echo.direct)),
        "only who was written to can answer; one mapping for both servers",
    ),
    ("Symmetric-NAT", _echo(lambda echo: True), "each server sees another mapping"),
)

# TCP-Conn-Type (dossier 2.6, emulated): who may connect inwards is not tried, so the stricter word is taken.
TCP: Table[TcpSeen] = (
    ("Firewall", lambda tcp: tcp.mapped is None, "no answer on TCP 7001"),
    (
        "Direct-Connect",
        lambda tcp: tcp.mapped is not None and tcp.local is not None and tcp.mapped.address == tcp.local.address,
        "",
    ),
    ("Unknown-NAT", lambda tcp: not tcp.compared or tcp.direct is None, ""),
    ("Port-Restrict-NAT", lambda tcp: tcp.direct == tcp.mapped, ""),
    ("Symmetric-NAT", lambda tcp: True, ""),
)


def _untranslated(nat: Behaviour) -> bool:
    return nat.mapping.first is not None and nat.mapping.first.address == nat.mapping.local.address


def _differs(nat: Behaviour) -> bool:
    """Another destination gets another mapping."""
    return any(
        one is not None and one != nat.mapping.first for one in (nat.mapping.other_address, nat.mapping.other_both)
    )


MAPPING: Table[Behaviour] = (
    ("unknown", lambda nat: nat.mapping.first is None, ""),
    ("no translation", _untranslated, ""),
    ("translated", lambda nat: nat.mapping.other_address is None, ""),
    ("endpoint-independent", lambda nat: not _differs(nat), ""),
    ("translated", lambda nat: nat.mapping.other_both is None, ""),
    ("address-dependent", lambda nat: nat.mapping.other_address == nat.mapping.other_both, ""),
    ("address-and-port-dependent", lambda nat: True, ""),
)

FILTERING: Table[Behaviour] = (
    ("unknown", lambda nat: nat.changed_both is None, ""),
    ("endpoint-independent", lambda nat: nat.changed_both is True, ""),
    ("unknown", lambda nat: nat.changed_port is None, ""),
    ("address-dependent", lambda nat: nat.changed_port is True, ""),
    ("address-and-port-dependent", lambda nat: True, ""),
)

CLASSIC: Table[Behaviour] = (
    ("UDP blocked", lambda nat: nat.mapping.first is None, ""),
    ("unknown", lambda nat: nat.changed_both is None, ""),
    ("open Internet", lambda nat: _untranslated(nat) and nat.changed_both is True, ""),
    ("symmetric UDP firewall", _untranslated, ""),
    ("full cone NAT", lambda nat: nat.changed_both is True, ""),
    ("symmetric NAT", _differs, ""),
    ("unknown", lambda nat: nat.mapping.other_both is None or nat.changed_port is None, ""),
    ("restricted cone NAT", lambda nat: nat.changed_port is True, ""),
    ("port-restricted cone NAT", lambda nat: True, ""),
)
