"""Dialogue `beacon`: the 1x1 picture; the anonymous id is completed once and never changed.

Not a page view of anybody.
"""

from __future__ import annotations

import re

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import muid, request
from emulator.wire import webfiles
from emulator.wire.http import Response

PATH = "/c.gif?di=340&pi=7317&ps=95101"


def dialogue(context: WebContext) -> Steps:
    """GET with one id cookie: the other one is set to the same id. GET with both: none is set."""
    response = yield request(context, "GET", PATH, muid(context))
    _picture(response)
    identity = _ids(response)
    checks.that(identity == [context.tag.hex()], f"cookies with the ids {identity}", response)
    both = f"{muid(context)[0][1]}; MC1=V=2&GUID={context.tag.hex()}"
    response = yield request(context, "GET", PATH, (("Cookie", both),))
    _picture(response)
    checks.that(not _ids(response), f"an id that exists was changed: {_ids(response)}", response)
    return {"bytes": len(response.body)}


def _picture(response: Response) -> None:
    checks.status(response, 200, "c.gif")
    checks.that(response.body == webfiles.DOT, f"{len(response.body)} other bytes than the picture", response)


def _ids(response: Response) -> list[str]:
    cookies = [value for name, value in response.headers if name.lower() == "set-cookie"]
    found = (re.match(r"(?:MC1=V=2&GUID|MUID)=([0-9A-Fa-f]{32});", cookie) for cookie in cookies)
    return [match.group(1).lower() for match in found if match]
