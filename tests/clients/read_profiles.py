"""How client families read roaming profiles, contact cards and faults: from the tables of http.md 1.4, 5.1 and 22.

What would crash the program is an assertion here.
"""

from __future__ import annotations

from datetime import datetime
from html import unescape
from typing import NamedTuple
from xml.etree import ElementTree

from envelopes import BOOK, SPACES, STORAGE
from lxml import etree
from trees import between, document, literal, purple_child, purple_data

XSI = "http://www.w3.org/2001/XMLSchema-instance"


class Profile(NamedTuple):
    """What a family takes from GetProfile; "" where it does not look."""

    resource: str
    name: str
    status: str = ""
    picture: str = ""


def papyon_profile(data: bytes) -> Profile:
    """ExpressionProfile must be there; a Photo needs a DocumentStream."""
    ns = f"{{{STORAGE}}}"
    result = ElementTree.fromstring(data).find(f".//{ns}GetProfileResult")
    assert result is not None
    expression = result.find(f"./{ns}ExpressionProfile")
    assert expression is not None
    assert expression.findtext(f"./{ns}ResourceID")
    picture = ""
    photo = expression.find(f"./{ns}Photo")
    if photo is not None:
        assert photo.findtext(f"./{ns}ResourceID")
        stream = photo.findall(f"./{ns}DocumentStreams/{ns}DocumentStream")[0]
        assert stream.findtext(f"./{ns}MimeType")
        int(stream.findtext(f"./{ns}DataSize") or "")
        picture = stream.findtext(f"./{ns}PreAuthURL") or ""
    return Profile(
        result.findtext(f"./{ns}ResourceID") or "",
        expression.findtext(f"./{ns}DisplayName") or "",
        expression.findtext(f"./{ns}PersonalStatus") or "",
        picture,
    )


def bitlbee_profile(data: bytes) -> Profile:
    """A ResourceID directly below the result, and the name."""
    result = next(literal(data).every("GetProfileResult"))
    return Profile(result.need("ResourceID"), result.need("ExpressionProfile/DisplayName"))


def amsn_profile(data: bytes) -> Profile:
    """Literal paths."""
    result = literal(data).at("soap:Envelope/soap:Body/GetProfileResponse/GetProfileResult")
    assert result is not None
    assert result.need("ExpressionProfile/ResourceID")
    stream = "ExpressionProfile/Photo/DocumentStreams/DocumentStream/PreAuthURL"
    return Profile(
        result.need("ResourceID"),
        result.need("ExpressionProfile/DisplayName"),
        result.need("ExpressionProfile/PersonalStatus"),
        result.need(stream) if result.at(stream) else "",
    )


def emesene_profile(data: bytes) -> Profile:
    """Slices: the first ResourceID must be the profile's."""
    text = data.decode()
    assert between(text, "<CacheKey>", "</CacheKey>")
    picture = between(text, "<PreAuthURL>", "</PreAuthURL>") if "<PreAuthURL>" in text else ""
    return Profile(
        between(text, "<ResourceID>", "</ResourceID>"),
        unescape(between(text, "<DisplayName>", "</DisplayName>")),
        unescape(between(text, "<PersonalStatus>", "</PersonalStatus>")),
        picture,
    )


def miranda_profile(data: bytes) -> Profile:
    """Ids and the date."""
    result = literal(data).at("soap:Envelope/soap:Body/GetProfileResponse/GetProfileResult")
    assert result is not None
    assert result.need("ExpressionProfile/ResourceID")
    assert result.need("ExpressionProfile/DateModified")
    return Profile(result.need("ResourceID"), result.need("ExpressionProfile/DisplayName"))


def msnpsharp_profile(data: bytes) -> Profile:
    """Typed: streams are polymorphic, dates are dates."""
    result = etree.fromstring(data).find(f".//{{{STORAGE}}}GetProfileResult")
    expression = result.find("{*}ExpressionProfile")
    for moment in ("DateModified", "DisplayNameLastModified"):
        datetime.fromisoformat(expression.findtext("{*}" + moment))
    for stream in expression.iterfind("{*}Photo/{*}DocumentStreams/{*}DocumentStream"):
        assert stream.get(f"{{{XSI}}}type") == "PhotoStream"
    return papyon_profile(data)


PROFILES = {
    "papyon": papyon_profile,
    "bitlbee": bitlbee_profile,
    "amsn": amsn_profile,
    "emesene": emesene_profile,
    "miranda": miranda_profile,
    "msnpsharp": msnpsharp_profile,
}


def papyon_fault(data: bytes) -> str:
    """faultcode, faultstring, then detail/errorcode by the namespace of the address book."""
    ns = "{http://schemas.xmlsoap.org/soap/envelope/}"
    fault = ElementTree.fromstring(data).find(f"./{ns}Body/{ns}Fault")
    assert fault is not None
    assert fault.findtext("./faultcode")
    assert fault.findtext("./faultstring")
    return fault.findtext(f"./detail/{{{BOOK}}}errorcode") or ""


def literal_fault(data: bytes) -> str:
    """bitlbee, aMSN and Miranda: the literal path."""
    return literal(data).need("soap:Envelope/soap:Body/soap:Fault/detail/errorcode")


def purple_fault(data: bytes) -> str:
    """libpurple: below Body/Fault by local names."""
    fault = purple_child(document(data), "Body/Fault")
    assert purple_data(purple_child(fault, "faultcode"))
    return purple_data(purple_child(fault, "detail/errorcode"))


FAULTS = {
    "papyon": papyon_fault,
    "bitlbee": literal_fault,
    "amsn": literal_fault,
    "miranda": literal_fault,
    "libpurple": purple_fault,
}


def papyon_card(data: bytes) -> tuple[str, int]:
    """Crashes without the two counts, and on a sub-element without a date."""
    ns = f"{{{SPACES}}}"
    elements = ElementTree.fromstring(data).find(f".//{ns}GetXmlFeedResult/{ns}contactCard/{ns}elements")
    assert elements is not None
    count = int(elements.attrib["returnedMatches"])
    assert count <= int(elements.attrib["totalMatches"])
    for one in elements.iter(f"{ns}subElement"):
        assert one.attrib["lastUpdated"]
        assert one.attrib["type"]
    return elements.attrib.get("displayName", ""), count


def msnpsharp_card(data: bytes) -> tuple[str, int]:
    """Photos are polymorphic."""
    elements = etree.fromstring(data).find(f".//{{{SPACES}}}elements")
    for one in elements.iter(f"{{{SPACES}}}subElement"):
        if one.get("type") == "Photo":
            assert one.get(f"{{{XSI}}}type") == "spaceContactCardElementsElementPhotoSubElement"
    return elements.get("displayName", ""), len(elements)


CARDS_READ = {"papyon": papyon_card, "msnpsharp": msnpsharp_card}
