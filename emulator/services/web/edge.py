"""Exchange `edge-http`: a POST that returns its body.

No HTTP of the echo servers is known: emulated. Source: http.md 17.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import tags
from emulator.wire.http import Answered, Request, Response
from emulator.wire.webfiles import ECHO_PATH

LIMIT = 64 * 1024  # bytes


def echo(request: Request, scene: Scene) -> Answered:
    """The body comes back; its first line is a GUID that names the flow."""
    tag = tags.from_guid(request.body[:64].partition(b"\r\n")[0].decode("latin-1"))
    if len(request.body) > LIMIT:
        return answers.answered(Response(413, (("Connection", "close"),)), tag)
    observed = f"{scene.observed.address}:{scene.observed.port}"
    headers = (("Content-Type", "application/octet-stream"), ("Cache-Control", "no-store"))
    return answers.answered(Response(200, headers, request.body), tag, observed=observed)


ROUTES = on(("*.edge.messenger.live.com",), "POST", ECHO_PATH, echo)
