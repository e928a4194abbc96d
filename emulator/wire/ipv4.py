"""IPv4 addresses as four bytes and as text, the only kind these protocols can carry. Not a resolver."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from emulator.wire.errors import WireError


def packed(address: str) -> bytes:
    """Four bytes of a dotted address (an IPv4-mapped IPv6 one too). WireError for anything else."""
    try:
        if ":" in address:
            mapped = IPv6Address(address).ipv4_mapped
            if mapped is None:
                raise WireError(f"{address} has no IPv4 form")
            return mapped.packed
        return IPv4Address(address).packed
    except AddressValueError as error:
        raise WireError(f"{address!r} is not an IPv4 address") from error


def text(four: bytes) -> str:
    """Dotted form of four bytes. WireError for another length."""
    if len(four) != 4:
        raise WireError(f"an IPv4 address of {len(four)} bytes")
    return str(IPv4Address(four))
