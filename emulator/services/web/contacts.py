"""Exchanges `contacts` and `contacts-clear`: the sharing and address book services, with or without TLS.

The operations stand beside it, in `contacts_lists`, `_book`, `_groups` and `_people`. Source: http.md 4.
"""

from __future__ import annotations

from emulator.services.web import contacts_book, contacts_groups, contacts_lists, contacts_people
from emulator.services.web.route import on
from emulator.services.web.soapservice import Operation, SoapService, passport_refused, ticket_or_cookie
from emulator.wire import addressbook, markup, soap
from emulator.wire.http import Request


def _ticket(call: soap.Call, request: Request) -> str:
    return ticket_or_cookie(markup.text(call.header, "ABAuthHeader/TicketToken"), request)


def _service(path: str, operations: dict[str, Operation]) -> SoapService:
    actor = f"https://contacts.msn.com{path}"
    return SoapService(
        actor=actor,
        operations=operations,
        namespaces=(addressbook.NAMESPACE,),
        ticket=_ticket,
        refused=passport_refused,
    )


sharing = _service(addressbook.SHARING_PATH, contacts_lists.OPERATIONS)
book = _service(
    addressbook.BOOK_PATH, contacts_book.OPERATIONS | contacts_groups.OPERATIONS | contacts_people.OPERATIONS
)

ROUTES = (
    *on(("*.contacts.msn.com",), "POST", addressbook.SHARING_PATH, sharing),
    *on(("*.contacts.msn.com",), "POST", addressbook.BOOK_PATH, book),
)
CLEAR_ROUTES = (  # the bare host; papyon asks it on port 80, others over TLS
    *on(("contacts.msn.com",), "POST", addressbook.SHARING_PATH, sharing),
    *on(("contacts.msn.com",), "POST", addressbook.BOOK_PATH, book),
)
