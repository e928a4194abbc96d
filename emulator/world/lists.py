"""Allow, Block, Reverse and Pending; who may write to whom; and what changed since a moment.

Not address books. Source: msnp.md 2.6, 2.7, 2.9, http.md 4.3, 4.4.
"""

from __future__ import annotations

import msgspec

from emulator.world import limits
from emulator.world.changes import MemberAdded, MemberRemoved
from emulator.world.errors import (
    Forbidden,
    FullSyncNeeded,
    ListFull,
    MemberExists,
    NoSuchAccount,
    NoSuchMember,
    Opposite,
)
from emulator.world.ledger import Ledger
from emulator.world.names import check_address, check_name, check_phone, fold
from emulator.world.records import (
    BITS,
    FORWARD,
    ROLES,
    Account,
    Contact,
    Group,
    Kind,
    Member,
    Role,
    kind_of,
    member_key,
)

_OPPOSITE: dict[Role, Role] = {"Allow": "Block", "Block": "Allow"}


class Listed(msgspec.Struct, frozen=True):
    """Somebody on any list: the sum of FL 1, AL 2, BL 4, RL 8, PL 16, and the contact when there is one."""

    address: str
    bits: int
    name: str
    contact: Contact | None = None


class BookDelta(msgspec.Struct, frozen=True):
    """What changed in an address book; `me`: the Me contact changed too. `changed`: ask from here next time."""

    groups: tuple[Group, ...]
    contacts: tuple[Contact, ...]
    gone_groups: tuple[Group, ...]
    gone_contacts: tuple[Contact, ...]
    me: bool
    changed: int


class ListDelta(msgspec.Struct, frozen=True):
    """What changed on the four lists."""

    members: tuple[Member, ...]
    gone: tuple[Member, ...]
    changed: int


def admits(subject: Account, other: Account) -> bool:
    """Does `subject` let `other` see and write to it, by what is kept? Not blocked, and allowed where BLP is BL.

    What a signed-in place says on top of it: `rosters`. Source: msnp.md 2.9.
    """
    if subject.has("Block", other.key):
        return False
    return subject.blp == "AL" or subject.has("Allow", other.key)


