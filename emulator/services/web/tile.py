"""Exchange `tile`: the user's picture over plain HTTP, with the reading half of DAV.

The ticket in the query is not required (one client sends none). The DAV verbs are our own guess: emulated.
Source: http.md 6.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import markup, webfiles
from emulator.wire.http import Answered, Request, Response
from emulator.wire.markup import el
from emulator.wire.webfiles import TILE, TILE_PATH

ALLOW = ("Allow", "OPTIONS, GET, HEAD, PROPFIND")
KIND = "image/png"


def picture(request: Request, scene: Scene) -> Answered:
    """The one tile, for every resource id."""
    return answers.answered(answers.file(request, TILE, KIND, cache="private, max-age=0"))


def options(request: Request, scene: Scene) -> Answered:
    """DAV class 1, reading only."""
    return answers.answered(Response(200, (ALLOW, ("DAV", "1"))))


def properties(request: Request, scene: Scene) -> Answered:
    """PROPFIND at depth 0 (RFC 4918 section 9.1)."""
    found = el(
        "D:prop",
        el("D:getcontentlength", len(TILE)),
        el("D:getcontenttype", KIND),
        el("D:getetag", webfiles.etag(TILE)),
    )
    status = el("D:propstat", found, el("D:status", "HTTP/1.1 200 OK"))
    body = el("D:multistatus", el("D:response", el("D:href", request.path), status), at={"xmlns:D": "DAV:"})
    return answers.answered(answers.xml(markup.document(body), 207))


HOSTS = ("*.storage.msn.com",)
ROUTES = (
    *on(HOSTS, "GET", TILE_PATH + "*", picture),
    *on(HOSTS, "OPTIONS", TILE_PATH + "*", options),
    *on(HOSTS, "PROPFIND", TILE_PATH + "*", properties),
)
