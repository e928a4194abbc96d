"""Dialogue `core-web`: an emoticon, and 404 for a page that nobody has (emulated).

Not a walk through the site.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import muid, request
from emulator.wire import webfiles


def dialogue(context: WebContext) -> Steps:
    """Two requests."""
    response = yield request(context, "GET", webfiles.EMOTICON_PATH, muid(context))
    checks.status(response, 200, "emoticon")
    checks.that(response.body == webfiles.DOT, "the emoticon is another picture", response)
    response = yield request(context, "GET", "/Resource/unknown.aspx", muid(context))
    checks.status(response, 404, "unknown page")
    return {"emoticon": len(webfiles.DOT)}
