"""Dialogue `relay-http`: open a session, send both ways through it, close it (emulated).

Not the TURN relay of the same host.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from emulator.probe.web import checks
from emulator.probe.web.context import Differs, Steps, WebContext
from emulator.probe.web.requests import request, ticket
from emulator.wire import passport
from emulator.wire.http import Headers, Request, Response
from emulator.wire.webfiles import RELAY_PATH

SIZE = 4096  # bytes each way


class Opened(msgspec.Struct, frozen=True):
    """The relay's answer to a new session: `writer` holds the tokens of side a and side b, `ttl` is in seconds."""

    id: str
    writer: tuple[str, str]
    ttl: int


def dialogue(context: WebContext) -> Steps:
    """Seven requests: open, push and pull from either side, close, and once more after the end."""
    shown: Headers = (("Authorization", passport.presented(ticket(context))),)
    response = yield request(context, "POST", RELAY_PATH, shown)
    checks.status(response, 201, "relay session")
    try:
        opened = msgspec.json.decode(response.body, type=Opened)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Differs(f"relay session: {error}", status=response.status) from error
    a, b = (f"{RELAY_PATH}/{opened.id}/{side}/{token}" for side, token in zip("ab", opened.writer, strict=True))
    for sender, receiver in ((a, b), (b, a)):
        yield from _carried(context, shown, sender, receiver)
    response = yield request(context, "DELETE", a, shown)
    checks.status(response, 204, "close")
    response = yield request(context, "GET", b, (*shown, ("Range", "bytes=0-")))
    checks.status(response, 410, "session after its end")
    return {"bytes": 2 * SIZE, "ttl": opened.ttl}


def _carried(context: WebContext, shown: Headers, sender: str, receiver: str) -> Generator[Request, Response, None]:
    data = context.entropy(SIZE)
    pushed: Headers = (
        ("Content-Type", "application/octet-stream"),
        ("Content-Range", f"bytes 0-{SIZE - 1}/*"),
    )
    response = yield request(context, "POST", sender, (*shown, *pushed), data)
    checks.status(response, 204, "push")
    response = yield request(context, "GET", receiver, (*shown, ("Range", "bytes=0-")))
    checks.status(response, 206, "pull")
    checks.that(response.body == data, f"{len(response.body)} other bytes were pulled", response)
