"""What differs between the dialects of TURN that a relay meets, as records of one table. No messages, no state.

MSN: draft 08 with the magic cookie as clients of Messenger speak it. OC2007: the same with long-term credentials, as
libnice speaks it to Microsoft's relays. RFC 5766: everybody else. Sources: dossier media.md 3.3, 3.4, [MS-TURN] 2.2,
RFC 5766 13-15.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from enum import Enum
from hashlib import md5

import msgspec

from emulator.wire import stun
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.wire.stun import Message

COOKIE = bytes.fromhex("72c64bc6")

LIFETIME, MAGIC_COOKIE, BANDWIDTH = 0x000D, 0x000F, 0x0010
DESTINATION_ADDRESS, REMOTE_ADDRESS, DATA = 0x0011, 0x0012, 0x0013
REFLEXIVE_ADDRESS = 0x8000  # the client as an MSN relay sees it; MAPPED-ADDRESS is the relayed address there
MS_VERSION, MS_XOR_MAPPED_ADDRESS, MS_SEQUENCE_NUMBER = 0x8008, 0x8020, 0x8050
REALM, NONCE = 0x0014, 0x0015
CHANNEL_NUMBER, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS = 0x000C, 0x0012, 0x0016
REQUESTED_ADDRESS_FAMILY, EVEN_PORT, REQUESTED_TRANSPORT = 0x0017, 0x0018, 0x0019
RESERVATION_TOKEN = 0x0022

ERROR = 0x0110  # bits of the type that make an error answer of a request
SUCCESS = 0x0100
REALM_VALUE = b"live.com"


class Verb(Enum):
    """What a request or indication asks of a relay."""

    ALLOCATE = "allocate"
    REFRESH = "refresh"
    SEND = "send"
    ACTIVATE = "set active destination"
    PERMIT = "create permission"
    BIND = "bind channel"


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect. Codes are attribute codes; `verbs` maps message types; `data` is the type of a data indication.

    `head`: attributes that every message of the dialect begins with. `long_term`: credentials with realm and nonce,
    needed for `challenged` verbs only. `text`: username and password travel as base64 text.
    """

    name: str
    verbs: dict[int, Verb]
    data: int
    head: tuple[tuple[int, bytes], ...] = ()
    long_term: bool = False
    challenged: frozenset[Verb] = frozenset()
    text: bool = False
    realm: int = REALM
    nonce: int = NONCE
    relayed: int
    reflexive: int
    peer: int  # in what a client sends
    remote: int  # in what it is sent
    xored: frozenset[int] = frozenset()  # address attributes that are XORed with the transaction id
    known: frozenset[int]  # attributes below 0x8000 that are understood; others are answered 420
    says_username: bool = False  # in an Allocate answer
    says_connection: bool = False  # in an Allocate answer: realm, nonce and a sequence number
    answers_send: bool = False
    allocate_refreshes: bool = True  # and releases; else there is a request of its own for both
    one_username: int  # error for another username on an address that has an allocation
    bad_integrity: int

    def identity(self, username: bytes) -> bytes | None:
        """The 20 bytes that a username stands for; None when it is none of ours."""
        if self.text:
            try:
                username = b64decode(username, validate=True)
            except (Base64Error, ValueError):
                return None
        return username if len(username) == USERNAME_SIZE else None

    def key(self, relay_key: bytes, username: bytes, identity: bytes) -> bytes:
        """Key of MESSAGE-INTEGRITY: the password, or MD5 over username, realm and password (RFC 5389 15.4)."""
        password = derive_password(relay_key, identity)
        if not self.long_term:
            return password
        return md5(b":".join((username, REALM_VALUE, b64encode(password) if self.text else password))).digest()

    def address(self, code: int, endpoint: Endpoint, id: bytes) -> tuple[int, bytes]:
        """An address attribute, as the dialect writes it."""
        value = stun.address_value(endpoint)
        return code, stun.xored(value, id) if code in self.xored else value

    def read_address(self, code: int, value: bytes, id: bytes) -> Endpoint:
        """Read an address attribute. WireError unless it is IPv4."""
        return stun.address(stun.xored(value, id) if code in self.xored else value)


