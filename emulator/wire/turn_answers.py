"""What a relay answers, of any dialect: one function for each thing that can be asked. No media, no passwords.

Sources: dossier media.md 3.3 and 3.4, RFC 5766 6-11, [MS-TURN] 3.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from emulator.wire import stun
from emulator.wire.allocation import Allocation, Door, DraftAllocation, LaterAllocation
from emulator.wire.allocations import Allocations, Refusal
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.stun import Message
from emulator.wire.turn_credentials import Asked, Attributes, Facts, Refused, admit, refusal
from emulator.wire.turn_dialect import (
    CHANNEL_NUMBER,
    EVEN_PORT,
    LIFETIME,
    MS_SEQUENCE_NUMBER,
    REALM_VALUE,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
    SUCCESS,
    Verb,
    dialect_of,
)

CHANNELS = range(0x4000, 0x7FFF)
UDP = 17
IPV4 = 1
REFUSALS: dict[Refusal, tuple[int, str]] = {
    "quota": (486, "Allocation Quota Reached"),
    "full": (508, "Insufficient Capacity"),
    "token": (508, "Insufficient Capacity"),
}


def respond(message: Message, context: ServerContext, table: Allocations, door: Door) -> tuple[bytes, Facts]:
    """The answer to what `turn_dialect.is_request` is true for (b"": none), and facts for the receipt.

    Raises WireError for what is broken, or is a stranger's whose ration is used up: no answer then.
    """
    dialect = dialect_of(message)
    verb = dialect.verbs[message.kind]
    facts: Facts = {"request": message.kind, "dialect": dialect.name}
    key: bytes | None = None
    try:
        asked = admit(message, dialect, verb, context, table, door, facts)
        key = asked.key
        attributes = VERBS[verb](asked, facts)
    except Refused as refused:
        facts["refused"] = refused.code
        return refusal(message, dialect, context, table, refused, key), facts
    if verb is Verb.SEND and not dialect.answers_send:
        return b"", facts
    answer = Message(message.kind | SUCCESS, message.id, (*dialect.head, *attributes))
    return stun.encode(answer, key, fingerprint=message.get(stun.FINGERPRINT) is not None), facts


def _allocate(asked: Asked, facts: Facts) -> Attributes:
    """Allocate. In the drafts it also refreshes, and with LIFETIME 0 releases, even what is not there (any more)."""
    now, draft = asked.context.now(), asked.dialect.allocate_refreshes
    wanted = _lifetime(asked)
    allocation = asked.present()
    if draft and wanted == 0:
        port = 0
        if allocation is not None:
            port = _release(asked, allocation, facts)
        return _granted(asked, Endpoint(asked.context.relay.address, port), 0, facts)
    if not draft:
        _check_request(asked)
        if allocation is not None and allocation.transaction != asked.message.id:
            raise Refused(437, "Allocation Mismatch")
    also: Attributes = ()
    if allocation is None:
        allocation, also = _make(asked, now + wanted)
    allocation.expires = now + wanted
    return (*_granted(asked, Endpoint(*allocation.address), wanted, facts), *also)


def _make(asked: Asked, until: float) -> tuple[Allocation, Attributes]:
    context, table, message = asked.context, asked.table, asked.message
    if not table.asked.take(context.observed.address, context.now()):
        raise WireError(f"{context.observed.address} asks for too many allocations in a second")
    even = message.get(EVEN_PORT)
    made = table.allocate(
        asked.door,
        asked.client,
        asked.dialect,
        asked.username,
        asked.identity,
        asked.key,
        context.relay.address,
        until,
        transaction=message.id,
        even=even is not None,
        token=message.get(RESERVATION_TOKEN),
    )
    if isinstance(made, str):
        raise Refused(*REFUSALS[made])
    if even is None or not even[:1] or even[0] & 0x80 == 0:
        return made, ()
    token = table.reserve_after(made, context.now())
    if token is None:
        table.release(made)
        raise Refused(508, "Insufficient Capacity")
    return made, ((RESERVATION_TOKEN, token),)


def _check_request(asked: Asked) -> None:
    """RFC 5766 6.2, RFC 6156: only UDP over IPv4 is relayed; a port is reserved or asked for even, not both."""
    message = asked.message
    transport = message.get(REQUESTED_TRANSPORT)
    if transport is None or len(transport) != 4:
        raise Refused(400, "Bad Request")
    if transport[0] != UDP:
        raise Refused(442, "Unsupported Transport Protocol")
    family = message.get(REQUESTED_ADDRESS_FAMILY)
    if family is not None and family[:1] != bytes((IPV4,)):
        raise Refused(440, "Address Family not Supported")
    if message.get(RESERVATION_TOKEN) is not None and message.get(EVEN_PORT) is not None:
        raise Refused(400, "Bad Request")


def _granted(asked: Asked, relayed: Endpoint, lifetime: int, facts: Facts) -> Attributes:
    dialect, id = asked.dialect, asked.message.id
    facts |= {"relayed": [relayed.address, relayed.port], "lifetime": lifetime}
    attributes = [
        dialect.address(dialect.relayed, relayed, id),
        dialect.address(dialect.reflexive, asked.context.observed, id),
        (LIFETIME, lifetime.to_bytes(4, "big")),
    ]
    if dialect.says_username:
        attributes.append((stun.USERNAME, asked.username))
    if dialect.says_connection:
        nonce = asked.message.need(dialect.nonce)
        attributes += [(dialect.realm, REALM_VALUE), (dialect.nonce, nonce)]
        attributes.append((MS_SEQUENCE_NUMBER, asked.identity + bytes(4)))
    return tuple(attributes)


def _refresh(asked: Asked, facts: Facts) -> Attributes:
    allocation, wanted = asked.held(), _lifetime(asked)
    if wanted == 0:
        _release(asked, allocation, facts)
    allocation.expires = asked.context.now() + wanted
    facts["lifetime"] = wanted
    return ((LIFETIME, wanted.to_bytes(4, "big")),)


def _release(asked: Asked, allocation: Allocation, facts: Facts) -> int:
    asked.table.release(allocation)
    facts["carried"] = {"packets": allocation.moved, "bytes": allocation.octets, "dropped": allocation.dropped}
    return allocation.address[1]


def _send(asked: Asked, facts: Facts) -> Attributes:
    """A Send request of the drafts that its allocation did not take: there is none, or its peer is no peer of ours."""
    asked.held()
    _peer(asked)
    raise Refused(400, "Bad Request")


def _activate(asked: Asked, facts: Facts) -> Attributes:
    allocation, peer = asked.held(), _peer(asked)
    assert isinstance(allocation, DraftAllocation)
    if not allocation.permit(peer.address, inf):
        raise Refused(486, "Allocation Quota Reached")
    allocation.activate((peer.address, peer.port))
    facts["peer"] = [peer.address, peer.port]
    return ()


def _permit(asked: Asked, facts: Facts) -> Attributes:
    allocation, dialect = asked.held(), asked.dialect
    until = asked.context.now() + asked.table.limits.permission
    peers = [value for code, value in asked.message.attributes if code == dialect.peer]
    if not peers:
        raise Refused(400, "Bad Request")
    for value in peers:
        peer = _allowed(asked, dialect.read_address(dialect.peer, value, asked.message.id))
        if not allocation.permit(peer.address, until):
            raise Refused(508, "Insufficient Capacity")
    return ()


def _bind(asked: Asked, facts: Facts) -> Attributes:
    allocation, number = asked.held(), asked.message.get(CHANNEL_NUMBER)
    assert isinstance(allocation, LaterAllocation)
    peer, now, limits = _peer(asked), asked.context.now(), asked.table.limits
    if number is None or len(number) != 4 or int.from_bytes(number[:2], "big") not in CHANNELS:
        raise Refused(400, "Bad Request")
    channel, address = int.from_bytes(number[:2], "big"), (peer.address, peer.port)
    if not allocation.bind(channel, address, now + limits.channel):
        raise Refused(400, "Bad Request")
    if not allocation.permit(peer.address, now + limits.permission):
        raise Refused(508, "Insufficient Capacity")
    facts |= {"channel": channel, "peer": [peer.address, peer.port]}
    return ()


def _peer(asked: Asked) -> Endpoint:
    value = asked.message.get(asked.dialect.peer)
    if value is None:
        raise Refused(400, "Bad Request")
    return _allowed(asked, asked.dialect.read_address(asked.dialect.peer, value, asked.message.id))


def _allowed(asked: Asked, peer: Endpoint) -> Endpoint:
    """A peer must be an allocation of this relay or the owner of one; the relay reaches nothing else."""
    if not asked.table.allows(peer.address):
        raise Refused(403, "Forbidden")
    return peer


def _lifetime(asked: Asked) -> int:
    """Seconds to grant: what is asked for, at most the limit; the limit when nothing is asked for."""
    value, limit = asked.message.get(LIFETIME), asked.table.limits.lifetime
    if value is None:
        return limit
    if len(value) != 4:
        raise WireError(f"LIFETIME of {len(value)} bytes")
    return min(int.from_bytes(value, "big"), limit)


VERBS: dict[Verb, Callable[[Asked, Facts], Attributes]] = {
    Verb.ALLOCATE: _allocate,
    Verb.REFRESH: _refresh,
    Verb.SEND: _send,
    Verb.ACTIVATE: _activate,
    Verb.PERMIT: _permit,
    Verb.BIND: _bind,
}
