"""A picture for accounts that bring none: a PNG of 96 x 96 pixels, four coloured quarters, the same for the same name.

Not an image library. Source: the PNG specification (W3C), clauses 5 and 11.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

MIME = "image/png"
SIDE = 96  # pixels, what clients show
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def generate(name: str) -> bytes:
    """PNG bytes, a few hundred."""
    digest = hashlib.sha256(name.encode("utf-8", "replace")).digest()
    colours = [digest[at : at + 3] for at in (0, 3, 6, 9)]
    half = SIDE // 2
    upper, lower = (b"\0" + left * half + right * half for left, right in (colours[:2], colours[2:]))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB, not interlaced
    rows = zlib.compress(upper * half + lower * half, 9)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def kind(data: bytes) -> str:
    """MIME type by the first bytes, "" when it is no PNG, JPEG or GIF. Clients name the type wrongly (http.md 5.2)."""
    if data.startswith(_SIGNATURE):
        return MIME
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/gif" if data.startswith((b"GIF87a", b"GIF89a")) else ""


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