_DRAFT_VERBS = {0x0003: Verb.ALLOCATE, 0x0004: Verb.SEND, 0x0006: Verb.ACTIVATE}
_DRAFT_KNOWN = frozenset((*range(0x0001, 0x0010), *range(0x0010, 0x0016), stun.XOR_MAPPED_ADDRESS))

MSN = Dialect(
    name="msn",
    verbs=_DRAFT_VERBS,
    data=0x0115,
    head=((MAGIC_COOKIE, COOKIE),),
    relayed=stun.MAPPED_ADDRESS,
    reflexive=REFLEXIVE_ADDRESS,
    peer=DESTINATION_ADDRESS,
    remote=REMOTE_ADDRESS,
    known=_DRAFT_KNOWN,
    says_username=True,
    answers_send=True,
    one_username=441,
    bad_integrity=431,
)
OC2007 = Dialect(
    name="oc2007",
    verbs=_DRAFT_VERBS,
    data=0x0115,
    head=((MAGIC_COOKIE, COOKIE), (MS_VERSION, (1).to_bytes(4, "big"))),
    long_term=True,
    challenged=frozenset((Verb.ALLOCATE,)),
    realm=NONCE,  # the two codes are swapped here
    nonce=REALM,
    relayed=stun.MAPPED_ADDRESS,
    reflexive=MS_XOR_MAPPED_ADDRESS,
    peer=DESTINATION_ADDRESS,
    remote=REMOTE_ADDRESS,
    xored=frozenset((MS_XOR_MAPPED_ADDRESS,)),
    known=_DRAFT_KNOWN,
    says_username=True,
    says_connection=True,
    one_username=441,
    bad_integrity=401,
)
RFC5766 = Dialect(
    name="rfc5766",
    verbs={
        0x0003: Verb.ALLOCATE,
        0x0004: Verb.REFRESH,
        0x0008: Verb.PERMIT,
        0x0009: Verb.BIND,
        0x0016: Verb.SEND,
    },
    data=0x0017,
    long_term=True,
    challenged=frozenset((Verb.ALLOCATE, Verb.REFRESH, Verb.PERMIT, Verb.BIND)),
    text=True,
    relayed=XOR_RELAYED_ADDRESS,
    reflexive=stun.XOR_MAPPED_ADDRESS,
    peer=XOR_PEER_ADDRESS,
    remote=XOR_PEER_ADDRESS,
    xored=frozenset((XOR_RELAYED_ADDRESS, stun.XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS)),
    known=frozenset(
        (
            *(stun.USERNAME, stun.MESSAGE_INTEGRITY, REALM, NONCE, LIFETIME, DATA, XOR_PEER_ADDRESS),
            *(CHANNEL_NUMBER, REQUESTED_ADDRESS_FAMILY, EVEN_PORT, REQUESTED_TRANSPORT, RESERVATION_TOKEN),
        )
    ),
    allocate_refreshes=False,
    one_username=441,
    bad_integrity=401,
)
DIALECTS = (MSN, OC2007, RFC5766)

_COOKIE_FIRST = MAGIC_COOKIE.to_bytes(2, "big") + b"\0\x04" + COOKIE
_DRAFT_TYPES = frozenset(kind.to_bytes(2, "big") for kind in _DRAFT_VERBS)
_LATER_TYPES = frozenset(kind.to_bytes(2, "big") for kind in RFC5766.verbs)


def has_cookie(data: bytes) -> bool:
    """True when the magic cookie is the first attribute: a control message of the drafts, whatever its type."""
    return data[20:28] == _COOKIE_FIRST


def is_request(data: bytes) -> bool:
    """True for a relay's request or indication of any dialect: its type, exact length, the dialect's cookie."""
    if len(data) < stun.HEADER or int.from_bytes(data[2:4], "big") != len(data) - stun.HEADER:
        return False
    if stun.modern(data[4:8]):
        return data[:2] in _LATER_TYPES
    return data[:2] in _DRAFT_TYPES and has_cookie(data)


def dialect_of(message: Message) -> Dialect:
    """Dialect of what `is_request` is true for."""
    if stun.modern(message.id):
        return RFC5766
    return MSN if message.get(MS_VERSION) is None else OC2007
