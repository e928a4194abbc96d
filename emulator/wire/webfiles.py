"""The few files of the impersonated web: two pictures, their paths, and the dates of HTTP.

Not a file tree on disk. Source: http.md 6, 7, 10, 21.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

TILE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNQSFgAAAHEASFcollRAAAAAElFTkSuQmCC"
)  # PNG, 1x1, 69 bytes
DOT = b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")  # GIF, 1x1, 43 bytes

TILE_PATH = "/emu/tile/"  # + resource id; the PreAuthURL of a profile names it
EMOTICON_PATH = "/Resource/emoticons/regular_smile.gif"
IMAGE_PATH = "/emu/game1.png"  # on the image host, named by the activity directory
ECHO_PATH = "/emu/echo"  # on the edge hosts
RELAY_PATH = "/emu/relay/v0/session"  # on the data relay
VOICE_WORDS = "emulated voice relay; use TURN in TLS on port 443"  # page of the voice relay
CRL_NAME = "emuroot.crl"  # distribution point of the lab's leaves
CRL_FOLDER = "/pki/crl/products/"
CRL_ALIASES = (
    "microsoftrootcert.crl",
    "microsoftproductsecureserver.crl",
    "microsoftcodeverifroot.crl",
    "winpca.crl",
    "codesignpca.crl",
    "cspca.crl",
)  # historical names, lower case: they return the lab's list, signed by the lab's root


def etag(data: bytes) -> str:
    """Strong entity tag, quoted: 40 hexadecimal digits, so never a flow's tag of 32."""
    return f'"{hashlib.sha1(data).hexdigest()}"'


def media_type(data: bytes) -> str:
    """MIME type by the first bytes; what a client claims for a tile is often just `png`."""
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "application/octet-stream"


def http_date(seconds: float) -> str:
    """`Sun, 01 Jul 2007 12:00:05 GMT` from seconds since the epoch."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def from_http_date(text: str) -> float | None:
    """Seconds since the epoch, or None when `text` is no date."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def soap_date(seconds: float) -> str:
    """`2007-07-01T12:00:05Z` from seconds since the epoch; never empty (papyon and .NET insist)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))?", re.ASCII)


@lru_cache(4096)  # a list of contacts says few moments many times
def soap_moment(milliseconds: int) -> str:
    """`2007-07-01T12:00:05.123Z`: the exact time of a change, which clients hand back to ask for what came later."""
    seconds, rest = divmod(milliseconds, 1000)
    return soap_date(seconds).replace("Z", f".{rest:03d}Z")


def from_soap_moment(text: str) -> int:
    """Milliseconds since the epoch, rounded down; 0 for `0001-01-01T00:00:00` and for what is no date."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return 0
    fraction, sign, hours, minutes = match.groups(default="0")[6:]
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        moment = datetime(*(int(one) for one in match.groups()[:6]), tzinfo=timezone(offset))  # type: ignore[misc, arg-type]
        return max(0, int(moment.timestamp()) * 1000 + int(fraction[:3].ljust(3, "0")))
    except (ValueError, OverflowError):
        return 0
