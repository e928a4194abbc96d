"""Dialogue `edge-http`: the body comes back (emulated).

Not the network detection, which speaks UDP.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import request
from emulator.wire import tags
from emulator.wire.webfiles import ECHO_PATH

SIZE = 512  # random bytes behind the first line


def dialogue(context: WebContext) -> Steps:
    """One request; its first line is the tag as a GUID."""
    body = tags.guid(context.tag).encode() + b"\r\n" + context.entropy(SIZE)
    headers = (("Content-Type", "application/octet-stream"),)
    response = yield request(context, "POST", ECHO_PATH, headers, body)
    checks.status(response, 200, "echo")
    checks.that(response.body == body, f"{len(response.body)} other bytes came back", response)
    return {"bytes": len(body)}
