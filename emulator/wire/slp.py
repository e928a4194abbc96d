"""MSNSLP: the text messages that open P2P sessions, negotiate their bridges and close them. Not a session.

No header that was not seen in use. Source: dossier media.md 1.3, 1.5 (certainty A).
"""

from __future__ import annotations

import base64
import struct

import msgspec

from emulator.wire import ipv4
from emulator.wire.errors import WireError

SIZE_LIMIT = 64 * 1024  # bytes of one message
FILE_TRANSFER = "{5D3E02AB-6190-11D3-BBBB-00C04F795683}"
MSN_OBJECT = "{A4268EEC-FEC5-49E5-95C3-F126696BDBF6}"
ACTIVITY = "{6A13AF9C-5308-4F35-923A-67E8DDA40C2F}"
SHARED_FOLDER = "{534142D5-1F2A-431F-A60C-B0CF723FDF7D}"
SHOW_WEBCAM = "{4BD96FC0-AB17-4425-A14A-439185962DC8}"  # the inviter will send
VIEW_WEBCAM = "{1C9AA97E-9C05-4583-A3BD-908A196F1E92}"  # the inviter wants to see
SESSION_REQUEST = "application/x-msnmsgr-sessionreqbody"
SESSION_CLOSE = "application/x-msnmsgr-sessionclosebody"
BRIDGE_REQUEST = "application/x-msnmsgr-transreqbody"
BRIDGE_RESPONSE = "application/x-msnmsgr-transrespbody"
SESSION_FAILURE = "application/x-msnmsgr-session-failure-respbody"
NO_BODY = "null"
TCP = "TCPv1"
HASHED, PLAIN = "Hashed-Nonce", "Nonce"
NO_NONCE = "{00000000-0000-0000-0000-000000000000}"
ADDRESSES = 8  # of one peer that are looked at
OK, DECLINE, NO_SUCH_CALL, FAILED = "200 OK", "603 Decline", "481 No Such Call", "500 Internal Error"

_VERSION_3 = 638  # bytes of a file context without preview
_NAME = 520  # bytes of its name field

Fields = tuple[tuple[str, str], ...]


