"""Exchanges `contacts` and `contacts-clear`: the sharing and address book services, with or without TLS.

Nothing is kept: everybody has one contact in one group, and changes are accepted without effect. Source: http.md 4.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, Operation, SoapService, passport_refused, ticket_or_cookie
from emulator.wire import addressbook, markup, soap
from emulator.wire.http import Request
from emulator.wire.markup import Xml, el

NAMESPACE = addressbook.NAMESPACE


def _reply(asked: Asked, response: Xml) -> bytes:
    echoed = markup.text(asked.call.header, "ABApplicationHeader/CacheKey")
    return soap.envelope(response, addressbook.service_header(asked.account, asked.request.host, echoed=echoed))


def _refuse(asked: Asked, code: str, text: str) -> soap.Refusal:
    actor = f"{NAMESPACE}/{asked.call.operation}"
    return soap.Refusal(soap.service_fault(NAMESPACE, code, text, actor=actor))


def _done(asked: Asked) -> bytes:
    return _reply(asked, el(f"{asked.call.operation}Response", at={"xmlns": NAMESPACE}))


def _full_sync(asked: Asked) -> None:
    if markup.text(asked.call.payload, "deltasOnly").lower() == "true":
        raise _refuse(asked, "FullSyncRequired", "Full sync required")


def find_membership(asked: Asked) -> bytes:
    """The four lists; changes since a date are refused, and the client asks for everything."""
    _full_sync(asked)
    return _reply(asked, addressbook.membership(asked.account, asked.scene.now()))


def find_all(asked: Asked) -> bytes:
    """The address book; the same refusal."""
    _full_sync(asked)
    return _reply(asked, addressbook.book(asked.account, asked.scene.now()))


def change_member(asked: Asked) -> bytes:
    """AddMember, DeleteMember: a name without `@` is nobody."""
    for member in markup.every(asked.call.payload, "memberships/Membership/Members/Member"):
        name = markup.text(member, "PassportName") or markup.text(member, "Email")
        if name and "@" not in name:
            raise _refuse(asked, "UserDoesNotExist", "No such user")
    return _done(asked)


def add_book(asked: Asked) -> bytes:
    """The address book is always there already."""
    raise _refuse(asked, "ABAlreadyExists", "The address book exists")


def add_contact(asked: Asked) -> bytes:
    """A GUID for an address that looks like one."""
    info = markup.find(asked.call.payload, "contacts/Contact/contactInfo")
    name = markup.text(info, "passportName") or markup.text(info, "emails/ContactEmail/email")
    number = markup.text(info, "phones/ContactPhone/number")
    if not number and ("@" not in name or "." not in name):
        raise _refuse(asked, "BadEmailArgument", "No e-mail address")
    return _made(asked, "contact " + (name or number))


def add_group(asked: Asked) -> bytes:
    """A GUID for a name of at most 61 characters."""
    name = markup.text(asked.call.payload, "groupInfo/GroupInfo/name")
    if not 0 < len(name) <= addressbook.GROUP_NAME_LIMIT:
        raise _refuse(asked, "BadArgumentLength", "Group name too short or too long")
    return _made(asked, name if name == addressbook.GROUP else "group " + name)


def add_to_group(asked: Asked) -> bytes:
    """The contact's GUID again."""
    contact = markup.find(asked.call.payload, "contacts/Contact")
    name = markup.text(contact, "contactInfo/passportName")
    known = markup.text(contact, "contactId")
    return _made(asked, "contact " + name, known)


def _made(asked: Asked, about: str, known: str = "") -> bytes:
    name = asked.call.operation
    result = el(f"{name}Result", el("guid", known or addressbook.guid(about)))
    return _reply(asked, el(f"{name}Response", result, at={"xmlns": NAMESPACE}))


SHARING: dict[str, Operation] = {
    "FindMembership": find_membership,
    "AddMember": change_member,
    "DeleteMember": change_member,
}
BOOK: dict[str, Operation] = {
    "ABFindAll": find_all,
    "ABAdd": add_book,
    "ABContactAdd": add_contact,
    "ABGroupAdd": add_group,
    "ABGroupContactAdd": add_to_group,
    **dict.fromkeys(
        (
            "ABContactUpdate",
            "ABContactDelete",
            "ABGroupUpdate",
            "ABGroupDelete",
            "ABGroupContactDelete",
            "UpdateDynamicItem",
        ),
        _done,
    ),
}


def _ticket(call: soap.Call, request: Request) -> str:
    return ticket_or_cookie(markup.text(call.header, "ABAuthHeader/TicketToken"), request)


def _service(path: str, operations: dict[str, Operation]) -> SoapService:
    refused: Callable[[soap.Call], soap.Fault] = passport_refused
    actor = f"https://contacts.msn.com{path}"
    return SoapService(actor=actor, operations=operations, namespaces=(NAMESPACE,), ticket=_ticket, refused=refused)


sharing = _service(addressbook.SHARING_PATH, SHARING)
book = _service(addressbook.BOOK_PATH, BOOK)

ROUTES = (
    *on(("*.contacts.msn.com",), "POST", addressbook.SHARING_PATH, sharing),
    *on(("*.contacts.msn.com",), "POST", addressbook.BOOK_PATH, book),
)
CLEAR_ROUTES = (  # the bare host; papyon asks it on port 80, others over TLS
    *on(("contacts.msn.com",), "POST", addressbook.SHARING_PATH, sharing),
    *on(("contacts.msn.com",), "POST", addressbook.BOOK_PATH, book),
)
