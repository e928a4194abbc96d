"""Media relay in the MSN dialect of TURN (draft 08, magic cookie): messages, the probe's talk, one answer at a time.

Not the relay's rules (turn_answers.py), nor the way of media (allocation.py). Source: dossier media.md 3.3.
"""

from __future__ import annotations

import msgspec

from emulator.wire import stun
from emulator.wire.allocations import Allocations
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.wire.stun import Message, encode
from emulator.wire.turn_answers import respond
from emulator.wire.turn_dialect import (
    COOKIE,
    DATA,
    DESTINATION_ADDRESS,
    LIFETIME,
    MAGIC_COOKIE,
    REFLEXIVE_ADDRESS,
    REMOTE_ADDRESS,
    is_request,
)

__all__ = ["Allocations", "Grant", "answer", "client", "is_request"]

ALLOCATE, ALLOCATE_OK, ALLOCATE_ERROR = 0x0003, 0x0103, 0x0113
SEND, SEND_OK, DATA_INDICATION = 0x0004, 0x0104, 0x0115
SET_ACTIVE, SET_ACTIVE_OK = 0x0006, 0x0106

_HEAD = (MAGIC_COOKIE, COOKIE)


class Grant(msgspec.Struct, frozen=True):
    """What an Allocate answer says: relayed and reflexive address, lifetime in seconds (0: released)."""

    relayed: Endpoint
    reflexive: Endpoint
    lifetime: int


def allocate(id: bytes, username: bytes, key: bytes, lifetime: int | None = None) -> bytes:
    """An Allocate request; LIFETIME only when given (0 releases)."""
    extra = () if lifetime is None else ((LIFETIME, lifetime.to_bytes(4, "big")),)
    return encode(Message(ALLOCATE, id, (_HEAD, (stun.USERNAME, username), *extra)), key)


def allocate_ok(id: bytes, username: bytes, key: bytes, grant: Grant) -> bytes:
    """The answer to Allocate, in the attribute order that libnice was verified with."""
    attributes = (
        _HEAD,
        (stun.MAPPED_ADDRESS, stun.address_value(grant.relayed)),
        (REFLEXIVE_ADDRESS, stun.address_value(grant.reflexive)),
        (LIFETIME, grant.lifetime.to_bytes(4, "big")),
        (stun.USERNAME, username),
    )
    return encode(Message(ALLOCATE_OK, id, attributes), key)


def read_allocate_ok(data: bytes, id: bytes, key: bytes) -> Grant:
    """Check an Allocate answer: type, id, cookie, integrity, addresses. WireError says what is wrong."""
    message = stun.decode(data)
    if message.kind != ALLOCATE_OK or message.id != id:
        raise WireError(f"the relay answered {message.kind:#06x} {message.error}".rstrip())
    if message.get(MAGIC_COOKIE) != COOKIE:
        raise WireError("the relay's answer has no magic cookie")
    if not stun.authentic(message, key):
        raise WireError("the relay's answer has no valid MESSAGE-INTEGRITY")
    return Grant(message.address(stun.MAPPED_ADDRESS), message.address(REFLEXIVE_ADDRESS), _lifetime(message))


def send(id: bytes, username: bytes, key: bytes, peer: Endpoint, data: bytes) -> bytes:
    """A Send request: data for a peer."""
    attributes = (_HEAD, (stun.USERNAME, username), (DESTINATION_ADDRESS, stun.address_value(peer)), (DATA, data))
    return encode(Message(SEND, id, attributes), key)


def set_active(id: bytes, username: bytes, key: bytes, peer: Endpoint) -> bytes:
    """A Set Active Destination request."""
    attributes = (_HEAD, (stun.USERNAME, username), (DESTINATION_ADDRESS, stun.address_value(peer)))
    return encode(Message(SET_ACTIVE, id, attributes), key)


def data_indication(id: bytes, peer: Endpoint, data: bytes) -> bytes:
    """What the relay sends for data of a peer; no integrity (dossier 3.3)."""
    return encode(Message(DATA_INDICATION, id, (_HEAD, (REMOTE_ADDRESS, stun.address_value(peer)), (DATA, data))))


def client(context: ClientContext) -> DatagramTalk[dict[str, object]]:
    """Allocate (transaction id = tag), then release. Facts: relayed, mapped, lifetime, username (hex), released."""
    username = context.tag + context.entropy(USERNAME_SIZE - len(context.tag))
    key = derive_password(context.relay_key, username)
    answer = yield _asking(allocate(context.tag, username, key))
    grant = read_allocate_ok(answer, context.tag, key)
    if grant.relayed.port == 0 or grant.lifetime == 0:
        raise WireError("the relay allocated nothing")
    second = filler(context.tag, 16, "release")
    answer = yield _asking(allocate(second, username, key, 0))
    released = read_allocate_ok(answer, second, key)
    if released.lifetime != 0:
        raise WireError(f"the relay kept the allocation for {released.lifetime} s")
    if released.reflexive != grant.reflexive:
        raise WireError("the relay saw two different sources of one socket")
    return {
        "relayed": [grant.relayed.address, grant.relayed.port],
        "mapped": [grant.reflexive.address, grant.reflexive.port],
        "lifetime": grant.lifetime,
        "username": username.hex(),
        "transactions": [context.tag.hex(), second.hex()],
        "released": True,
    }


def _asking(question: bytes) -> Ask:
    return Ask(question, lambda data: data != question and data[4:20] == question[4:20])


def answer(data: bytes, context: ServerContext, allocations: Allocations) -> Answered | None:
    """Answer one request of any dialect; None for what is none. The tag is the transaction id, the username is a fact.

    A release without an allocation is granted too (a repeated question must get its answer again).
    """
    if not is_request(data):
        return None
    try:
        message = stun.decode(data)
        reply, facts = respond(message, context, allocations, allocations.door(context.local))
    except WireError as error:
        return Answered("stun", data[4:20].hex(), facts={"not_answered": str(error)})
    return Answered("stun", message.id.hex(), (Reply(reply),) if reply else (), facts)


def _lifetime(message: Message) -> int:
    value = message.need(LIFETIME)
    if len(value) != 4:
        raise WireError(f"LIFETIME of {len(value)} bytes")
    return int.from_bytes(value, "big")
