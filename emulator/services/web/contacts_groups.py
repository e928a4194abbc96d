"""Groups of an address book over SOAP: made, renamed, removed, contacts put in and taken out.

Not the rules of groups, which are the world's. Source: http.md 4.6.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.services.web.contacts_reply import done, made, refuse
from emulator.services.web.soapservice import Asked, Operation
from emulator.wire import contactbook, markup
from emulator.world.errors import ContactExists, NotInGroup
from emulator.world.records import Contact, Group, contact_key


def add(asked: Asked) -> bytes:
    """A GUID for a new name of at most 61 characters."""
    name = markup.text(asked.payload, "groupInfo/GroupInfo/name")
    return made(asked, asked.world.books.add_group(asked.me.address, name).id)


def rename(asked: Asked) -> bytes:
    """Another name for one group, which is all that clients ask for in one call."""
    books, address = asked.world.books, asked.me.address
    wanted = [_renamed(one) for one in markup.every(asked.payload, "groups/Group")]
    if len(wanted) != 1:
        raise refuse(asked, "GroupDoesNotExist", "Name one group")
    books.rename_group(address, *wanted[0])
    return done(asked)


def _renamed(group: Element) -> tuple[str, str]:
    return markup.text(group, "groupId"), markup.text(group, "groupInfo/name")


def delete(asked: Asked) -> bytes:
    """The groups go, their contacts stay."""
    for group in _groups(asked):
        asked.world.books.remove_group(asked.me.address, group.id)
    return done(asked)


def put_in(asked: Asked) -> bytes:
    """The contact's GUID; somebody named by address who is no contact yet becomes one."""
    books, address = asked.world.books, asked.me.address
    groups, elements = _groups(asked), markup.every(asked.payload, "contacts/Contact")
    if len(elements) == 1:
        wanted = contactbook.read_contact(elements[0])
        known = contact_key(wanted.address, wanted.network) in asked.me.contacts
        if not wanted.id and wanted.address and not known:
            allow = markup.text(asked.payload, "groupContactAddOptions/EnableAllowListManagement").lower() == "true"
            ids = [one.id for one in groups]
            contact = books.add_contact(address, wanted.address, network=wanted.network, groups=ids, allow=allow)
            return made(asked, contact.id)
    contacts = _contacts(asked, elements)
    missing = [(one, group) for one in contacts for group in groups if group.id not in one.groups]
    if not missing:
        raise ContactExists(f"{contacts[0].address} is in this group already", contacts[0].id)
    for one, group in missing:
        books.put_in_group(address, one.id, group.id)
    return made(asked, contacts[0].id)


def take_out(asked: Asked) -> bytes:
    """Out of the groups named."""
    groups = _groups(asked)
    contacts = _contacts(asked, markup.every(asked.payload, "contacts/Contact"))
    there = [(one, group) for one in contacts for group in groups if group.id in one.groups]
    if not there:
        raise NotInGroup(f"{contacts[0].address} is not in this group")
    for one, group in there:
        asked.world.books.take_from_group(asked.me.address, one.id, group.id)
    return done(asked)


def _groups(asked: Asked) -> list[Group]:
    """The groups that a call names, each once and all of them there."""
    named = [markup.text(one) for one in markup.every(asked.payload, "groupFilter/groupIds/guid")]
    found = {one.id: one for one in (asked.world.books.group(asked.me.address, name) for name in named)}
    if not found:
        raise refuse(asked, "GroupDoesNotExist", "No group named")
    return list(found.values())


def _contacts(asked: Asked, elements: list[Element]) -> list[Contact]:
    books, address = asked.world.books, asked.me.address
    found: dict[str, Contact] = {}
    for element in elements:
        wanted = contactbook.read_contact(element)
        by_id = books.contact(address, wanted.id) if wanted.id else None
        one = by_id or books.contact_of(address, wanted.address, wanted.network)
        found[one.id] = one
    if not found:
        raise refuse(asked, "ContactDoesNotExist", "No contact named")
    return list(found.values())


OPERATIONS: dict[str, Operation] = {
    "ABGroupAdd": add,
    "ABGroupUpdate": rename,
    "ABGroupDelete": delete,
    "ABGroupContactAdd": put_in,
    "ABGroupContactDelete": take_out,
}
