"""What a TLS ClientHello says before anything is encrypted: name, random, highest version. Not a TLS stack.

Source: RFC 5246 7.4.1.2, RFC 6066 3 (server_name), RFC 8446 4.2.1 (supported_versions), RFC 8701 (values to ignore).
"""

from __future__ import annotations

import msgspec

RECORDS_LIMIT = 64 * 1024  # bytes that are looked at
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


class ClientHello(msgspec.Struct, frozen=True):
    """`random` is hex; `offered` the highest version, as the ssl module spells it, or its number in hex."""

    sni: str = ""
    random: str = ""
    offered: str = ""


def client_hello(data: bytes) -> ClientHello | None:
    """Read a ClientHello from the first bytes of a stream, split over records or not.

    None when it is none, or not all there yet. Never raises.
    """
    try:
        return _parse(_handshake(data[:RECORDS_LIMIT]))
    except _Short:
        return None


class _Short(Exception):
    pass


class _Cursor:
    """Reads big-endian fields; running over the end is `_Short`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise _Short
        self._at += count
        return piece

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def _handshake(data: bytes) -> bytes:
    """Body of the first handshake message, put together from its records."""
    cursor, message = _Cursor(data), b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if cursor.number(1) != 22 or cursor.number(1) != 3:
            raise _Short
        cursor.take(1)
        fragment = cursor.vector(2)
        if not fragment:
            raise _Short
        message += fragment
    if message[0] != 1:
        raise _Short
    return message[4 : 4 + int.from_bytes(message[1:4], "big")]


def _parse(body: bytes) -> ClientHello:
    cursor = _Cursor(body)
    highest = cursor.number(2)
    random = cursor.take(32).hex()
    cursor.vector(1)  # session id
    cursor.vector(2)  # cipher suites
    cursor.vector(1)  # compression
    sni = ""
    extensions = _Cursor(cursor.vector(2) if cursor.left else b"")
    while extensions.left:
        kind, value = extensions.number(2), extensions.vector(2)
        if kind == 0:
            sni = _server_name(value)
        elif kind == 43:
            known = [version for version in _versions(value) if version in VERSIONS]
            highest = max(known, default=highest)
    return ClientHello(sni, random, VERSIONS.get(highest, f"{highest:#06x}"))


def _server_name(value: bytes) -> str:
    names = _Cursor(_Cursor(value).vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name.decode("ascii", "replace").lower()
    return ""


def _versions(value: bytes) -> list[int]:
    listed = _Cursor(value).vector(1)
    return [int.from_bytes(listed[at : at + 2], "big") for at in range(0, len(listed), 2)]
