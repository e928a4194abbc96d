"""Exchange `tile`: users' pictures over plain HTTP, with the reading half of DAV.

The ticket in the query is not required (one client sends none). The DAV verbs are our own guess: emulated.
Source: http.md 6.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.newcomer import furnish
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import markup, webfiles
from emulator.wire.http import Answered, Request, Response
from emulator.wire.markup import el
from emulator.wire.webfiles import TILE_PATH
from emulator.world.errors import WorldError
from emulator.world.records import Document

ALLOW = ("Allow", "OPTIONS, GET, HEAD, PROPFIND")


def picture(request: Request, scene: Scene) -> Answered:
    """The picture behind a resource id, or 404."""
    document = _document(request, scene)
    if document is None:
        return answers.answered(pages.missing())
    return answers.answered(answers.file(request, document.data, document.mime, cache="private, max-age=0"))


def _document(request: Request, scene: Scene) -> Document | None:
    """The ticket's owner is asked first: a probe's account is made by its ticket."""
    cid, _, number = request.path.removeprefix(TILE_PATH).partition("!")
    try:
        account = scene.world.tickets.owner(f"t={request.parameter('t').removeprefix('t=')}")
        furnish(scene.world, account)
    except WorldError:
        account = None
    try:
        if account is None or account.cid_hex != cid:
            account = scene.world.accounts.by_cid(int(cid, 16))
        return None if account is None else account.documents.get(int(number))
    except ValueError:
        return None


def options(request: Request, scene: Scene) -> Answered:
    """DAV class 1, reading only."""
    return answers.answered(Response(200, (ALLOW, ("DAV", "1"))))


def properties(request: Request, scene: Scene) -> Answered:
    """PROPFIND at depth 0 (RFC 4918 section 9.1)."""
    document = _document(request, scene)
    if document is None:
        return answers.answered(pages.missing())
    found = el(
        "D:prop",
        el("D:getcontentlength", len(document.data)),
        el("D:getcontenttype", document.mime),
        el("D:getetag", webfiles.etag(document.data)),
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
