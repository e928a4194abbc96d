"""Data relay on TCP 443 or 80: pseudo-TLS hellos, an Allocate in the clear, framed P2P messages. Emulated, no TLS.

A username is a ticket and four bytes. Those of `meeting.SIDES` make the connection one leg of two that meet by their
ticket; any other means the emulator's own contact behind the relay, which acknowledges one message.
Source: dossier media.md 3.6 (certainty D for attributes and frames; the hello bytes are fixed and known).
"""

from __future__ import annotations

from emulator.wire import p2p, stun, turn, turn_answers, turn_dialect, turn_stream
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number
from emulator.wire.meeting import SIDES, Leg, Meetings
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.wire.talk import Await, Exactly, Note, Peek, Send, Sighting, Talk

CLIENT_HELLO = bytes.fromhex(
    "160301002d010000290301c1fcd5a36d93dd7e0b45673fec7985fbbc3fd660c2ce8485081b8121bcaa10fb00000200180100"
)
SERVER_HELLO = (
    bytes.fromhex("160301004e020000460301") + bytes(32) + b"\x20" + bytes(32) + bytes.fromhex("0018000e000000")
)
FRAME_LIMIT = 1400  # bytes: longer ones were never seen
FRAME_TYPE = 0  # meaning of the field unknown
PAYLOAD = 1024  # bytes of the message


def frame(data: bytes) -> bytes:
    """Length and type (u32 little-endian each), then P2P header and data."""
    return len(data).to_bytes(4, "little") + FRAME_TYPE.to_bytes(4, "little") + data


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Hello, Allocate whose USERNAME starts with the tag, a message and its acknowledgement. Facts: relayed, mapped."""
    yield Send(CLIENT_HELLO)
    if (yield Exactly(len(SERVER_HELLO))) != SERVER_HELLO:
        raise WireError("the relay's hello is not the pseudo-TLS constant")
    username = context.tag + context.entropy(USERNAME_SIZE - len(context.tag))
    key = derive_password(context.relay_key, username)
    id = filler(context.tag, 16, "allocate")
    yield Send(turn.allocate(id, username, key))
    grant = turn.read_allocate_ok((yield from stun.read()).raw, id, key)
    message = next(
        p2p.chunks(
            filler(context.tag, PAYLOAD),
            session=number(context.tag, "session"),
            identifier=number(context.tag, "identifier", bits=24),
            flags=p2p.FILE_DATA,
            ack_id=number(context.tag, "file"),
            limit=p2p.SWITCHBOARD_CHUNK,
        )
    )
    yield Send(frame(message))
    if not p2p.acknowledges((yield from _frame()), p2p.unpack(message)):
        raise WireError("the relayed message was not acknowledged")
    return {
        "relayed": [grant.relayed.address, grant.relayed.port],
        "mapped": [grant.reflexive.address, grant.reflexive.port],
        "username": username.hex(),
        "bytes": PAYLOAD,
    }


def server(
    context: ServerContext, meetings: Meetings | None = None, allocations: turn.Allocations | None = None
) -> Talk[None]:
    """The relay: grant the allocation, then join the leg with its other, or be the contact's leg and acknowledge.

    Whoever speaks in frames of `turn_stream` after the hello is a client of the media relay, where there is one.
    """
    yield from greet()
    if allocations is not None and turn_stream.is_framed((yield Peek(2))):
        yield from turn_stream.server(context, allocations)
        return
    request = yield from stun.read()
    username = request.get(stun.USERNAME) or b""
    if len(username) == USERNAME_SIZE:
        yield Sighting("data-relay", username[:16].hex(), {"username": username.hex(), "emulated": True})
    if not turn.is_request(request.raw) or turn_dialect.dialect_of(request) is not turn_dialect.MSN:
        raise WireError(f"not an Allocate of this dialect: {request.kind:#06x}")
    table = turn.Allocations()
    reply, facts = turn_answers.respond(request, context, table, table.door(context.local))
    yield Note(facts)
    yield Send(reply)
    if "refused" in facts:
        raise WireError(f"refused with {facts['refused']}")
    if meetings is not None and username[16:] in SIDES:
        yield from _meet(context, meetings, username[:16], username[16:])
        return
    data = yield from _frame()
    header = p2p.unpack(data)
    if header.length != len(data) - p2p.HEADER or header.length != header.total:
        raise WireError(f"a framed message of {len(data)} bytes that says {header.length} of {header.total}")
    yield Send(frame(p2p.acknowledgement(header, number(username[:16], "relay", bits=24))))


def greet() -> Talk[None]:
    """Exchange the constant hellos."""
    if (yield Exactly(len(CLIENT_HELLO))) != CLIENT_HELLO:
        raise WireError("not the pseudo-TLS hello")
    yield Send(SERVER_HELLO)


def _meet(context: ServerContext, meetings: Meetings, ticket: bytes, side: bytes) -> Talk[None]:
    """Hand frames across until this leg's client closes; then the other leg ends too."""
    leg = Leg(context.push, context.hang_up)
    waited = meetings.enter(ticket, side, leg)
    try:
        yield Note({"leg": side.decode(), "second": waited is not None})
        if waited:
            yield Send(waited)
        while (yield Peek()):
            data = frame((yield from _frame()))
            pause = meetings.pause(ticket, side, len(data))
            if pause is not None:
                yield Await(pause)
            meetings.hand_over(ticket, side, data)
        yield Note({"passed": leg.passed})
    finally:
        meetings.leave(ticket, side)


def _frame() -> Talk[bytes]:
    head = yield Exactly(8)
    size = int.from_bytes(head[:4], "little")
    if not p2p.HEADER <= size <= FRAME_LIMIT or head[4:] != FRAME_TYPE.to_bytes(4, "little"):
        raise WireError(f"a relay frame of {size} bytes, type {head[4:].hex()}")
    return (yield Exactly(size))
