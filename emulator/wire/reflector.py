"""Webcam reflector on TCP 80: the TSP/1.0 opening, ML20 frames, credits. Not the HTTP calls that make a session.

Source: dossier media.md 4.6 (certainty B). The client says CONNECTED after the 200, as in the composed capture.
"""

from __future__ import annotations

import re

from emulator.wire import webcam
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Exactly, Send, Sighting, Talk, Until

OK = b"TSP/1.0 200 OK\r\n\r\n"
CONNECTED = b"CONNECTED\r\n\r\n"
CREDIT = (1234).to_bytes(4, "little")
LINE_LIMIT = 128  # bytes


def opening(tid: str, role: str = "PROD") -> bytes:
    """The first line; `role` is PROD or VIEW."""
    return f"{role} {tid} TSP/1.0\r\n\r\n".encode()


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Produce four frames, each paid for with a credit. Facts: tid, frames, credits."""
    tid = context.tag.hex()
    yield Send(opening(tid))
    if (yield Exactly(len(OK))) != OK:
        raise WireError("the reflector did not say 200")
    yield Send(CONNECTED)
    credits = 0
    for frame in webcam.frames(context.tag):
        yield Send(webcam.pack(frame))
        if (yield Exactly(len(CREDIT))) != CREDIT:
            raise WireError(f"frame {credits} was answered with no credit")
        credits += 1
    return {"tid": tid, "frames": credits, "credits": credits}


def server(context: ServerContext) -> Talk[None]:
    """The reflector with a viewer behind it: a credit for every frame until the producer closes."""
    line = yield Until(b"\r\n\r\n", LINE_LIMIT)
    found = re.fullmatch(rb"(PROD|VIEW) ([0-9a-fA-F]{16}) TSP/1\.0\r\n\r\n", line)
    if found is None:
        raise WireError(f"not a TSP opening with a 64-bit tid: {line[:60]!r}")
    role, tid = found[1].decode(), found[2].decode().lower()
    yield Sighting("reflector", tid, {"role": role, "tid": tid})
    if role == "VIEW":
        raise WireError("viewers are not served: this reflector has no second leg")
    yield Send(OK)
    if (yield Exactly(len(CONNECTED))) != CONNECTED:
        raise WireError("the producer did not say CONNECTED")
    yield from webcam.view(CREDIT)
