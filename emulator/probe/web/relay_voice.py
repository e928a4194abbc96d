"""Dialogue `relay-voice-http`: the page of the voice relay (emulated).

Not the relay's own protocol, which is STUN in TLS.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import muid, request
from emulator.wire.webfiles import VOICE_WORDS


def dialogue(context: WebContext) -> Steps:
    """One request."""
    response = yield request(context, "GET", "/", muid(context))
    checks.status(response, 200, "page")
    checks.that(response.body == VOICE_WORDS.encode(), "another page", response)
    return {"bytes": len(response.body)}
