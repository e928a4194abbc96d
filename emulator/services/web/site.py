"""The registry of all web services and the choice among their routes: most specific host, then path, then method.

Not the MSNP gateway, and not a server: `talk` is what a connection runs. Source: http.md 1.
"""

from __future__ import annotations

from emulator.services.web import (
    ads,
    appdirectory,
    beacon,
    config,
    contact_card,
    contacts,
    core_web,
    crl,
    edge,
    glink,
    images,
    login,
    nexus,
    oim_rsi,
    oim_store,
    pages,
    reflector,
    relay,
    relay_voice,
    rst,
    sqm,
    storage,
    tile,
    whats_new,
)
from emulator.services.web.route import Route
from emulator.services.web.scene import Scene
from emulator.wire import http, webtag
from emulator.wire.talk import Talk

SERVICES: dict[str, tuple[Route, ...]] = {
    "rst": rst.ROUTES,
    "login-http": login.ROUTES,
    "contacts": contacts.ROUTES,
    "contacts-clear": contacts.CLEAR_ROUTES,
    "storage": storage.ROUTES,
    "tile": tile.ROUTES,
    "beacon": beacon.ROUTES,
    "core-web": core_web.ROUTES,
    "glink": glink.ROUTES,
    "crl": crl.ROUTES,
    "config": config.ROUTES,
    "oim-store": oim_store.ROUTES,
    "oim-rsi": oim_rsi.ROUTES,
    "sqm": sqm.ROUTES,
    "edge-http": edge.ROUTES,
    "relay-http": relay.ROUTES,
    "ads": ads.ROUTES,
    "appdirectory": appdirectory.ROUTES,
    "images": images.ROUTES,
    "contact-card": contact_card.ROUTES,
    "relay-voice-http": relay_voice.ROUTES,
}
EXTRA: dict[str, tuple[Route, ...]] = {  # served without being a row of the table
    "nexus": nexus.ROUTES,
    "reflector-session": reflector.ROUTES,
    "whats-new": whats_new.ROUTES,
}

_BY_RANK = sorted(
    ((name, route) for name, routes in (*SERVICES.items(), *EXTRA.items()) for route in routes),
    key=lambda pair: pair[1].rank,
)


def answer(request: http.Request, scene: Scene) -> http.Answered:
    """Answer any request: the service's answer, 405 with the methods that would do, or 404.

    What a handler changed in the world is kept, and told to whom it concerns, before its answer leaves. Raises nothing
    but what keeping it raises.
    """
    host, path = request.host, request.path
    there = [(name, route) for name, route in _BY_RANK if route.covers(host, path)]
    method = "GET" if request.method == "HEAD" else request.method
    for name, route in there:
        if route.method == method:
            answered = route.handle(request, scene)
            scene.settle()
            return _complete(request, answered, name)
    if there:
        return _complete(request, pages.wrong_method(tuple(route.method for _, route in there)), there[0][0])
    return _complete(request, pages.unknown(request), "")


def talk(scene: Scene) -> Talk[None]:
    """Serve one connection until its peer closes."""
    return http.server(lambda request: answer(request, scene))


def _complete(request: http.Request, answered: http.Answered, service: str) -> http.Answered:
    """The tag of a header or of the query where the body held none, and the service that answered."""
    facts: dict[str, object] = {"service": service, **answered.facts}
    return http.Answered(answered.response, answered.tag or webtag.in_request(request), facts)
