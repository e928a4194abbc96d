"""Dialogue `sqm`: a session is accepted, the same with one byte changed is refused.

Not a measurement of anything: the points are a counter and a nonce.
"""

from __future__ import annotations

import re

import msgspec

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import request
from emulator.wire import sqm as wire

PATH = "/sqm/WindowsLive/sqmserver.dll"  # the partner's name in 8.1 is a guess; any is accepted
HEADERS = (("Content-Type", "application/octet-stream"),)
EPOCH = 11_644_473_600  # seconds from 1601 to 1970


def dialogue(context: WebContext) -> Steps:
    """Two uploads, and one of a header that asks for the manifest's version."""
    nonce = int.from_bytes(context.entropy(4), "little")
    filetime = int(context.now() + EPOCH) * 10_000_000
    section = wire.dword_section(((7, 1, 0), (42, nonce, 1500)))
    session = wire.Session(client=context.tag, sections=(section,), uploaded=filetime, started=filetime, ended=filetime)
    body = wire.encode(session)
    response = yield request(context, "POST", PATH, HEADERS, body)
    checks.status(response, 200, "SQM session")
    response = yield request(context, "POST", PATH, HEADERS, body[:-1] + bytes([body[-1] ^ 1]))
    checks.status(response, 400, "SQM session with a changed byte")
    asking = msgspec.structs.replace(session, sections=(), internal=wire.WANTS_MANIFEST)
    response = yield request(context, "POST", PATH, HEADERS, wire.encode(asking))
    checks.status(response, 201, "SQM header that asks for a manifest")
    version = response.header("ManifestVersion")
    checks.that(re.fullmatch(r'"\d{1,9}"', version) is not None, f"the manifest version {version!r}", response)
    return {"point": nonce, "manifest": int(version[1:-1])}
