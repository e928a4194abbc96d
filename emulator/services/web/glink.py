"""Exchange `glink`: the link tracker, 302 to the page behind an id.

Targets stay inside the emulated network. Source: http.md 9.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request

SITE = "http://messenger.msn.com/"
PROFILE = "106"
TARGETS = {
    "55": SITE + "Help/",
    "60": SITE + "emu/tab1",
    "98": SITE + "emu/tos",
    "122": SITE + "Help/",
    "157": "https://login.live.com/login.srf",
    "180": SITE,
    "190": SITE,
    "231": SITE + "emu/tos",
}
_LINK = re.compile(r"/\dmeen_[a-z]{2}/(\d{1,6})")  # generation of the client, market, id of the link


def follow(request: Request, scene: Scene) -> Answered:
    """The profile link turns `passport` into `mem`; other links keep their query; unknown ones go to the site."""
    match = _LINK.fullmatch(request.path)
    identifier = match.group(1) if match else ""
    if identifier == PROFILE:
        member = quote(request.parameter("passport"), safe="")
        target = f"http://spaces.live.com/Profile.aspx?partner=Messenger&mkt=en-us&mem={member}"
    elif identifier in TARGETS:
        target = TARGETS[identifier] + (f"?{request.query}" if request.query else "")
    else:
        target = f"{SITE}?glink={quote(request.path, safe='/')}"
    return answers.answered(answers.moved(target), link=identifier)


ROUTES = on(("g.msn.com",), "GET", "/*", follow)
