"""Answers that several endpoints give: XML, pages, files with conditions, redirects.

Not a decision which one is due. Source: http.md 1.2, RFC 9110 section 13.
"""

from __future__ import annotations

from emulator.wire import webfiles
from emulator.wire.http import Answered, Headers, Request, Response
from emulator.wire.markup import Xml, el
from emulator.wire.soap import CONTENT_TYPE

PRIVATE = ("Cache-Control", "private, max-age=0")
FRESH = ("Cache-Control", "no-cache")


def xml(body: bytes, status: int = 200, *, headers: Headers = (PRIVATE,)) -> Response:
    """An XML document."""
    return Response(status, (("Content-Type", CONTENT_TYPE), *headers), body)


def html(title: str, words: str, status: int = 200) -> Response:
    """A small page that says that it is emulated."""
    page = el("html", el("head", el("title", title)), el("body", el("h1", title), el("p", words)))
    body = Xml("<!DOCTYPE html>\n") + page
    return Response(status, (("Content-Type", "text/html; charset=utf-8"), PRIVATE), body.encode())


def plain(words: str, status: int = 200) -> Response:
    """A line of text."""
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"), FRESH), words.encode())


def moved(location: str) -> Response:
    """302, never 301: browsers keep those."""
    return Response(302, (("Location", location), ("Cache-Control", "private, no-cache")))


def file(request: Request, data: bytes, kind: str, *, cache: str, modified: float | None = None) -> Response:
    """A file with entity tag, or 304 when the client has it. `modified` is seconds since the epoch."""
    tag = webfiles.etag(data)
    headers: Headers = (("ETag", tag), ("Cache-Control", cache))
    if modified is not None:
        headers = (("Last-Modified", webfiles.http_date(modified)), *headers)
    if _unchanged(request, tag, modified):
        return Response(304, headers)
    return Response(200, (("Content-Type", kind), *headers), data)


def answered(response: Response, tag: str = "", **facts: object) -> Answered:
    """An answer with its tag and facts."""
    return Answered(response, tag, facts)


def _unchanged(request: Request, tag: str, modified: float | None) -> bool:
    condition = request.header("If-None-Match")
    if condition:
        held = {one.strip().removeprefix("W/") for one in condition.split(",")}
        return tag in held or "*" in held
    since = webfiles.from_http_date(request.header("If-Modified-Since"))
    return modified is not None and since is not None and since >= int(modified)
