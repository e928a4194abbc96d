"""Exchange `tile`: users' pictures over plain HTTP, with the few verbs of DAV that it takes to change one.

Reading needs no ticket (one client sends none), writing needs the owner's. The DAV verbs are our own guess: emulated.
Source: http.md 6.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.newcomer import furnish
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import markup, roaming, webfiles
from emulator.wire.http import Answered, Request, Response
from emulator.wire.markup import el
from emulator.wire.webfiles import TILE_PATH
from emulator.world import picture as world_picture
from emulator.world.errors import WorldError
from emulator.world.records import Account, Document

ALLOW = ("Allow", "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND")


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


def replace(request: Request, scene: Scene) -> Answered:
    """PUT: 204 in place of a picture that is there, 201 with its Location for a new one.

    403 without the owner's ticket, 412 where `If-Match` names another version, 415 for what is no picture, 413 over
    256 KiB (RFC 9110 section 9.3.4).
    """
    account, number = _owned(request, scene)
    if account is None:
        return answers.answered(answers.plain("the owner's ticket is needed", 403), refused="not the owner")
    there = account.documents.get(number)
    if _other_version(request, there):
        return answers.answered(answers.plain("another version is there", 412), refused="If-Match")
    kind = world_picture.kind(request.body)
    if not kind:
        return answers.answered(answers.plain("PNG, JPEG or GIF", 415), refused="no picture")
    if len(request.body) > roaming.TILE_LIMIT:
        return answers.answered(answers.plain(f"at most {roaming.TILE_LIMIT} bytes", 413), refused="too long")
    accounts, held = scene.world.accounts, number if there is not None else 0
    name = there.name if there is not None else ""
    made = accounts.store_document(account.address, request.body, kind, name=name, number=held)
    tag = ("ETag", webfiles.etag(made.data))
    if there is not None:
        return answers.answered(Response(204, (tag,)))
    location = f"http://{request.host}{TILE_PATH}{account.resource(made.number)}"
    return answers.answered(Response(201, (("Location", location), tag)))


def remove(request: Request, scene: Scene) -> Answered:
    """DELETE: 204, 403 without the owner's ticket, 404 for what is not there, 412 as PUT."""
    account, number = _owned(request, scene)
    if account is None:
        return answers.answered(answers.plain("the owner's ticket is needed", 403), refused="not the owner")
    there = account.documents.get(number)
    if there is None:
        return answers.answered(pages.missing())
    if _other_version(request, there):
        return answers.answered(answers.plain("another version is there", 412), refused="If-Match")
    scene.world.accounts.remove_document(account.address, number)
    return answers.answered(Response(204))


def _owned(request: Request, scene: Scene) -> tuple[Account | None, int]:
    """The ticket's owner if the resource is his, and the resource's number (0: none)."""
    whose, _, number = request.path.removeprefix(TILE_PATH).partition("!")
    try:
        account = scene.world.tickets.owner(f"t={request.parameter('t').removeprefix('t=')}")
    except WorldError:
        return None, 0
    furnish(scene.world, account)
    return (account if account.cid_hex == whose else None), roaming.number_of(f"{whose}!{number}", account.cid_hex)


def _other_version(request: Request, there: Document | None) -> bool:
    """Does `If-Match` ask for another version than the one that is there? (RFC 9110 section 13.1.1)"""
    wanted = [one.strip() for one in request.header("If-Match").split(",") if one.strip()]
    if not wanted:
        return False
    return there is None or ("*" not in wanted and webfiles.etag(there.data) not in wanted)


def options(request: Request, scene: Scene) -> Answered:
    """DAV class 1."""
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
    *on(HOSTS, "PUT", TILE_PATH + "*", replace),
    *on(HOSTS, "DELETE", TILE_PATH + "*", remove),
    *on(HOSTS, "OPTIONS", TILE_PATH + "*", options),
    *on(HOSTS, "PROPFIND", TILE_PATH + "*", properties),
)
