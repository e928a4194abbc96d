"""FindMembershipResponse: the Allow, Block, Reverse and Pending lists of an account, whole or what changed.

Not the lists themselves. Source: http.md 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from emulator.wire.addressbook import NAMESPACE, NEVER, NOBODY, ROLES
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import soap_moment

INVITATION = "MSN.IM.InviteMessage"
BUDDY_TYPE = "MSN.IM.BuddyType"
YAHOO = "32:"  # value of that annotation


class Owner(msgspec.Struct, frozen=True):
    """Whose book or lists they are; `created` in milliseconds."""

    address: str
    cid: int
    puid: int
    created: int


class MemberEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One member. `kind` is Passport, Email or Phone; times are milliseconds; `cid` is 0 for nobody's address."""

    id: int
    kind: str
    address: str
    changed: int
    joined: int
    name: str = ""
    cid: int = 0
    invite: str = ""
    deleted: bool = False


def notes_element(values: Sequence[tuple[str, str]]) -> Xml:
    """A list of annotations, as members, groups and contacts have them."""
    return el("annotations", *_pairs(values))


def _pairs(values: Sequence[tuple[str, str]]) -> list[Xml]:
    return [el("Annotation", el("Name", name), el("Value", value)) for name, value in values]


def response(
    owner: Owner, lists: Mapping[str, Sequence[MemberEntry]], changed: int, *, complete: bool, messenger: bool = True
) -> Xml:
    """The document; all four roles always stand there, in their order. `complete`: everything, not only changes.

    The Messenger service stands first because papyon looks at no other; without `messenger` nobody asked for it.
    """
    at = soap_moment(changed)
    roles = (
        el(
            "Membership",
            el("MemberRole", role),
            el("Members", *(_member(one) for one in lists.get(role, ()))),
            el("MembershipIsComplete", complete),
        )
        for role in ROLES
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
    namespace = el(
        "OwnerNamespace",
        el(
            "Info",
            el("Handle", el("Id", NOBODY), el("IsPassportNameHidden", False), el("CID", 0)),
            el("CreatorPuid", 0),
            el("CreatorCID", owner.cid),
            el("CreatorPassportName", owner.address),
            el("CircleAttributes", el("IsPresenceEnabled", False), el("Domain", "WindowsLive")),
            el("MessengerApplicationServiceCreated", False),
        ),
        el("Changes"),
        el("CreateDate", soap_moment(owner.created)),
        el("LastChange", at),
    )
    result = el("FindMembershipResult", el("Services", *((service,) if messenger else ())), namespace)
    return el("FindMembershipResponse", result, at={"xmlns": NAMESPACE})


# the same for every member, and written once: a list may hold a thousand
_ACCEPTED = el("State", "Accepted")
_LASTING = (el("ExpirationDate", NEVER), el("Changes"))
_PLAIN = (el("IsPassportNameHidden", False), el("PassportId", 0))
_FOUND = (el("PassportChanges"), el("LookedupByCID", False))


def _member(one: MemberEntry) -> Xml:
    found = [(INVITATION, one.invite)] if one.invite else []
    if one.kind == "Email":
        found.append((BUDDY_TYPE, YAHOO))
    return el(
        "Member",
        el("MembershipId", one.id),
        el("Type", one.kind),
        *((el("DisplayName", one.name),) if one.name else ()),
        _ACCEPTED,
        *((el("Annotations", *_pairs(found)),) if found else ()),
        el("Deleted", one.deleted),
        el("LastChanged", soap_moment(one.changed)),
        el("JoinedDate", soap_moment(one.joined)),
        *_LASTING,
        *_identity(one),
        at={"xsi:type": f"{one.kind}Member"},
    )


def _identity(one: MemberEntry) -> tuple[Xml, ...]:
    if one.kind == "Email":
        return (el("Email", one.address),)
    if one.kind == "Phone":
        return (el("PhoneNumber", one.address),)
    return (
        el("PassportName", one.address),
        *_PLAIN,
        el("CID", one.cid),
        *_FOUND,
    )
