"""Roaming profile documents: name, status message and picture in the storage service.

Not the store itself. Source: http.md 5.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, passport, soap
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import TILE_PATH, soap_moment

W10 = "http://www.msn.com/webservices/storage/w10"  # clients 8.x
Y2008 = "http://www.msn.com/webservices/storage/2008"  # clients 2009: answered in their own namespace
PATH = "/storageservice/SchematizedStore.asmx"
FILES = "byfiles.storage.msn.com"
STATUS = "roaming from the emulator \u03a9"  # of every account of a probe
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
PROFILE, EXPRESSION = 106, 118  # numbers of two resources that every account has
TILE_LIMIT = 256 * 1024  # bytes of an uploaded picture


class Profile(msgspec.Struct, frozen=True):
    """A profile as the probe reads it."""

    resource: str
    name: str
    status: str
    picture: str  # PreAuthURL


def call(operation: str, ticket: str, *content: Xml, namespace: str = W10, scenario: str = "RoamingSeed") -> bytes:
    """A request of the client: application header, ticket, operation."""
    at = {"xmlns": namespace}
    header = markup.joined(
        el(
            "StorageApplicationHeader",
            el("ApplicationID", "Messenger Client 8.0"),
            el("Scenario", scenario),
            at=at,
        ),
        el("StorageUserHeader", el("Puid", 0), el("TicketToken", ticket), at=at),
    )
    return soap.envelope(el(operation, *content, at=at), header)


def get_profile(ticket: str, cid: int) -> bytes:
    """GetProfile for the account's own CID, all attributes."""
    attributes = (el(name, True) for name in _ATTRIBUTES)
    alias = el("Alias", el("Name", cid), el("NameSpace", "MyCidStuff"))
    return call(
        "GetProfile",
        ticket,
        el("profileHandle", alias, el("RelationshipName", "MyProfile")),
        el(
            "profileAttributes",
            el("ResourceID", True),
            el("DateModified", True),
            el("ExpressionProfileAttributes", *attributes),
        ),
    )


def resource(account: str, number: int) -> str:
    """Resource id: CID in hexadecimal, `!`, number of the item."""
    return f"{passport.numbers(account).cid_hex}!{number}"


def number_of(resource_id: str, cid_hex: str) -> int:
    """Number in a resource id of that account; 0 when it is another's or none at all."""
    whose, _, number = resource_id.strip().partition("!")
    fits = whose.lower() == cid_hex and number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if fits else 0


def answer_header(cid: int, cid_hex: str, namespace: str) -> Xml:
    """Header of every answer; clients keep nothing but the CacheKey."""
    at = {"xmlns": namespace}
    user = el(
        "StorageUserHeader",
        el("Puid", 0),
        el("Cid", cid),
        el("ApplicationId", 0),
        el("DeviceId", 0),
        el("IsTrustedDevice", False),
        el("IsStrongAuth", False),
        el("TicketToken"),
        el("IsAdmin", False),
        el("LanguagePreference", 0),
        at=at,
    )
    key = el("CacheKey", f"affinity-{cid_hex}")
    return markup.joined(el("AffinityCacheHeader", key, at=at), user)


class Photo(msgspec.Struct, frozen=True):
    """The user tile: its resource id, what it is, how many bytes; `changed` in milliseconds."""

    resource: str
    name: str
    mime: str
    size: int
    changed: int


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What GetProfile shows of an account; times are milliseconds. A status of "" and a photo of None are left out."""

    cid_hex: str
    version: int
    changed: int
    name: str
    name_changed: int
    status: str
    status_changed: int
    photo: Photo | None


def profile(view: View, namespace: str) -> Xml:
    """GetProfileResponse. The profile's own ResourceID comes first: emesene takes the first it meets."""
    at = soap_moment(view.changed)
    photo = (_photo(view.photo),) if view.photo is not None else ()
    url = f"http://{FILES}{TILE_PATH}{view.photo.resource}" if view.photo is not None else ""
    status: tuple[Xml, ...] = ()
    if view.status:
        status = (
            el("PersonalStatus", view.status),
            el("PersonalStatusLastModified", soap_moment(view.status_changed)),
        )
    expression = el(
        "ExpressionProfile",
        el("ResourceID", f"{view.cid_hex}!{EXPRESSION}"),
        el("Version", view.version),
        el("DateModified", at),
        el("Flags", 0),
        *photo,
        *status,
        el("DisplayName", view.name),
        el("DisplayNameLastModified", soap_moment(view.name_changed)),
        *((el("StaticUserTilePublicURL", url),) if url else ()),
    )
    result = el("GetProfileResult", el("ResourceID", f"{view.cid_hex}!{PROFILE}"), el("DateModified", at), expression)
    return el("GetProfileResponse", result, at={"xmlns": namespace})


def _photo(photo: Photo) -> Xml:
    path = TILE_PATH + photo.resource
    stream = el(
        "DocumentStream",
        el("DocumentStreamName", "UserTileStatic"),
        el("MimeType", photo.mime),
        el("DataSize", photo.size),
        el("PreAuthURL", path),
        el("PreAuthURLPartner", path),
        el("WriteMode", "Overwrite"),
        el("StreamVersion", 1),
        el("DocumentStreamType", "UserTileStatic"),
        at={"xsi:type": "PhotoStream"},
    )
    return el(
        "Photo",
        el("ItemType", "Photo"),
        el("ResourceID", photo.resource),
        el("DateModified", soap_moment(photo.changed)),
        el("Name", photo.name),
        el("DocumentStreams", stream),
    )


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