class Slp(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `start` is `INVITE`, `BYE`, `ACK` or `200 OK`, `603 Decline`, ...; addresses without `msnmsgr:`."""

    start: str
    to: str
    sender: str
    branch: str
    call_id: str
    content_type: str
    body: Fields = ()
    sequence: int = 0

    @property
    def is_answer(self) -> bool:
        """True for a status, False for a request."""
        return self.start[:1].isdigit()

    @property
    def status(self) -> int:
        """Number of an answer, 0 for a request."""
        number = self.start[:3]
        return int(number) if self.is_answer and number.isdigit() else 0

    @property
    def caller(self) -> str:
        """The sender's account without the endpoint that later clients append."""
        return self.sender.partition(";")[0]

    @property
    def session(self) -> int:
        """SessionID as an unsigned number (old clients print it signed), 0 when there is none."""
        text = self.field("SessionID")
        digits = text.removeprefix("-")
        plain = digits.isascii() and digits.isdigit() and len(digits) < 12
        return int(text) & 0xFFFFFFFF if plain else 0

    def field(self, name: str) -> str:
        """First value of a body field, or ""."""
        return next((value for key, value in self.body if key == name), "")


class FileContext(msgspec.Struct, frozen=True):
    """What an invitation says of a file. `size` in bytes; `preview` is a PNG or b""."""

    name: str
    size: int
    preview: bytes = b""


def answer(request: Slp, start: str, *, content_type: str = "", body: Fields = ()) -> Slp:
    """The status that answers a request: addresses swapped, same branch and call, sequence one higher."""
    return Slp(
        start=start,
        to=request.sender,
        sender=request.to,
        branch=request.branch,
        call_id=request.call_id,
        content_type=content_type or request.content_type,
        body=body,
        sequence=request.sequence + 1,
    )


def encode(message: Slp) -> bytes:
    """Text, blank line, body and NUL; Content-Length counts the NUL, the CSeq line ends in a blank."""
    body = "".join(f"{key}: {value}\r\n" for key, value in message.body) + "\r\n\0"
    start = f"MSNSLP/1.0 {message.start}" if message.is_answer else f"{message.start} MSNMSGR:{message.to} MSNSLP/1.0"
    head = (
        f"{start}\r\nTo: <msnmsgr:{message.to}>\r\nFrom: <msnmsgr:{message.sender}>\r\n"
        f"Via: MSNSLP/1.0/TLP ;branch={message.branch}\r\nCSeq: {message.sequence} \r\nCall-ID: {message.call_id}\r\n"
        f"Max-Forwards: 0\r\nContent-Type: {message.content_type}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return (head + body).encode()


def decode(data: bytes) -> Slp:
    """Read a message. WireError for bad text, a missing header or a Content-Length that is not the body's."""
    if len(data) > SIZE_LIMIT:
        raise WireError(f"an MSNSLP message of {len(data)} bytes")
    try:
        head, blank, body = data.decode().partition("\r\n\r\n")
    except UnicodeDecodeError as error:
        raise WireError("MSNSLP that is not UTF-8") from error
    start, *lines = head.split("\r\n")
    headers = dict(_fields(lines))
    words = start.split(" ", 2)
    if len(words) != 3 or not blank or "MSNSLP/1.0" not in (words[0], words[2]):
        raise WireError(f"not an MSNSLP message: {start[:60]!r}")
    if not body.endswith("\0") or headers.get("Content-Length") != str(len(body.encode())):
        raise WireError(f"MSNSLP with Content-Length {headers.get('Content-Length')!r} and {len(body.encode())} bytes")
    try:
        return Slp(
            start=f"{words[1]} {words[2]}" if words[0] == "MSNSLP/1.0" else words[0],
            to=_account(headers["To"]),
            sender=_account(headers["From"]),
            branch=headers["Via"].partition("branch=")[2],
            call_id=headers["Call-ID"],
            content_type=headers["Content-Type"],
            body=tuple(_fields(body.rstrip("\0").split("\r\n"))),
            sequence=int(headers["CSeq"]),
        )
    except (KeyError, ValueError) as error:
        raise WireError(f"MSNSLP header missing or bad: {error}") from error


def file_context(name: str, size: int, preview: bytes = b"") -> str:
    """Context of a file invitation: 638 bytes (version 3) and the preview, in base64. WireError for a name over 259."""
    encoded = name.encode("utf-16-le")
    if len(encoded) > 518:
        raise WireError(f"a file name of {len(encoded)} bytes")
    head = struct.pack("<IIQI", _VERSION_3, 3, size, 0 if preview else 1)
    packed = head + encoded.ljust(_NAME, b"\0") + bytes(30) + b"\xff" * 4 + bytes(64)
    return base64.b64encode(packed + preview).decode()


def read_file_context(text: str) -> FileContext:
    """A file invitation's context of version 2 or 3, with or without preview. Raises WireError."""
    raw = context_bytes(text)
    if len(raw) < 20 + _NAME:
        raise WireError(f"a file context of {len(raw)} bytes")
    length, _, size, without = struct.unpack("<IIQI", raw[:20])
    name = raw[20 : 20 + _NAME].decode("utf-16-le", "replace").partition("\0")[0]
    if not 20 + _NAME <= length <= len(raw):
        raise WireError(f"a file context that says {length} of {len(raw)} bytes")
    return FileContext(name, size, b"" if without & 1 else raw[length:])


def object_context(description: str) -> str:
    """Context of a request for an MSN object: its description and a NUL, in base64."""
    return base64.b64encode(description.encode() + b"\0").decode()


def read_object_context(text: str) -> str:
    """The description in such a context. Raises WireError."""
    return context_bytes(text).rstrip(b"\0").decode("utf-8", "replace")


def context_bytes(text: str) -> bytes:
    """A context's bytes, its padding written or not. Raises WireError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise WireError(f"a context that is no base64: {error}") from error


def net_id(address: str) -> str:
    """`NetID` of a public address: its network bytes read as a little-endian number, printed unsigned."""
    return str(int.from_bytes(ipv4.packed(address), "little"))


class BridgeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody is connected and which bridges it can use. `nonce` is a GUID or "", `hashed`: of the hashed kind."""

    bridges: tuple[str, ...] = ("TRUDPv1", TCP)
    net_id: str = "0"
    conn_type: str = "Direct-Connect"
    upnp: bool = False
    icf: bool = False
    nonce: str = ""
    hashed: bool = True

    @property
    def weight(self) -> int:
        """How well others can connect to it, 0 to 6; the invited side listens when it is not below the inviter [B]."""
        return 0 if self.icf else _WEIGHTS.get((self.conn_type, self.upnp), 1)


class BridgeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody listens and where: (address, port), internal ones first. `nonce` as in BridgeRequest."""

    listening: bool
    bridge: str = TCP
    nonce: str = NO_NONCE
    hashed: bool = True
    internal: tuple[tuple[str, int], ...] = ()
    external: tuple[tuple[str, int], ...] = ()


_NATS = ("Port-Restrict-NAT", "IP-Restrict-NAT", "Symmetric-NAT")
_WEIGHTS = {
    **dict.fromkeys([("Direct-Connect", False), ("Direct-Connect", True)], 6),
    **dict.fromkeys([(nat, True) for nat in _NATS], 5),
    ("Unknown-NAT", True): 4,
    **dict.fromkeys([("ISALike", False), ("ISALike", True)], 3),
    **dict.fromkeys([(nat, False) for nat in (*_NATS, "Firewall")] + [("Firewall", True)], 2),
}


def bridge_request(asked: BridgeRequest, session: str) -> Fields:
    """Body of a `transreqbody`."""
    nonce = (((HASHED if asked.hashed else PLAIN), asked.nonce),) if asked.nonce else ()
    return (
        ("Bridges", " ".join(asked.bridges)),
        ("NetID", asked.net_id),
        ("Conn-Type", asked.conn_type),
        ("UPnPNat", str(asked.upnp).lower()),
        ("ICF", str(asked.icf).lower()),
        *nonce,
        *_session_fields(session),
    )


def read_bridge_request(message: Slp) -> BridgeRequest:
    """What a `transreqbody` says. Nothing in it is refused: what is unknown counts as no way to connect."""
    hashed = message.field(HASHED)
    return BridgeRequest(
        bridges=tuple(message.field("Bridges").split()),
        net_id=message.field("NetID") or "0",
        conn_type=message.field("Conn-Type"),
        upnp=message.field("UPnPNat").lower() == "true",
        icf=message.field("ICF").lower() == "true",
        nonce=hashed or message.field(PLAIN),
        hashed=bool(hashed),
    )


def bridge_answer(given: BridgeAnswer, session: str) -> Fields:
    """Body of a `transrespbody`. Addresses of one kind share a port, as the format wants it."""
    rows: list[tuple[str, str]] = [("Bridge", given.bridge), ("Listening", str(given.listening).lower())]
    rows.append((HASHED if given.hashed else PLAIN, given.nonce))
    for kind, places in (("IPv4External", given.external), ("IPv4Internal", given.internal)):
        if places:
            addresses = " ".join(address for address, port in places if port == places[0][1])
            rows += [(f"{kind}-Addrs", addresses), (f"{kind}-Port", str(places[0][1]))]
    return (*rows, *_session_fields(session))


def read_bridge_answer(message: Slp) -> BridgeAnswer:
    """What a `transrespbody` says, its keys in clear or written backwards. Raises WireError for a bad address."""
    hashed = message.field(HASHED)
    return BridgeAnswer(
        listening=message.field("Listening").lower() == "true",
        bridge=message.field("Bridge"),
        nonce=hashed or message.field(PLAIN) or NO_NONCE,
        hashed=bool(hashed),
        internal=_places(message, "IPv4Internal"),
        external=_places(message, "IPv4External"),
    )


def _places(message: Slp, kind: str) -> tuple[tuple[str, int], ...]:
    addresses = _either(message, f"{kind}-Addrs").replace(",", " ").replace(";", " ").split()[:ADDRESSES]
    port = _either(message, f"{kind}-Port")
    if not addresses:
        return ()
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise WireError(f"{kind} port {port[:20]!r}")
    return tuple((ipv4.text(ipv4.packed(address)), int(port)) for address in addresses)


def _either(message: Slp, key: str) -> str:
    return message.field(key) or message.field(key[::-1])[::-1]


def _session_fields(session: str) -> Fields:
    return (("SessionID", session), ("SChannelState", "0"), ("Capabilities-Flags", "1")) if session else ()


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for line in lines:
        if line:
            key, colon, value = line.partition(":")
            if not colon:
                raise WireError(f"an MSNSLP line without a colon: {line[:60]!r}")
            pairs.append((key, value.strip()))
    return pairs


def _account(value: str) -> str:
    if not (value.startswith("<msnmsgr:") and value.endswith(">")):
        raise ValueError(f"address {value[:60]!r}")
    return value[len("<msnmsgr:") : -1]
