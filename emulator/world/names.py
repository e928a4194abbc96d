"""Addresses, names and GUIDs: how they are compared, checked and counted.

Not the percent encoding itself. Source: msnp.md 1.2, 1.7.
"""

from __future__ import annotations

import re
from sys import intern

from emulator.wire import passport
from emulator.world import limits
from emulator.world.errors import BadAddress, BadText, TooLong

_ADDRESS = re.compile(r"[!-:=?A-~]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")  # no `;`: it begins an endpoint's GUID
_PHONE = re.compile(r"(?:tel:)?\+?[0-9][0-9 ().-]*")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML 1.0 cannot hold


def fold(address: str) -> str:
    """The form in which addresses are compared: without regard to case. Source: msnp.md 1.2."""
    return intern(str(address).lower())


def is_volatile(address: str) -> bool:
    """True for accounts of probes: their address carries a tag. They are never written to the store."""
    return bool(passport.tags_of(address.lower()))


def check_address(address: str) -> str:
    """The address, or BadAddress: no `@`, no dot behind it, a blank, over 129 characters."""
    if len(address) > passport.ACCOUNT_LIMIT or address.count("@") != 1 or not _ADDRESS.fullmatch(address):
        raise BadAddress(f"not an e-mail address: {address[:60]!r}")
    return address


def check_phone(number: str) -> str:
    """The number with or without `tel:`, or BadAddress."""
    if len(number) > limits.PHONE or not _PHONE.fullmatch(number):
        raise BadAddress(f"not a phone number: {number[:60]!r}")
    return number


def check_name(name: str) -> str:
    """A friendly name, or TooLong over 387 encoded bytes, or BadText."""
    if wire_length(name) > limits.NAME:
        raise TooLong(f"a friendly name of {wire_length(name)} encoded bytes, limit {limits.NAME}")
    return check_text(name, limits.NAME, "friendly name")


def check_text(text: str, limit: int, what: str) -> str:
    """The text, or TooLong over `limit` characters, or BadText with characters that XML cannot hold."""
    if len(text) > limit:
        raise TooLong(f"a {what} of {len(text)} characters, limit {limit}")
    if _CONTROL.search(text):
        raise BadText(f"a {what} with control characters")
    return text


def wire_length(text: str) -> int:
    """Bytes of a text in an MSNP line when only blanks, controls and `%` are encoded, as official clients do."""
    return len(text.encode("utf-8", "surrogatepass")) + 2 * sum(char <= " " or char == "%" for char in text)


def guid(raw: bytes) -> str:
    """A random GUID (version 4) in lower case without braces, from 16 random bytes."""
    digits = raw.hex()
    variant = "89ab"[raw[8] & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def bare_guid(text: str) -> str:
    """A GUID as it is kept: no braces, lower case."""
    return text.strip().strip("{}").lower()
