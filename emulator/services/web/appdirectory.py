"""Exchange `appdirectory`: the directory of activities and games, with one entry.

Not the activities. Source: http.md 20.
"""

from __future__ import annotations

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.services.web.soapservice import Asked, SoapService
from emulator.wire import appdirectory as wire
from emulator.wire import markup, soap
from emulator.wire.http import Answered, Request


def listing(asked: Asked) -> bytes:
    """The entry for English locales (or none named), an empty set for others."""
    locale = markup.text(asked.call.payload, "locale").lower()
    entries = (wire.fields(),) if not locale or locale.startswith("en") else ()
    return soap.envelope(wire.data_set(asked.call.operation, *entries))


def entry(asked: Asked) -> bytes:
    """One entry; for an unknown id its `Error` says so."""
    wanted = markup.text(asked.call.payload, "ID")
    error = "" if wanted == wire.ENTRY else "No such entry"
    return soap.envelope(wire.data_set(asked.call.operation, wire.fields(error)))


def version(request: Request, scene: Scene) -> Answered:
    """A number that changes with the list (the original's format is unknown)."""
    return answers.answered(answers.plain(wire.VERSION))


service = SoapService(
    actor=wire.HOST + wire.PATH,
    operations={"GetFilteredDataSet2": listing, "GetFilteredDataSet": listing, "GetAppEntry": entry},
    namespaces=(wire.NAMESPACE,),
)
HOSTS = ("appdirectory.messenger.msn.com",)
ROUTES = (
    *on(HOSTS, "POST", wire.PATH, service),
    *on(HOSTS, "GET", "/AppDirectory/Directory.aspx", pages.page),
    *on(HOSTS, "GET", "/AppDirectory/GetAppdirVersion.aspx", version),
    *on(HOSTS, "GET", "/emu/game1.html", pages.page),
)
