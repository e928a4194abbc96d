"""What's New of 2009: who did what lately. Nobody did anything here, so the answer is well-formed and empty.

No row of the table; 8.1 never asks. Source: http.md 4.8.
"""

from __future__ import annotations

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService, passport_refused, ticket_or_cookie
from emulator.wire import addressbook, markup, soap
from emulator.wire.http import Request
from emulator.wire.markup import el

PATH = "/whatsnew/whatsnewservice.asmx"
VERSION = "15.01.1216.0000"


def nothing(asked: Asked) -> bytes:
    """No activities, no templates, and no feed to fetch."""
    name = asked.call.operation
    result = el(f"{name}Result", el("Activities"), el("Templates"), el("FeedUrl"))
    at = {"xmlns": addressbook.NAMESPACE}
    header = el("WNServiceHeader", el("Version", VERSION), at=at)
    return soap.envelope(el(f"{name}Response", result, at=at), header)


def _ticket(call: soap.Call, request: Request) -> str:
    return ticket_or_cookie(markup.text(call.header, "WNAuthHeader/TicketToken"), request)


service = SoapService(
    actor="http://sup.live.com" + PATH,
    operations={"GetContactsRecentActivity": nothing, "GetBatchRecentActivity": nothing},
    namespaces=(addressbook.NAMESPACE,),
    ticket=_ticket,
    refused=passport_refused,
)
ROUTES = on(("sup.live.com", "*.contacts.msn.com", "contacts.msn.com"), "POST", PATH, service)
