"""Contact list documents: what the sharing and address book services are asked and what they answer.

Not a contact list with state: one emulated contact in one group, the same for everybody. Source: http.md 4.
"""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, passport, soap
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import soap_date

NAMESPACE = "http://www.msn.com/webservices/AddressBook"
SHARING_PATH = "/abservice/SharingService.asmx"
BOOK_PATH = "/abservice/abservice.asmx"
APPLICATION = "CFE80F9D-180F-4399-82AB-413F33A1FA11"
NOBODY = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01T00:00:00"
ROLES = ("Allow", "Block", "Reverse", "Pending")

CONTACT = "contact@hotmail.com"  # the emulated contact that everybody has
CONTACT_NAME = "Emulated contact \u03a9"
GROUP = "Emulated group"
GROUP_TYPE = "c8529ce2-6ead-434d-881f-341e17db3ff8"  # the only one ever seen
GROUP_NAME_LIMIT = 61  # characters
_JOINED = 1_180_684_800.0  # 2007-06-01T08:00:00Z


class Person(msgspec.Struct, frozen=True):
    """A contact as the probe reads it."""

    kind: str
    account: str
    name: str
    cid: str


def guid(about: str) -> str:
    """A GUID that is the same for the same text."""
    digest = hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def cache_key(account: str) -> str:
    """The affinity key of an account; a client that echoes it is told that nothing changed."""
    return f"12r1:{guid('key ' + account)}"


def call(operation: str, ticket: str, *content: Xml, scenario: str = "Initial") -> bytes:
    """A request of the client: application header, ticket, operation."""
    at = {"xmlns": NAMESPACE}
    header = markup.joined(
        el(
            "ABApplicationHeader",
            el("ApplicationId", APPLICATION),
            el("IsMigration", False),
            el("PartnerScenario", scenario),
            at=at,
        ),
        el("ABAuthHeader", el("ManagedGroupRequest", False), el("TicketToken", ticket), at=at),
    )
    return soap.envelope(el(operation, *content, at=at), header)


def find_membership(ticket: str) -> bytes:
    """First synchronisation of the four lists."""
    kinds = (el("ServiceType", kind) for kind in ("Messenger", "Invitation", "Profile"))
    return call(
        "FindMembership",
        ticket,
        el("serviceFilter", el("Types", *kinds)),
        el("View", "Full"),
        el("deltasOnly", False),
        el("lastChange", NEVER + ".0000000-08:00"),
    )


def find_all(ticket: str) -> bytes:
    """First synchronisation of the address book."""
    return call(
        "ABFindAll",
        ticket,
        el("abId", NOBODY),
        el("abView", "Full"),
        el("deltasOnly", False),
        el("lastChange", NEVER + ".0000000-08:00"),
    )


def service_header(account: str, host: str, *, echoed: str = "") -> Xml:
    """Header of every answer. `host` is the name that was asked: clients go on there."""
    key = cache_key(account)
    return el(
        "ServiceHeader",
        el("Version", "15.01.1408.0000"),
        el("CacheKey", key),
        el("CacheKeyChanged", echoed != key),
        el("PreferredHostName", host),
        el("SessionId", guid("session " + account)),
        at={"xmlns": NAMESPACE},
    )


def membership(account: str, now: float) -> Xml:
    """FindMembershipResponse; the Messenger service stands first because papyon looks at no other."""
    at = soap_date(now)
    lists = {"Allow": 101, "Block": 0, "Reverse": 102, "Pending": 0}
    roles = (
        el(
            "Membership",
            el("MemberRole", role),
            el("Members", *((_member(number, at),) if number else ())),
            el("MembershipIsComplete", True),
        )
        for role, number in lists.items()
    )
    service = el(
        "Service",
        el("Memberships", *roles),
        el(
            "Info",
            el("Handle", el("Id", 1), el("Type", "Messenger"), el("ForeignId")),
            el("InverseRequired", False),
            el("AuthorizationCriteria", "Everyone"),
            el("IsBot", False),
        ),
        el("Changes"),
        el("LastChange", at),
        el("Deleted", False),
    )
    owner = el(
        "OwnerNamespace",
        el(
            "Info",
            el("Handle", el("Id", NOBODY), el("IsPassportNameHidden", False), el("CID", 0)),
            el("CreatorPuid", 0),
            el("CreatorCID", passport.numbers(account).cid),
            el("CreatorPassportName", account),
            el("CircleAttributes", el("IsPresenceEnabled", False), el("Domain", "WindowsLive")),
            el("MessengerApplicationServiceCreated", False),
        ),
        el("Changes"),
        el("CreateDate", soap_date(_JOINED)),
        el("LastChange", at),
    )
    result = el("FindMembershipResult", el("Services", service), owner)
    return el("FindMembershipResponse", result, at={"xmlns": NAMESPACE})


