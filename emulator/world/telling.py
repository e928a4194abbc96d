"""Who must be told what: compares how everybody looks now with what everybody was last told.

Not lines of a protocol. The cost of a change is that of its watchers. Source: msnp.md 2.9, 2.7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from emulator.world import changes, limits
from emulator.world.apply import Mirror
from emulator.world.changes import Change
from emulator.world.ledger import Ledger
from emulator.world.names import fold
from emulator.world.notices import (
    BookChanged,
    Look,
    MailArrived,
    MailRemoved,
    Notice,
    PlacesChanged,
    PresenceChanged,
    ReverseChanged,
)
from emulator.world.presence import Presence
from emulator.world.records import Account


class Telling:
    """Collects what changed; `take` turns it into notices. At most 20,000 wait, then the oldest are dropped."""

    def __init__(self, ledger: Ledger, presence: Presence) -> None:
        self._ledger = ledger
        self._presence = presence
        self._told: dict[str, dict[str, Look]] = {}  # watcher -> subject -> the online look it knows
        self._subjects: dict[str, None] = {}
        self._pairs: dict[tuple[str, str], None] = {}  # (watcher, subject)
        self._selves: dict[str, Look] = {}  # account -> its own look as its places know it
        self.actor = 0  # place whose command is being carried out; 0: none (SOAP, timers)
        self._others: deque[Notice] = deque(maxlen=limits.NOTICES)
        ledger.listeners.append(self._heard)
        presence.touched = self._touched
        presence.left = self._left
        presence.rosters.changed = self._listed

    def roll_call(self, address: str) -> tuple[Look, ...]:
        """All contacts that are online and visible, for the ILN lines after the first CHG of a place.

        They count as told, so `take` will not repeat them.
        """
        account = self._ledger.account(address)
        accounts = self._ledger.state.accounts
        looks: dict[str, Look] = {}
        for key in self._presence.rosters.forward_keys(account):
            look = self._visible(account, accounts.get(key))
            if look is not None:
                looks[key] = look
        self._told[account.key] = dict(looks)
        return tuple(looks.values())

    def introduce(self, address: str, others: Iterable[str]) -> tuple[Look, ...]:
        """Those of `others` that are online and visible, for the NLN lines after a later ADL. They count as told."""
        account = self._ledger.account(address)
        accounts = self._ledger.state.accounts
        known = self._told.setdefault(account.key, {})
        looks = []
        for key in dict.fromkeys(fold(one) for one in others):
            look = self._visible(account, accounts.get(key))
            if look is not None:
                known[key] = look
                looks.append(look)
        return tuple(looks)

    def _visible(self, watcher: Account, subject: Account | None) -> Look | None:
        if subject is None or not self._presence.rosters.sees(watcher, subject):
            return None
        return self._presence.outward(subject)

    def take(self) -> list[Notice]:
        """What is to be told since the last call, to accounts that are signed in and had their first CHG.

        Call it after every command, SOAP call, sign-in and sign-out, and hand each notice to all places of its `to`.
        """
        out = [one for one in self._others if self._presence.listening(fold(one.to))]
        self._others.clear()
        subjects, self._subjects = self._subjects, {}
        pairs, self._pairs = self._pairs, {}
        accounts = self._ledger.state.accounts
        for subject in subjects:
            account = accounts.get(subject)
            look = self._presence.outward(account)
            for watcher in self._presence.rosters.watchers(subject):
                self._compare(watcher, subject, look, out.append)
            self._compare_self(subject, account, out.append)
        for watcher, subject in pairs:  # a second comparison of the same two finds nothing new
            self._compare(watcher, subject, self._presence.outward(accounts.get(subject)), out.append)
        return out

    def _compare(self, watcher: str, subject: str, outward: Look | None, tell: Callable[[Notice], None]) -> None:
        accounts = self._ledger.state.accounts
        one, other = accounts.get(watcher), accounts.get(subject)
        if one is None or not self._presence.listening(watcher):
            self._told.pop(watcher, None)
            return
        known = self._told.setdefault(watcher, {})
        before = known.get(subject)
        if not self._presence.rosters.forward(one, subject):
            known.pop(subject, None)  # it took the contact off its list and knows
            return
        now = outward if other is not None and self._presence.rosters.sees(one, other) else None
        if now is None:
            if known.pop(subject, None) is not None and before is not None:
                gone = Look(address=before.address, name=before.name)
                tell(PresenceChanged(one.address, gone, line=True, personal=False))
            return
        known[subject] = now
        line = before is None or before.line != now.line
        personal = before is None or before.personal != now.personal
        if line or personal:
            tell(PresenceChanged(one.address, now, line=line, personal=personal))

    def _compare_self(self, key: str, account: Account | None, tell: Callable[[Notice], None]) -> None:
        look = self._presence.own(account) if account is not None else None
        if look is None or not look.endpoints:
            self._selves.pop(key, None)
            return
        before = self._selves.get(key)
        self._selves[key] = look
        if before is None or (before.personal, before.status) != (look.personal, look.status):
            tell(PlacesChanged(look.address, look))

    def _listed(self, owner: str, subject: str) -> None:
        """Somebody's place changed its lists: it may see the other, or be seen by the other, from now on or no more."""
        self._pairs[owner, subject] = None
        self._pairs[subject, owner] = None

    def _touched(self, key: str) -> None:
        self._subjects[key] = None

    def _left(self, key: str) -> None:
        self._told.pop(key, None)
        self._selves.pop(key, None)

    def forget(self, key: str) -> None:
        """An account is gone."""
        self._told.pop(key, None)
        self._selves.pop(key, None)
        self._subjects[key] = None

    def _heard(self, change: Change, mirrors: tuple[Mirror, ...]) -> None:
        account = self._ledger.state.accounts[change.account]
        for mirror in mirrors:
            self._pairs[mirror.owner, mirror.subject] = None
            if self._presence.signed_in(mirror.subject):
                owner, subject = (self._ledger.state.accounts[key] for key in (mirror.owner, mirror.subject))
                self._others.append(
                    ReverseChanged(
                        subject.address, owner.address, owner.name, mirror.added, mirror.pending, mirror.invite
                    )
                )
        match change:
            case changes.AccountCreated() | changes.SettingsChanged() | changes.ProfileChanged():
                self._subjects[change.account] = None
            case changes.MemberAdded():
                self._pairs[fold(change.address), change.account] = None
            case changes.MemberRemoved():
                self._pairs[change.key, change.account] = None
        if not self._presence.signed_in(change.account):
            return
        match change:
            case changes.MessageStored():
                self._others.append(MailArrived(account.address, change.id))
            case changes.MessagesDeleted():
                self._others.append(MailRemoved(account.address, change.ids))
            case changes.MessageRead():
                pass
            case _:
                last = self._others[-1] if self._others else None
                news = BookChanged(account.address, self.actor if self._acts(change.account) else 0)
                if last != news:
                    self._others.append(news)

    def _acts(self, key: str) -> bool:
        place = self._presence.place(self.actor)
        return place is not None and fold(place.address) == key