class Lists:
    """Operations on the lists; `address` is always the owner."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def members(self, address: str, role: Role) -> tuple[Member, ...]:
        """A list in the order in which it grew."""
        return tuple(self._ledger.account(address).members.get(role, {}).values())

    def add_member(
        self, address: str, role: Role, other: str, *, kind: Kind = "Passport", name: str = "", move: bool = False
    ) -> Member:
        """Onto Allow or Block; with `move`, off the opposite list first. Reverse and Pending follow from others.

        Raises MemberExists (also for a Reverse entry that is there), Forbidden (for one that is not, for Pending, for
        oneself), Opposite, NoSuchAccount (kind Passport), BadAddress, ListFull.
        """
        account = self._ledger.account(address)
        (check_phone if kind == "Phone" else check_address)(other)
        key = member_key(other, kind)
        if account.has(role, key):
            raise MemberExists(f"{other} is on {role} already")
        if role not in _OPPOSITE:
            raise Forbidden(f"{role} follows from what {other} does")
        if key == account.key:
            raise Forbidden("nobody is on his own lists")
        if kind == "Passport" and self._ledger.find(other) is None:
            raise NoSuchAccount(f"no account {other!r}")
        if account.has(_OPPOSITE[role], key) and not move:
            raise Opposite(f"{other} is on {_OPPOSITE[role]}")
        if len(account.members.get(role, ())) >= limits.MEMBERS:
            raise ListFull(f"{limits.MEMBERS} members are on {role}")
        check_name(name)
        if account.has(_OPPOSITE[role], key):
            at = self._ledger.stamp(account)
            self._ledger.commit(MemberRemoved(account=account.key, at=at, role=_OPPOSITE[role], key=key))
        at = self._ledger.stamp(account)
        self._ledger.commit(MemberAdded(account=account.key, at=at, role=role, address=other, kind=kind, name=name))
        return account.members[role][key]

    def remove_member(self, address: str, role: Role, other: str, *, kind: Kind = "Passport") -> Member:
        """Off Allow, Block or Pending. Raises NoSuchMember, Forbidden (Reverse)."""
        account = self._ledger.account(address)
        member = account.members.get(role, {}).get(member_key(other, kind))
        if member is None:
            raise NoSuchMember(f"{other[:60]!r} is not on {role}")
        return self._remove(account, member)

    def remove_member_by_id(self, address: str, role: Role, number: int) -> Member:
        """The same by MembershipId. Raises NoSuchMember, Forbidden (Reverse)."""
        account = self._ledger.account(address)
        for member in account.members.get(role, {}).values():
            if member.id == number:
                return self._remove(account, member)
        raise NoSuchMember(f"no member {number} on {role}")

    def _remove(self, account: Account, member: Member) -> Member:
        if member.role == "Reverse":
            raise Forbidden(f"Reverse follows from what {member.address} does")
        at = self._ledger.stamp(account)
        self._ledger.commit(MemberRemoved(account=account.key, at=at, role=member.role, key=member.key))
        return member

    def bits(self, address: str, other: str, *, kind: Kind = "Passport") -> int:
        """Sum of the lists that somebody is on; 0: on none."""
        account, key = self._ledger.account(address), member_key(other, kind)
        if kind == "Passport":  # the keys of book and lists are the same then
            forward = FORWARD if account.on_forward_list(key) else 0
        else:
            forward = FORWARD if any(_key(one) == key and one.messenger for one in account.contacts.values()) else 0
        return forward | sum(bit for role, bit in BITS.items() if account.has(role, key))

    def everybody(self, address: str) -> tuple[Listed, ...]:
        """Everybody on any list, once each, contacts first: what LST lines are made of."""
        account = self._ledger.account(address)
        found: dict[str, Listed] = {}
        for contact in account.contacts.values():
            if contact.messenger:
                name = contact.name or self._name(contact.address)
                found[_key(contact)] = Listed(contact.address, FORWARD, name, contact)
        for role in ROLES:
            for key, member in account.members.get(role, {}).items():
                one = found.get(key) or Listed(member.address, 0, member.name or self._name(member.address))
                found[key] = msgspec.structs.replace(one, bits=one.bits | BITS[role])
        return tuple(found.values())

    def contacts_since(self, address: str, when: int) -> BookDelta:
        """Changes of the address book later than `when` (milliseconds; 0: everything that is there).

        Raises FullSyncNeeded when something was removed since then that is no longer remembered.
        """
        account = self._ledger.account(address)
        _check_floor(account, when)
        return BookDelta(
            tuple(one for one in account.groups.values() if one.changed > when),
            tuple(one for one in account.contacts.values() if one.changed > when),
            tuple(one for one in account.gone_groups.values() if one.changed > when > 0),
            tuple(one for one in account.gone_contacts.values() if one.changed > when > 0),
            max(account.settings_changed, account.name_changed) > when,
            account.book_changed,
        )

    def memberships_since(self, address: str, when: int) -> ListDelta:
        """Changes of the lists later than `when` (milliseconds; 0: everything that is there). Raises FullSyncNeeded."""
        account = self._ledger.account(address)
        _check_floor(account, when)
        members = (one for role in ROLES for one in account.members.get(role, {}).values())
        return ListDelta(
            tuple(one for one in members if one.changed > when),
            tuple(one for one in account.gone_members.values() if one.changed > when > 0),
            account.lists_changed,
        )

    def _name(self, address: str) -> str:
        other = self._ledger.state.accounts.get(fold(address))
        return other.name if other is not None else address


def _key(contact: Contact) -> str:
    return member_key(contact.address, kind_of(contact.network))


def _check_floor(account: Account, when: int) -> None:
    if 0 < when < account.floor:
        raise FullSyncNeeded(f"removals before {account.floor} are forgotten")
