"""The relay over a stream, as OC2007 clients reach it behind the pseudo-TLS hello: frames of control and of media.

Frame: type (2 control, 3 media), zero, u16 length, then a message or bare media. The Messenger of 2007 is not known to
have done so: emulated for other clients' sake. Source: dossier media.md 3.4, [MS-TURN] 2.1.
"""

from __future__ import annotations

from emulator.wire import stun, turn_dialect
from emulator.wire.allocation import Door
from emulator.wire.allocations import Allocations
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Exactly, Note, Peek, Send, Sighting, Talk
from emulator.wire.turn_answers import respond

CONTROL, MEDIA = 2, 3
HEAD = 4  # bytes
SIZE_LIMIT = 8192  # bytes of a frame


def frame(kind: int, data: bytes) -> bytes:
    """One frame."""
    return bytes((kind, 0)) + len(data).to_bytes(2, "big") + data


def is_framed(head: bytes) -> bool:
    """True when these first bytes after the hello open a frame, and not a bare message (which begins 00 03)."""
    return head[:1] in (b"\x02", b"\x03") and head[1:2] in (b"", b"\0")


def server(context: ServerContext, allocations: Allocations) -> Talk[None]:
    """Answer control frames and carry media until the client closes; its allocation goes with the connection."""
    client = (context.observed.address, context.observed.port)
    door = Door(lambda data, to: context.push(frame(CONTROL, data)), lambda data, to: context.push(frame(MEDIA, data)))
    try:
        while (yield Peek()):
            head = yield Exactly(HEAD)
            size = int.from_bytes(head[2:], "big")
            if head[0] not in (CONTROL, MEDIA) or head[1] or size > SIZE_LIMIT:
                raise WireError(f"a relay frame that begins {head.hex()}")
            data = (yield Exactly(size)) if size else b""
            allocation = door.clients.get(client)
            if allocation is not None and allocation.carry(data):
                continue
            if not turn_dialect.is_request(data):
                raise WireError(f"neither media nor a request: {data[:28].hex()}")
            message = stun.decode(data)
            reply, facts = respond(message, context, allocations, door)
            yield Sighting("turn-stream", message.id.hex(), {**facts, "emulated": True}, request=data, response=reply)
            yield Note(facts)
            if reply:
                yield Send(frame(CONTROL, reply))
    finally:
        for allocation in tuple(door.clients.values()):
            allocations.release(allocation)
