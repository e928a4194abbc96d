"""MSNFTP on TCP 6891-6900: the receiver connects, takes a file, says goodbye. Not the invitation before it.

`client` and `server` are the survey's, with files that follow from a tag; `receiving` and `sending` are people's.

Source: dossier media.md section 5 (certainty A).
"""

from __future__ import annotations

import re
from hashlib import sha256

from emulator.wire import tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number
from emulator.wire.talk import Exactly, Note, Send, Sighting, Talk, Until

LINE_LIMIT = 256  # bytes
BLOCK_LIMIT = 2045  # bytes in one block
FILE_LIMIT = 1 << 20  # bytes a receiver accepts
FILE_SIZE = 5000  # bytes: three blocks
RECEIVED_OK = 16777989
SENT, DISK_FULL, CANCELLED, TIMED_OUT = 16777987, 2147942405, 2164261682, 2164261694  # other codes of BYE
CODES = {DISK_FULL: "no room for it", CANCELLED: "cancelled", TIMED_OUT: "timed out"}
END_OF_LINE = b"\r\n"
CANCEL = b"CCL\r\n"
VERSION = b"VER MSNFTP\r\n"
END = b"\x01\0\0"


class Broken(WireError):
    """The other end broke the transfer off; `code` is that of BYE, CANCELLED for CCL and the cancel marker."""

    def __init__(self, what: str, code: int = 0) -> None:
        super().__init__(what)
        self.code = code


def cookie(tag: bytes) -> int:
    """AuthCookie that the invitation would have carried: u32, known to both ends through the account."""
    return number(tag, "AuthCookie")


def block(data: bytes) -> bytes:
    """A data block: flag 0, u16 little-endian length, data. WireError for more than 2045 bytes."""
    if len(data) > BLOCK_LIMIT:
        raise WireError(f"an MSNFTP block of {len(data)} bytes")
    return b"\0" + len(data).to_bytes(2, "little") + data


def usr(account: str, auth_cookie: int) -> bytes:
    """The receiver's introduction."""
    return f"USR {account} {auth_cookie}\r\n".encode()


def bye(code: int) -> bytes:
    """The receiver's last line."""
    return f"BYE {code}\r\n".encode()


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """The receiver: version, account and cookie, the whole file. Facts: bytes, sha256, blocks, auth_cookie."""
    yield Send(VERSION)
    yield from greeting()
    auth_cookie = cookie(context.tag)
    yield Send(usr(tags.account(context.tag), auth_cookie))
    size = _match(rb"FIL (\d{1,10})", (yield from text_line()))
    if size > FILE_LIMIT:
        raise WireError(f"a file of {size} bytes")
    yield Send(b"TFR\r\n")
    content = bytearray()
    blocks = 0
    while len(content) < size:
        head = yield Exactly(3)
        length = int.from_bytes(head[1:], "little")
        if head[0] or not 0 < length <= min(BLOCK_LIMIT, size - len(content)):
            raise WireError(f"MSNFTP block {head.hex()} after {len(content)} of {size} bytes")
        content += yield Exactly(length)
        blocks += 1
    if (yield Exactly(3)) != END:
        raise WireError("the file does not end with the end marker")
    if content != filler(context.tag, size):
        raise WireError("the file is not the one that was offered")
    yield Send(bye(RECEIVED_OK))
    return {
        "bytes": size,
        "sha256": sha256(content).hexdigest(),
        "blocks": blocks,
        "auth_cookie": auth_cookie,
        "account": tags.account(context.tag),
    }


def server(context: ServerContext) -> Talk[None]:
    """The sender: checks account and cookie, sends the file, expects BYE 16777989."""
    yield from greeting()
    yield Send(VERSION)
    yield from offer((yield from text_line()))


def offer(introduced: bytes) -> Talk[None]:
    """The sender, once both have greeted and the receiver has said the line `introduced`."""
    words = introduced.decode("ascii").split(" ") if introduced.isascii() else []
    tag = tags.from_account(words[1]) if len(words) == 3 and words[0] == "USR" else ""
    if not tag:
        raise WireError(f"no account of ours in {introduced[:60]!r}")
    yield Sighting("msnftp", tag, {"account": words[1], "auth_cookie": words[2]})
    content_of = bytes.fromhex(tag)
    if words[2] != str(cookie(content_of)):
        raise WireError("a wrong AuthCookie")
    yield Send(f"FIL {FILE_SIZE}\r\n".encode())
    if (said := (yield from text_line())) != b"TFR":
        raise WireError(f"expected TFR, got {said[:60]!r}")
    content = filler(content_of, FILE_SIZE)
    pieces = [content[at : at + BLOCK_LIMIT] for at in range(0, FILE_SIZE, BLOCK_LIMIT)]
    yield Send(b"".join(block(piece) for piece in pieces) + END)
    code = _match(rb"BYE (\d{1,10})", (yield from text_line()))
    yield Note({"bye": code})
    if code != RECEIVED_OK:
        raise WireError(f"the receiver said BYE {code}")


