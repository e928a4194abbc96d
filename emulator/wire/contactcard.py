"""The contact card: GetXmlFeed and the feed of a contact's space.

Not the web pages of a space. Source: http.md 22.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, passport, soap
from emulator.wire.addressbook import CONTACT, CONTACT_NAME
from emulator.wire.markup import Xml, el
from emulator.wire.roaming import FILES, resource
from emulator.wire.webfiles import TILE_PATH, soap_date

PATH = "/contactcard/contactcardservice.asmx"
NAMESPACE = "http://www.msn.com/webservices/spaces/v1/"
ACTION = NAMESPACE + "GetXmlFeed"
SPACE = "http://spaces.live.com/emu/contact"
PHOTO = "Belay"


class Card(msgspec.Struct, frozen=True):
    """What the probe reads of a card."""

    name: str
    matches: int
    photos: tuple[str, ...]
    picture: str


def request(ticket: str, cid: int) -> bytes:
    """GetXmlFeed for one contact."""
    values = {
        "cid": str(cid),
        "storageAuthCache": "",
        "market": "en-US",
        "brand": "",
        "maxElementCount": "2",
        "maxCharacterCount": "200",
        "maxImageCount": "6",
    }
    info = el("refreshInformation", *(el(name, value) for name, value in values.items()))
    at = {"xmlns": NAMESPACE}
    return soap.envelope(el("GetXmlFeed", info, at=at), el("AuthTokenHeader", el("Token", ticket), at=at))


def feed(cid: str, now: float, *, name: str = "", picture: str = "") -> Xml:
    """GetXmlFeedResponse: the emulated contact's album, or for any other CID a card without elements.

    `name` and `picture` (a resource id) are shown on that one; "" leaves them out.
    """
    at = soap_date(now)
    known = cid == str(passport.numbers(CONTACT).cid)
    shown = {"totalMatches": "0", "returnedMatches": "0"}
    if name:
        shown["displayName"] = name
    if picture:
        shown["displayPictureUrl"] = f"http://{FILES}{TILE_PATH}{picture}"
    elements = _album(at) if known else el("elements", at=shown)
    card = el(
        "contactCard",
        el("storageAuthCache", f"auth-{passport.numbers(CONTACT).cid_hex}"),
        elements,
        el("theme", el("name", "emu")),
        el("liveTheme", el("themeName", "emu")),
        el("lastUpdate", at),
    )
    return el("GetXmlFeedResponse", el("GetXmlFeedResult", card), at={"xmlns": NAMESPACE})


def _album(at: str) -> Xml:
    picture = f"http://{FILES}{TILE_PATH}{resource(CONTACT, 205)}"
    photo = el(
        "subElement",
        el("description", PHOTO),
        el("tooltip", PHOTO),
        el("title", PHOTO),
        el("url", SPACE + "/album/1"),
        el("thumbnailUrl", picture),
        el("webReadyUrl", picture),
        el("albumName", "North face"),
        at={"type": "Photo", "lastUpdated": at, "xsi:type": "spaceContactCardElementsElementPhotoSubElement"},
    )
    album = el(
        "element",
        el("title", "North face"),
        el("url", SPACE + "/album"),
        el("totalNewItems", 1),
        photo,
        at={"type": "Album"},
    )
    counts = {"totalMatches": "1", "returnedMatches": "1", "displayName": CONTACT_NAME, "displayPictureUrl": picture}
    return el("elements", album, at=counts)


def read(reply: Element) -> Card:
    """Name, matches, photo titles and picture URL of a card."""
    elements = markup.find(reply, "GetXmlFeedResult/contactCard/elements")
    matches = markup.attribute(elements, "totalMatches")
    photos = markup.every(elements, "element/subElement")
    return Card(
        markup.attribute(elements, "displayName"),
        int(matches) if matches.isascii() and matches.isdigit() and len(matches) < 10 else -1,
        tuple(markup.text(photo, "title") for photo in photos),
        markup.text(next(iter(photos), None), "webReadyUrl"),
    )
