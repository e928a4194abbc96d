"""MSNObject: the description of a picture, emoticon or wink by which clients ask each other for its bytes.

Not the bytes and not their transfer. Source: protocols/msnp.md 2.11, 1.2.
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError

EMOTICON, PICTURE, BACKGROUND, WINK, VOICE_CLIP = 2, 3, 5, 8, 11
NAMELESS = "AAA="  # a friendly name that is empty
SIZE_LIMIT = 1 << 20  # bytes of an object that is worth asking for


class MsnObject(msgspec.Struct, frozen=True, kw_only=True):
    """One description. `size` in bytes; the digests are base64 of SHA-1; `friendly` base64 of UTF-16LE with NUL."""

    creator: str
    size: int
    kind: int = PICTURE
    location: str = "TFR1.tmp"
    friendly: str = NAMELESS
    data_digest: str
    own_digest: str = ""

    def matches(self, data: bytes) -> bool:
        """True when these are the described bytes."""
        return len(data) == self.size and _digest(data) == self.data_digest


def describe(creator: str, data: bytes, *, kind: int = PICTURE, location: str = "TFR1.tmp") -> MsnObject:
    """The description of an object's bytes."""
    plain = MsnObject(creator=creator, size=len(data), kind=kind, location=location, data_digest=_digest(data))
    text = "".join(name + value for name, value in _fields(plain))
    return msgspec.structs.replace(plain, own_digest=_digest(text.encode()))


def encode(one: MsnObject) -> str:
    """The element as text; `quoted` is the form inside an MSNP line."""
    fields = [*_fields(one), *((("SHA1C", one.own_digest),) if one.own_digest else ())]
    return "<msnobj " + " ".join(f"{name}={quoteattr(value)}" for name, value in fields) + "/>"


def quoted(one: MsnObject) -> str:
    """Percent-encoded with lower-case digits, as genuine clients write it into CHG."""
    text = quote(encode(one), safe=".-_")
    pieces = text.split("%")
    return pieces[0] + "".join(f"%{piece[:2].lower()}{piece[2:]}" for piece in pieces[1:])


def read(text: str) -> MsnObject:
    """A description, percent-encoded or plain. Raises WireError: no msnobj, no creator, a size that is no number."""
    plain = text if text.lstrip().startswith("<") else unquote(text)
    root = markup.parse(plain.encode("utf-8", "replace"))
    size, kind = root.get("Size", ""), root.get("Type", "")
    if root.tag != "msnobj" or not root.get("Creator") or not (_number(size) and _number(kind)):
        raise WireError(f"not an MSN object: {plain[:80]!r}")
    if int(size) > SIZE_LIMIT:
        raise WireError(f"an MSN object of {size} bytes")
    return MsnObject(
        creator=root.get("Creator", ""),
        size=int(size),
        kind=int(kind),
        location=root.get("Location", ""),
        friendly=root.get("Friendly", ""),
        data_digest=root.get("SHA1D", ""),
        own_digest=root.get("SHA1C", ""),
    )


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _fields(one: MsnObject) -> tuple[tuple[str, str], ...]:
    """Attributes in the order in which they are written and digested."""
    return (
        ("Creator", one.creator),
        ("Size", str(one.size)),
        ("Type", str(one.kind)),
        ("Location", one.location),
        ("Friendly", one.friendly),
        ("SHA1D", one.data_digest),
    )


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha1(data).digest()).decode()
