"""Address books: contacts and groups, added, changed and removed by whichever protocol asks.

Not the four lists (`lists`), although a new contact changes the other side's. Source: msnp.md 2.14, http.md 4.5.
"""

from __future__ import annotations

from collections.abc import Iterable

from emulator.world import limits
from emulator.world.changes import (
    ContactAdded,
    ContactChanged,
    ContactRemoved,
    GroupAdded,
    GroupRemoved,
    GroupRenamed,
    MemberAdded,
)
from emulator.world.errors import (
    BadAddress,
    ContactExists,
    Forbidden,
    GroupExists,
    GroupNameTooLong,
    ListFull,
    NoSuchAccount,
    NoSuchContact,
    NoSuchGroup,
    NotInGroup,
    TooManyGroups,
)
from emulator.world.ledger import Ledger
from emulator.world.names import bare_guid, check_address, check_name, check_phone, check_text, fold
from emulator.world.records import MOBILE, NETWORKS, PASSPORT, Account, Contact, Group, Pairs, contact_key, kind_of


class AddressBooks:
    """Operations on address books. `address` is always the owner; contacts and groups go by id (GUID, any spelling)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def contact(self, address: str, contact: str) -> Contact:
        """By id. Raises NoSuchContact."""
        wanted = bare_guid(contact)
        for one in self._ledger.account(address).contacts.values():
            if one.id == wanted:
                return one
        raise NoSuchContact(f"no contact {contact[:60]!r}")

    def contact_of(self, address: str, other: str, network: int = PASSPORT) -> Contact:
        """By address. Raises NoSuchContact."""
        found = self._ledger.account(address).contacts.get(contact_key(other, network))
        if found is None:
            raise NoSuchContact(f"{other[:60]!r} is not in the address book")
        return found

    def group(self, address: str, group: str) -> Group:
        """By id. Raises NoSuchGroup."""
        found = self._ledger.account(address).groups.get(bare_guid(group))
        if found is None:
            raise NoSuchGroup(f"no group {group[:60]!r}")
        return found

    def group_numbered(self, address: str, number: int) -> Group:
        """By the number that MSNP8 and 9 use. Raises NoSuchGroup, also for 0."""
        for one in self._ledger.account(address).groups.values():
            if one.number == number:
                return one
        raise NoSuchGroup(f"no group {number}")

    def display_name(self, contact: Contact) -> str:
        """What the contact calls itself now; for those that have no account, the name that was written down."""
        other = self._ledger.state.accounts.get(contact.key)
        return other.name if other is not None else contact.name or contact.address

    def add_contact(
        self,
        address: str,
        other: str,
        *,
        network: int = PASSPORT,
        name: str = "",
        nickname: str = "",
        groups: Iterable[str] = (),
        messenger: bool = True,
        mobile: bool = False,
        kind: str = "Regular",
        phones: Pairs = (),
        annotations: Pairs = (),
        details: Pairs = (),
        invite: str = "",
        allow: bool = False,
    ) -> Contact:
        """A new contact. With `messenger` it is on the forward list, and a Passport contact needs an account.

        The other side gets a Reverse entry, and a Pending one with `invite` when the owner is new to it. `allow` also
        puts it on Allow, unless it is blocked (EnableAllowListManagement). Raises BadAddress, NoSuchAccount,
        Forbidden (oneself), ContactExists, ListFull, NoSuchGroup, TooLong, BadText.
        """
        account = self._ledger.account(address)
        if network not in NETWORKS:
            raise BadAddress(f"no network type {network}")
        (check_phone if network == MOBILE else check_address)(other)
        key = contact_key(other, network)
        if key == account.key:
            raise Forbidden("nobody is a contact of himself")
        there = account.contacts.get(key)
        if there is not None:
            raise ContactExists(f"{other} is in the address book already", there.id)
        if len(account.contacts) >= limits.CONTACTS:
            raise ListFull(f"{limits.CONTACTS} contacts are there")
        subject = self._ledger.find(other) if network == PASSPORT else None
        if network == PASSPORT and messenger and subject is None:
            raise NoSuchAccount(f"no account {other!r}")
        _check_fields(name, nickname, phones, annotations, details)
        change = ContactAdded(
            account=account.key,
            at=self._ledger.stamp(account, subject),
            id=self._ledger.guid(),
            address=other,
            network=network,
            name=name,
            nickname=nickname,
            groups=tuple(dict.fromkeys(self.group(address, one).id for one in groups)),
            messenger=messenger,
            mobile=mobile,
            kind=kind,
            phones=phones,
            annotations=annotations,
            details=details,
            invite=check_text(invite, limits.INVITATION, "invitation"),
        )
        allowed = allow and not account.has("Block", key) and not account.has("Allow", key)
        if allowed and len(account.members.get("Allow", ())) >= limits.MEMBERS:
            raise ListFull(f"{limits.MEMBERS} members are on Allow")
        self._ledger.commit(change)
        if allowed:
            at = self._ledger.stamp(account)
            self._ledger.commit(
                MemberAdded(account=account.key, at=at, role="Allow", address=other, kind=kind_of(network))
            )
        return account.contacts[key]

    def update_contact(
        self,
        address: str,
        contact: str,
        *,
        name: str | None = None,
        nickname: str | None = None,
        messenger: bool | None = None,
        mobile: bool | None = None,
        kind: str | None = None,
        phones: Pairs | None = None,
        annotations: Pairs | None = None,
        details: Pairs | None = None,
        invite: str = "",
    ) -> Contact:
        """Change fields; None leaves a value, a tuple replaces it. `messenger` moves it on or off the forward list.

        Raises NoSuchContact, NoSuchAccount, TooLong, BadText, ListFull.
        """
        account, before = self._ledger.account(address), self.contact(address, contact)
        subject = self._ledger.find(before.address) if before.network == PASSPORT else None
        if messenger and not before.messenger and before.network == PASSPORT and subject is None:
            raise NoSuchAccount(f"no account {before.address!r}")
        _check_fields(name or "", nickname or "", phones or (), annotations or (), details or ())
        change = ContactChanged(
            account=account.key,
            at=self._ledger.stamp(account, subject),
            key=before.key,
            name=name,
            nickname=nickname,
            messenger=messenger,
            mobile=mobile,
            kind=kind,
            phones=phones,
            annotations=annotations,
            details=details,
            invite=check_text(invite, limits.INVITATION, "invitation"),
        )
        self._ledger.commit(change)
        return account.contacts[before.key]

    def remove_contact(self, address: str, contact: str) -> Contact:
        """Out of the book and all groups; Allow and Block stay as they are. Raises NoSuchContact."""
        account, before = self._ledger.account(address), self.contact(address, contact)
        subject = self._ledger.state.accounts.get(before.key)
        at = self._ledger.stamp(account, subject)
        self._ledger.commit(ContactRemoved(account=account.key, at=at, key=before.key))
        return before

    def add_group(self, address: str, name: str) -> Group:
        """A new group. Raises GroupNameTooLong, GroupExists (regardless of case), TooManyGroups."""
        account = self._ledger.account(address)
        _check_group(account, name)
        if len(account.groups) >= limits.GROUPS:
            raise TooManyGroups(f"{limits.GROUPS} groups are there")
        taken = {one.number for one in account.groups.values()}
        number = next(one for one in range(1, limits.GROUPS + 1) if one not in taken)
        change = GroupAdded(
            account=account.key, at=self._ledger.stamp(account), id=self._ledger.guid(), number=number, name=name
        )
        self._ledger.commit(change)
        return account.groups[change.id]

    def rename_group(self, address: str, group: str, name: str) -> Group:
        """Another name. Raises NoSuchGroup, GroupNameTooLong, GroupExists."""
        account, before = self._ledger.account(address), self.group(address, group)
        _check_group(account, name, but=before.id)
        at = self._ledger.stamp(account)
        self._ledger.commit(GroupRenamed(account=account.key, at=at, id=before.id, name=name))
        return account.groups[before.id]

    def remove_group(self, address: str, group: str) -> Group:
        """The group goes, its contacts stay. Raises NoSuchGroup."""
        account, before = self._ledger.account(address), self.group(address, group)
        self._ledger.commit(GroupRemoved(account=account.key, at=self._ledger.stamp(account), id=before.id))
        return before

    def put_in_group(self, address: str, contact: str, group: str) -> Contact:
        """Raises NoSuchContact, NoSuchGroup, ContactExists when it is in there."""
        before, into = self.contact(address, contact), self.group(address, group)
        if into.id in before.groups:
            raise ContactExists(f"{before.address} is in this group already", before.id)
        return self._regroup(address, before, (*before.groups, into.id))

    def take_from_group(self, address: str, contact: str, group: str) -> Contact:
        """Raises NoSuchContact, NoSuchGroup, NotInGroup."""
        before, out_of = self.contact(address, contact), self.group(address, group)
        if out_of.id not in before.groups:
            raise NotInGroup(f"{before.address} is not in this group")
        return self._regroup(address, before, tuple(one for one in before.groups if one != out_of.id))

    def _regroup(self, address: str, before: Contact, groups: tuple[str, ...]) -> Contact:
        account = self._ledger.account(address)
        at = self._ledger.stamp(account)
        self._ledger.commit(ContactChanged(account=account.key, at=at, key=before.key, groups=groups))
        return account.contacts[before.key]


def _check_group(account: Account, name: str, but: str = "") -> None:
    if not 0 < len(name) <= limits.GROUP_NAME:
        raise GroupNameTooLong(f"a group name of {len(name)} characters, 1 to {limits.GROUP_NAME} are possible")
    check_text(name, limits.GROUP_NAME, "group name")
    if any(fold(one.name) == fold(name) and one.id != but for one in account.groups.values()):
        raise GroupExists(f"a group {name!r} is there")


def _check_fields(name: str, nickname: str, phones: Pairs, annotations: Pairs, details: Pairs) -> None:
    check_name(name)
    check_name(nickname)
    for pairs in (phones, annotations, details):
        if len(pairs) > limits.DETAILS:
            raise ListFull(f"{len(pairs)} properties of a contact, limit {limits.DETAILS}")
        for key, value in pairs:
            check_text(key, limits.DETAIL, "property")
            check_text(value, limits.DETAIL, "property")
