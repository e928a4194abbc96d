"""How seven client families read FindMembership: one reader each, from the table of http.md 4.3.

What would crash the program is an assertion here. A reader returns accounts by role.
"""

from __future__ import annotations

from datetime import datetime
from html import unescape
from xml.etree import ElementTree

from envelopes import BOOK
from lxml import etree
from trees import between, document, literal, purple_child, purple_data

XSI = "http://www.w3.org/2001/XMLSchema-instance"
TRUTH = {"true": True, "false": False}
Lists = dict[str, set[str]]


def papyon_lists(data: bytes) -> Lists:
    """Only the first Service; Type must be one of three; four roles; numbers and flags are converted."""
    root = ElementTree.fromstring(data)
    ns = f"{{{BOOK}}}"
    service = root.find(f".//{ns}FindMembershipResult/{ns}Services/{ns}Service")
    assert service is not None
    found: Lists = {}
    for one in service.findall(f"./{ns}Memberships/{ns}Membership"):
        role = one.findtext(f"./{ns}MemberRole")
        assert role in ("Allow", "Block", "Reverse", "Pending")
        for member in one.findall(f"./{ns}Members/{ns}Member"):
            kind = member.findtext(f"./{ns}Type")
            address = {"Passport": "PassportName", "Email": "Email", "Phone": "PhoneNumber"}[kind or ""]
            int(member.findtext(f"./{ns}MembershipId") or "")
            int(member.findtext(f"./{ns}CID") or "")
            assert member.findtext(f"./{ns}State") == "Accepted"
            assert TRUTH[member.findtext(f"./{ns}Deleted") or ""] is False
            assert TRUTH[member.findtext(f"./{ns}IsPassportNameHidden") or ""] is False
            assert member.findtext(f"./{ns}LastChanged")
            found.setdefault(role, set()).add(member.findtext(f"./{ns}{address}") or "")
    return found


def purple_lists(data: bytes) -> Lists:
    """The service whose Handle is of type Messenger; the kind of member is the attribute `type`, prefix unseen."""
    services = purple_child(document(data), "Body/FindMembershipResponse/FindMembershipResult/Services")
    found: Lists = {}
    for service in services.getElementsByTagName("Service"):
        if purple_data(purple_child(service, "Info/Handle/Type")) != "Messenger":
            continue
        assert purple_data(purple_child(service, "LastChange"))
        for one in purple_child(service, "Memberships").getElementsByTagName("Membership"):
            role = purple_data(purple_child(one, "MemberRole"))
            for member in one.getElementsByTagName("Member"):
                kinds = [value for name, value in member.attributes.items() if name.rpartition(":")[2] == "type"]
                element = {"PassportMember": "PassportName", "EmailMember": "Email"}[kinds[0]]
                int(purple_data(purple_child(member, "MembershipId")))
                found.setdefault(role, set()).add(purple_data(purple_child(member, element)))
    return found


def bitlbee_lists(data: bytes) -> Lists:
    """Handlers on names, wherever they stand."""
    found: Lists = {}
    for one in literal(data).every("Membership"):
        for member in one.all("Members/Member"):
            found.setdefault(one.need("MemberRole"), set()).add(member.need("PassportName"))
    return found


def amsn_lists(data: bytes) -> Lists:
    """Literal paths from the envelope down."""
    path = "soap:Envelope/soap:Body/FindMembershipResponse/FindMembershipResult/Services/Service"
    found: Lists = {}
    for service in literal(data).all(path):
        if service.need("Info/Handle/Type") != "Messenger":
            continue
        for one in service.all("Memberships/Membership"):
            for member in one.all("Members/Member"):
                found.setdefault(one.need("MemberRole"), set()).add(member.need("PassportName"))
    return found


def miranda_lists(data: bytes) -> Lists:
    """Literal names; deleted members are passed over."""
    path = "soap:Envelope/soap:Body/FindMembershipResponse/FindMembershipResult/Services/Service"
    found: Lists = {}
    for service in literal(data).all(path):
        assert service.need("Info/Handle/Type")
        for one in service.all("Memberships/Membership"):
            for member in one.all("Members/Member"):
                if member.need("Deleted") == "true":
                    continue
                assert member.need("Type") == "Passport"
                found.setdefault(one.need("MemberRole"), set()).add(member.need("PassportName"))
    return found


def emesene_lists(data: bytes) -> Lists:
    """Slices of text by role."""
    found: Lists = {}
    for piece in data.decode().split("<Membership>")[1:]:
        role = between(piece, "<MemberRole>", "</MemberRole>")
        for member in piece.split("<Member ")[1:]:
            assert between(member, "<CID>", "</CID>")
            found.setdefault(role, set()).add(unescape(between(member, "<PassportName>", "</PassportName>")))
    return found


def msnpsharp_lists(data: bytes) -> Lists:
    """A typed reading: xsi:type chooses the class, moments must be moments, the owner's CID a number."""
    root = etree.fromstring(data)
    result = root.find(f".//{{{BOOK}}}FindMembershipResult")
    int(result.findtext(f"{{{BOOK}}}OwnerNamespace/{{{BOOK}}}Info/{{{BOOK}}}CreatorCID"))
    found: Lists = {}
    for service in result.iterfind("{*}Services/{*}Service"):
        datetime.fromisoformat(service.findtext("{*}LastChange"))
        for one in service.iterfind("{*}Memberships/{*}Membership"):
            for member in one.iterfind("{*}Members/{*}Member"):
                assert member.get(f"{{{XSI}}}type") == member.findtext("{*}Type") + "Member"
                for moment in ("LastChanged", "JoinedDate", "ExpirationDate"):
                    datetime.fromisoformat(member.findtext("{*}" + moment))
                found.setdefault(one.findtext("{*}MemberRole"), set()).add(member.findtext("{*}PassportName"))
    return found


LISTS = {
    "papyon": papyon_lists,
    "libpurple": purple_lists,
    "bitlbee": bitlbee_lists,
    "amsn": amsn_lists,
    "miranda": miranda_lists,
    "emesene": emesene_lists,
    "msnpsharp": msnpsharp_lists,
}
