"""Everything that can happen to what is kept: one frozen record per kind of change, as the journal holds them.

Not rules: a change is the result of an operation that was accepted. `at` is milliseconds since the epoch.
"""

from __future__ import annotations

import msgspec

from emulator.world.records import Kind, Pairs, Privacy, Prompt, Role


class _Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    account: str  # folded address of the account that it is about
    at: int


class AccountCreated(_Change, frozen=True, kw_only=True):
    """A new account."""

    address: str
    password: str
    name: str
    cid: int
    puid: int
    psm: str = ""
    country: str = "US"
    language: int = 1033
    verified: bool = True
    hidden: bool = False
    resident: bool = False
    blp: Privacy = "AL"
    gtc: Prompt = "A"


class SettingsChanged(_Change, frozen=True, kw_only=True):
    """Password, privacy and the like; None leaves a value as it is."""

    password: str | None = None
    blp: Privacy | None = None
    gtc: Prompt | None = None
    country: str | None = None
    language: int | None = None
    verified: bool | None = None
    hidden: bool | None = None
    phones: Pairs | None = None
    annotations: Pairs | None = None


class ProfileChanged(_Change, frozen=True, kw_only=True):
    """Display name or roaming status message; "" as status message takes it away, None leaves it."""

    name: str | None = None
    psm: str | None = None


class DocumentStored(_Change, frozen=True, kw_only=True):
    """A picture, new or in place of the one of that number."""

    number: int
    name: str
    mime: str
    data: bytes


class DocumentRemoved(_Change, frozen=True, kw_only=True):
    """A picture is gone."""

    number: int


class PhotoRelated(_Change, frozen=True, kw_only=True):
    """The picture that is the user tile; 0 takes it away."""

    number: int


class ContactAdded(_Change, frozen=True, kw_only=True):
    """A new entry of the address book; `invite` reaches the other side."""

    id: str
    address: str
    network: int = 1
    name: str = ""
    nickname: str = ""
    groups: tuple[str, ...] = ()
    messenger: bool = True
    mobile: bool = False
    kind: str = "Regular"
    phones: Pairs = ()
    annotations: Pairs = ()
    details: Pairs = ()
    invite: str = ""


class ContactChanged(_Change, frozen=True, kw_only=True):
    """Fields of a contact; None leaves a value as it is. `key` is the contact's key in the book."""

    key: str
    name: str | None = None
    nickname: str | None = None
    groups: tuple[str, ...] | None = None
    messenger: bool | None = None
    mobile: bool | None = None
    kind: str | None = None
    phones: Pairs | None = None
    annotations: Pairs | None = None
    details: Pairs | None = None
    invite: str = ""


class ContactRemoved(_Change, frozen=True, kw_only=True):
    """Out of the address book."""

    key: str


class GroupAdded(_Change, frozen=True, kw_only=True):
    """A new group."""

    id: str
    number: int
    name: str


class GroupRenamed(_Change, frozen=True, kw_only=True):
    """Another name for a group."""

    id: str
    name: str


class GroupRemoved(_Change, frozen=True, kw_only=True):
    """A group is gone; its contacts stay."""

    id: str


class MemberAdded(_Change, frozen=True, kw_only=True):
    """Onto Allow, Block or Pending."""

    role: Role
    address: str
    kind: Kind = "Passport"
    name: str = ""


class MemberRemoved(_Change, frozen=True, kw_only=True):
    """Off Allow, Block or Pending. `key` is the member's key in the list."""

    role: Role
    key: str


class MessageStored(_Change, frozen=True, kw_only=True):
    """An offline message arrived in the account's mailbox."""

    id: str
    sender: str
    nickname: str
    content: str
    run: str
    number: int
    size: int


class MessageRead(_Change, frozen=True, kw_only=True):
    """It was fetched and marked as read."""

    id: str


class MessagesDeleted(_Change, frozen=True, kw_only=True):
    """They are gone."""

    ids: tuple[str, ...]


Change = (
    AccountCreated
    | SettingsChanged
    | ProfileChanged
    | DocumentStored
    | DocumentRemoved
    | PhotoRelated
    | ContactAdded
    | ContactChanged
    | ContactRemoved
    | GroupAdded
    | GroupRenamed
    | GroupRemoved
    | MemberAdded
    | MemberRemoved
    | MessageStored
    | MessageRead
    | MessagesDeleted
)

_decoder = msgspec.json.Decoder(Change)


def encode(change: Change) -> bytes:
    """A change as JSON with its kind as `type`."""
    return msgspec.json.encode(change)


def decode(data: bytes) -> Change:
    """The reverse. Raises msgspec.DecodeError or its subclass ValidationError."""
    change: Change = _decoder.decode(data)
    return change
