"""What invitations to an MSNFTP transfer say: addresses, ports in clear and masked, the cookie, reasons.

Not when they are said (`legacy_file`). Source: media.md 5, msnp.md 3.4.
"""

from __future__ import annotations

from emulator.client.network import Unexpected
from emulator.wire.msnp import message as mime

MASK = 0x3141  # by which PortX hides the port [B]


def accepts(cookie: str) -> tuple[tuple[str, str], ...]:
    """The beginning of every ACCEPT."""
    return (("Invitation-Command", "ACCEPT"), ("Invitation-Cookie", cookie), ("Launch-Application", "FALSE"))


def where(address: str, port: int, public: str, auth: int) -> tuple[tuple[str, str], ...]:
    """Where to connect; internal address and masked ports as later clients give them."""
    return (
        ("IP-Address", public or address),
        ("IP-Address-Internal", address),
        ("Port", str(port)),
        ("PortX", str(port ^ MASK)),
        ("PortX-Internal", str(port ^ MASK)),
        ("AuthCookie", str(auth)),
        ("Request-Data", "IP-Address:"),
    )


def places(told: mime.Fields) -> tuple[tuple[str, int], ...]:
    """Addresses and ports that were named, internal ones first, each once."""
    found: dict[tuple[str, int], None] = {}
    for kind, mask, keys in (
        ("IP-Address-Internal", MASK, "PortX-Internal"),
        ("IP-Address-Internal", 0, "Port"),
        ("IP-Address", 0, "Port"),
        ("IP-Address", MASK, "PortX"),
    ):
        address, port = told.get(kind, ""), told.get(keys, "")
        if address and port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) ^ mask < 65536:
            found[address, int(port) ^ mask] = None
    return tuple(found)


def auth(told: mime.Fields) -> int:
    """The AuthCookie. Raises Unexpected."""
    text = told.get("AuthCookie", "")
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise Unexpected(f"an AuthCookie {text[:20]!r}")
    return int(text)


def passive(fields: mime.Fields) -> bool:
    """True when nobody can connect to the one who offers."""
    return fields.get("Connectivity", "").upper() == "N"


def refused(fields: mime.Fields) -> Unexpected:
    """A CANCEL; `code` is its Cancel-Code."""
    code = fields.get("Cancel-Code", "")
    return Unexpected(f"the peer cancelled: {code[:40] or 'no reason given'}", code=code)
