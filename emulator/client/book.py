"""The address book of an account: lists, contacts, profile; and the changes that clients make.

Not presence, and not the old dialects, whose lists are in band (`messenger`). Source: http.md 4, 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from xml.etree.ElementTree import Element

from emulator.client import soap
from emulator.client.account import CONTACTS, STORAGE, Tickets
from emulator.client.network import Network, Unexpected
from emulator.wire import addressbook, bookreply, markup, roaming
from emulator.wire.addressbook import BOOK_PATH, NAMESPACE, NOBODY, SHARING_PATH
from emulator.wire.bookreply import Contacts, Member, Membership, Person
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el
from emulator.wire.msnp import lists
from emulator.wire.roaming import Profile

__all__ = ["Book", "Contacts", "Member", "Membership", "Person", "Profile", "people"]

T = TypeVar("T")

BITS = {"Allow": lists.ALLOW, "Block": lists.BLOCK}
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_MEMBER_NAMES = {"Passport": "PassportName", "Email": "Email", "Phone": "PhoneNumber"}


def people(membership: Membership | None, contacts: Contacts | None) -> tuple[lists.Item, ...]:
    """Whom the first ADL names: contacts (1), allowed (2) and blocked (4) people, each once with the sum."""
    bits: dict[tuple[str, int], lists.Item] = {}

    def put(address: str, network: int, bit: int) -> None:
        key = (address.lower(), network)
        before = bits[key].bits if key in bits else 0
        bits[key] = lists.Item(address, before | bit, network)

    for person in contacts.people if contacts is not None else ():
        if person.messenger and "@" in person.address:
            put(person.address, person.network, lists.FORWARD)
    for one in membership.members if membership is not None else ():
        if one.role in BITS and "@" in one.address:
            put(one.address, 32 if one.kind == "Email" else 1, BITS[one.role])
    both = lists.ALLOW | lists.BLOCK
    return tuple(one for one in bits.values() if one.bits & both != both)


class Book:
    """The services of one account: `host` for contacts, `storage` for the profile. Connections are kept open."""

    def __init__(
        self,
        network: Network,
        tickets: Tickets,
        *,
        secure: bool = True,
        host: str = "contacts.msn.com",
        storage: str = "storage.msn.com",
    ) -> None:
        self._tickets = tickets
        self._contacts = soap.Service(network, host, secure=secure, agent=soap.BOOK_AGENT)
        self._storage = soap.Service(network, storage, secure=secure, agent=soap.BOOK_AGENT)
        self._cid: int | None = None

    def close(self) -> None:
        """Close the connections."""
        self._contacts.close()
        self._storage.close()

    async def membership(self, *, since: str = "") -> Membership:
        """The four lists, or what changed `since` an earlier answer. Raises ClientError."""
        body = addressbook.find_membership(self._ticket, since=since)
        return _read(bookreply.membership, await self._contacts.call(SHARING_PATH, _action("FindMembership"), body))

    async def contacts(self, *, since: str = "") -> Contacts:
        """Groups, contacts and the owner's own entry. Raises ClientError."""
        body = addressbook.find_all(self._ticket, since=since)
        found = _read(bookreply.contacts, await self._contacts.call(BOOK_PATH, _action("ABFindAll"), body))
        self._cid = found.cid or self._cid
        return found

    async def profile(self, *, cid: int = 0) -> Profile:
        """Name, status message and picture as kept for all places; `cid` saves asking for it. Raises ClientError."""
        self._cid = cid or self._cid
        if self._cid is None:
            await self.contacts()
        body = roaming.get_profile(self._tickets.for_site(STORAGE), self._cid or 0)
        return roaming.read_profile(await self._storage.call(roaming.PATH, roaming.W10 + "/GetProfile", body))

    async def add_contact(self, address: str, *, name: str = "", invite: str = "", allow: bool = True) -> str:
        """A new contact; returns its id. Raises Unexpected (`code` ContactAlreadyExists, InvalidPassportUser)."""
        note = el("Annotation", el("Name", "MSN.IM.InviteMessage"), el("Value", invite))
        pending = el("MessengerMemberInfo", el("PendingAnnotations", note), el("DisplayName", name)) if invite else ""
        info = el(
            "contactInfo",
            el("contactType", "LivePending"),
            el("passportName", address),
            *((el("displayName", name),) if name else ()),
            el("isMessengerUser", True),
            *((pending,) if pending else ()),
        )
        contact = el("contacts", el("Contact", info, at={"xmlns": NAMESPACE}))
        options = el("options", el("EnableAllowListManagement", allow))
        reply = await self._change(BOOK_PATH, "ABContactAdd", "ContactSave", el("abId", NOBODY), contact, options)
        return markup.text(reply, "ABContactAddResult/guid")

    async def delete_contact(self, contact: str) -> None:
        """By id. Raises Unexpected (`code` ContactDoesNotExist)."""
        which = el("contacts", el("Contact", el("contactId", contact)))
        await self._change(BOOK_PATH, "ABContactDelete", "Timer", el("abId", NOBODY), which)

    async def add_group(self, name: str) -> str:
        """A new group; returns its id. Raises Unexpected (`code` GroupAlreadyExists)."""
        kind = el("groupType", "C8529CE2-6EAD-434d-881F-341E17DB3FF8")
        info = el("groupInfo", el("GroupInfo", el("name", name), kind, el("fMessenger", False)))
        options = el("groupAddOptions", el("fRenameOnMsgrConflict", False))
        reply = await self._change(BOOK_PATH, "ABGroupAdd", "GroupSave", el("abId", NOBODY), options, info)
        return markup.text(reply, "ABGroupAddResult/guid")

    async def add_member(self, role: str, address: str, *, kind: str = "Passport") -> None:
        """Onto Allow, Block or (accepting) Reverse. Raises Unexpected (`code` MemberAlreadyExists)."""
        await self._member("AddMember", role, address, kind)

    async def delete_member(self, role: str, address: str, *, kind: str = "Passport") -> None:
        """Off Allow, Block or Pending. Raises Unexpected (`code` MemberDoesNotExist)."""
        await self._member("DeleteMember", role, address, kind)

    @property
    def _ticket(self) -> str:
        return self._tickets.for_site(CONTACTS)

    async def _member(self, operation: str, role: str, address: str, kind: str) -> None:
        handle = el("serviceHandle", el("Id", 0), el("Type", "Messenger"), el("ForeignId"))
        member = el(
            "Member",
            el("Type", kind),
            el("State", "Accepted"),
            el(_MEMBER_NAMES[kind], address),
            at={"xsi:type": f"{kind}Member", "xmlns:xsi": _XSI},
        )
        which = el("memberships", el("Membership", el("MemberRole", role), el("Members", member)))
        await self._change(SHARING_PATH, operation, "BlockUnblock", handle, which)

    async def _change(self, path: str, operation: str, scenario: str, *content: Xml) -> Element:
        body = addressbook.call(operation, self._ticket, *content, scenario=scenario)
        return await self._contacts.call(path, _action(operation), body)


def _action(operation: str) -> str:
    return f"{NAMESPACE}/{operation}"


def _read(read: Callable[[Element], T], reply: Element) -> T:
    try:
        return read(reply)
    except WireError as error:
        raise Unexpected(str(error)) from error
