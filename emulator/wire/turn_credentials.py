"""Who may ask something of a relay: usernames, nonces, message integrity, and the answers to whoever may not.

Not what is asked for (turn_answers.py). A stranger's question is answered longer than it was only out of a small
ration (`Limits.debt`), because its source may be forged. Sources: dossier media.md 3.3 and 3.4, RFC 5389 10.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha1

import msgspec

from emulator.wire import stun
from emulator.wire.allocation import Allocation, Door
from emulator.wire.allocations import Allocations
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.stun import Message
from emulator.wire.turn_dialect import ERROR, REALM_VALUE, Dialect, Verb

NONCE_LIFE = 600  # seconds; an older one is answered 438
Attributes = tuple[tuple[int, bytes], ...]
Facts = dict[str, object]


class Refused(Exception):
    """The answer is an error. `challenge`: with realm and nonce. `also`: further attributes."""

    def __init__(self, code: int, reason: str, *, challenge: bool = False, also: Attributes = ()) -> None:
        super().__init__(code, reason)
        self.code, self.reason, self.challenge, self.also = code, reason, challenge, also


class Asked(msgspec.Struct, frozen=True):
    """A question with what it takes to answer it. `key` is that of its username, and its integrity was right."""

    message: Message
    dialect: Dialect
    verb: Verb
    context: ServerContext
    table: Allocations
    door: Door
    username: bytes
    identity: bytes
    key: bytes

    @property
    def client(self) -> tuple[str, int]:
        """The client's address, as a socket says it."""
        return (self.context.observed.address, self.context.observed.port)

    def held(self) -> Allocation:
        """The client's allocation. Refused when there is none (437) or it is another user's (441)."""
        allocation = self.present()
        if allocation is None:
            raise Refused(437, "Allocation Mismatch")
        return allocation

    def present(self) -> Allocation | None:
        """The client's allocation, if there is one; Refused when it is another user's or of another dialect."""
        allocation = self.door.clients.get(self.client)
        if allocation is not None and allocation.expires <= self.context.now():
            self.table.release(allocation)
            allocation = None
        if allocation is not None and (allocation.identity != self.identity or allocation.dialect is not self.dialect):
            raise Refused(self.dialect.one_username, "Wrong Credentials")
        return allocation


def make_nonce(relay_key: bytes, address: str, now: float) -> bytes:
    """A nonce for one address: 12 characters that say when it was made and that it was made here; no table."""
    made = int(now).to_bytes(4, "big")
    return b64encode(made + _proof(relay_key, address, made))


def nonce_is_good(nonce: bytes, relay_key: bytes, address: str, now: float) -> bool:
    """True for a nonce of `make_nonce` that is not older than `NONCE_LIFE`."""
    try:
        made = _made(nonce)
    except ValueError:
        return False
    fresh = 0 <= now - int.from_bytes(made, "big") + 1 <= NONCE_LIFE + 1
    return fresh and hmac.compare_digest(nonce, b64encode(made + _proof(relay_key, address, made)))


def admit(
    message: Message,
    dialect: Dialect,
    verb: Verb,
    context: ServerContext,
    table: Allocations,
    door: Door,
    facts: Facts,
) -> Asked:
    """Credentials, then attributes that are not understood. Raises Refused; WireError where no answer is due."""
    username = message.get(stun.USERNAME)
    stranger = username is None or message.get(stun.MESSAGE_INTEGRITY) is None
    if dialect.long_term and stranger:
        if verb not in dialect.challenged:
            raise WireError(f"{verb.value} without credentials")
        raise Refused(401, "Unauthorized", challenge=True)
    identity = None if username is None else dialect.identity(username)
    if username is None or identity is None:
        if dialect.long_term:
            raise Refused(401, "Unauthorized", challenge=True)
        raise Refused(432, "Missing Username")
    facts["username"] = identity.hex()
    if verb in dialect.challenged:
        realm, nonce = message.get(dialect.realm), message.get(dialect.nonce)
        if realm is None or nonce is None:
            raise Refused(400, "Bad Request")
        if not nonce_is_good(nonce, context.relay_key, context.observed.address, context.now()):
            raise Refused(438, "Stale Nonce", challenge=True)
    key = dialect.key(context.relay_key, username, identity)
    if not stun.authentic(message, key):
        raise Refused(dialect.bad_integrity, _INTEGRITY[dialect.bad_integrity], challenge=dialect.long_term)
    unknown = [code for code, _ in message.attributes if code < stun.OPTIONAL and code not in dialect.known]
    if unknown:
        listed = b"".join(code.to_bytes(2, "big") for code in unknown)
        raise Refused(420, "Unknown Attribute", also=((stun.UNKNOWN_ATTRIBUTES, listed),))
    return Asked(message, dialect, verb, context, table, door, username, identity, key)


_INTEGRITY = {401: "Unauthorized", 431: "Integrity Check Failure"}


def refusal(
    message: Message, dialect: Dialect, context: ServerContext, table: Allocations, refused: Refused, key: bytes | None
) -> bytes:
    """The error answer. Raises WireError when a stranger would get more than came and has had its ration."""
    address, now = context.observed.address, context.now()
    attributes = [*dialect.head, (stun.ERROR_CODE, stun.error_value(refused.code, refused.reason)), *refused.also]
    if refused.challenge:
        attributes += [(dialect.realm, REALM_VALUE), (dialect.nonce, make_nonce(context.relay_key, address, now))]
    answer = stun.encode(Message(message.kind | ERROR, message.id, tuple(attributes)), key)
    if key is None and not table.may_owe(address, len(answer) - len(message.raw), now):
        raise WireError(f"{refused.code} is not said again this second to {address}")
    return answer


def _made(nonce: bytes) -> bytes:
    if len(nonce) != 12:
        raise ValueError("not a nonce of this relay")
    return b64decode(nonce, validate=True)[:4]


def _proof(relay_key: bytes, address: str, made: bytes) -> bytes:
    return hmac.new(relay_key, b"nonce " + made + address.encode(), sha1).digest()[:5]
