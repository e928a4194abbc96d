"""Passport 1.4 of clients up to MSN 7: where to sign in, and the sign-in in one header line.

No row of the table, but real clients ask for it. Source: http.md 2, msnp.md 5.1.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import passport
from emulator.wire.http import Answered, Headers, Request, Response
from emulator.world.errors import WorldError

SITE = "messenger.msn.com"  # what these tickets are for
LAST = "loginnet.passport.com"  # the host that answers; the others send clients there, once
LOCATION = f"https://{LAST}/login2.srf?lc=1033"


def urls(request: Request, scene: Scene) -> Answered:
    """The header is spelled `PassportURLs`: old clients compare it letter by letter."""
    return answers.answered(Response(200, (("PassportURLs", passport.NEXUS), answers.FRESH)))


def redirect(request: Request, scene: Scene) -> Answered:
    """302 to the host that answers, whoever asks with a name; else as there."""
    claim = passport.claim(request.header("Authorization"))
    if claim is None:
        return sign_in(request, scene)
    headers: Headers = (("Location", LOCATION), ("Authentication-Info", passport.redirected()), answers.FRESH)
    return answers.answered(Response(302, headers), passport.tags_of(claim.account))


def sign_in(request: Request, scene: Scene) -> Answered:
    """200 with a ticket, or 401 for the wrong password, nobody's account, or a line without name and password."""
    claim = passport.claim(request.header("Authorization"))
    if claim is None:
        return _failed("", "no credentials")
    tag = passport.tags_of(claim.account)
    try:
        account = scene.world.accounts.authenticate(claim.account, claim.password)
        ticket = scene.world.tickets.issue(account.address, SITE)
    except WorldError as error:
        return _failed(tag, type(error).__name__)
    headers = (("Authentication-Info", passport.success(ticket.text)), answers.FRESH)
    return answers.answered(Response(200, headers), tag)


def _failed(tag: str, why: str) -> Answered:
    headers = (("WWW-Authenticate", passport.failure("Wrong password")), answers.FRESH)
    return answers.answered(Response(401, headers), tag, refused=why)


ROUTES = (
    *on(("nexus.passport.com",), "GET", "/rdr/pprdr.asp", urls),
    *on(("login.live.com", "msnia.login.live.com"), "GET", "/login2.srf", redirect),
    *on((LAST,), "GET", "/login2.srf", sign_in),
)
