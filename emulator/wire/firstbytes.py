"""What a stream or a datagram speaks, told by its first bytes. One ordered table; not a parser and not a judgement.

Used on every listener and again inside TLS. Names are the keys of `exchanges.STREAM_SERVERS`, besides `tls`, `http`,
`msnp` and `unknown`, which are served elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.wire import data_relay, echo, media, rtp, stun, tpkt, trudp, turn
from emulator.wire.clienthello import ClientHello, client_hello
from emulator.wire.errors import WireError
from emulator.wire.p2p_direct import OPENING

__all__ = ["ClientHello", "classify_datagram", "classify_stream", "client_hello"]

NO = "no"  # a rule's word for: not mine, whatever follows
WORD_LIMIT = 24  # bytes of a command or method
HTTP_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS TRACE CONNECT PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH"
    b" SUBSCRIBE UNSUBSCRIBE NOTIFY REPORT MERGE CHECKOUT BITS_POST".split()
)
SIP_METHODS = frozenset(
    b"REGISTER OPTIONS INVITE ACK BYE CANCEL SUBSCRIBE NOTIFY MESSAGE INFO PRACK REFER UPDATE PUBLISH".split()
)
INSIDE_TLS = frozenset(("http", "sip", "shared-secret", "msnp"))

Rule = Callable[[bytes], str | None]


def classify_stream(data: bytes, *, inside_tls: bool) -> str | None:
    """Name of what begins with `data`, None while more bytes are needed (64 always suffice).

    Inside TLS only http, sip, shared-secret and msnp are known; anything else there is `unknown`.
    """
    if not data:
        return None
    waiting = False
    for rule in RULES:
        verdict = rule(data)
        if verdict is None:
            waiting = True
        elif verdict != NO:
            return verdict if not inside_tls or verdict in INSIDE_TLS else "unknown"
        # A rule that still waits does not hide a later one that is sure: rules exclude each other.
    return None if waiting else "unknown"


def classify_datagram(data: bytes, port: int) -> str:
    """Name of a datagram that arrived on `port`. Strict forms (fixed size and bytes) go before loose ones."""
    if port == echo.DISCARD_PORT or not data:
        return "discard"
    if len(data) == echo.SIZE and data[0] == echo.VERSION and data[1] in (echo.REQUEST, echo.CROSS, echo.HELLO):
        return "echo"
    if trudp.sequence_of(data):
        return "trudp"
    if media.is_opaque(data):
        return "opaque"
    if turn.is_request(data):
        return "turn"
    if rtp.is_rtcp(data):
        return "rtcp"
    if rtp.is_rtp(data):
        return "rtp"
    try:
        return "stun" if stun.decode(data).kind == stun.BINDING else "unknown"
    except WireError:
        return "unknown"


def _tls(data: bytes) -> str | None:
    """A record of type 22, version 3.x, that starts a ClientHello; the relay's 50 constant bytes are told apart."""
    constant = data_relay.CLIENT_HELLO
    if data[: len(constant)] == constant:
        return "pseudo-tls"
    if constant.startswith(data):
        return None
    if not _agrees(data, b"\x16\x03") or (len(data) > 2 and data[2] > 4):
        return NO
    if len(data) < 6:
        return None
    return "tls" if data[5] == 1 else NO


def _p2p_direct(data: bytes) -> str | None:
    return _exact(data, OPENING, "p2p-direct")


def _webcam(data: bytes) -> str | None:
    return _exact(data, b"recipientid=", "webcam")


def _shared_secret(data: bytes) -> str | None:
    if not _agrees(data, b"\x00\x02"):
        return NO
    if len(data) < 4:
        return None
    return "shared-secret" if int.from_bytes(data[2:4], "big") <= stun.SIZE_LIMIT else NO


def _echo(data: bytes) -> str | None:
    return _exact(data, echo.request(bytes(4))[:4], "echo-tcp")


def _tpkt(data: bytes) -> str | None:
    """An X.224 connection request: with cookie or negotiation it is RDP, else the opening of a conference."""
    if not _agrees(data, b"\x03\x00") or (len(data) > 2 and data[2] > tpkt.SIZE_LIMIT >> 8):
        return NO
    if len(data) < 6:
        return None
    if data[5] & 0xF0 != 0xE0:
        return NO
    if data[4] <= 6:
        return "t120"
    if len(data) < 12:
        return None
    return "rdp" if data[11:12] in (b"C", b"\x01") else "t120"


def _rtp_tcp(data: bytes) -> str | None:
    if data[0] > rtp.SIZE_LIMIT >> 8:
        return NO
    if len(data) < 3:
        return None
    size = int.from_bytes(data[:2], "big")
    return "rtp-tcp" if rtp.HEADER < size <= rtp.SIZE_LIMIT and data[2] == 0x80 else NO


def _text(data: bytes) -> str | None:
    """Everything that starts with a word in capitals: HTTP, SIP, MSNP, MSNFTP, TSP."""
    found = re.match(rb"[A-Z0-9_-]*", data)
    word = found[0] if found else b""
    rest = data[len(word) :]
    if not word or len(word) > WORD_LIMIT:
        return NO
    if not rest or rest == b"\r":
        return None
    if rest.startswith(b"\r\n"):
        return "msnp" if len(word) == 3 else NO
    if not rest.startswith(b" "):
        return NO
    return _command(word, rest[1:])


def _command(word: bytes, rest: bytes) -> str | None:
    if word in (b"PROD", b"VIEW"):
        return "reflector"
    if word == b"VER":
        return _version(rest)
    if not rest:
        return None
    if word in SIP_METHODS:
        for scheme in (b"sip:", b"sips:"):
            if rest.lower().startswith(scheme):
                return "sip"
        if b"sips:".startswith(rest.lower()) or b"sip:".startswith(rest.lower()):
            return None
    if word in HTTP_METHODS:
        return "http"
    if re.fullmatch(rb"[A-Z_-]+", word):  # a method that is not in the list is told by its target
        if rest[:1] in (b"/", b"*"):
            return "http"
        if b"http".startswith(rest[:4].lower()):
            return None if len(rest) < 4 else "http"
    return "msnp" if len(word) == 3 else NO


def _version(rest: bytes) -> str | None:
    """`VER MSNFTP` and `VER 1 MSNFTP` against `VER 1 MSNP15 CVR0`."""
    number = re.match(rb"\d{0,3} ?", rest)
    name = rest[number.end() :] if number and number[0].strip() else rest
    if b"MSNFTP".startswith(name[:6]) and len(name) < 6:
        return None
    return "msnftp" if name.startswith(b"MSNFTP") else "msnp"


def _agrees(data: bytes, start: bytes) -> bool:
    return data.startswith(start) or start.startswith(data)


def _exact(data: bytes, start: bytes, name: str) -> str | None:
    if data.startswith(start):
        return name
    return None if start.startswith(data) else NO


RULES: tuple[Rule, ...] = (_tls, _p2p_direct, _webcam, _shared_secret, _echo, _tpkt, _rtp_tcp, _text)
