"""Dialogue `tile`: the picture arrives byte for byte, and a second look finds it unchanged.

Not an upload.
"""

from __future__ import annotations

import hashlib

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import NOTE_AGENT, account, request, ticket_value
from emulator.wire import roaming, webfiles


def dialogue(context: WebContext) -> Steps:
    """GET, then the same with the entity tag received."""
    path = f"{webfiles.TILE_PATH}{roaming.resource(account(context), 205)}?t={ticket_value(context)}"
    response = yield request(context, "GET", path, agent=NOTE_AGENT)
    checks.status(response, 200, "tile")
    digest = hashlib.sha1(response.body).hexdigest()
    wanted = hashlib.sha1(webfiles.TILE).hexdigest()
    checks.that(digest == wanted, f"the picture's SHA-1 is {digest}", response)
    held = (("If-None-Match", response.header("ETag")),)
    response = yield request(context, "GET", path, held, agent=NOTE_AGENT)
    checks.status(response, 304, "tile again")
    return {"sha1": digest}
