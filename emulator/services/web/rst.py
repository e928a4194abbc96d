"""Exchange `rst`: tickets for any site that is asked for, to whoever knows the password; RST2 of 2009 as well.

Accounts of probes take any password but `wrong`. Renewals are refused, so clients sign in anew. The certificate for
shared folders is emulated: nothing but the request's form is public. Source: http.md 2, msnp.md 5.2 to 5.7.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import passport, rst2
from emulator.wire import rst as wire
from emulator.wire import rst_answer as reply
from emulator.wire.errors import WireError
from emulator.wire.http import Answered, Request, Response
from emulator.world.errors import WorldError
from emulator.world.records import Account
from emulator.world.tickets import SECRET

REALM = "msnia.login.live.com"  # where accounts of this domain sign in
REALM_DOMAIN = "@msn.com"
REALM_URL = f"https://{REALM}/pp900/RST.srf"
CIPHER = 64  # bytes of a renewal token, which nobody can decrypt


def tickets(request: Request, scene: Scene) -> Answered:
    """Answer is always 200, as clients expect; a fault stands in the envelope. Clear text is accepted as TLS is."""
    now = scene.now()
    try:
        login = wire.read_request(request.body)
    except WireError as error:
        return answers.answered(answers.xml(reply.invalid(now)), refused=str(error))
    tag, sites = passport.tags_of(login.account), [site.address for site in login.sites]
    if login.account.lower().endswith(REALM_DOMAIN) and request.host != REALM:
        return answers.answered(answers.xml(reply.redirect(REALM_URL)), tag, sites=sites, refused="realm")
    try:
        account = scene.world.accounts.authenticate(login.account, login.password)
        body = reply.issued(_holder(account), grants(account, login.sites, scene), now)
    except WorldError as error:
        body = reply.failed(now)
        return answers.answered(answers.xml(body), tag, sites=sites, refused=type(error).__name__)
    return answers.answered(answers.xml(body), tag, sites=sites)


def tickets_2009(request: Request, scene: Scene) -> Answered:
    """The same in SOAP 1.2; a fault is 500 there."""
    try:
        login = wire.read_request(request.body)
    except WireError as error:
        return answers.answered(_soap12(rst2.invalid(), 500), refused=str(error))
    tag, sites = passport.tags_of(login.account), [site.address for site in login.sites]
    try:
        account = scene.world.accounts.authenticate(login.account, login.password)
        body = rst2.issued(_holder(account), grants(account, login.sites, scene), scene.now())
    except WorldError as error:
        return answers.answered(_soap12(rst2.failed(), 500), tag, sites=sites, refused=type(error).__name__)
    return answers.answered(_soap12(body, 200), tag, sites=sites)


def grants(account: Account, sites: Sequence[wire.Site], scene: Scene) -> list[reply.Grant]:
    """What each site gets, in the order asked. Only the sign-in ticket and the renewal token come with a secret."""
    return [_grant(account, site, scene) for site in sites]


def _grant(account: Account, site: wire.Site, scene: Scene) -> reply.Grant:
    if site.address == wire.PASSPORT:
        secret = b64encode(scene.entropy(SECRET)).decode()
        return reply.Grant(site=site.address, secret=secret, cipher=scene.entropy(CIPHER))
    if site.address == wire.SHARED_FOLDERS:
        try:
            certificate = scene.sign_request(site.request, account.cid_hex)
        except ValueError:
            return reply.Grant(site=site.address, refusal=reply.BAD_REQUEST)
        return reply.Grant(site=site.address, certificate=certificate)
    ticket = scene.world.tickets.issue(account.address, site.address)
    secret = ticket.secret_base64 if site.address == wire.CLEAR else ""
    return reply.Grant(site=site.address, ticket=ticket.text, secret=secret)


def _holder(account: Account) -> reply.Holder:
    return reply.Holder(
        address=account.address,
        cid=account.cid,
        puid=account.puid,
        country=account.country,
        language=account.language,
    )


def _soap12(body: bytes, status: int) -> Response:
    return Response(status, (("Content-Type", rst2.CONTENT_TYPE), answers.PRIVATE), body)


HOSTS = ("login.live.com", REALM)
REALMS = ("pp450", "pp550", "pp650", "pp700", "pp900")  # folders of the msn.com realm, by client version
ROUTES = (
    *on(HOSTS, "POST", "/RST.srf", tickets),
    *(route for realm in REALMS for route in on((REALM,), "POST", f"/{realm}/RST.srf", tickets)),
    *on(HOSTS, "POST", "/RST2.srf", tickets_2009),
    *(route for realm in REALMS for route in on((REALM,), "POST", f"/{realm}/RST2.srf", tickets_2009)),
)
