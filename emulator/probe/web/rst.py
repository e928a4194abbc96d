"""Dialogue `rst`: a wrong password is refused, the right one gives a ticket for every site asked.

Not a sign-in: the tickets are compared and thrown away.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Differs, Steps, WebContext
from emulator.probe.web.requests import RST_AGENT, account, soap, ticket
from emulator.wire import passport
from emulator.wire import rst as wire
from emulator.wire.errors import WireError
from emulator.wire.http import Response

PATH = "/RST.srf"
SITES = (
    wire.Site(wire.PASSPORT),
    wire.Site(wire.CLEAR, "MBI_KEY_OLD"),
    wire.Site(wire.CONTACTS, "MBI"),
)
REFUSED = "0x80048821"


def dialogue(context: WebContext) -> Steps:
    """Two requests."""
    wrong = wire.Login(account(context), passport.WRONG_PASSWORD, SITES)
    response = yield soap(context, PATH, "", wire.request(wrong), agent=RST_AGENT)
    outcome = _read(response)
    checks.that(outcome.fault == wire.FAILED, f"the wrong password gave {outcome.fault or 'tickets'}", response)
    checks.that(outcome.status == REFUSED, f"the wrong password gave the status {outcome.status!r}", response)
    return (yield from right_password(context))


def right_password(context: WebContext) -> Steps:
    """One request: tokens in the order asked, tickets of this flow, a secret for the sign-in ticket."""
    login = wire.Login(account(context), context.entropy(6).hex(), SITES)
    response = yield soap(context, PATH, "", wire.request(login), agent=RST_AGENT)
    outcome = _read(response)
    checks.that(not outcome.fault, f"the ticket request was refused: {outcome.fault}", response)
    asked, given = [site.address for site in SITES], [token.site for token in outcome.tokens]
    checks.that(given == asked, f"tickets for {given} instead of {asked}", response)
    issued = outcome.tokens[1:]  # the first one is the encrypted token for renewals
    checks.that(all(token.ticket == ticket(context) for token in issued), "tickets of another account", response)
    checks.that(bool(issued[0].secret), "the sign-in ticket came without its secret", response)
    return {"sites": given, "expires": outcome.tokens[0].expires}


def _read(response: Response) -> wire.Outcome:
    checks.status(response, 200, "RST")
    try:
        return wire.read_answer(response.body)
    except WireError as error:
        raise Differs(f"RST: {error}", status=response.status) from error
