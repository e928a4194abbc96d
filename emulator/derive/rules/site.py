"""Where the rules are loaded: networks, interfaces, an existing chain. What the catalog cannot know."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

import msgspec

from emulator.derive.rules.ruleset import Opening
from emulator.judge.flow import Direction


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """`inside`: network of the people, None for any. `interfaces`: names of the device's two sides, as in the lab.

    `chain`: `FAMILY TABLE CHAIN` of nftables that additive rules go into. `addresses`: of every host, `peer` and
    `second`, for hosts files and zones. `authenticated`: the proxy asks for a name and a password.
    """

    inside: IPv4Network | None = None
    interfaces: tuple[str, str] = ("inside", "outside")
    chain: tuple[str, str, str] = ("inet", "filter", "forward")
    addresses: dict[str, str] = {}
    authenticated: bool = True

    def through(self, direction: Direction) -> tuple[str, str]:
        """Interface where a flow of this direction comes in, and where it leaves."""
        inside, outside = self.interfaces
        return (inside, outside) if direction == "outward" else (outside, inside)


WHO = {"outward": "from inside to outside", "inward": "from outside to inside (a contact opens it)"}


def reasons(opening: Opening, most: int = 6) -> str:
    """Who needs an opening, short enough for a comment."""
    names = opening.rows
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def port_list(openings: Iterable[Opening], between: str = "-", joint: str = ",") -> str:
    """Ports as many devices write them: `80,443,1025-65535`."""
    return joint.join(one.ports.replace("-", between) for one in openings)
