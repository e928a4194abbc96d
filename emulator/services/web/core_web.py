"""Exchange `core-web`: pages and pictures of the Messenger site; what is not known is 404.

Only the paths are known, not what stood there: emulated. Source: http.md 8, 13.1.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request
from emulator.wire.webfiles import DOT


def emoticon(request: Request, scene: Scene) -> Answered:
    """A picture for every emoticon's name."""
    if not request.path.endswith(".gif"):
        return pages.unknown(request)
    return answers.answered(answers.file(request, DOT, "image/gif", cache="public, max-age=86400"))


HOSTS = ("messenger.msn.com", "*.messenger.msn.com")
PAGES = (
    "/",
    "/resource/emoticons.aspx",
    "/help/*",
    "/download/*",
    "/flash/*",
    "/emu/tab1",
    "/emu/search",
    "/emu/today",
    "/emu/abuse",
    "/emu/tos",
)  # the last five are named by the client configuration
ROUTES = (
    *on(HOSTS, "GET", "/resource/emoticons/*", emoticon),
    *(route for path in PAGES for route in on(HOSTS, "GET", path, pages.page)),
)
