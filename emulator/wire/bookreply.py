"""What the address book and sharing services answer, read as clients need it: members, groups, contacts, the owner.

The counterpart of `membership` and `contactbook`, which write these documents. Source: http.md 4.3, 4.5.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup
from emulator.wire.contactbook import NETWORKS, NICKNAME, PASSPORT
from emulator.wire.errors import WireError

_NAMES = {"Passport": "PassportName", "Email": "Email", "Phone": "PhoneNumber"}


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on one of the four lists; `kind` is Passport, Email or Phone."""

    role: str
    kind: str
    address: str
    id: int = 0
    name: str = ""
    invite: str = ""


class Membership(msgspec.Struct, frozen=True):
    """The lists of an account; `changed` is what a later call shows to be told changes only."""

    owner: str
    members: tuple[Member, ...]
    changed: str = ""

    def of(self, role: str) -> tuple[Member, ...]:
        """One list: Allow, Block, Reverse or Pending."""
        return tuple(one for one in self.members if one.role == role)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A contact. `nickname` is the owner's own word for it; `groups` are group ids."""

    id: str
    address: str
    name: str
    network: int = PASSPORT
    nickname: str = ""
    messenger: bool = True
    groups: tuple[str, ...] = ()
    cid: int = 0


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """An address book. `cid`, `name` and `notes` are the owner's; `privacy` is AL or BL, "" when it does not say."""

    owner: str
    people: tuple[Person, ...]
    groups: dict[str, str]
    cid: int = 0
    name: str = ""
    notes: dict[str, str] = {}
    changed: str = ""

    @property
    def privacy(self) -> str:
        return {"1": "AL", "2": "BL"}.get(self.notes.get("MSN.IM.BLP", ""), "")


def membership(reply: Element) -> Membership:
    """FindMembershipResponse; members that are gone are left out. Raises WireError for another document."""
    result = markup.find(reply, "FindMembershipResult")
    if result is None:
        raise WireError(f"not a FindMembershipResponse but {markup.local(reply)}")
    service = markup.find(result, "Services/Service")
    members = []
    for one in markup.every(service, "Memberships/Membership"):
        role = markup.text(one, "MemberRole")
        members += [_member(role, each) for each in markup.every(one, "Members/Member") if not _true(each, "Deleted")]
    owner = markup.text(result, "OwnerNamespace/Info/CreatorPassportName")
    return Membership(owner, tuple(members), markup.text(service, "LastChange"))


def contacts(reply: Element) -> Contacts:
    """ABFindAllResponse; what is gone is left out. Raises WireError for another document."""
    result = markup.find(reply, "ABFindAllResult")
    if result is None:
        raise WireError(f"not an ABFindAllResponse but {markup.local(reply)}")
    groups = {
        markup.text(one, "groupId"): markup.text(one, "groupInfo/name")
        for one in markup.every(result, "groups/Group")
        if not _true(one, "fDeleted")
    }
    everybody = [one for one in markup.every(result, "contacts/Contact") if not _true(one, "fDeleted")]
    me = next((one for one in everybody if markup.text(one, "contactInfo/contactType") == "Me"), None)
    own = markup.find(me, "contactInfo")
    return Contacts(
        owner=markup.text(own, "passportName") or markup.text(result, "ab/abInfo/ownerEmail"),
        people=tuple(_person(one) for one in everybody if one is not me),
        groups=groups,
        cid=_number(markup.text(own, "CID") or markup.text(result, "ab/abInfo/OwnerCID")),
        name=markup.text(own, "displayName"),
        notes=_notes(own, "annotations"),
        changed=markup.text(result, "ab/lastChange"),
    )


def _member(role: str, one: Element) -> Member:
    kind = markup.text(one, "Type", "Passport")
    return Member(
        role=role,
        kind=kind,
        address=markup.text(one, _NAMES.get(kind, "PassportName")),
        id=_number(markup.text(one, "MembershipId")),
        name=markup.text(one, "DisplayName"),
        invite=_notes(one, "Annotations").get("MSN.IM.InviteMessage", ""),
    )


def _person(one: Element) -> Person:
    info = markup.find(one, "contactInfo")
    address, network, messenger = markup.text(info, "passportName"), PASSPORT, _true(info, "isMessengerUser")
    mail = markup.find(info, "emails/ContactEmail")
    if not address and mail is not None:
        address = markup.text(mail, "email")
        network = NETWORKS.get(markup.text(mail, "contactEmailType"), PASSPORT)
        messenger = _true(mail, "isMessengerEnabled")
    return Person(
        id=markup.text(one, "contactId"),
        address=address,
        name=markup.text(info, "displayName"),
        network=network,
        nickname=_notes(info, "annotations").get(NICKNAME, ""),
        messenger=messenger,
        groups=tuple(markup.text(each) for each in markup.every(info, "groupIds/guid")),
        cid=_number(markup.text(info, "CID")),
    )


def _notes(element: Element | None, name: str) -> dict[str, str]:
    return {markup.text(one, "Name"): markup.text(one, "Value") for one in markup.every(element, f"{name}/Annotation")}


def _true(element: Element | None, name: str) -> bool:
    return markup.text(element, name).lower() in ("true", "1")


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
