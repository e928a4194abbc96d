"""What a change does to the state. Pure and deterministic: replaying a journal gives the same state again.

Not a check: changes were accepted before. The one rule that lives here is the mirror: whoever has somebody on the
forward list stands on that person's Reverse list. Source: msnp.md 2.7, 2.14.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from emulator.world import changes, limits
from emulator.world.changes import Change
from emulator.world.names import is_volatile
from emulator.world.records import Account, Contact, Document, Group, Member, Message, Role
from emulator.world.state import State

_EPOCH = 1_000_000_000  # seconds; list versions count from here, so that they fit 31 bits until 2069


class Mirror(msgspec.Struct, frozen=True):
    """A Reverse entry of `subject` appeared or went because of `owner` (folded addresses)."""

    subject: str
    owner: str
    added: bool
    pending: bool = False
    invite: str = ""


def apply(state: State, change: Change) -> tuple[Mirror, ...]:
    """Carry out one change; says whose Reverse list changed with it. KeyError: it does not fit this state."""
    return _TABLE[type(change)](state, change) or ()


def _account_created(state: State, change: changes.AccountCreated) -> tuple[Mirror, ...]:
    at = change.at
    fields = {name: getattr(change, name) for name in _CREATED}
    account = Account(
        created=at,
        book_changed=at,
        lists_changed=at,
        settings_changed=at,
        profile_changed=at,
        name_changed=at,
        **fields,
    )
    account.psm_changed = at if change.psm else 0
    _count(account, at)
    state.accounts[change.account] = account
    if is_volatile(change.account):
        state.volatile[change.account] = None
    waiting = [state.accounts[key] for key in state.watchers.get(change.account, ()) if key in state.accounts]
    return tuple(mirror for owner in waiting for mirror in _mirror(account, owner, at, ""))


_CREATED = tuple(name for name in changes.AccountCreated.__struct_fields__ if name not in ("account", "at"))


def _settings_changed(state: State, change: changes.SettingsChanged) -> None:
    account = state.accounts[change.account]
    for name in ("password", "blp", "gtc", "country", "language", "verified", "hidden", "phones", "annotations"):
        value = getattr(change, name)
        if value is not None:
            setattr(account, name, value)
    account.settings_changed = account.book_changed = change.at  # BLP, GTC and phones stand in the Me contact
    _count(account, change.at)


def _profile_changed(state: State, change: changes.ProfileChanged) -> None:
    account = state.accounts[change.account]
    if change.name is not None:
        account.name, account.name_changed = change.name, change.at
        account.book_changed = change.at
        _count(account, change.at)
    if change.psm is not None:
        account.psm, account.psm_changed = change.psm, change.at
    _edited(account, change.at)


def _document_stored(state: State, change: changes.DocumentStored) -> None:
    account = state.accounts[change.account]
    document = Document(change.number, change.name, change.mime, change.data, change.at)
    account.documents[change.number] = document
    account.next_document = max(account.next_document, change.number + 1)
    _edited(account, change.at)


def _document_removed(state: State, change: changes.DocumentRemoved) -> None:
    account = state.accounts[change.account]
    del account.documents[change.number]
    if account.photo == change.number:
        account.photo = 0
    _edited(account, change.at)


def _photo_related(state: State, change: changes.PhotoRelated) -> None:
    account = state.accounts[change.account]
    account.photo = change.number
    _edited(account, change.at)


def _contact_added(state: State, change: changes.ContactAdded) -> tuple[Mirror, ...]:
    account = state.accounts[change.account]
    fields = {name: getattr(change, name) for name in _CONTACT}
    contact = Contact(changed=change.at, **fields)
    account.contacts[contact.key] = contact
    account.book_changed = change.at
    _count(account, change.at)
    return _watch(state, account, contact, change.at, change.invite) if contact.forward else ()


_CONTACT = tuple(name for name in Contact.__struct_fields__ if name != "changed")


def _contact_changed(state: State, change: changes.ContactChanged) -> tuple[Mirror, ...]:
    account = state.accounts[change.account]
    before = account.contacts[change.key]
    fields = {name: getattr(change, name) for name in _EDITABLE if getattr(change, name) is not None}
    contact = msgspec.structs.replace(before, changed=change.at, **fields)
    account.contacts[change.key] = contact
    account.book_changed = change.at
    _count(account, change.at)
    if contact.forward and not before.forward:
        return _watch(state, account, contact, change.at, change.invite)
    if before.forward and not contact.forward:
        return _unwatch(state, account, contact, change.at)
    return ()


_EDITABLE = ("name", "nickname", "groups", "messenger", "mobile", "kind", "phones", "annotations", "details")


def _contact_removed(state: State, change: changes.ContactRemoved) -> tuple[Mirror, ...]:
    account = state.accounts[change.account]
    contact = account.contacts.pop(change.key)
    account.gone_contacts[contact.id] = msgspec.structs.replace(contact, changed=change.at)
    _trim(account, account.gone_contacts)
    account.book_changed = change.at
    _count(account, change.at)
    return _unwatch(state, account, contact, change.at) if contact.forward else ()


def _group_added(state: State, change: changes.GroupAdded) -> None:
    account = state.accounts[change.account]
    account.groups[change.id] = Group(change.id, change.number, change.name, change.at)
    account.book_changed = change.at
    _count(account, change.at)


def _group_renamed(state: State, change: changes.GroupRenamed) -> None:
    account = state.accounts[change.account]
    account.groups[change.id] = Group(change.id, account.groups[change.id].number, change.name, change.at)
    account.book_changed = change.at
    _count(account, change.at)


def _group_removed(state: State, change: changes.GroupRemoved) -> None:
    account = state.accounts[change.account]
    group = account.groups.pop(change.id)
    account.gone_groups[group.id] = msgspec.structs.replace(group, changed=change.at)
    _trim(account, account.gone_groups)
    for key, contact in account.contacts.items():
        if change.id in contact.groups:
            left = tuple(one for one in contact.groups if one != change.id)
            account.contacts[key] = msgspec.structs.replace(contact, groups=left, changed=change.at)
    account.book_changed = change.at
    _count(account, change.at)


def _member_added(state: State, change: changes.MemberAdded) -> None:
    account = state.accounts[change.account]
    member = _put(account, change.role, change.address, change.at, kind=change.kind, name=change.name)
    if change.role in ("Allow", "Block"):
        _drop(account, "Pending", member.key, change.at)  # decided


def _member_removed(state: State, change: changes.MemberRemoved) -> None:
    _drop(state.accounts[change.account], change.role, change.key, change.at)


def _message_stored(state: State, change: changes.MessageStored) -> None:
    account = state.accounts[change.account]
    account.messages[change.id] = Message(
        id=change.id,
        sender=change.sender,
        nickname=change.nickname,
        content=change.content,
        run=change.run,
        number=change.number,
        received=change.at,
        size=change.size,
    )
    account.mail_changed = change.at


def _message_read(state: State, change: changes.MessageRead) -> None:
    account = state.accounts[change.account]
    message = account.messages.get(change.id)
    if message is not None:  # a probe's message is not journaled, what happens to it may be
        account.messages[change.id] = msgspec.structs.replace(message, read=True)
    account.mail_changed = change.at


def _messages_deleted(state: State, change: changes.MessagesDeleted) -> None:
    account = state.accounts[change.account]
    for identifier in change.ids:
        account.messages.pop(identifier, None)  # as above
    account.mail_changed = change.at


def _watch(state: State, owner: Account, contact: Contact, at: int, invite: str) -> tuple[Mirror, ...]:
    state.watchers.setdefault(contact.key, {})[owner.key] = None
    _drop(owner, "Pending", contact.key, at)  # listing somebody is an answer too
    subject = state.accounts.get(contact.key)
    return _mirror(subject, owner, at, invite) if subject is not None else ()


def _mirror(subject: Account, owner: Account, at: int, invite: str) -> tuple[Mirror, ...]:
    key = owner.key
    known = subject.on_forward_list(key) or any(subject.has(role, key) for role in ("Allow", "Block", "Pending"))
    room = len(subject.members.get("Pending", ())) < limits.MEMBERS
    new = not known and not subject.resident and room  # residents take everybody, so they are not asked
    _put(subject, "Reverse", owner.address, at, name=owner.name)
    if new:
        _put(subject, "Pending", owner.address, at, name=owner.name, invite=invite)
    return (Mirror(subject.key, key, True, new, invite),)


def _unwatch(state: State, owner: Account, contact: Contact, at: int) -> tuple[Mirror, ...]:
    watchers = state.watchers[contact.key]
    del watchers[owner.key]
    if not watchers:
        del state.watchers[contact.key]
    subject = state.accounts.get(contact.key)
    if subject is None:
        return ()
    _drop(subject, "Reverse", owner.key, at)
    _drop(subject, "Pending", owner.key, at)  # the question is withdrawn
    return (Mirror(subject.key, owner.key, False),)


def _put(account: Account, role: Role, address: str, at: int, **fields: Any) -> Member:
    members = account.members.setdefault(role, {})
    member = Member(id=0, role=role, address=address, changed=at, joined=at, **fields)
    # derived instead of counted, so that an id means the same member after a restart
    number = crc32(f"{role} {member.key}".encode()) & 0x7FFF_FFFF
    if role != "Reverse":  # nobody removes from Reverse by id, and a resident's may be long
        taken = {one.id for key, one in members.items() if key != member.key}
        while number in taken:
            number = (number + 1) & 0x7FFF_FFFF
    member = msgspec.structs.replace(member, id=number)
    members[member.key] = member
    account.gone_members.pop(f"{role} {member.key}", None)
    account.lists_changed = at
    _count(account, at)
    return member


def _drop(account: Account, role: Role, key: str, at: int) -> None:
    member = account.members.get(role, {}).pop(key, None)
    if member is None:
        return
    account.gone_members[f"{role} {key}"] = msgspec.structs.replace(member, changed=at)
    _trim(account, account.gone_members)
    account.lists_changed = at
    _count(account, at)


def _trim(account: Account, gone: dict[str, Any]) -> None:
    """Forget the oldest tombstone over the limit, and with it that deltas from before its time can be told."""
    if len(gone) > limits.TOMBSTONES:
        oldest = gone.pop(next(iter(gone)))
        account.floor = max(account.floor, oldest.changed)


def _edited(account: Account, at: int) -> None:
    account.profile_changed = at
    account.profile_version += 1


def _count(account: Account, at: int) -> None:
    account.version = max(account.version + 1, at // 1000 - _EPOCH)


_TABLE: dict[type, Callable[[State, Any], tuple[Mirror, ...] | None]] = {
    changes.AccountCreated: _account_created,
    changes.SettingsChanged: _settings_changed,
    changes.ProfileChanged: _profile_changed,
    changes.DocumentStored: _document_stored,
    changes.DocumentRemoved: _document_removed,
    changes.PhotoRelated: _photo_related,
    changes.ContactAdded: _contact_added,
    changes.ContactChanged: _contact_changed,
    changes.ContactRemoved: _contact_removed,
    changes.GroupAdded: _group_added,
    changes.GroupRenamed: _group_renamed,
    changes.GroupRemoved: _group_removed,
    changes.MemberAdded: _member_added,
    changes.MemberRemoved: _member_removed,
    changes.MessageStored: _message_stored,
    changes.MessageRead: _message_read,
    changes.MessagesDeleted: _messages_deleted,
}
