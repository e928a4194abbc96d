"""Exchange `relay-voice-http`: a plain page.

The voice relay speaks STUN in TLS; whether it ever answered HTTP is unknown: emulated. Source: http.md 23.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request
from emulator.wire.webfiles import VOICE_WORDS


def page(request: Request, scene: Scene) -> Answered:
    """One line."""
    return answers.answered(answers.plain(VOICE_WORDS))


ROUTES = on(("relay.voice.messenger.msn.com",), "GET", "/", page)
