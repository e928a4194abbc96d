"""How seven client families read the address book: one reader each, from the table of http.md 4.5.

What would crash the program is an assertion here.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import NamedTuple
from xml.etree import ElementTree

from envelopes import BOOK
from lxml import etree
from trees import Node, between, document, literal, purple_child, purple_data

TRUTH = {"true": True, "false": False}


class Person(NamedTuple):
    """What every family knows of a contact."""

    account: str
    name: str


class Book(NamedTuple):
    """An address book as a family holds it; groups by name with the accounts in them; the CID of the owner."""

    people: set[Person]
    groups: dict[str, set[str]]
    cid: str


def papyon_book(data: bytes) -> Book:
    """`ab` must be there; flags and numbers are converted; phones and locations need their change notes."""
    ns = f"{{{BOOK}}}"
    result = ElementTree.fromstring(data).find(f".//{ns}ABFindAllResult")
    assert result is not None
    book = result.find(f"./{ns}ab")
    assert book is not None
    assert book.findtext(f"./{ns}lastChange")
    groups, names, people, cid = {}, {}, set(), ""
    for group in result.findall(f"./{ns}groups/{ns}Group"):
        name = group.findtext(f"./{ns}groupInfo/{ns}name") or ""
        names[group.findtext(f"./{ns}groupId")] = name
        groups[name] = set[str]()
        for flag in ("IsNotMobileVisible", "IsPrivate"):
            assert group.findtext(f"./{ns}groupInfo/{ns}{flag}") in TRUTH
        assert group.findtext(f"./{ns}fDeleted") in TRUTH
    for contact in result.findall(f"./{ns}contacts/{ns}Contact"):
        info = contact.find(f"./{ns}contactInfo")
        assert info is not None
        for flag in ("isMobileIMEnabled", "isMessengerUser", "isFavorite", "isSmtp", "hasSpace"):
            assert info.findtext(f"./{ns}{flag}") in TRUTH
        for words in ("quickName", "displayName", "spotWatchState", "birthdate", "primaryEmailType", "PrimaryPhone"):
            assert info.findtext(f"./{ns}{words}")
        int(info.findtext(f"./{ns}puid") or "")
        for outer, inner in (("phones", "propertiesChanged"), ("locations", "Changes")):
            for one in info.findall(f"./{ns}{outer}/*"):
                assert one.find(f"./{ns}{inner}") is not None
        account = info.findtext(f"./{ns}passportName") or ""
        if info.findtext(f"./{ns}contactType") == "Me":
            cid = str(int(info.findtext(f"./{ns}CID") or ""))
            continue
        people.add(Person(account, info.findtext(f"./{ns}displayName") or ""))
        for group in info.findall(f"./{ns}groupIds/{ns}guid"):
            groups[names[group.text]].add(account)
    return Book(people, groups, cid)


def _literal_book(result: Node, groups_name: str, contacts_name: str) -> Book:
    names, groups, people, cid = {}, {}, set(), ""
    for group in result.all(f"{groups_name}/Group"):
        names[group.need("groupId")] = group.need("groupInfo/name")
        groups[group.need("groupInfo/name")] = set[str]()
    for contact in result.all(f"{contacts_name}/Contact"):
        assert contact.need("contactId")
        info = contact.at("contactInfo")
        assert info is not None
        assert info.need("isMessengerUser") in TRUTH
        if info.need("contactType") == "Me":
            cid = info.need("CID")
            continue
        people.add(Person(info.need("passportName"), info.need("displayName")))
        for group in info.all("groupIds/guid"):
            groups[names[group.text]].add(info.need("passportName"))
    return Book(people, groups, cid)


def bitlbee_book(data: bytes) -> Book:
    """Handlers on Contact and Group; the Me contact's CID starts the profile call that ends the sign-in."""
    result = next(literal(data).every("ABFindAllResult"))
    return _literal_book(result, "groups", "contacts")


