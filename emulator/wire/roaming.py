"""Roaming profile documents: name, status message and picture in the storage service.

Not the store itself: one fixed profile per account. Source: http.md 5.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, passport, soap
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import TILE, TILE_PATH, soap_date

W10 = "http://www.msn.com/webservices/storage/w10"  # clients 8.x
Y2008 = "http://www.msn.com/webservices/storage/2008"  # clients 2009: answered in their own namespace
PATH = "/storageservice/SchematizedStore.asmx"
FILES = "byfiles.storage.msn.com"
STATUS = "roaming from the emulator \u03a9"
_ATTRIBUTES = (
    "ResourceID",
    "DateModified",
    "DisplayName",
    "DisplayNameLastModified",
    "PersonalStatus",
    "PersonalStatusLastModified",
    "StaticUserTilePublicURL",
    "Photo",
    "Flags",
)
TILE_LIMIT = 256 * 1024  # bytes of an uploaded picture


class Profile(msgspec.Struct, frozen=True):
    """A profile as the probe reads it."""

    resource: str
    name: str
    status: str
    picture: str  # PreAuthURL


def get_profile(ticket: str, cid: int) -> bytes:
    """GetProfile for the account's own CID, all attributes."""
    at = {"xmlns": W10}
    header = markup.joined(
        el(
            "StorageApplicationHeader",
            el("ApplicationID", "Messenger Client 8.0"),
            el("Scenario", "RoamingSeed"),
            at=at,
        ),
        el("StorageUserHeader", el("Puid", 0), el("TicketToken", ticket), at=at),
    )
    attributes = (el(name, True) for name in _ATTRIBUTES)
    alias = el("Alias", el("Name", cid), el("NameSpace", "MyCidStuff"))
    return soap.envelope(
        el(
            "GetProfile",
            el("profileHandle", alias, el("RelationshipName", "MyProfile")),
            el(
                "profileAttributes",
                el("ResourceID", True),
                el("DateModified", True),
                el("ExpressionProfileAttributes", *attributes),
            ),
            at=at,
        ),
        header,
    )


def resource(account: str, number: int) -> str:
    """Resource id: CID in hexadecimal, `!`, number of the item."""
    return f"{passport.numbers(account).cid_hex}!{number}"


def answer_header(account: str, namespace: str) -> Xml:
    """Header of every answer; clients keep nothing but the CacheKey."""
    at = {"xmlns": namespace}
    user = el(
        "StorageUserHeader",
        el("Puid", 0),
        el("Cid", passport.numbers(account).cid),
        el("ApplicationId", 0),
        el("DeviceId", 0),
        el("IsTrustedDevice", False),
        el("IsStrongAuth", False),
        el("TicketToken"),
        el("IsAdmin", False),
        el("LanguagePreference", 0),
        at=at,
    )
    key = el("CacheKey", f"affinity-{passport.numbers(account).cid_hex}")
    return markup.joined(el("AffinityCacheHeader", key, at=at), user)


def profile(account: str, now: float, namespace: str) -> Xml:
    """GetProfileResponse. The profile's own ResourceID comes first: emesene takes the first it meets."""
    at = soap_date(now)
    path = TILE_PATH + resource(account, 205)
    stream = el(
        "DocumentStream",
        el("DocumentStreamName", "UserTileStatic"),
        el("MimeType", "image/png"),
        el("DataSize", len(TILE)),
        el("PreAuthURL", path),
        el("PreAuthURLPartner", path),
        el("WriteMode", "Overwrite"),
        el("StreamVersion", 1),
        el("DocumentStreamType", "UserTileStatic"),
        at={"xsi:type": "PhotoStream"},
    )
    photo = el(
        "Photo",
        el("ItemType", "Photo"),
        el("ResourceID", resource(account, 205)),
        el("DateModified", at),
        el("Name", "emu-tile"),
        el("DocumentStreams", stream),
    )
    expression = el(
        "ExpressionProfile",
        el("ResourceID", resource(account, 118)),
        el("Version", 205),
        el("DateModified", at),
        el("Flags", 0),
        photo,
        el("PersonalStatus", STATUS),
        el("PersonalStatusLastModified", at),
        el("DisplayName", account.partition("@")[0]),
        el("DisplayNameLastModified", at),
        el("StaticUserTilePublicURL", f"http://{FILES}{path}"),
    )
    result = el("GetProfileResult", el("ResourceID", resource(account, 106)), el("DateModified", at), expression)
    return el("GetProfileResponse", result, at={"xmlns": namespace})


def read_profile(reply: Element) -> Profile:
    """What clients take from GetProfileResponse."""
    result = markup.find(reply, "GetProfileResult")
    expression = markup.find(result, "ExpressionProfile")
    return Profile(
        markup.text(result, "ResourceID"),
        markup.text(expression, "DisplayName"),
        markup.text(expression, "PersonalStatus"),
        markup.text(expression, "Photo/DocumentStreams/DocumentStream/PreAuthURL"),
    )
