"""Contacts and groups of an address book: ABFindAllResponse, its paged form of 2009, and contacts as calls name them.

Not the address book itself. Source: http.md 4.5, 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup
from emulator.wire.addressbook import NAMESPACE, NEVER, NOBODY
from emulator.wire.markup import Xml, el, joined
from emulator.wire.membership import INVITATION, Owner, notes_element
from emulator.wire.webfiles import soap_moment

Pairs = tuple[tuple[str, str], ...]

GROUP_TYPE = "c8529ce2-6ead-434d-881f-341e17db3ff8"  # the only one ever seen
PASSPORT, MOBILE, MAIL = 1, 4, 32  # network types
NICKNAME = "AB.NickName"  # the owner's own word for a contact
MAIL_TYPES = {MAIL: "Messenger2", 2: "Messenger3"}  # contactEmailType by network type
NETWORKS = {kind: network for network, kind in MAIL_TYPES.items()}
MOBILE_PHONE = "ContactPhoneMobile"

# Simple elements of contactInfo that are kept by name, with the words of propertiesChanged that stand for them.
DETAILS = {
    "firstName": "ContactFirstName",
    "MiddleName": "MiddleName",
    "lastName": "ContactLastName",
    "isFavorite": "IsFavorite",
    "birthdate": "ContactBirthDate",
    "Anniversary": "Anniversary",
    "comment": "Comment",
}
_TAIL = joined(
    el("primaryEmailType", "ContactEmailPersonal"),
    el("PrimaryLocation", "ContactLocationPersonal"),
    el("PrimaryPhone", "ContactPhonePersonal"),
    el("IsPrivate", False),
)
_LAST = joined(el("Gender", "Unspecified"), el("TimeZone", "None"))


class GroupEntry(msgspec.Struct, frozen=True):
    """One group; `changed` in milliseconds."""

    id: str
    name: str
    changed: int
    deleted: bool = False


class ContactEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One contact, or the owner's own entry (`kind` Me). `changed` in milliseconds."""

    id: str
    kind: str
    address: str
    name: str
    changed: int
    network: int = PASSPORT
    cid: int = 0
    puid: int = 0
    groups: tuple[str, ...] = ()
    annotations: Pairs = ()
    phones: Pairs = ()
    details: Pairs = ()
    messenger: bool = True
    mobile: bool = False
    space: bool = False
    deleted: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as a call names it: by id, or by address and network; fields that the call does not hold are None.

    `tokens` are the words of propertiesChanged.
    """

    id: str
    address: str
    network: int
    me: bool
    values: dict[str, str]
    messenger: bool | None
    mobile: bool | None
    phones: Pairs | None
    annotations: Pairs | None
    invite: str
    tokens: frozenset[str]

    def value(self, name: str, token: str) -> str | None:
        """New value of a simple element: "" when its token says that it changed and it is not there; None: as it was.

        Without any tokens, whatever is there counts.
        """
        if self.tokens and token not in self.tokens:
            return None
        return self.values.get(name, "" if self.tokens else None)


def find_all(
    owner: Owner,
    groups: Sequence[GroupEntry],
    contacts: Sequence[ContactEntry],
    changed: int,
    *,
    paged: bool = False,
    spaces: bool = False,
) -> Xml:
    """ABFindAllResponse, or ABFindContactsPagedResponse, which spells three names with a capital.

    `spaces` adds the items of those contacts that have a space (`dynamicItemView` Gleam).
    """
    operation = "ABFindContactsPaged" if paged else "ABFindAll"
    names = ("Groups", "Contacts", "Ab") if paged else ("groups", "contacts", "ab")
    book = el(
        names[2],
        el("abId", NOBODY),
        el(
            "abInfo",
            el("ownerPuid", 0),
            el("OwnerCID", owner.cid),
            el("ownerEmail", owner.address),
            el("fDefault", True),
            el("joinedNamespace", False),
        ),
        el("lastChange", soap_moment(changed)),
        el("DynamicItemLastChanged", NEVER),
        el("createDate", soap_moment(owner.created)),
        el("propertiesChanged"),
    )
    result = el(
        f"{operation}Result",
        el(names[0], *(_group(one) for one in groups)),
        el(names[1], *(_contact(one) for one in contacts)),
        book,
        *((el("DynamicItems", *(_space(one) for one in contacts if one.space)),) if spaces else ()),
    )
    return el(f"{operation}Response", result, at={"xmlns": NAMESPACE})


def _group(one: GroupEntry) -> Xml:
    info = el(
        "groupInfo",
        notes_element((("MSN.IM.Display", "1"),)),
        el("groupType", GROUP_TYPE),
        el("name", one.name),
        el("IsNotMobileVisible", False),
        el("IsPrivate", False),
        el("IsFavorite", False),
    )
    return el(
        "Group",
        el("groupId", one.id),
        info,
        el("propertiesChanged"),
        el("fDeleted", one.deleted),
        el("lastChange", soap_moment(one.changed)),
    )


def _space(one: ContactEntry) -> Xml:
    """Whose space may be looked at; it has no news (http.md 4.5, one source)."""
    return el(
        "DynamicItem",
        el("Type", "Passport"),
        el("Deleted", False),
        el("LastChanged", soap_moment(one.changed)),
        el("CID", one.cid),
        el("PassportName", one.address),
        el("SpaceStatus", "Exist Access"),
        el("SpaceLastChanged", NEVER),
        el("SpaceLastViewed", NEVER),
        el("SpaceGleam", False),
        at={"xsi:type": "PassportDynamicItem"},
    )


def contact_response(operation: str, one: ContactEntry) -> Xml:
    """What CreateContact and ManageWLConnection answer: the contact itself as their result."""
    result = el(f"{operation}Result", *_contact_parts(one))
    return el(f"{operation}Response", result, at={"xmlns": NAMESPACE})


def _contact(one: ContactEntry) -> Xml:
    return el("Contact", *_contact_parts(one))


def _contact_parts(one: ContactEntry) -> tuple[Xml, ...]:
    details = dict(one.details)
    passport = one.network == PASSPORT
    info = el(
        "contactInfo",
        *_collections(one),
        el("contactType", one.kind),
        el("quickName", one.name),
        *(el(name, details[name]) for name in ("firstName", "MiddleName", "lastName") if details.get(name)),
        *((el("passportName", one.address), el("IsPassportNameHidden", False)) if passport else ()),
        el("displayName", one.name),
        el("puid", one.puid),
        el("CID", one.cid),
        el("IsNotMobileVisible", False),
        el("isMobileIMEnabled", one.mobile),
        el("isMessengerUser", one.messenger and passport),
        el("isFavorite", details.get("isFavorite") == "true"),
        el("isSmtp", False),
        el("hasSpace", one.space),
        el("spotWatchState", "NoDevice"),
        el("birthdate", details.get("birthdate") or NEVER),
        _TAIL,
        *((el("Anniversary", details["Anniversary"]),) if details.get("Anniversary") else ()),
        _LAST,
        *((el("comment", details["comment"]),) if details.get("comment") else ()),
    )
    return (
        el("contactId", one.id),
        info,
        el("propertiesChanged"),
        el("fDeleted", one.deleted),
        el("lastChange", soap_moment(one.changed)),
    )


def _collections(one: ContactEntry) -> list[Xml]:
    """What stands before the simple elements, each only when it holds something."""
    found = []
    if one.network in MAIL_TYPES:
        found.append(el("emails", _mail(one)))
    phones = one.phones
    if one.network == MOBILE and not any(kind == MOBILE_PHONE for kind, _ in phones):
        phones = ((MOBILE_PHONE, one.address), *phones)
    if phones:
        mobile = one.mobile or one.network == MOBILE
        found.append(el("phones", *(_phone(kind, number, mobile) for kind, number in phones)))
    if one.annotations:
        found.append(notes_element(one.annotations))
    if one.groups:
        found.append(el("groupIds", *(el("guid", group) for group in one.groups)))
    return found


def _mail(one: ContactEntry) -> Xml:
    return el(
        "ContactEmail",
        el("contactEmailType", MAIL_TYPES[one.network]),
        el("email", one.address),
        el("isMessengerEnabled", one.messenger),
        el("Capability", one.network),
        el("MessengerEnabledExternally", False),
        el("propertiesChanged"),
    )


def _phone(kind: str, number: str, mobile: bool) -> Xml:
    return el(
        "ContactPhone",
        el("contactPhoneType", kind),
        el("number", number),
        el("isMessengerEnabled", mobile and kind == MOBILE_PHONE),
        el("propertiesChanged"),
    )


def read_contact(contact: Element | None) -> Wanted:
    """Take one `Contact` of a call apart; what is missing is "" or None."""
    info = markup.find(contact, "contactInfo")
    simple = {} if info is None else {markup.local(one): markup.text(one) for one in info if len(one) == 0}
    address, network = simple.get("passportName", ""), PASSPORT
    mail = markup.find(info, "emails/ContactEmail")
    phones = _read_pairs(info, "phones", "ContactPhone", ("contactPhoneType", "number"))
    enabled = _flag(simple.get("isMessengerUser", ""))
    if not address and mail is not None:
        address = markup.text(mail, "email")
        network = NETWORKS.get(markup.text(mail, "contactEmailType"), MAIL)
        enabled = _flag(markup.text(mail, "isMessengerEnabled"))
    if not address and phones:
        address, network = dict(phones).get(MOBILE_PHONE, phones[0][1]), MOBILE
    member = markup.find(info, "MessengerMemberInfo/PendingAnnotations")
    invite = dict(_annotations(markup.every(member, "Annotation"))).get(INVITATION, "")
    notes = markup.find(info, "annotations")
    return Wanted(
        id=markup.text(contact, "contactId"),
        address=address,
        network=network,
        me=simple.get("contactType", "") == "Me",
        values=simple,
        messenger=enabled,
        mobile=_flag(simple.get("isMobileIMEnabled", "")),
        phones=phones,
        annotations=None if notes is None else _annotations(markup.every(notes, "Annotation")),
        invite=invite,
        tokens=frozenset(markup.text(contact, "propertiesChanged").split()),
    )


def _annotations(elements: Sequence[Element]) -> Pairs:
    return tuple((markup.text(one, "Name"), markup.text(one, "Value")) for one in elements)


def _read_pairs(info: Element | None, outer: str, inner: str, names: tuple[str, str]) -> Pairs | None:
    if markup.find(info, outer) is None:
        return None
    found = markup.every(info, f"{outer}/{inner}")
    return tuple((markup.text(one, names[0]), markup.text(one, names[1])) for one in found)


def _flag(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
