"""Relay credentials: the STUN shared-secret exchange inside TLS 443, both ends. Not the relay itself (turn.py).

Source: dossier media.md 3.2 (certainty A). The account in use is the one whose name carries the flow's tag.
"""

from __future__ import annotations

import hmac
import re
from hashlib import md5, sha1

from emulator.wire import stun, tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.stun import Message, encode
from emulator.wire.talk import Note, Send, Sighting, Talk

REALM, NONCE = 0x0014, 0x0015  # not the codes of the later relay dialect, which swaps them
ALTERNATE_SERVER, ALTERNATE_SERVER_LATER = 0x000E, 0x8023
REALM_VALUE = b'"live.com"'
PREFIX, SUFFIX = b"RPS_", bytes(3)
USERNAME_SIZE, PASSWORD_SIZE = 20, 16  # bytes


def derive_password(key: bytes, username: bytes) -> bytes:
    """Password of a relay username: the first 16 bytes of HMAC-SHA1(key, username), so no end keeps a table."""
    return hmac.new(key, username, sha1).digest()[:PASSWORD_SIZE]


def username_of(ticket: str) -> bytes:
    """USERNAME of a ticket: `RPS_`, the ticket, three NUL bytes."""
    return PREFIX + ticket.encode() + SUFFIX


def integrity_key(username: bytes, nonce: bytes, account: str) -> bytes:
    """Key of the second request: MD5 over username, nonce without quotes and account, then 16 zero bytes."""
    return md5(b":".join((username, nonce.strip(b'"'), account.encode()))).digest() + bytes(16)


def second_id(tag: bytes) -> bytes:
    """Transaction id of the second request, computable at both ends."""
    return filler(tag, 16, "second transaction")


def first_request(id: bytes, ticket: str) -> bytes:
    """The request without credentials that is answered 401."""
    return encode(Message(stun.SECRET, id, ((stun.USERNAME, username_of(ticket)),)))


def unauthorized(id: bytes, nonce: bytes, *, code: int = 401, reason: str = "Unauthorized") -> bytes:
    """The 401 (or another error) with realm and nonce."""
    attributes = ((stun.ERROR_CODE, stun.error_value(code, reason)), (REALM, REALM_VALUE), (NONCE, nonce))
    return encode(Message(stun.SECRET_ERROR, id, attributes))


def second_request(id: bytes, ticket: str, realm: bytes, nonce: bytes, account: str) -> bytes:
    """The request with realm, nonce and MESSAGE-INTEGRITY."""
    username = username_of(ticket)
    message = Message(stun.SECRET, id, ((stun.USERNAME, username), (REALM, realm), (NONCE, nonce)))
    return encode(message, integrity_key(username, nonce, account))


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """401, then credentials. Checks that they follow the derivation rule. Facts: relay, username (hex), ids."""
    account, ticket = tags.account(context.tag), tags.ticket(context.tag)
    yield Send(first_request(context.tag, ticket))
    refusal = yield from stun.read()
    if refusal.kind != stun.SECRET_ERROR or refusal.id != context.tag or refusal.error != "401 Unauthorized":
        raise WireError(f"expected a 401, got {refusal.kind:#06x} {refusal.error}")
    realm, nonce = refusal.need(REALM), refusal.need(NONCE)
    if not re.fullmatch(rb'"[0-9a-f]{16}"', nonce):
        raise WireError(f"a nonce of another form: {nonce[:40]!r}")
    id = second_id(context.tag)
    yield Send(second_request(id, ticket, realm, nonce, account))
    grant = yield from stun.read()
    if grant.kind != stun.SECRET_OK or grant.id != id:
        raise WireError(f"no credentials: {grant.kind:#06x} {grant.error}")
    username, password = grant.need(stun.USERNAME), grant.need(stun.PASSWORD)
    if len(username) != USERNAME_SIZE or not username.startswith(context.tag):
        raise WireError("the relay username does not carry our tag")
    if not hmac.compare_digest(password, derive_password(context.relay_key, username)):
        raise WireError("the relay password does not follow from the relay key")
    relay = grant.address(ALTERNATE_SERVER)
    if grant.address(ALTERNATE_SERVER_LATER) != relay:
        raise WireError("the two ALTERNATE-SERVER attributes differ")
    return {
        "relay": [relay.address, relay.port],
        "username": username.hex(),
        "transactions": [context.tag.hex(), id.hex()],
        "realm": realm.decode("latin-1"),
    }


def server(context: ServerContext) -> Talk[None]:
    """Refuse once with 401, verify the HMAC, hand out credentials. Wrong ones are answered 401 or 431 and end it."""
    first = yield from stun.read()
    if first.kind != stun.SECRET:
        raise WireError(f"not a shared-secret request: {first.kind:#06x}")
    yield Sighting("shared-secret", first.id.hex(), {"transactions": [first.id.hex(), second_id(first.id).hex()]})
    nonce = b'"' + context.entropy(8).hex().encode() + b'"'
    yield Send(unauthorized(first.id, nonce))
    second = yield from stun.read()
    yield Note({"second_transaction": second.id.hex()})
    refusal = _refusal(first, second, nonce)
    if refusal:
        code, reason = refusal
        yield Send(unauthorized(second.id, nonce, code=code, reason=reason))
        raise WireError(f"refused with {code} {reason}")
    username = first.id + context.entropy(USERNAME_SIZE - len(first.id))
    relay = stun.address_value(context.relay)
    attributes = (
        (stun.USERNAME, username),
        (stun.PASSWORD, derive_password(context.relay_key, username)),
        (ALTERNATE_SERVER, relay),
        (ALTERNATE_SERVER_LATER, relay),
    )
    yield Send(encode(Message(stun.SECRET_OK, second.id, attributes)))


def _refusal(first: Message, second: Message, nonce: bytes) -> tuple[int, str] | None:
    username = second.get(stun.USERNAME)
    if second.kind != stun.SECRET or username is None:
        return 400, "Bad Request"
    if second.get(NONCE) != nonce or username != first.get(stun.USERNAME):
        return 401, "Unauthorized"
    if not (username.startswith(PREFIX) and username.endswith(SUFFIX)):
        return 401, "Unauthorized"
    tag = tags.from_ticket(username[len(PREFIX) : -len(SUFFIX)].decode("latin-1"))
    if not tag:
        return 401, "Unauthorized"
    if not stun.authentic(second, integrity_key(username, nonce, tags.account(bytes.fromhex(tag)))):
        return 431, "Integrity Check Failure"
    return None
