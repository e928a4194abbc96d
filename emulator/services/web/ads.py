"""Exchange `ads`: text advertisement, tab advertisement, banner, click.

One notice for everybody. Source: http.md 19.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import adverts, webtag
from emulator.wire.http import Answered, Request, Response
from emulator.wire.webfiles import DOT

FRESH = (answers.FRESH, ("Expires", "-1"))
NOTICE = "Emulator notice"


def advertisement(request: Request, scene: Scene) -> Answered:
    """The query's first word says which kind, the page group which document; anything else is 204."""
    verb = request.query.translate(webtag.SEPARATORS).partition("&")[0].partition("=")[0].lower()
    group = webtag.question_value(request.query, "PG").upper()
    if verb == "getad" and group.startswith("IM") and group.endswith("X1"):
        response = answers.xml(adverts.text_ad(NOTICE), headers=FRESH)
    elif verb == "getad" and group == "IMFFTA":
        response = answers.xml(adverts.tab_ad(), headers=FRESH)
    elif verb == "getimage":
        response = Response(200, (("Content-Type", "image/gif"), *FRESH), DOT)
    elif verb == "getsad":
        response = answers.html("Emulated advertisement", NOTICE)
    else:
        response = Response(204, FRESH)
    return answers.answered(response, group=group[:32])


def click(request: Request, scene: Scene) -> Answered:
    """302 to the page behind the advertisement."""
    return answers.answered(answers.moved(adverts.PAGE))


HOSTS = ("rad.msn.com",)
ROUTES = (
    *on(HOSTS, "GET", adverts.PATH, advertisement),
    *on(HOSTS, "GET", adverts.CLICK_PATH, click),
    *on(HOSTS, "GET", "/emu/banner.html", pages.page),
)
