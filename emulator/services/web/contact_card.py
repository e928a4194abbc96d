"""Exchange `contact-card`: the card service on the documented host and on the one that clients ask, and the pages.

Not spaces. Source: http.md 22.
"""

from __future__ import annotations

from emulator.services.web import pages
from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService, passport_refused
from emulator.wire import contactcard, markup, soap
from emulator.wire.http import Request


def feed(asked: Asked) -> bytes:
    """The card of a CID; one that nobody has is an empty card, not a fault."""
    cid = markup.text(asked.call.payload, "refreshInformation/cid")
    return soap.envelope(contactcard.feed(cid, asked.scene.now()))


def _ticket(call: soap.Call, request: Request) -> str:
    ticket = markup.text(call.header, "AuthTokenHeader/Token")
    return ticket if ticket.startswith("t=") else ""


service = SoapService(
    actor="http://cc.services.spaces.live.com" + contactcard.PATH,
    operations={"GetXmlFeed": feed},
    namespaces=(contactcard.NAMESPACE,),
    ticket=_ticket,
    refused=passport_refused,
)
HOSTS = ("spaces.live.com", "cc.services.spaces.live.com")
PAGES = (
    "/",
    "/Profile.aspx",
    "/PendingRequests.aspx",
    "/NetworkExplorer.aspx",
    "/NetworkSetup.aspx",
    "/emu/contact/*",
)
ROUTES = (
    *on(HOSTS, "POST", contactcard.PATH, service),
    *(route for path in PAGES for route in on(HOSTS[:1], "GET", path, pages.page)),
)