def amsn_book(data: bytes) -> Book:
    """Literal paths; OwnerCID of the book; booleans go into expressions."""
    result = literal(data).at("soap:Envelope/soap:Body/ABFindAllResponse/ABFindAllResult")
    assert result is not None
    book = _literal_book(result, "groups", "contacts")
    assert result.need("ab/abInfo/OwnerCID") == book.cid
    return book


def miranda_book(data: bytes) -> Book:
    """As aMSN, and the annotations in pairs."""
    result = literal(data).at("soap:Envelope/soap:Body/ABFindAllResponse/ABFindAllResult")
    assert result is not None
    for note in result.every("Annotation"):
        assert note.need("Name")
        assert note.at("Value") is not None
    return _literal_book(result, "groups", "contacts")


def purple_book(data: bytes) -> Book:
    """ABFindContactsPaged, whose three parts have a capital."""
    result = purple_child(document(data), "Body/ABFindContactsPagedResponse/ABFindContactsPagedResult")
    names, groups, people, cid = {}, {}, set(), ""
    for group in purple_child(result, "Groups").getElementsByTagName("Group"):
        name = purple_data(purple_child(group, "groupInfo/name"))
        names[purple_data(purple_child(group, "groupId"))] = name
        groups[name] = set[str]()
    for contact in purple_child(result, "Contacts").getElementsByTagName("Contact"):
        assert purple_data(purple_child(contact, "contactId"))
        info = purple_child(contact, "contactInfo")
        if purple_data(purple_child(info, "contactType")) == "Me":
            cid = purple_data(purple_child(info, "CID"))
            continue
        account = purple_data(purple_child(info, "passportName"))
        people.add(Person(account, purple_data(purple_child(info, "displayName"))))
        for inside in info.getElementsByTagName("groupIds"):
            for group in inside.getElementsByTagName("guid"):
                groups[names[purple_data(group)]].add(account)
    assert purple_data(purple_child(result, "Ab/lastChange"))
    return Book(people, groups, cid)


def emesene_book(data: bytes) -> Book:
    """Slices of text: Me first, then its name and CID; every group of a contact must be known."""
    text = data.decode()
    mine = text.split("<contactType>Me</contactType>", 1)[1]
    assert between(mine, "<displayName>", "</displayName>")
    cid = between(mine, "<CID>", "</CID>")
    names, groups, people = {}, {}, set()
    for piece in text.split("<Group>")[1:]:
        name = unescape(between(piece, "<name>", "</name>"))
        names[between(piece, "<groupId>", "</groupId>")] = name
        groups[name] = set[str]()
    for piece in text.split("<Contact>")[1:]:
        if "<contactType>Me</contactType>" in piece:
            continue
        account = unescape(between(piece, "<passportName>", "</passportName>"))
        people.add(Person(account, unescape(between(piece, "<displayName>", "</displayName>"))))
        if "<groupIds>" in piece:
            for group in re.findall("<guid>([^<]*)</guid>", between(piece, "<groupIds>", "</groupIds>")):
                groups[names[group]].add(account)
    return Book(people, groups, cid)


def msnpsharp_book(data: bytes) -> Book:
    """Typed: moments, GUIDs, numbers and flags of every entry."""
    result = etree.fromstring(data).find(f".//{{{BOOK}}}ABFindAllResult")
    for moment in ("lastChange", "DynamicItemLastChanged", "createDate"):
        datetime.fromisoformat(result.findtext(f"{{*}}ab/{{*}}{moment}"))
    for contact in result.iterfind("{*}contacts/{*}Contact"):
        datetime.fromisoformat(contact.findtext("{*}lastChange"))
        datetime.fromisoformat(contact.findtext("{*}contactInfo/{*}birthdate"))
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", contact.findtext("{*}contactId"))
        assert contact.findtext("{*}fDeleted") in TRUTH
    return papyon_book(data)


BOOKS = {
    "papyon": papyon_book,
    "bitlbee": bitlbee_book,
    "libpurple": purple_book,
    "amsn": amsn_book,
    "miranda": miranda_book,
    "emesene": emesene_book,
    "msnpsharp": msnpsharp_book,
}
