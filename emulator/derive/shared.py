"""Addresses for real gear, where one outside address plays every host. Not the lab's addressing."""

from __future__ import annotations

from emulator.catalog import Catalog


def shared_addresses(catalog: Catalog, address: str, second: str) -> dict[str, str]:
    """Every host and the contact on `address`; the second echo server on `second` (may be the same)."""
    return {**dict.fromkeys(catalog.host_names, address), "peer": address, "second": second}
