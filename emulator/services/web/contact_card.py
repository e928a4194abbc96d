"""Exchange `contact-card`: the card service on the documented host and on the one that clients ask, and the pages.

Not spaces. Source: http.md 22.
"""

from __future__ import annotations

import re

from emulator.services.web import pages
from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService, passport_refused
from emulator.wire import contactcard, markup, soap
from emulator.wire.http import Request


def feed(asked: Asked) -> bytes:
    """The card of a CID: name and picture of whoever has it; one that nobody has is an empty card, not a fault."""
    cid = markup.text(asked.payload, "refreshInformation/cid")
    account = asked.world.accounts.by_cid(int(cid)) if re.fullmatch(r"-?[0-9]{1,20}", cid) else None
    name, picture = "", ""
    if account is not None:
        name = account.name
        picture = account.resource(account.photo) if account.tile is not None else ""
    return soap.envelope(contactcard.feed(cid, asked.scene.now(), name=name, picture=picture))


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
