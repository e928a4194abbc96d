"""All that is kept, with the index of who has whom on the forward list; as a snapshot and back.

Not operations, and nothing of who is signed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from emulator.world.names import fold, is_volatile
from emulator.world.records import ROLES, Account


class Snapshot(msgspec.Struct, frozen=True):
    """Every account that is kept, as plain data; equal worlds have equal snapshots."""

    accounts: tuple[Account, ...]


class State:
    """Accounts by folded address, and watchers: folded address -> those that have it on their forward list.

    The index also holds addresses that nobody has (yet): an account that appears finds its Reverse entries.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.watchers: dict[str, dict[str, None]] = {}
        self.volatile: dict[str, None] = {}  # folded addresses of volatile accounts, oldest first

    def forget(self, gone: Collection[str]) -> None:
        """Drop volatile accounts, their Reverse and Pending entries elsewhere and the offline messages they sent.

        No tombstones: whoever had such an entry is told to synchronise in full. No-op for other accounts.
        """
        dropped = {key: self.accounts.pop(key) for key in gone if key in self.volatile}
        for key, account in dropped.items():
            del self.volatile[key]
            for contact in account.contacts.values():
                if contact.forward:
                    self._unlist(account.key, contact.key)
        if dropped:
            for other in self.accounts.values():
                for message in [one for one in other.messages.values() if fold(one.sender) in dropped]:
                    del other.messages[message.id]

    def _unlist(self, owner: str, key: str) -> None:
        del self.watchers[key][owner]
        if not self.watchers[key]:
            del self.watchers[key]
        subject = self.accounts.get(key)
        if subject is not None:
            for role in ROLES[2:]:
                subject.members.get(role, {}).pop(owner, None)
            subject.floor = subject.lists_changed = subject.changed + 1

    def snapshot(self) -> Snapshot:
        """What is kept: no volatile account, and no trace of one on other people's lists or in their mail.

        The records are shared with this state, so encode or compare the snapshot before the next change.
        """
        return Snapshot(tuple(_kept(one) for key, one in self.accounts.items() if not is_volatile(key)))

    def restore(self, accounts: Iterable[Account]) -> None:
        """Fill an empty state from a snapshot."""
        for account in accounts:
            self.accounts[account.key] = account
        for key, account in self.accounts.items():
            for contact in account.contacts.values():
                if contact.forward:
                    self.watchers.setdefault(contact.key, {})[key] = None


def _kept(account: Account) -> Account:
    lists = {
        role: {key: one for key, one in members.items() if not is_volatile(one.address)}
        if role in ("Reverse", "Pending")
        else members
        for role, members in account.members.items()
    }
    gone = {key: one for key, one in account.gone_members.items() if not is_volatile(one.address)}
    messages = {key: one for key, one in account.messages.items() if not is_volatile(one.sender)}
    lists = {role: members for role, members in lists.items() if members}
    return msgspec.structs.replace(account, members=lists, gone_members=gone, messages=messages)
