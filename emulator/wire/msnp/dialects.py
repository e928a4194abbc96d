"""The dialects of MSNP as one table: what differs between versions is a column here, never an `if` elsewhere.

Source: protocols/msnp.md 0.1, 2.2, 2.9, 2.14, 2.16. MSNP19 and later are left out on purpose: clients then fall back.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

Scheme = Literal["MD5", "TWN", "SSO"]
# each list by itself · SYN with version numbers · SYN with GUIDs · address book service
Lists = Literal["each", "numbered", "guids", "soap"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One version. The comments name the command that a column shapes."""

    number: int
    scheme: Scheme  # USR
    lists: Lists  # SYN/ADD or SYN/ADC or ADL
    name_in_ok: bool = False  # USR OK carries the friendly name (8, 9)
    waits: bool = False  # QNG says how many seconds to wait (9 and later)
    objects: bool = False  # presence carries an MSNObject (9 and later)
    personal: bool = False  # UUX and UBX (11 and later)
    challenge: Literal["", "short", "long"] = ""  # CHL from 6 on, QRY by the long algorithm from 11 on
    capable: bool = False  # CHG and presence carry capabilities (8 and later)
    groups: bool = False  # lists know groups (7 and later)
    roster: bool = False  # JOI and IRO carry capabilities (12 and later)
    unknown: int = 205  # number for somebody whom nobody knows (10 and later: 208)
    referral: Literal["plain", "current", "domain"] = "plain"  # what follows the address in XFR NS
    policies: Literal["", "asked", "pushed"] = ""  # GCF
    networks: bool = False  # network ids in presence (14 and later)
    places: bool = False  # several places signed in at once, machine GUIDs (16 and later)
    prefixed: bool = False  # accounts are written `1:address`, no ILN (18)
    transfer: tuple[str, ...] = ()  # what follows address and cookie in XFR and RNG

    @property
    def name(self) -> str:
        return f"MSNP{self.number}"

    def account(self, address: str, network: int = 1) -> str:
        """An account as this dialect writes it in presence."""
        return f"{network}:{address}" if self.prefixed else address


_DOMAIN = ("U", "messenger.msn.com")

# Each generation is the former one with what it brought.
_MD5 = Dialect(number=2, scheme="MD5", lists="each", name_in_ok=True)
_CHALLENGED = replace(_MD5, challenge="short")
_GROUPED = replace(_CHALLENGED, groups=True)
_PASSPORT = replace(_GROUPED, scheme="TWN", lists="numbered", capable=True, referral="current")
_OBJECTS = replace(_PASSPORT, waits=True, objects=True)
_GUIDS = replace(_OBJECTS, lists="guids", name_in_ok=False, unknown=208)
_PERSONAL = replace(_GUIDS, personal=True, challenge="long", policies="asked")
_ROSTER = replace(_PERSONAL, roster=True)
_SOAP = replace(_ROSTER, lists="soap", policies="pushed", transfer=_DOMAIN, referral="domain")
_NETWORKS = replace(_SOAP, networks=True, transfer=(*_DOMAIN, "1"))
_SINGLE_SIGN_ON = replace(_NETWORKS, scheme="SSO")
_PLACES = replace(_SINGLE_SIGN_ON, places=True)
_PREFIXED = replace(_PLACES, networks=False, prefixed=True)

_GENERATIONS = (
    (range(2, 6), _MD5),
    (range(6, 7), _CHALLENGED),
    (range(7, 8), _GROUPED),
    (range(8, 9), _PASSPORT),
    (range(9, 10), _OBJECTS),
    (range(10, 11), _GUIDS),
    (range(11, 12), _PERSONAL),
    (range(12, 13), _ROSTER),
    (range(13, 14), _SOAP),
    (range(14, 15), _NETWORKS),
    (range(15, 16), _SINGLE_SIGN_ON),
    (range(16, 18), _PLACES),
    (range(18, 19), _PREFIXED),
)

DIALECTS: dict[str, Dialect] = {
    f"MSNP{number}": replace(generation, number=number) for numbers, generation in _GENERATIONS for number in numbers
}


def choose(offered: tuple[str, ...]) -> Dialect | None:
    """The newest dialect that the client offers and that is served, or None (answer `VER n 0`)."""
    known = [DIALECTS[name] for name in offered if name in DIALECTS]
    return max(known, key=lambda dialect: dialect.number, default=None)
