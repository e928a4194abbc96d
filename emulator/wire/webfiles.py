"""The few files of the impersonated web: two pictures, their paths, and the dates of HTTP.

Not a file tree on disk. Source: http.md 6, 7, 10, 21.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

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
