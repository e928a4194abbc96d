"""Media relay in the MSN dialect of TURN (draft 08, magic cookie): allocate, refresh, release. No media pass it.

Source: dossier media.md 3.3 (server side verified with libnice). The relay keeps allocations as numbers; Send and Set
Active Destination are read and refused, because nothing is relayed behind them.
"""

from __future__ import annotations

import msgspec

from emulator.wire import stun
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.wire.stun import Message, encode

ALLOCATE, ALLOCATE_OK, ALLOCATE_ERROR = 0x0003, 0x0103, 0x0113
SEND, SEND_OK, DATA_INDICATION = 0x0004, 0x0104, 0x0115
SET_ACTIVE, SET_ACTIVE_OK = 0x0006, 0x0106
REQUESTS = (ALLOCATE, SEND, SET_ACTIVE)

LIFETIME, MAGIC_COOKIE = 0x000D, 0x000F
DESTINATION_ADDRESS, REMOTE_ADDRESS, DATA = 0x0011, 0x0012, 0x0013
REFLEXIVE_ADDRESS = 0x8000  # the client as the relay sees it; MAPPED-ADDRESS is the relayed address here
COOKIE = bytes.fromhex("72c64bc6")
LIFETIME_DEFAULT = 600  # seconds

_HEAD = (MAGIC_COOKIE, COOKIE)


class Allocations:
    """Who holds which relayed port. Limits: `limit` allocations, `lifetime` seconds each; time is handed in."""

    def __init__(self, *, limit: int = 256, low: int = 49152, high: int = 65535) -> None:
        self._limit, self._low, self._high = limit, low, high
        self._held: dict[tuple[Endpoint, bytes], tuple[int, float]] = {}
        self._next = low

    def __len__(self) -> int:
        return len(self._held)

    def allocate(self, client: Endpoint, username: bytes, lifetime: int, now: float) -> int | None:
        """Port of a new or refreshed allocation (the same one as before); None when all are taken."""
        self._expire(now)
        key = (client, username)
        if key in self._held:
            port = self._held[key][0]
        elif len(self._held) >= self._limit:
            return None
        else:
            taken = {port for port, _ in self._held.values()}
            if len(taken) > self._high - self._low:
                return None
            while self._next in taken:
                self._advance()
            port = self._next
            self._advance()
        self._held[key] = (port, now + lifetime)
        return port

    def release(self, client: Endpoint, username: bytes, now: float) -> int | None:
        """Give an allocation back; its port, or None when there was none."""
        self._expire(now)
        held = self._held.pop((client, username), None)
        return held[0] if held else None

    def _advance(self) -> None:
        self._next = self._low if self._next >= self._high else self._next + 1

    def _expire(self, now: float) -> None:
        self._held = {key: held for key, held in self._held.items() if held[1] > now}


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


def is_request(data: bytes) -> bool:
    """True for a request of this dialect: type 3, 4 or 6, exact length, the magic cookie as first attribute."""
    return (
        len(data) >= stun.HEADER + 8
        and int.from_bytes(data[:2], "big") in REQUESTS
        and int.from_bytes(data[2:4], "big") == len(data) - stun.HEADER
        and data[20:28] == b"\x00\x0f\x00\x04" + COOKIE
    )


def answer(data: bytes, context: ServerContext, allocations: Allocations) -> Answered | None:
    """Answer one request; None for what is none. The tag is the transaction id, the username is a fact.

    A release without an allocation is granted too (a repeated question must get its answer again).
    """
    if not is_request(data):
        return None
    try:
        message = stun.decode(data)
        reply, facts = respond(message, context, allocations)
    except WireError as error:
        return Answered("stun", data[4:20].hex(), facts={"not_answered": str(error)})
    return Answered("stun", message.id.hex(), (Reply(reply),), facts)


def respond(message: Message, context: ServerContext, allocations: Allocations) -> tuple[bytes, dict[str, object]]:
    """Answer to a decoded request and facts for the receipt (the data relay uses it on its stream)."""
    username = message.get(stun.USERNAME)
    facts: dict[str, object] = {"request": message.kind}
    if username is None or len(username) != USERNAME_SIZE:
        return _refuse(message, 432, "Missing Username"), {**facts, "refused": 432}
    facts["username"] = username.hex()
    key = derive_password(context.relay_key, username)
    if not stun.authentic(message, key):
        return _refuse(message, 431, "Integrity Check Failure"), {**facts, "refused": 431}
    if message.kind != ALLOCATE:
        return _refuse(message, 500, "Not Relayed"), {**facts, "refused": 500}
    wanted, now = _lifetime(message, LIFETIME_DEFAULT), context.now()
    if wanted == 0:
        port = allocations.release(context.observed, username, now) or 0
    else:
        wanted = min(wanted, LIFETIME_DEFAULT)
        held = allocations.allocate(context.observed, username, wanted, now)
        if held is None:
            return _refuse(message, 486, "Allocation Quota Reached"), {**facts, "refused": 486}
        port = held
    grant = Grant(Endpoint(context.relay.address, port), context.observed, wanted)
    facts |= {"relayed": [grant.relayed.address, port], "lifetime": wanted}
    return allocate_ok(message.id, username, key, grant), facts


def _refuse(message: Message, code: int, reason: str) -> bytes:
    attributes = (_HEAD, (stun.ERROR_CODE, stun.error_value(code, reason)))
    return encode(Message(message.kind | 0x0110, message.id, attributes))


def _lifetime(message: Message, default: int = 0) -> int:
    value = message.get(LIFETIME)
    if value is None:
        return default
    if len(value) != 4:
        raise WireError(f"LIFETIME of {len(value)} bytes")
    return int.from_bytes(value, "big")
