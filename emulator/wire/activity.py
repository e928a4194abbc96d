"""What activities and games say: the context of their invitation, and moves as blobs of text in a session.

Not what a move means: that is each game's own. Source: media.md 8.2 (certainty A).
"""

from __future__ import annotations

import base64
import re

import msgspec

from emulator.wire import slp
from emulator.wire.errors import WireError

LOCALE = 1033  # English, as a decimal language id
BLOB = b"\x80\0\0\0\x08\0"
BLOB_HEAD = len(BLOB) + 4  # bytes, with the length behind it
BLOB_LIMIT = 16 * 1024  # bytes of one text in UTF-16; clients send some dozens
CONTEXT_LIMIT = 1024  # characters of base64
_CONTEXT = re.compile(r"([0-9]{1,6})([0-9]{4});1;([^;\0]{0,200})\0?")


class Activity(msgspec.Struct, frozen=True):
    """Which activity: four digits, its name as the directory tells it, and the language id of the one who asks."""

    app: str
    name: str
    locale: int = LOCALE


def of_entry(identifier: str, name: str) -> Activity:
    """The activity of an entry of the directory: the last four digits of its id. Raises WireError for another id."""
    if not re.fullmatch("[0-9]{4,12}", identifier):
        raise WireError(f"an activity with the id {identifier[:40]!r}")
    return Activity(identifier[-4:], name)


def context(activity: Activity) -> str:
    """`10331234;1;Example` in UTF-16LE and base64. Raises WireError for what the form cannot hold."""
    text = f"{activity.locale}{activity.app};1;{activity.name}"
    packed = base64.b64encode(text.encode("utf-16-le")).decode()
    if read_context(packed) != activity:
        raise WireError(f"no activity that an invitation can name: {text[:80]!r}")
    return packed


def read_context(text: str) -> Activity:
    """What an invitation's context names. Raises WireError."""
    if len(text) > CONTEXT_LIMIT:
        raise WireError(f"an activity's context of {len(text)} characters")
    try:
        plain = slp.context_bytes(text).decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise WireError(f"an activity's context that is no text: {error.reason}") from error
    found = _CONTEXT.fullmatch(plain)
    if found is None:
        raise WireError(f"an activity's context {plain[:60]!r}")
    return Activity(found[2], found[3], int(found[1]))


def blob(text: str) -> bytes:
    """A text with its NUL as it travels in a session. Raises WireError over 16 KiB."""
    encoded = text.encode("utf-16-le", "surrogatepass") + b"\0\0"
    if len(encoded) > BLOB_LIMIT:
        raise WireError(f"a text of {len(encoded)} bytes; {BLOB_LIMIT} at most")
    return BLOB + len(encoded).to_bytes(4, "little") + encoded


def read_blob(data: bytes) -> str:
    """The text of a blob, without its NUL. Raises WireError: another beginning, cut short, too long, no UTF-16."""
    size = int.from_bytes(data[len(BLOB) : BLOB_HEAD], "little")
    if len(data) < BLOB_HEAD or not data.startswith(BLOB):
        raise WireError(f"no blob of text: {data[:16].hex()}")
    if size > BLOB_LIMIT or size != len(data) - BLOB_HEAD or size % 2:
        raise WireError(f"a blob that says {size} bytes and has {len(data) - BLOB_HEAD}")
    try:
        return data[BLOB_HEAD:].decode("utf-16-le").removesuffix("\0")
    except UnicodeDecodeError as error:
        raise WireError(f"a blob that is no UTF-16: {error.reason}") from error
