"""Webcam reflector on TCP 80: the TSP/1.0 opening, ML20 frames, credits. Not the HTTP calls that make a session.

Producer and viewer of one tid are joined: frames go one way, credits the other. A producer alone is paid by the
reflector itself. The client says CONNECTED after the 200, as in the composed capture; the reflector says it to both
when the second one has come. Source: dossier media.md 4.6 (certainty B).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.wire import webcam
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Exactly, Note, Peek, Send, Sighting, Talk, Until

OK = b"TSP/1.0 200 OK\r\n\r\n"
CONNECTED = b"CONNECTED\r\n\r\n"
CREDIT = (1234).to_bytes(4, "little")
LINE_LIMIT = 128  # bytes
ROOMS = 256  # sessions at once
FRAMES_LIMIT = 100_000  # frames of one session: hours at ten a second
AHEAD = 16  # frames that may wait for credits; a producer that sends more is cut off

Push = Callable[[bytes], None]


def opening(tid: str, role: str = "PROD") -> bytes:
    """The first line; `role` is PROD or VIEW."""
    return f"{role} {tid} TSP/1.0\r\n\r\n".encode()


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Produce four frames, each paid for with a credit. Facts: tid, frames, credits."""
    tid, shown = context.tag.hex(), webcam.frames(context.tag)
    yield from _opened(tid, "PROD")
    yield Send(CONNECTED)
    yield from webcam.produce(shown, CREDIT)
    return {"tid": tid, "frames": len(shown), "credits": len(shown)}


def producer(tid: str, shown: list[webcam.Frame]) -> Talk[None]:
    """Produce for a viewer: wait until it is there, then send frames, each paid for by it."""
    yield from _opened(tid, "PROD")
    yield from _joined()
    yield from webcam.produce(shown, CREDIT)


def viewer(tid: str, count: int = webcam.FRAMES_LIMIT) -> Talk[list[webcam.Frame]]:
    """View until the producer pauses, or so many frames, and pay for each."""
    yield from _opened(tid, "VIEW")
    yield from _joined()
    found: list[webcam.Frame] = []
    while len(found) < count and not (found and found[-1].paused):
        found.append((yield from webcam.read_frame()))
        yield Send(CREDIT)
    return found


class Room:
    """One tid: who is there, and how many frames wait for their credit."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[Push, Callable[[], None]]] = {}
        self.owed = 0
        self.joined = False


class Reflector:
    """All sessions of one emulator, by tid; at most 256. A tid has one producer and one viewer."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    def server(self, context: ServerContext) -> Talk[None]:
        """One leg, until it or the other one closes."""
        role, tid = yield from _role()
        room = self._rooms.get(tid)
        if room is None:
            if len(self._rooms) >= ROOMS:
                raise WireError(f"more than {ROOMS} sessions")
            room = self._rooms[tid] = Room()
        if role in room.there or room.joined:
            raise WireError(f"a second {role} for the same tid")
        yield Send(OK)
        room.there[role] = (context.push, context.hang_up)
        try:
            if len(room.there) == 2:
                room.joined = True
                other = room.there["PROD" if role == "VIEW" else "VIEW"][0]
                yield Send(CONNECTED)
                other(CONNECTED)
            yield from _answered()
            yield from (_frames(room) if role == "PROD" else _credits(room))
        finally:
            del room.there[role]
            for _, hang_up in tuple(room.there.values()):
                hang_up()
            if not room.there:
                self._rooms.pop(tid, None)


def server(context: ServerContext) -> Talk[None]:
    """A reflector of one leg: a credit for every frame until the producer closes."""
    return Reflector().server(context)


def _frames(room: Room) -> Talk[None]:
    taken = octets = 0
    while (yield Peek()):
        frame = yield from webcam.read_frame()
        taken, octets = taken + 1, octets + len(frame.payload)
        limit = FRAMES_LIMIT if room.joined else webcam.FRAMES_LIMIT
        if taken > limit:
            raise WireError(f"more than {limit} frames on one connection")
        yield Note({"frames": taken, "frame_bytes": octets})
        viewer = room.there.get("VIEW")
        if viewer is None:
            yield Send(CREDIT)
            continue
        room.owed += 1
        if room.owed > AHEAD:
            raise WireError(f"more than {AHEAD} frames without a credit")
        viewer[0](webcam.pack(frame))


def _credits(room: Room) -> Talk[None]:
    paid = 0
    while (yield Peek()):
        if (yield Exactly(len(CREDIT))) != CREDIT:
            raise WireError("the viewer sent something else than credits")
        if not room.owed:
            raise WireError("a credit for no frame")
        room.owed, paid = room.owed - 1, paid + 1
        yield Note({"credits": paid})
        producer = room.there.get("PROD")
        if producer is not None:
            producer[0](CREDIT)


def _role() -> Talk[tuple[str, str]]:
    line = yield Until(b"\r\n\r\n", LINE_LIMIT)
    found = re.fullmatch(rb"(PROD|VIEW) ([0-9a-fA-F]{16}) TSP/1\.0\r\n\r\n", line)
    if found is None:
        raise WireError(f"not a TSP opening with a 64-bit tid: {line[:60]!r}")
    role, tid = found[1].decode(), found[2].decode().lower()
    yield Sighting("reflector", tid, {"role": role, "tid": tid})
    return role, tid


def _answered() -> Talk[None]:
    """The client's CONNECTED."""
    if (yield Peek()) and (yield Exactly(len(CONNECTED))) != CONNECTED:
        raise WireError("the client did not say CONNECTED")


def _opened(tid: str, role: str) -> Talk[None]:
    yield Send(opening(tid, role))
    if (yield Exactly(len(OK))) != OK:
        raise WireError("the reflector did not say 200")


def _joined() -> Talk[None]:
    if (yield Exactly(len(CONNECTED))) != CONNECTED:
        raise WireError("the reflector did not say CONNECTED")
    yield Send(CONNECTED)
