"""Sharing Folders: the SNM document, the binary context of the session, and the list of files.

The documents are known [B]. Emulated, because the original is not known [D]: what stands in the context behind its
length, but for the two numbers that the answer copies, and the list. Source: media.md 8.1.
"""

from __future__ import annotations

import base64
import re
import struct

import msgspec

from emulator.wire import markup, p2p, slp
from emulator.wire.errors import WireError

KIND = 1  # of the UUN and UBN that carry SNM
SNM_LIMIT = 1024  # bytes of one document
ASK, AGREED, REFUSED, TOLD = "SNM", "ACK", "NAK", "INFO"
UNWANTED = "0x80070000"  # reason of a NAK

FILES = 1000  # in one list
LIST_LIMIT = 64 * 1024  # bytes of one list
NAME_LIMIT = 255  # characters

_OPCODES = (ASK, AGREED, REFUSED, TOLD)
_GUID = re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_REASON = re.compile("0x[0-9A-Fa-f]{8}")
_PREAMBLE = b"\x01\x10\x08\x00\xcc\xcc\xcc\xcc"
_FORM = struct.Struct("<8sQ8sI16s8sI")  # preamble, length; then 8 bytes, number, GUID, 8 bytes, number
_HEAD = 16  # bytes before what the length counts
_LIST = "folder 1"
_ROW = re.compile(r"([0-9a-f]{40}) ([0-9]{1,18}) ([^\x00-\x1f\x7f/\\]+)")


class Snm(msgspec.Struct, frozen=True, kw_only=True):
    """One document: about which folder (a GUID in braces), and what of it; `reason` of a NAK or INFO."""

    opcode: str
    csid: str
    priority: str = "1"
    reason: str = ""


def write_snm(snm: Snm) -> bytes:
    """The document, attributes in the order that was seen. Raises WireError for what cannot be read back."""
    found = {"opcode": snm.opcode, "csid": snm.csid, "priority": snm.priority, "reason": snm.reason}
    data = ("<SNM " + " ".join(f'{key}="{value}"' for key, value in found.items() if value) + "/>").encode()
    if read_snm(data) != snm:
        raise WireError(f"no SNM document: {data[:80]!r}")
    return data


def read_snm(data: bytes) -> Snm:
    """Read a document. Raises WireError: no XML, another root, an unknown opcode, no GUID, too long."""
    if len(data) > SNM_LIMIT:
        raise WireError(f"an SNM document of {len(data)} bytes")
    root = markup.parse(data)
    opcode, csid = markup.attribute(root, "opcode"), markup.attribute(root, "csid")
    priority, reason = markup.attribute(root, "priority"), markup.attribute(root, "reason")
    if markup.local(root) != "SNM" or opcode not in _OPCODES or not _GUID.fullmatch(csid):
        raise WireError(f"no SNM document: {data[:80]!r}")
    if not re.fullmatch("[0-9]{0,9}", priority) or (reason and not _REASON.fullmatch(reason)):
        raise WireError(f"an SNM document with priority {priority[:20]!r} and reason {reason[:20]!r}")
    return Snm(opcode=opcode, csid=csid, priority=priority, reason=reason)


class Opening(msgspec.Struct, frozen=True):
    """A session's context: the folder (GUID in braces), and two numbers that whoever accepts sends back."""

    csid: str
    first: int
    second: int


def context(opening: Opening) -> str:
    """The preamble (an RPC type serialisation [C]), and our own 40 bytes, in base64."""
    folder = p2p.read_plain(opening.csid)
    size = _FORM.size - _HEAD
    packed = _FORM.pack(_PREAMBLE, size, bytes(8), opening.first, folder, bytes(8), opening.second)
    return base64.b64encode(packed).decode()


def copied(opening: Opening) -> str:
    """Context of the 200: the two numbers, as offsets 24 and 52 of the invitation's context have them."""
    return base64.b64encode(struct.pack("<II", opening.first, opening.second)).decode()


def read_context(text: str) -> Opening:
    """Read a session's context of our own form. Raises WireError."""
    raw = slp.context_bytes(text)
    if len(raw) != _FORM.size or not raw.startswith(_PREAMBLE):
        raise WireError(f"a folder's context of {len(raw)} bytes that begins with {raw[:8].hex()}")
    _, size, _, first, folder, _, second = _FORM.unpack(raw)
    if size != len(raw) - _HEAD:
        raise WireError(f"a folder's context that says {size} bytes and has {len(raw) - _HEAD}")
    return Opening(p2p.plain(folder), first, second)


class Listed(msgspec.Struct, frozen=True):
    """One file of a shared folder; `sha1` in hexadecimal."""

    name: str
    size: int
    sha1: str


def write_list(files: tuple[Listed, ...]) -> bytes:
    """The list as it travels (emulated). Raises WireError: too many files, too long, a name that is a path."""
    rows = [_LIST, *(f"{one.sha1} {one.size} {one.name}" for one in files)]
    data = "".join(f"{row}\n" for row in rows).encode()
    read_list(data)
    return data


def read_list(data: bytes) -> tuple[Listed, ...]:
    """Read a list. Raises WireError: over 64 KiB or 1000 files, cut short, a name that is a path, a name twice."""
    if len(data) > LIST_LIMIT:
        raise WireError(f"a list of files of {len(data)} bytes; {LIST_LIMIT} at most")
    try:
        head, *rows = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise WireError("a list of files that is not UTF-8") from error
    if head != _LIST or rows[-1:] != [""]:
        raise WireError(f"a list of files that begins with {head[:20]!r} or is cut short")
    if len(rows) - 1 > FILES:
        raise WireError(f"a list of {len(rows) - 1} files; {FILES} at most")
    found = []
    for row in rows[:-1]:
        read = _ROW.fullmatch(row)
        if read is None or len(read[3]) > NAME_LIMIT or read[3] in (".", ".."):
            raise WireError(f"a file that cannot be listed: {row[:80]!r}")
        found.append(Listed(read[3], int(read[2]), read[1]))
    if len({one.name for one in found}) != len(found):
        raise WireError("a list of files with a name that stands twice")
    return tuple(found)
