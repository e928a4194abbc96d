"""What signed-in places said about their lists (ADL, RML), laid over what is kept; it goes with the place.

Not membership that lasts: that is `addressbook` and `lists`, changed by SOAP or in band. A later change of what is kept
overrules what a place said about the same person and list. Source: msnp.md 2.7, 2.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from emulator.world import changes, limits
from emulator.world.apply import Mirror
from emulator.world.changes import Change
from emulator.world.errors import ListFull, MemberExists, NoSuchAccount, NoSuchMember, Opposite
from emulator.world.ledger import Ledger
from emulator.world.names import fold
from emulator.world.records import BITS, FORWARD, PASSPORT, Account, contact_key

ALLOW, BLOCK = BITS["Allow"], BITS["Block"]


class _Said(msgspec.Struct):
    """About one person: bits sent and not taken back; and where that decides (`mask`), what it says (`value`)."""

    declared: int = 0
    mask: int = 0
    value: int = 0


class Rosters:
    """Lists of places by the place's id. `changed` is called with (whose lists, about whom), both folded."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._said: dict[int, dict[str, _Said]] = {}
        self._owners: dict[str, dict[int, None]] = {}  # account -> its places that said something
        self._watchers: dict[str, dict[int, str]] = {}  # subject -> place with it on the forward list -> account
        self.changed: Callable[[str, str], None] = lambda owner, subject: None
        ledger.listeners.append(self._heard)

    def add(self, place: int, owner: str, other: str, network: int, bits: int, *, initial: bool = False) -> None:
        """ADL of one person. `initial` (the upload) takes unknown people and repetitions.

        Raises Opposite (Allow against Block), MemberExists, NoSuchAccount (network 1), ListFull.
        """
        account, key = self._ledger.account(owner), contact_key(other, network)
        mine = self._said.get(place, {})
        said = mine.get(key) or _Said()
        together = said.declared | bits
        if together & ALLOW and together & BLOCK:
            raise Opposite(f"{other[:60]} cannot be on Allow and Block")
        if not initial:
            if said.declared & bits == bits:
                raise MemberExists(f"{other[:60]} is there already")
            if network == PASSPORT and self._ledger.find(other) is None:
                raise NoSuchAccount(f"no account {other[:60]!r}")
        if key not in mine and len(mine) >= limits.MEMBERS:
            raise ListFull(f"{limits.MEMBERS} people are on the lists of this session")
        forward = sum(bool(one.declared & FORWARD) for one in mine.values()) if bits & FORWARD else 0
        if forward >= limits.CONTACTS and not said.declared & FORWARD:
            raise ListFull(f"{limits.CONTACTS} people are on the forward list of this session")
        self._said.setdefault(place, mine)[key] = said
        self._owners.setdefault(account.key, {})[place] = None
        said.declared |= bits
        said.mask |= bits
        said.value |= bits
        self._index(place, account.key, key, said)
        self.changed(account.key, key)

    def remove(self, place: int, owner: str, other: str, network: int, bits: int) -> None:
        """RML of one person. Raises NoSuchMember when neither the session nor what is kept has it on such a list."""
        account, key = self._ledger.account(owner), contact_key(other, network)
        said = self._said.get(place, {}).get(key) or _Said()
        there = said.declared | _kept(account, key)
        if bits & ~there:
            raise NoSuchMember(f"{other[:60]!r} is not on this list")
        self._said.setdefault(place, {})[key] = said
        self._owners.setdefault(account.key, {})[place] = None
        said.declared &= ~bits
        said.mask |= bits
        said.value &= ~bits
        self._index(place, account.key, key, said)
        self.changed(account.key, key)

    def drop(self, place: int, owner: str) -> None:
        """A place is gone, and what it said with it."""
        key = fold(owner)
        said = self._said.pop(place, None)
        if said is None:
            return
        self._owners[key].pop(place, None)
        if not self._owners[key]:
            del self._owners[key]
        for subject in said:
            self._unwatch(subject, place)
            self.changed(key, subject)

    def forward(self, account: Account, key: str, place: int = 0) -> bool:
        """Is that person on the forward list, at one place, or (place 0) at any or as it is kept?"""
        kept = account.on_forward_list(key)
        if place:
            said = self._said.get(place, {}).get(key)
            return bool(said.value & FORWARD) if said is not None and said.mask & FORWARD else kept
        return kept or bool(self.said(account.key, key, FORWARD))

    def forward_keys(self, account: Account) -> Iterator[str]:
        """Everybody on the forward list of some place or as it is kept, once each."""
        found = dict.fromkeys(account.contacts)
        for place in self._owners.get(account.key, ()):
            found |= dict.fromkeys(key for key, said in self._said[place].items() if said.value & FORWARD)
        return (key for key in found if self.forward(account, key))

    def watchers(self, subject: str) -> tuple[str, ...]:
        """Folded addresses of all that have `subject` on their forward list, kept or said."""
        kept = self._ledger.state.watchers.get(subject, {})
        said = self._watchers.get(subject)
        return tuple(dict.fromkeys((*kept, *said.values()))) if said else tuple(kept)

    def admits(self, subject: Account, other: Account) -> bool:
        """Does `subject` let `other` see and write to it? Not blocked, and allowed where BLP is BL."""
        if self._on(subject, other.key, BLOCK):
            return False
        return subject.blp == "AL" or self._on(subject, other.key, ALLOW)

    def sees(self, watcher: Account, subject: Account) -> bool:
        """May `watcher` see the presence of `subject`? Says nothing of whether the subject is online."""
        return self.forward(watcher, subject.key) and self.admits(subject, watcher)

    def _on(self, account: Account, key: str, bit: int) -> bool:
        said = self.said(account.key, key, bit)
        return bool(_kept(account, key) & bit) if said is None else said

    def said(self, owner: str, key: str, bit: int) -> bool | None:
        """What the places of an account (folded) say about a person; one yes is enough. None: they say nothing."""
        verdict = None
        for place in self._owners.get(owner, ()):
            said = self._said[place].get(key)
            if said is not None and said.mask & bit:
                if said.value & bit:
                    return True
                verdict = False
        return verdict

    def _index(self, place: int, owner: str, key: str, said: _Said) -> None:
        if said.value & FORWARD:
            self._watchers.setdefault(key, {})[place] = owner
        else:
            self._unwatch(key, place)

    def _unwatch(self, key: str, place: int) -> None:
        watchers = self._watchers.get(key)
        if watchers is not None:
            watchers.pop(place, None)
            if not watchers:
                del self._watchers[key]

    def _heard(self, change: Change, mirrors: tuple[Mirror, ...]) -> None:
        match change:
            case changes.MemberAdded():
                self._overrule(change.account, fold(change.address), BITS[change.role])
            case changes.MemberRemoved():
                self._overrule(change.account, change.key, BITS[change.role])
            case changes.ContactAdded():
                self._overrule(change.account, contact_key(change.address, change.network), FORWARD)
            case changes.ContactRemoved():
                self._overrule(change.account, change.key, FORWARD)
            case changes.ContactChanged(messenger=messenger) if messenger is not None:
                self._overrule(change.account, change.key, FORWARD)

    def _overrule(self, owner: str, key: str, bit: int) -> None:
        for place in self._owners.get(owner, ()):
            said = self._said[place].get(key)
            if said is not None:
                said.mask &= ~bit
                said.value &= ~bit
                self._index(place, owner, key, said)


def _kept(account: Account, key: str) -> int:
    bits = FORWARD if account.on_forward_list(key) else 0
    return bits | sum(bit for role, bit in BITS.items() if account.has(role, key))
