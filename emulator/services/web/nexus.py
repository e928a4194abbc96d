"""Passport 1.4 of clients up to MSN 7: where to sign in, and the sign-in in one header line.

No row of the table, but real clients ask for it. Source: http.md 2, msnp.md 5.1.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import passport
from emulator.wire.http import Answered, Request, Response


def urls(request: Request, scene: Scene) -> Answered:
    """The header is spelled `PassportURLs`: old clients compare it letter by letter."""
    return answers.answered(Response(200, (("PassportURLs", passport.NEXUS), answers.FRESH)))


def sign_in(request: Request, scene: Scene) -> Answered:
    """200 with a ticket, or 401 for the wrong password or a line without name and password."""
    claim = passport.claim(request.header("Authorization"))
    tag = "" if claim is None else passport.tags_of(claim.account)
    if claim is None or claim.password == passport.WRONG_PASSWORD:
        headers = (("WWW-Authenticate", passport.failure("Wrong password")), answers.FRESH)
        return answers.answered(Response(401, headers), tag, refused="password")
    headers = (("Authentication-Info", passport.success(passport.ticket(claim.account))), answers.FRESH)
    return answers.answered(Response(200, headers), tag)


ROUTES = (
    *on(("nexus.passport.com",), "GET", "/rdr/pprdr.asp", urls),
    *on(("login.live.com", "msnia.login.live.com", "loginnet.passport.com"), "GET", "/login2.srf", sign_in),
)