def _member(number: int, at: str) -> Xml:
    return el(
        "Member",
        el("MembershipId", number),
        el("Type", "Passport"),
        el("DisplayName", CONTACT_NAME),
        el("State", "Accepted"),
        el("Deleted", False),
        el("LastChanged", at),
        el("JoinedDate", soap_date(_JOINED)),
        el("ExpirationDate", NEVER),
        el("Changes"),
        el("PassportName", CONTACT),
        el("IsPassportNameHidden", False),
        el("PassportId", 0),
        el("CID", passport.numbers(CONTACT).cid),
        el("PassportChanges"),
        el("LookedupByCID", False),
        at={"xsi:type": "PassportMember"},
    )


def book(account: str, now: float) -> Xml:
    """ABFindAllResponse: the account itself, one contact, one group."""
    at, group = soap_date(now), guid(GROUP)
    groups = el(
        "Group",
        el("groupId", group),
        el(
            "groupInfo",
            _annotations({"MSN.IM.Display": "1"}),
            el("groupType", GROUP_TYPE),
            el("name", GROUP),
            el("IsNotMobileVisible", False),
            el("IsPrivate", False),
            el("IsFavorite", False),
        ),
        el("propertiesChanged"),
        el("fDeleted", False),
        el("lastChange", at),
    )
    own = {"MSN.IM.MBEA": "0", "MSN.IM.GTC": "1", "MSN.IM.BLP": "1", "MSN.IM.RoamLiveProperties": "1"}
    name = account.partition("@")[0]
    contacts = el(
        "contacts",
        _contact(account, "Me", name, _annotations(own), at, space=False),
        _contact(CONTACT, "Regular", CONTACT_NAME, el("groupIds", el("guid", group)), at, space=True),
    )
    ab = el(
        "ab",
        el("abId", NOBODY),
        el(
            "abInfo",
            el("ownerPuid", 0),
            el("OwnerCID", passport.numbers(account).cid),
            el("ownerEmail", account),
            el("fDefault", True),
            el("joinedNamespace", False),
        ),
        el("lastChange", at),
        el("DynamicItemLastChanged", NEVER),
        el("createDate", soap_date(_JOINED)),
        el("propertiesChanged"),
    )
    result = el("ABFindAllResult", el("groups", groups), contacts, ab)
    return el("ABFindAllResponse", result, at={"xmlns": NAMESPACE})


def _annotations(values: dict[str, str]) -> Xml:
    return el("annotations", *(el("Annotation", el("Name", k), el("Value", v)) for k, v in values.items()))


def _contact(account: str, kind: str, name: str, first: Xml, at: str, *, space: bool) -> Xml:
    numbers = passport.numbers(account)
    info = el(
        "contactInfo",
        first,
        el("contactType", kind),
        el("quickName", name),
        el("passportName", account),
        el("IsPassportNameHidden", False),
        el("displayName", name),
        el("puid", numbers.puid if kind == "Me" else 0),
        el("CID", numbers.cid),
        el("IsNotMobileVisible", False),
        el("isMobileIMEnabled", False),
        el("isMessengerUser", True),
        el("isFavorite", False),
        el("isSmtp", False),
        el("hasSpace", space),
        el("spotWatchState", "NoDevice"),
        el("birthdate", NEVER),
        el("primaryEmailType", "ContactEmailPersonal"),
        el("PrimaryLocation", "ContactLocationPersonal"),
        el("PrimaryPhone", "ContactPhonePersonal"),
        el("IsPrivate", False),
        el("Gender", "Unspecified"),
        el("TimeZone", "None"),
    )
    contact = guid("contact " + account)
    return el(
        "Contact", el("contactId", contact), info, el("propertiesChanged"), el("fDeleted", False), el("lastChange", at)
    )


def read_membership(reply: Element) -> tuple[str, dict[str, list[str]]]:
    """Owner's account and the accounts by role, out of the first service."""
    result = markup.find(reply, "FindMembershipResult")
    service = markup.find(result, "Services/Service")
    roles: dict[str, list[str]] = {}
    for one in markup.every(service, "Memberships/Membership"):
        names = [markup.text(member, "PassportName") for member in markup.every(one, "Members/Member")]
        roles[markup.text(one, "MemberRole")] = names
    return markup.text(result, "OwnerNamespace/Info/CreatorPassportName"), roles


def read_book(reply: Element) -> list[Person]:
    """The contacts of an address book."""
    infos = markup.every(reply, "ABFindAllResult/contacts/Contact/contactInfo")
    names = ("contactType", "passportName", "displayName", "CID")
    return [Person(*(markup.text(info, name) for name in names)) for info in infos]
