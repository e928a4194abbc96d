"""How a flow's tag is written into fields that protocols let a client choose freely, and read back.

Not the allocation of tags (that is the probe's). A tag is bytes at the near end, lower-case hex in receipts.
"""

from __future__ import annotations

from base64 import b32decode, b32encode

DOMAIN = "hotmail.com"


def account(tag: bytes, domain: str = DOMAIN) -> str:
    """Account whose local part carries a 128-bit tag: 26 base32 letters behind a `p`."""
    return "p" + b32encode(tag).decode().rstrip("=").lower() + "@" + domain


def from_account(name: str) -> str:
    """Hex tag in an account's local part, or "" when it is somebody else's account."""
    local = name.partition("@")[0].partition(";")[0]
    if len(local) != 27 or not local.startswith("p"):
        return ""
    try:
        return b32decode(local[1:].upper() + "======").hex()
    except ValueError:
        return ""


def ticket(tag: bytes) -> str:
    """A ticket of the probe's own, `t=<hex>&p=`: 128 bits in the field that services treat as opaque."""
    return f"t=ML{tag.hex()}&p="


def from_ticket(text: str) -> str:
    """Hex tag in a ticket (with or without the `t=` wrapping), or ""."""
    value = text.strip().partition("&")[0].removeprefix("t=")
    if len(value) == 34 and value.startswith("ML"):
        return _hex(value[2:])
    return ""


def guid(tag: bytes) -> str:
    """The tag as a GUID in braces, bytes in written order."""
    h = tag.hex().upper()
    return f"{{{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}}}"


def from_guid(text: str) -> str:
    """Hex tag in a GUID with or without braces and dashes, or ""."""
    return _hex(text.strip().strip("{}").replace("-", ""))


def from_hex(text: str) -> str:
    """Hex tag in a 32-digit value (MUID cookie, ETag in quotes, query value), or ""."""
    return _hex(text.strip().strip('"'))


def _hex(text: str) -> str:
    try:
        return text.lower() if len(bytes.fromhex(text)) == 16 else ""
    except ValueError:
        return ""
