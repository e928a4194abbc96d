"""Dialogue `images`: the picture, 304 for whoever holds it, 404 for one that nobody has (emulated).

Not a check of pictures that other documents name.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import condition, request
from emulator.wire import webfiles


def dialogue(context: WebContext) -> Steps:
    """Three requests."""
    response = yield request(context, "GET", webfiles.IMAGE_PATH, condition(context))
    checks.status(response, 200, "picture")
    checks.that(response.body == webfiles.TILE, f"{len(response.body)} other bytes than the picture", response)
    held = response.header("ETag")
    response = yield request(context, "GET", webfiles.IMAGE_PATH, condition(context, held))
    checks.status(response, 304, "picture again")
    response = yield request(context, "GET", "/emu/unknown.png", condition(context))
    checks.status(response, 404, "unknown picture")
    return {"etag": held}
