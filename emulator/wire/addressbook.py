"""The sharing and address book services as a client sees them: its calls, the header of answers, what it reads.

Not the lists (`membership`) and contacts (`contactbook`) in those answers, and no state. Source: http.md 4.
"""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, soap
from emulator.wire.markup import Xml, el

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


def call(operation: str, ticket: str, *content: Xml, scenario: str = "Initial", key: str = "") -> bytes:
    """A request of the client: application header, ticket, operation."""
    at = {"xmlns": NAMESPACE}
    header = markup.joined(
        el(
            "ABApplicationHeader",
            el("ApplicationId", APPLICATION),
            el("IsMigration", False),
            el("PartnerScenario", scenario),
            *((el("CacheKey", key),) if key else ()),
            at=at,
        ),
        el("ABAuthHeader", el("ManagedGroupRequest", False), el("TicketToken", ticket), at=at),
    )
    return soap.envelope(el(operation, *content, at=at), header)


def find_membership(ticket: str, *, since: str = "") -> bytes:
    """Synchronisation of the four lists: everything, or what changed after `since` (a LastChange received)."""
    kinds = (el("ServiceType", kind) for kind in ("Messenger", "Invitation", "Profile"))
    return call(
        "FindMembership",
        ticket,
        el("serviceFilter", el("Types", *kinds)),
        el("View", "Full"),
        el("deltasOnly", bool(since)),
        el("lastChange", since or NEVER + ".0000000-08:00"),
    )


def find_all(ticket: str, *, since: str = "") -> bytes:
    """Synchronisation of the address book: everything, or what changed after `since` (a lastChange received)."""
    return call(
        "ABFindAll",
        ticket,
        el("abId", NOBODY),
        el("abView", "Full"),
        el("deltasOnly", bool(since)),
        el("lastChange", since or NEVER + ".0000000-08:00"),
    )


def service_header(key: str, host: str, *, session: str, echoed: str = "") -> Xml:
    """Header of every answer. `key` is the account's affinity key: who echoes it is told that nothing changed.

    `host` is the name that was asked: clients go on there. `session` is any text that stays the same for an account.
    """
    return el(
        "ServiceHeader",
        el("Version", "15.01.1408.0000"),
        el("CacheKey", key),
        el("CacheKeyChanged", echoed != key),
        el("PreferredHostName", host),
        el("SessionId", guid("session " + session)),
        at={"xmlns": NAMESPACE},
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
