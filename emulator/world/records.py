"""What an account consists of: profile, address book, lists, pictures and offline messages. Plain data.

Not rules: who may change what stands beside it. Times are milliseconds since the epoch. Source: msnp.md 2, http.md 4.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from emulator.world.names import fold, guid

Role = Literal["Allow", "Block", "Reverse", "Pending"]
Kind = Literal["Passport", "Email", "Phone"]
Privacy = Literal["AL", "BL"]  # everybody but the blocked, or only the allowed
Prompt = Literal["A", "N"]  # GTC: ask me when somebody adds me, or do not
Pairs = tuple[tuple[str, str], ...]

ROLES: tuple[Role, ...] = ("Allow", "Block", "Reverse", "Pending")
BITS: dict[Role, int] = {"Allow": 2, "Block": 4, "Reverse": 8, "Pending": 16}
FORWARD = 1  # bit of the address book itself

PASSPORT, MOBILE, MAIL = 1, 4, 32  # network types of people, phones and foreign mail (Yahoo)
NETWORKS = frozenset({PASSPORT, 2, MOBILE, 8, 9, 10, 13, 14, 16, MAIL})  # every type ever seen


def kind_of(network: int) -> Kind:
    """Which kind of member a contact of that network type is."""
    if network == PASSPORT:
        return "Passport"
    return "Phone" if network == MOBILE else "Email"


def contact_key(address: str, network: int) -> str:
    """Key in an address book: the folded address; other networks than Passport stand before it."""
    return fold(address) if network == PASSPORT else f"{network}:{fold(address)}"


def member_key(address: str, kind: Kind) -> str:
    """Key in a list: the folded address; other kinds than Passport stand before it."""
    return fold(address) if kind == "Passport" else f"{kind}:{fold(address)}"


class Group(msgspec.Struct, frozen=True):
    """A group. `number` is what MSNP8 and 9 call it, 1 to 30; 0 there means no group."""

    id: str
    number: int
    name: str
    changed: int


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An entry of an address book; a contact with `messenger` is on the forward list."""

    id: str
    address: str
    changed: int
    network: int = PASSPORT
    name: str = ""  # display name as it was when somebody last wrote it
    nickname: str = ""  # the owner's own word for them (quickName, AB.NickName)
    groups: tuple[str, ...] = ()
    messenger: bool = True
    mobile: bool = False
    kind: str = "Regular"  # contactType
    phones: Pairs = ()  # ContactPhoneMobile and its kin, or PHH, PHW, PHM
    annotations: Pairs = ()
    details: Pairs = ()  # any other element of contactInfo, by name

    @property
    def key(self) -> str:
        return contact_key(self.address, self.network)

    @property
    def forward(self) -> bool:
        """On the forward list, so that the other side has a Reverse entry."""
        return self.messenger and self.network == PASSPORT


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An entry of one of the four lists. `id` is unique within its role (in Reverse: nearly)."""

    id: int
    role: Role
    address: str
    changed: int
    joined: int
    kind: Kind = "Passport"
    name: str = ""
    invite: str = ""  # what the other wrote when asking (Pending)

    @property
    def key(self) -> str:
        return member_key(self.address, self.kind)


class Document(msgspec.Struct, frozen=True):
    """A picture in the storage service; its resource id is `<cid>!<number>`."""

    number: int
    name: str
    mime: str
    data: bytes
    changed: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An offline message. `content` is the MIME text as given, `size` its bytes with CR LF line ends."""

    id: str
    sender: str
    nickname: str
    content: str
    run: str
    number: int
    received: int
    size: int
    read: bool = False


class Account(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One account with all that is kept of it. Read it freely; only `apply` writes to it.

    `version` is the list version of MSNP8 and 9; MSNP10 to 12 show `book_changed` and `settings_changed` as dates.
    `floor`: changes up to then are no longer known one by one.
    """

    address: str  # as it was written
    password: str
    name: str
    cid: int  # signed 64 bits
    puid: int
    created: int
    psm: str = ""  # roaming status message; what is shown while signed in belongs to the place
    country: str = "US"
    language: int = 1033  # LCID
    verified: bool = True
    hidden: bool = False  # looks offline to everybody
    resident: bool = False  # played by the emulator itself: nobody signs in from outside
    blp: Privacy = "AL"
    gtc: Prompt = "A"
    phones: Pairs = ()
    annotations: Pairs = ()  # of the Me contact, besides those that other fields stand for
    profile_version: int = 1
    version: int = 0
    book_changed: int = 0
    lists_changed: int = 0
    settings_changed: int = 0
    profile_changed: int = 0
    name_changed: int = 0
    psm_changed: int = 0
    mail_changed: int = 0
    floor: int = 0
    groups: dict[str, Group] = msgspec.field(default_factory=dict)
    contacts: dict[str, Contact] = msgspec.field(default_factory=dict)
    members: dict[Role, dict[str, Member]] = msgspec.field(default_factory=dict)
    messages: dict[str, Message] = msgspec.field(default_factory=dict)
    documents: dict[int, Document] = msgspec.field(default_factory=dict)
    photo: int = 0  # number of the document that is the user tile; 0: none
    next_document: int = 205
    gone_groups: dict[str, Group] = msgspec.field(default_factory=dict)
    gone_contacts: dict[str, Contact] = msgspec.field(default_factory=dict)
    gone_members: dict[str, Member] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        return fold(self.address)

    @property
    def cid_unsigned(self) -> int:
        return self.cid & 0xFFFF_FFFF_FFFF_FFFF

    @property
    def cid_hex(self) -> str:
        return f"{self.cid_unsigned:016x}"

    @property
    def member_id_high(self) -> int:
        return self.puid >> 32

    @property
    def member_id_low(self) -> int:
        return self.puid & 0xFFFF_FFFF

    @property
    def changed(self) -> int:
        """The newest of all its times."""
        return max(
            self.created,
            self.book_changed,
            self.lists_changed,
            self.settings_changed,
            self.profile_changed,
            self.mail_changed,
        )

    @property
    def cache_key(self) -> str:
        """Affinity key of its address book; always the same for the same account (http.md 4.2)."""
        return "12r1:" + guid(sha256(f"key {self.key}".encode()).digest()[:16])

    @property
    def tile(self) -> Document | None:
        """The user tile."""
        return self.documents.get(self.photo)

    def has(self, role: Role, key: str) -> bool:
        """True when the list holds that key."""
        return key in self.members.get(role, ())

    def on_forward_list(self, key: str) -> bool:
        """True when a person is on the forward list."""
        contact = self.contacts.get(key)
        return contact is not None and contact.forward

    def resource(self, number: int) -> str:
        """Resource id of a document."""
        return f"{self.cid_hex}!{number}"
