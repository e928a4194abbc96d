"""Exchange `beacon`: the 1x1 picture that sets an anonymous id once and leaves it alone afterwards.

What Messenger itself sent here is unknown; the cookies are those of MSN pages: emulated. Source: http.md 7.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import tags, webfiles
from emulator.wire.http import Answered, Headers, Request, Response

FIVE_YEARS = 5 * 365 * 86_400  # seconds
HEADERS: Headers = (
    ("Content-Type", "image/gif"),
    ("Cache-Control", "private, no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
    ("Expires", "-1"),
    ("P3P", 'CP="NON UNI COM NAV STA LOC CURa DEVa PSAa PSDa OUR IND"'),
)


def dot(request: Request, scene: Scene) -> Answered:
    """An id that the client holds in one of the two cookies is put into the other one; no id is ever changed."""
    muid = tags.from_hex(request.cookie("MUID"))
    mc1 = tags.from_hex(request.cookie("MC1").rpartition("GUID=")[2])
    identity = muid or mc1 or scene.entropy(16).hex()
    expires = webfiles.http_date(scene.now() + FIVE_YEARS).replace(" ", "-").replace(",-", ", ", 1)
    rest = f"domain=.msn.com; path=/; expires={expires[:16]} {expires[17:25]} GMT"
    cookies: Headers = ()
    if not mc1:
        cookies += (("Set-Cookie", f"MC1=V=2&GUID={identity}; {rest}"),)
    if not muid:
        cookies += (("Set-Cookie", f"MUID={identity.upper()}; {rest}"),)
    return answers.answered(Response(200, (*HEADERS, *cookies), webfiles.DOT), new=not (muid or mc1))


ROUTES = on(("c.msn.com",), "GET", "/c.gif", dot)
