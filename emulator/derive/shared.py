"""Addresses for real gear: one outside address plays every host, or a few share them. Not the lab's addressing."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.catalog import Catalog


def shared_addresses(catalog: Catalog, address: str, second: str) -> dict[str, str]:
    """Every host and the contact on `address`; the second echo server on `second` (may be the same)."""
    return {**dict.fromkeys(catalog.host_names, address), "peer": address, "second": second}


def pooled_addresses(catalog: Catalog, pool: Sequence[str], second: str = "") -> dict[str, str]:
    """Hosts by turns on the addresses of a pool; the contact on the first, the second echo server on another one.

    Names that are one service to a client (its echo servers, say) may so be on different addresses, as they were.
    """
    hosts = {name: pool[at % len(pool)] for at, name in enumerate(catalog.host_names)}
    return {**hosts, "peer": pool[0], "second": second or pool[1 % len(pool)]}
