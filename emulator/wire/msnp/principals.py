"""How commands name people: `address`, `network:address` (MSNP18), either with `;{guid}` of one place (MSNP16 on).

Not a check of the address. Source: protocols/msnp.md 2.17, 2.23, 3.1.
"""

from __future__ import annotations

import re

import msgspec

_PREFIX = re.compile(r"([0-9]{1,3}):(?=.)")
_GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")


class Principal(msgspec.Struct, frozen=True):
    """Somebody, or one place of somebody. `network` 0: not said; `endpoint`: lower case without braces, or ""."""

    address: str
    network: int = 0
    endpoint: str = ""


def read(token: str) -> Principal:
    """Any of the forms; what follows a semicolon and is no GUID is dropped."""
    found = _PREFIX.match(token)
    network, rest = (int(found[1]), token[found.end() :]) if found else (0, token)
    address, _, place = rest.partition(";")
    return Principal(address, network, bare(place) if is_guid(place) else "")


def is_guid(text: str) -> bool:
    """True for 8-4-4-4-12 hexadecimal digits, with or without braces."""
    return bool(_GUID.fullmatch(text))


def bare(guid: str) -> str:
    """Lower case, no braces."""
    return guid.strip("{}").lower()


def written(address: str, endpoint: str = "") -> str:
    """An account, or one place of it."""
    return f"{address};{{{endpoint}}}" if endpoint else address
