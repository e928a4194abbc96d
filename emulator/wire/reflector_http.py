"""The two HTTP calls that make a session at the webcam reflector, both ends' words. Not the tunnel (`reflector`).

createSession answers `sid` and `kid`, createTunnel wants the sid and a digest `a` over it and a secret by `kid`. The
table of secrets is not known: any 22 characters of the right alphabet are taken (emulated). Source: media.md 4.6.
"""

from __future__ import annotations

import base64
import re
from hashlib import md5
from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.markup import el

HOST = "m1reflector.spotlife.net"
CREATE_SESSION, CREATE_TUNNEL = "/createSession", "/createTunnel"
KEYS = 101  # kid is 0 to 100
SID = re.compile(r"[0-9A-Za-z]{10}")
PROOF = re.compile(r"[0-9A-Za-z./]{22}")
TID = re.compile(r"[0-9a-f]{16}")


class Session(msgspec.Struct, frozen=True):
    """An answer to createSession."""

    sid: str
    kid: int
    url: str


def session_answer(session: Session) -> bytes:
    """The document that answers createSession."""
    inside = (el("sid", session.sid), el("kid", session.kid), el("createtunnelurl", session.url))
    return markup.document(el("createsessionresponse", *inside))


def read_session(data: bytes) -> Session:
    """Read it. WireError for another document, or values of another form."""
    root = _root(data, "createsessionresponse")
    sid, kid, url = (markup.text(root, name) for name in ("sid", "kid", "createtunnelurl"))
    if not SID.fullmatch(sid) or not re.fullmatch(r"[0-9]{1,3}", kid) or int(kid) >= KEYS:
        raise WireError(f"a reflector's session {sid[:20]!r} with key {kid[:10]!r}")
    return Session(sid, int(kid), url)


def tunnel_answer(tid: str, url: str) -> bytes:
    """The document that answers createTunnel."""
    return markup.document(el("createtunnelresponse", el("tid", tid), el("tunnelserverurl", url)))


def read_tunnel(data: bytes) -> tuple[str, str]:
    """Its tid, and the address of the tunnel. WireError for anything else."""
    root = _root(data, "createtunnelresponse")
    tid, url = markup.text(root, "tid"), markup.text(root, "tunnelserverurl")
    if not TID.fullmatch(tid) or not url:
        raise WireError(f"a reflector's tunnel {tid[:20]!r} at {url[:60]!r}")
    return tid, url


def proof(session: Session) -> str:
    """A digest of the right shape: alphabet A-Za-z0-9./, 22 characters. What the original mixed in is not known."""
    digest = md5(f"sid={session.sid}{session.kid}".encode()).digest()
    return base64.b64encode(digest, b"./").decode().rstrip("=")


def _root(data: bytes, name: str) -> Element:
    root = markup.parse(data)
    if markup.local(root) != name:
        raise WireError(f"not a {name}: <{markup.local(root)[:40]}>")
    return root
