"""One SQM session as it is uploaded: header, sections, checksum. Little endian throughout.

Not the files on a client's disk and not the manifest. Source: [MS-SQMCS], http.md 16.
"""

from __future__ import annotations

import struct

import msgspec

from emulator.wire.errors import WireError

SIGNATURE = 0x4D51534D  # the bytes "MSQM"
HEADER = struct.Struct("<10I4Q16s16s4I")  # 120 bytes
CLIENT_AT = 72  # offset of the client GUID
LIMIT = 1 << 20  # bytes of one upload

DWORDS, STRINGS, STREAM, QWORDS = 0, 3, 5, 6  # section types
POINTS = {DWORDS: struct.Struct("<III"), QWORDS: struct.Struct("<IQI")}  # id, value, tick
COMPRESSED, WANTS_MANIFEST = 1, 8  # bits of the internal flags


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session. Times are FILETIMEs (100 ns since 1601); GUIDs are 16 bytes in the order of the wire."""

    client: bytes
    user: bytes = bytes(16)
    sections: tuple[tuple[int, bytes], ...] = ()
    flags: int = 0
    app: int = 99
    version: tuple[int, int] = (0x00080001, 0x00B20000)  # 8.1.178.0
    manifest: int = 0
    uploaded: int = 0
    started: int = 0
    ended: int = 0
    study: int = 0
    internal: int = 0

    def points(self) -> list[tuple[int, int]]:
        """(id, value) of all DWORD and QWORD points; none when the data are compressed."""
        if self.internal & COMPRESSED:
            return []
        found: list[tuple[int, int]] = []
        for kind, data in self.sections:
            layout = POINTS.get(kind)
            if layout is not None:
                whole = len(data) // layout.size * layout.size
                found += [(point[0], point[1]) for point in layout.iter_unpack(data[:whole])]
        return found


def checksum(header: bytes, data: bytes) -> int:
    """c = (c * 101 + byte) mod 2^32 over header bytes 20 to 35 and the section data."""
    value = 0
    for byte in header[20:36] + data:
        value = (value * 101 + byte) & 0xFFFFFFFF
    return value


def encode(session: Session) -> bytes:
    """The upload. Limits are not checked here."""
    data = b"".join(struct.pack("<II", kind, len(body)) + body for kind, body in session.sections)
    header = bytearray(
        HEADER.pack(
            SIGNATURE,
            HEADER.size,
            session.flags,
            0,
            len(session.sections),
            len(data),
            session.app,
            *session.version,
            session.manifest,
            session.uploaded,
            0,
            session.started,
            session.ended,
            session.client,
            session.user,
            session.study,
            session.internal,
            0,
            0,
        )
    )
    struct.pack_into("<I", header, 12, checksum(bytes(header), data))
    return bytes(header) + data


def decode(body: bytes) -> Session:
    """Parse and verify an upload. Raises WireError: size, signature, lengths, checksum, sections that do not fit."""
    if not HEADER.size <= len(body) <= LIMIT:
        raise WireError(f"an SQM session of {len(body)} bytes, {HEADER.size} to {LIMIT} are accepted")
    (
        signature, header_length, flags, stored, count, length, app, high, low, manifest,
        uploaded, _, started, ended, client, user, study, internal, _, _,
    ) = HEADER.unpack_from(body)  # fmt: skip
    if signature != SIGNATURE or header_length != HEADER.size:
        raise WireError(f"not an SQM session: signature {signature:08x}, header of {header_length} bytes")
    data = body[HEADER.size :]
    if len(data) != length:
        raise WireError(f"SQM data of {len(data)} bytes where the header says {length}")
    computed = checksum(body[: HEADER.size], data)
    if computed != stored:
        raise WireError(f"SQM checksum {stored:08x}, the data say {computed:08x}")
    sections = ((-1, data),) if internal & COMPRESSED else _sections(data, count)
    return Session(
        client=client,
        user=user,
        sections=sections,
        flags=flags,
        app=app,
        version=(high, low),
        manifest=manifest,
        uploaded=uploaded,
        started=started,
        ended=ended,
        study=study,
        internal=internal,
    )


def client_of(body: bytes) -> bytes:
    """The client GUID of an upload, whether or not it is valid; b"" when it is too short."""
    return body[CLIENT_AT : CLIENT_AT + 16] if len(body) >= HEADER.size else b""


def dword_section(points: tuple[tuple[int, int, int], ...]) -> tuple[int, bytes]:
    """A section of (id, value, tick) points."""
    return DWORDS, b"".join(POINTS[DWORDS].pack(*point) for point in points)


def _sections(data: bytes, count: int) -> tuple[tuple[int, bytes], ...]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise WireError(f"an SQM section header of {len(data) - at} bytes")
        kind, size = struct.unpack_from("<II", data, at)
        if size > len(data) - at - 8:
            raise WireError(f"an SQM section of {size} bytes where {len(data) - at - 8} are left")
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if len(found) != count:
        raise WireError(f"{len(found)} SQM sections where the header says {count}")
    return tuple(found)
