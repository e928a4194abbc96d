"""The lab's three places, its links and addresses. Facts only; nothing is made here.

All addresses are documentation or private ranges (RFC 5737, RFC 1918) and live in namespaces of the lab's own, so
they cannot clash with the machine's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from emulator.catalog import Catalog
from emulator.problems import CannotRun

Place = Literal["inside", "firewall", "outside"]
PLACES: tuple[Place, ...] = ("inside", "firewall", "outside")

INSIDE = "192.0.2.10"
INSIDE_GATEWAY = "192.0.2.1"
OUTSIDE_GATEWAY = "203.0.113.1"
OUTSIDE_NETWORK = "203.0.113."
FIRST_HOST = 10  # last octet of the first host name
LAST_HOST = 254
MGMT_OUTSIDE = "10.255.255.1"
MGMT_INSIDE = "10.255.255.2"
PROXY_PORT = 3128


class Interface(msgspec.Struct, frozen=True):
    """One end of a link: where it is, what it is called, its addresses and their prefix length."""

    place: Place
    name: str
    addresses: tuple[str, ...]
    prefix: int


class Link(msgspec.Struct, frozen=True):
    """A cable between two places."""

    one: Interface
    other: Interface


class LabError(CannotRun):
    """The lab cannot do what was asked; the text says what, why and the remedy."""


def host_addresses(catalog: Catalog) -> dict[str, str]:
    """One address per host name, then `peer` (the emulated contact) and `second` (the second echo server).

    Raises LabError when the network is too small for the catalog.
    """
    names = (*catalog.host_names, "peer", "second")
    if FIRST_HOST + len(names) - 1 > LAST_HOST:
        raise LabError(f"{len(names)} names do not fit into {OUTSIDE_NETWORK}0/24: shorten catalog/hosts.toml.")
    return {name: f"{OUTSIDE_NETWORK}{FIRST_HOST + index}" for index, name in enumerate(names)}


def links(addresses: dict[str, str]) -> tuple[Link, ...]:
    """inside - firewall - outside, and the management link that goes round the firewall."""
    return (
        Link(
            Interface("inside", "eth0", (INSIDE,), 24),
            Interface("firewall", "inside", (INSIDE_GATEWAY,), 24),
        ),
        Link(
            Interface("outside", "eth0", tuple(addresses.values()), 24),
            Interface("firewall", "outside", (OUTSIDE_GATEWAY,), 24),
        ),
        Link(
            Interface("inside", "mgmt", (MGMT_INSIDE,), 30),
            Interface("outside", "mgmt", (MGMT_OUTSIDE,), 30),
        ),
    )


GATEWAYS: dict[Place, str] = {"inside": INSIDE_GATEWAY, "outside": OUTSIDE_GATEWAY}
