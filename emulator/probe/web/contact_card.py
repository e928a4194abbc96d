"""Dialogue `contact-card`: the emulated contact's card holds its album, a stranger's is empty.

Not a fetch of the pictures that it names: they lie on other hosts.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import account, soap, ticket
from emulator.wire import contactcard, passport
from emulator.wire.addressbook import CONTACT, CONTACT_NAME


def dialogue(context: WebContext) -> Steps:
    """GetXmlFeed twice."""
    cards = []
    for name in (CONTACT, account(context)):
        call = contactcard.request(ticket(context), passport.numbers(name).cid)
        response = yield soap(context, contactcard.PATH, contactcard.ACTION, call)
        cards.append(contactcard.read(checks.reply(response, "GetXmlFeedResponse")))
    known, stranger = cards
    whose = (known.name, known.matches, known.photos)
    checks.that(whose == (CONTACT_NAME, 1, (contactcard.PHOTO,)), f"the card {whose}", response)
    checks.that(stranger.matches == 0, f"a card with {stranger.matches} elements for nobody", response)
    return {"photos": list(known.photos), "picture": known.picture}
