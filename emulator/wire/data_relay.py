"""Data relay on TCP 443: pseudo-TLS hellos, an Allocate in the clear, one framed P2P message. Emulated, no TLS.

Source: dossier media.md 3.6 (certainty D for attributes and frames; the hello bytes are fixed and known).
"""

from __future__ import annotations

from emulator.wire import p2p, stun, turn
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.wire.talk import Exactly, Note, Send, Sighting, Talk

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


def server(context: ServerContext) -> Talk[None]:
    """The relay and, behind it, the contact's leg: grant the allocation, acknowledge one message."""
    if (yield Exactly(len(CLIENT_HELLO))) != CLIENT_HELLO:
        raise WireError("not the pseudo-TLS hello")
    yield Send(SERVER_HELLO)
    request = yield from stun.read()
    username = request.get(stun.USERNAME) or b""
    if len(username) == USERNAME_SIZE:
        yield Sighting("data-relay", username[:16].hex(), {"username": username.hex()})
    if not turn.is_request(request.raw):
        raise WireError(f"not an Allocate of this dialect: {request.kind:#06x}")
    reply, facts = turn.respond(request, context, turn.Allocations())
    yield Note(facts)
    yield Send(reply)
    if "refused" in facts:
        raise WireError(f"refused with {facts['refused']}")
    data = yield from _frame()
    header = p2p.unpack(data)
    if header.length != len(data) - p2p.HEADER or header.length != header.total:
        raise WireError(f"a framed message of {len(data)} bytes that says {header.length} of {header.total}")
    yield Send(frame(p2p.acknowledgement(header, number(username[:16], "relay", bits=24))))


def _frame() -> Talk[bytes]:
    head = yield Exactly(8)
    size = int.from_bytes(head[:4], "little")
    if not p2p.HEADER <= size <= FRAME_LIMIT or head[4:] != FRAME_TYPE.to_bytes(4, "little"):
        raise WireError(f"a relay frame of {size} bytes, type {head[4:].hex()}")
    return (yield Exactly(size))
