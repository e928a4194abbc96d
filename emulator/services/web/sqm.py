"""Exchange `sqm`: uploads are verified by their checksum; what does not fit is refused.

Nothing is stored; the points stand in the receipt. Source: [MS-SQMCS], http.md 16.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import sqm as wire
from emulator.wire.errors import WireError
from emulator.wire.http import Answered, Request, Response

MANIFEST = 1  # version of the manifest that we would have
POINTS = 100  # points noted in a receipt


def upload(request: Request, scene: Scene) -> Answered:
    """200 done, 201 with the manifest's version for whoever wants one, 400 for a session that does not verify."""
    if not request.path.endswith("/sqmserver.dll"):
        return pages.unknown(request)
    tag = wire.client_of(request.body).hex()
    if len(request.body) > wire.LIMIT:
        return answers.answered(Response(413, (("Connection", "close"),)), tag, refused="size")
    try:
        session = wire.decode(request.body)
    except WireError as error:
        return answers.answered(Response(400), tag, refused=str(error))
    points = [list(point) for point in session.points()[:POINTS]]
    if session.internal & wire.WANTS_MANIFEST and session.manifest != MANIFEST:
        return answers.answered(Response(201, (("ManifestVersion", f'"{MANIFEST}"'),)), tag, points=points)
    return answers.answered(Response(200), tag, points=points)


ROUTES = on(("sqm.microsoft.com",), "POST", "/sqm/*", upload)  # any partner: Messenger's name is not known
