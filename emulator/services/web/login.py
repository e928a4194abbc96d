"""Exchange `login-http`: the bounce of login pages to TLS, the page itself, the probe of the key port.

What clients really fetched from here in clear is unknown: emulated. The ticket request in clear is `rst`'s.
Source: http.md 2, 3.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request, Response

HOSTS = ("login.live.com", "msnia.login.live.com", "loginnet.passport.com")


def login(request: Request, scene: Scene) -> Answered:
    """In clear: 302 to the same path and query over TLS. Inside TLS: a page."""
    if scene.secure:
        return pages.page(request, scene)
    target = request.target
    if "://" in target.partition("?")[0]:
        target = "/" + ([*target.split("/", 3), ""])[3]
    return answers.answered(answers.moved(f"https://{request.host or HOSTS[0]}{target}"))


def key_port(request: Request, scene: Scene) -> Answered:
    """An empty POST to the root: clients only look at the 200."""
    return answers.answered(Response(200, (("Content-Type", "text/html"), answers.FRESH)))


def hand_over(request: Request, scene: Scene) -> Answered:
    """The form by which a client opens a page as signed in: 302 to `ru`, to hosts of this network only."""
    try:
        form = parse_qs(request.body.decode("latin-1"), max_num_fields=32)
        inner = parse_qs(form.get("token", [""])[0], max_num_fields=32)
        target = inner.get("ru", [""])[0]
        host = (urlsplit(target).hostname or "").lower()
    except ValueError:
        target = host = ""
    if host not in scene.catalog.host_names or not target.isascii() or not target.isprintable():
        return answers.answered(answers.plain("", 500), refused="no target")
    return answers.answered(answers.moved(target.replace(" ", "%20")))


ROUTES = (
    *on(HOSTS, "GET", "/", login),
    *on(HOSTS, "GET", "/login.srf", login),
    *on(HOSTS, "POST", "/", key_port),
    *on(HOSTS, "POST", "/ppsecure/sha1auth.srf", hand_over),
)
