"""Pages behind everything: unknown paths are 404 and marked in the receipt, so that a real client reveals them.

Not a web site. Source: http.md 8.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request, Response

TITLE = "Emulated Messenger site"


def page(request: Request, scene: Scene) -> Answered:
    """A page that exists."""
    return answers.answered(answers.html(TITLE, "This host is played by messenger-lab."))


def unknown(request: Request) -> Answered:
    """Nothing known lives there."""
    return answers.answered(missing(), unknown=True)


def missing() -> Response:
    """404 of a file that a handler does not have."""
    return answers.html("Not found", "messenger-lab knows no such page.", 404)


def wrong_method(allowed: tuple[str, ...]) -> Answered:
    """405 with the methods that would do."""
    response = answers.html("Method not allowed", "This page takes another method.", 405)
    listed = ", ".join(sorted({*allowed, *(("HEAD",) if "GET" in allowed else ())}))
    return answers.answered(Response(405, (("Allow", listed), *response.headers), response.body))
