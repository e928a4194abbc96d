"""Exchange `rst`: tickets for any site that is asked for, refused for the password `wrong`.

Not an account database: every other password is right. Source: http.md 2.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import passport
from emulator.wire import rst as wire
from emulator.wire.errors import WireError
from emulator.wire.http import Answered, Request


def tickets(request: Request, scene: Scene) -> Answered:
    """Answer is always 200, as clients expect; a fault stands in the envelope. Clear text is accepted as TLS is."""
    now = scene.now()
    try:
        login = wire.read_request(request.body)
    except WireError as error:
        return answers.answered(answers.xml(wire.invalid(now)), refused=str(error))
    tag = passport.tags_of(login.account)
    sites = [site.address for site in login.sites]
    if not login.account or not login.password:
        # a renewal without name and password lands here too: clients then sign in anew
        return answers.answered(answers.xml(wire.failed(now)), tag, sites=sites, refused="no credentials")
    if login.password == passport.WRONG_PASSWORD:
        return answers.answered(answers.xml(wire.failed(now)), tag, sites=sites, refused="password")
    body = wire.issued(login, ticket=passport.ticket(login.account), now=now, entropy=scene.entropy)
    return answers.answered(answers.xml(body), tag, sites=sites)


REALMS = ("pp450", "pp550", "pp650", "pp700", "pp900")  # folders of the msn.com realm, by client version
ROUTES = (
    *on(("login.live.com", "msnia.login.live.com"), "POST", "/RST.srf", tickets),
    *(route for realm in REALMS for route in on(("msnia.login.live.com",), "POST", f"/{realm}/RST.srf", tickets)),
)
