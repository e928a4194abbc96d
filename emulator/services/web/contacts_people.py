"""People as the clients of 2009 add and drop them: CreateContact, ManageWLConnection, BreakConnection.

Circles do not exist here, so every call is about the one address book. Source: http.md 4.1; element names as
msnp-sharp and Escargot have them.
"""

from __future__ import annotations

from emulator.services.web.contacts_book import PENDING, entry
from emulator.services.web.contacts_reply import done, refuse, reply
from emulator.services.web.soapservice import Asked, Operation
from emulator.wire import addressbook, contactbook, markup
from emulator.wire.membership import INVITATION
from emulator.world import limits
from emulator.world.errors import ListFull
from emulator.world.records import PASSPORT, Contact

CONNECT, DECLINE = "1", "2"  # values of `action`


def create(asked: Asked) -> bytes:
    """An entry that is nobody's friend yet: the address book knows it, the forward list does not."""
    _check_book(asked)
    address = markup.text(asked.payload, "contactHandle/Email")
    if "@" not in address:
        raise refuse(asked, "BadEmailArgument", "Not an address")
    if asked.world.find(address) is None:
        raise refuse(asked, "InvalidPassportUser", "Nobody has this address")
    name = markup.text(asked.payload, "contactInfo/displayName")
    contact = asked.world.books.add_contact(asked.me.address, address, name=name, messenger=False, kind=PENDING)
    return _shown(asked, contact)


def manage(asked: Asked) -> bytes:
    """Action 1 befriends (and allows, unless blocked), with the text of the invitation; 2 declines who asked."""
    _check_book(asked)
    before = _contact(asked)
    action = markup.text(asked.payload, "action")
    if markup.text(asked.payload, "connection").lower() != "true" or action not in (CONNECT, DECLINE):
        raise refuse(asked, "Forbidden", "Only connections are managed, by action 1 or 2")
    world, me = asked.world, asked.me
    if action == DECLINE:
        if me.has("Pending", before.key):
            world.lists.remove_member(me.address, "Pending", before.address)
        after = world.books.update_contact(me.address, before.id, messenger=False)
        return _shown(asked, after)
    notes = {
        markup.text(one, "Name"): markup.text(one, "Value")
        for one in markup.every(asked.payload, "annotations/Annotation")
    }
    invite = notes.get(INVITATION, "")[: limits.INVITATION]
    allow = not me.has("Block", before.key) and not me.has("Allow", before.key)
    if allow and len(me.members.get("Allow", ())) >= limits.MEMBERS:
        raise ListFull(f"{limits.MEMBERS} members are on Allow")
    after = world.books.update_contact(me.address, before.id, messenger=True, kind=PENDING, invite=invite)
    if allow:
        world.lists.add_member(me.address, "Allow", before.address)
    return _shown(asked, after)


def break_off(asked: Asked) -> bytes:
    """Off the forward list; `blockContact` blocks as well, `deleteContact` takes the entry out of the book."""
    _check_book(asked)
    before, world, me = _contact(asked), asked.world, asked.me
    if markup.text(asked.payload, "blockContact").lower() == "true" and not me.has("Block", before.key):
        world.lists.add_member(me.address, "Block", before.address, move=True)
    if markup.text(asked.payload, "deleteContact").lower() == "true":
        world.books.remove_contact(me.address, before.id)
    else:
        world.books.update_contact(me.address, before.id, messenger=False)
    return done(asked)


def _contact(asked: Asked) -> Contact:
    """The one that is named; people of other networks are not connected this way."""
    found = asked.world.books.contact(asked.me.address, markup.text(asked.payload, "contactId"))
    if found.network != PASSPORT or asked.world.find(found.address) is None:
        raise refuse(asked, "InvalidPassportUser", "Nobody has this address")
    return found


def _shown(asked: Asked, contact: Contact) -> bytes:
    shown = entry(asked.world, asked.me, contact, deleted=False)
    return reply(asked, contactbook.contact_response(asked.call.operation, shown))


def _check_book(asked: Asked) -> None:
    wanted = markup.text(asked.payload, "abHandle/ABId", addressbook.NOBODY)
    if wanted not in ("", addressbook.NOBODY):
        raise refuse(asked, "ABDoesNotExist", "No such address book")


OPERATIONS: dict[str, Operation] = {"CreateContact": create, "ManageWLConnection": manage, "BreakConnection": break_off}
