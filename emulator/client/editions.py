"""Which client of Microsoft's each dialect pretends to be: versions in VER and CVR, product of the challenge.

Not what a dialect can do (`wire.msnp.dialects`). Source: protocols/msnp.md 2.1, 2.4, 2.15, 2.21.
"""

from __future__ import annotations

import msgspec

from emulator.wire.msnp.dialects import DIALECTS, Dialect


class Edition(msgspec.Struct, frozen=True):
    """`offered` are dialects in order of preference; `words` follow the language in CVR; `product` answers CHL."""

    offered: tuple[str, ...]
    words: tuple[str, ...]
    product: str


_WINDOWS = ("winnt", "5.1", "i386", "MSNMSGR")
_ROWS = (
    (range(2, 9), (), ("win", "4.10", "i386", "MSNMSGR", "5.0.0544", "MSMSGS"), "msmsgs@msnmsgr.com"),
    (range(9, 11), (), (*_WINDOWS, "6.0.0602", "MSMSGS"), "PROD0038W!61ZTF9"),
    (range(11, 13), (), (*_WINDOWS, "7.0.0813", "MSMSGS"), "PROD0101{0RM?UBW"),
    (range(13, 15), (), (*_WINDOWS, "8.0.0812", "msmsgs"), "PROD0112J1LW7%NB"),
    (range(15, 16), ("MSNP14", "MSNP13"), (*_WINDOWS, "8.1.0178", "msmsgs"), "PROD0114ES4Z%Q5W"),
    (range(16, 19), (), (*_WINDOWS, "14.0.8089.0726", "msmsgs"), "PROD0120PW!CCV9@"),
)

EDITIONS: dict[int, Edition] = {
    number: Edition((f"MSNP{number}", *also, "CVR0"), words, product)
    for numbers, also, words, product in _ROWS
    for number in numbers
}


def dialect(number: int) -> Dialect:
    """The dialect of that number. Raises ValueError for one that no client here speaks."""
    found = DIALECTS.get(f"MSNP{number}")
    if found is None:
        raise ValueError(f"no dialect MSNP{number}; there are {', '.join(DIALECTS)}")
    return found