def receiving(account: str, auth_cookie: int, size: int) -> Talk[bytes]:
    """The receiver of a file that was agreed on: its bytes. Notes `so_far`. Raises Broken when the sender cancels.

    The end marker may be missing: some senders say it only to cancel, so the count of bytes decides.
    """
    yield Send(VERSION)
    yield from greeting()
    yield Send(usr(account, auth_cookie))
    line = yield from text_line()
    if line.startswith((b"CCL", b"BYE")):
        raise Broken(f"the sender said {line[:20].decode('ascii', 'replace')}", CANCELLED)
    offered = _match(rb"FIL (\d{1,10})", line)
    if offered != size:
        yield Send(bye(CANCELLED))
        raise Broken(f"a file of {offered} bytes instead of {size}", CANCELLED)
    yield Sighting("msnftp", "", {"size": size})
    yield Send(b"TFR\r\n")
    content = bytearray()
    while len(content) < size:
        head = yield Exactly(3)
        length = int.from_bytes(head[1:], "little")
        if head == END or head == CANCEL[:3]:
            raise Broken(f"the sender cancelled after {len(content)} of {size} bytes", CANCELLED)
        if head[0] or not 0 < length <= min(BLOCK_LIMIT, size - len(content)):
            raise WireError(f"MSNFTP block {head.hex()} after {len(content)} of {size} bytes")
        content += yield Exactly(length)
        yield Note({"so_far": len(content)})
    yield Send(bye(RECEIVED_OK))
    return bytes(content)


def sending(content: bytes, account: str, auth_cookie: int, *, connects: bool = False) -> Talk[bytes]:
    """The sender of a file that was agreed on: to whom says the account and the cookie, nobody else. Returns b"".

    `connects`: it opened the connection, so it greets first [C]. Raises Broken when the receiver says CCL, or BYE with
    another code than that of success.
    """
    if connects:
        yield Send(VERSION)
    yield from greeting()
    if not connects:
        yield Send(VERSION)
    words = (yield from text_line()).decode("utf-8", "replace").split(" ")
    if len(words) != 3 or words[0] != "USR" or words[1].partition(";")[0].lower() != account.lower():
        raise WireError(f"not the receiver: {' '.join(words)[:60]!r}")
    if words[2] != str(auth_cookie):
        raise WireError("a wrong AuthCookie")
    yield Sighting("msnftp", "", {"account": words[1]})
    yield Send(f"FIL {len(content)}\r\n".encode())
    line = yield from text_line()
    if line != b"TFR":
        raise _farewell(line, 0)
    for at in range(0, len(content), BLOCK_LIMIT):
        yield Send(block(content[at : at + BLOCK_LIMIT]))
    yield Note({"so_far": len(content)})
    yield Send(END)
    line = yield from text_line()
    if line != bye(RECEIVED_OK)[:-2]:
        raise _farewell(line, len(content))
    return b""


def _farewell(line: bytes, sent: int) -> WireError:
    if line == CANCEL[:-2]:
        return Broken(f"the receiver cancelled, {sent} bytes were sent", CANCELLED)
    found = re.fullmatch(rb"BYE (\d{1,10})", line)
    if found is None:
        return WireError(f"expected TFR or BYE, got {line[:60]!r}")
    code = int(found[1])
    return Broken(f"the receiver said BYE {code} ({CODES.get(code, 'unknown')})", code)


def auth_cookie(said: bytes) -> int | None:
    """The cookie of the receiver's introduction; None when this does not begin with one."""
    found = re.match(rb"USR [^ \r\n]{1,200} (\d{1,10})(?:\r\n|$)", said)
    return int(found[1]) if found and int(found[1]) < 1 << 32 else None


def tag_of(number: int) -> bytes:
    """The tag of a transfer that people agreed on: its cookie."""
    return number.to_bytes(4, "big")


def sighting(number: int) -> Sighting:
    """Such a transfer was seen."""
    return Sighting("msnftp", tag_of(number).hex(), {"auth_cookie": number})


def greeting() -> Talk[bytes]:
    """The other end's greeting, as it came."""
    said = yield from text_line()
    _version(said)
    return said + END_OF_LINE


def text_line() -> Talk[bytes]:
    """A line, without its end."""
    return (yield Until(END_OF_LINE, LINE_LIMIT))[:-2]


def _version(line: bytes) -> None:
    if not re.fullmatch(rb"VER (\d{1,3} )?MSNFTP", line):
        raise WireError(f"not an MSNFTP greeting: {line[:60]!r}")


def _match(pattern: bytes, line: bytes) -> int:
    found = re.fullmatch(pattern, line)
    if found is None:
        raise WireError(f"expected {pattern.decode()}, got {line[:60]!r}")
    return int(found[1])
