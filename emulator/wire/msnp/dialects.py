"""The dialects of MSNP as one table: what differs between versions is a column here, never an `if` elsewhere.

Source: protocols/msnp.md 0.1, 2.2, 2.9, 2.14, 2.16. MSNP19 and later are left out on purpose: clients then fall back.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Scheme = Literal["MD5", "TWN", "SSO"]
Lists = Literal["numbered", "guids", "soap"]  # SYN with version numbers · SYN with GUIDs · address book service


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One version. The comments name the command that a column shapes."""

    number: int
    scheme: Scheme  # USR
    lists: Lists  # SYN/ADD or SYN/ADC or ADL
    name_in_ok: bool = False  # USR OK carries the friendly name (8, 9)
    waits: bool = False  # QNG says how many seconds to wait (9 and later)
    objects: bool = False  # presence carries an MSNObject (9 and later)
    personal: bool = False  # UUX and UBX (11 and later)
    new_challenge: bool = False  # QRY by the long algorithm (11 and later)
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

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *(Dialect(number=number, scheme="MD5", lists="numbered", name_in_ok=True) for number in range(2, 8)),
        Dialect(number=8, scheme="TWN", lists="numbered", name_in_ok=True),
        Dialect(number=9, scheme="TWN", lists="numbered", name_in_ok=True, waits=True, objects=True),
        Dialect(number=10, scheme="TWN", lists="guids", waits=True, objects=True),
        *(
            Dialect(
                number=number,
                scheme="TWN",
                lists="guids",
                waits=True,
                objects=True,
                personal=True,
                new_challenge=True,
                policies="asked",
            )
            for number in (11, 12)
        ),
        Dialect(
            number=13,
            scheme="TWN",
            lists="soap",
            waits=True,
            objects=True,
            personal=True,
            new_challenge=True,
            policies="pushed",
            transfer=_DOMAIN,
        ),
        *(
            Dialect(
                number=number,
                scheme="TWN" if number == 14 else "SSO",
                lists="soap",
                waits=True,
                objects=True,
                personal=True,
                new_challenge=True,
                policies="pushed",
                networks=number < 18,
                places=number >= 16,
                prefixed=number >= 18,
                transfer=(*_DOMAIN, "1"),
            )
            for number in range(14, 19)
        ),
    )
}


def choose(offered: tuple[str, ...]) -> Dialect | None:
    """The newest dialect that the client offers and that is served, or None (answer `VER n 0`)."""
    known = [DIALECTS[name] for name in offered if name in DIALECTS]
    return max(known, key=lambda dialect: dialect.number, default=None)
