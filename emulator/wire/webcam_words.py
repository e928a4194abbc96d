"""What two ends say of a webcam before they connect: blobs of text in a session, descriptions of either end. No frames.

Source: dossier media.md 4.5 step 3, 4.6 (certainty A, B): syn and ack, <producer> and <viewer>, receivedViewerData,
ReflData.
"""

from __future__ import annotations

import base64
import re
from typing import Literal

import msgspec

from emulator.wire import activity, ipv4, markup
from emulator.wire.errors import WireError
from emulator.wire.markup import el

CONTEXT = base64.b64encode("{B8BE70DE-E2CA-4400-AE03-88FF85B9F4E8}".encode("utf-16-le")).decode()
SYN, ACK, RECEIVED = "syn", "ack", "receivedViewerData"
REFLECTED = "ReflData:"
ADDRESSES = 8  # of one end that are looked at
Role = Literal["producer", "viewer"]


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One end: who it is in the session, and where it listens. `rid` and `session` fit 32 bits."""

    role: Role
    rid: int
    session: int
    port: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def tag(self) -> bytes:
        """What a connection to this end begins with, as a tag: recipient and session."""
        return self.rid.to_bytes(4, "big") + self.session.to_bytes(4, "big")


class Tunnel(msgspec.Struct, frozen=True):
    """A session at a reflector: where it is, and its id (16 hexadecimal digits)."""

    url: str
    tid: str


def describe(party: Party) -> str:
    """The description of an end, as text of a blob."""
    port = str(party.port) if party.port else ""
    names = ("tcpport", "tcplocalport", "tcpexternalport")
    addresses = (el(f"tcpipaddress{at}", one) for at, one in enumerate(party.addresses, 1))
    text = el(
        party.role,
        el("version", "2.0"),
        el("rid", party.rid),
        el("session", party.session),
        el("ctypes", "0"),
        el("cpu", "730"),
        el("tcp", *(el(name, port) for name in names), *addresses),
        el("codec"),
        el("channelmode", "2" if party.role == "producer" else "1"),
    )
    return f"{text}\r\n\r\n"


def read(text: str) -> Party:
    """Read a description. WireError for another document, numbers that are none, addresses that are not IPv4."""
    root = markup.parse(text.strip().encode())
    role = markup.local(root)
    if role not in ("producer", "viewer"):
        raise WireError(f"not a webcam's description: <{role[:40]}>")
    tcp = markup.find(root, "tcp")
    found = [markup.text(one) for one in (tcp if tcp is not None else ()) if markup.local(one)[:12] == "tcpipaddress"]
    return Party(
        role="producer" if role == "producer" else "viewer",
        rid=_number(markup.text(root, "rid"), 0xFFFFFFFF),
        session=_number(markup.text(root, "session"), 0xFFFFFFFF),
        port=_number(markup.text(tcp, "tcpport") or markup.text(tcp, "tcplocalport") or "0", 65535),
        addresses=tuple(ipv4.text(ipv4.packed(one)) for one in found[:ADDRESSES] if one),
    )


def reflected(tunnel: Tunnel) -> str:
    """Where to meet, when nothing direct came up: `ReflData:` and upper-case hexadecimal."""
    return REFLECTED + f"ru={tunnel.url}&ti={tunnel.tid}".encode().hex().upper()


def read_reflected(text: str) -> Tunnel:
    """Read it. WireError for anything else."""
    try:
        plain = bytes.fromhex(text.removeprefix(REFLECTED)).decode("ascii")
    except ValueError as error:
        raise WireError(f"not where a reflector is: {text[:60]!r}") from error
    found = re.fullmatch(r"ru=([!-~]{1,200})&ti=([0-9a-fA-F]{16})", plain)
    if found is None or not text.startswith(REFLECTED):
        raise WireError(f"not where a reflector is: {plain[:60]!r}")
    return Tunnel(found[1], found[2].lower())


def blob(text: str, mark: bytes) -> bytes:
    """A text as it travels in the session; `mark`: three bytes, a counter or random."""
    packed = activity.blob(text)
    return packed[:1] + mark[:3] + packed[4:]


def read_blob(data: bytes) -> str:
    """The text of a blob, whatever its mark. Raises WireError."""
    return activity.read_blob(data[:1] + bytes(len(data[1:4])) + data[4:])


def _number(text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or int(text) > most:
        raise WireError(f"a webcam's number {text[:20]!r}")
    return int(text)
