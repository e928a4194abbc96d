"""Exchange `images`: picture files with conditions.

Which files lay there is unknown; these are the ones that our other documents name: emulated. Source: http.md 21.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request
from emulator.wire.webfiles import IMAGE_PATH, TILE, media_type


def picture(request: Request, scene: Scene) -> Answered:
    """The one picture."""
    return answers.answered(answers.file(request, TILE, media_type(TILE), cache="public, max-age=86400"))


ROUTES = tuple(
    route for path in (IMAGE_PATH, "/emu/tab1.png") for route in on(("images.messenger.msn.com",), "GET", path, picture)
)
