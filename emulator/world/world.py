"""The world that every service shares: all of its parts around one ledger.

Not I/O: clock and randomness are handed in, what is to be kept is taken out (`take_changes`), and so is what people
must be told (`take_notices`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emulator.wire import passport
from emulator.world import limits
from emulator.world.accounts import Accounts
from emulator.world.addressbook import AddressBooks
from emulator.world.apply import apply
from emulator.world.changes import Change
from emulator.world.ledger import Ledger
from emulator.world.lists import BookDelta, ListDelta, Lists
from emulator.world.mailbox import Mailboxes
from emulator.world.names import fold
from emulator.world.notices import Notice
from emulator.world.presence import Presence
from emulator.world.records import Account
from emulator.world.rendezvous import Switchboards
from emulator.world.rosters import Rosters
from emulator.world.state import Snapshot
from emulator.world.telling import Telling
from emulator.world.tickets import Tickets


class World:
    """Accounts, books, lists, mail (kept) and presence, switchboards, tickets (volatile).

    `now()` is seconds since the epoch, `entropy(n)` n random bytes. `open_accounts`: accounts of probes are made on the
    fly, take any password and their own tickets, and are never kept. `anybody`: every other unknown address that signs
    in gets an account as well, which is kept. One thread; every operation is atomic: it raises
    a WorldError and changes nothing, or it is done.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        open_accounts: bool = False,
        anybody: bool = False,
    ) -> None:
        self._ledger = Ledger(now=now, entropy=entropy)
        self.accounts = Accounts(self._ledger, open_accounts=open_accounts, anybody=anybody)
        self.books = AddressBooks(self._ledger)
        self.lists = Lists(self._ledger)
        self.mail = Mailboxes(self._ledger)
        self.rosters = Rosters(self._ledger)
        self.presence = Presence(self._ledger, self.rosters)
        self.telling = Telling(self._ledger, self.presence)
        self.switchboards = Switchboards(self._ledger, self.presence)
        self.tickets = Tickets(self._ledger, open_accounts=open_accounts)
        self.accounts.make_room = self._make_room

    def account(self, address: str) -> Account:
        """The account; one of a probe may be made on the fly. Raises NoSuchAccount."""
        return self._ledger.account(address)

    def find(self, address: str) -> Account | None:
        """The account, or None; nothing is made."""
        return self._ledger.state.accounts.get(fold(address))

    def __len__(self) -> int:
        return len(self._ledger.state.accounts)

    def addresses(self) -> tuple[str, ...]:
        """Addresses of all accounts as they were written, oldest first."""
        return tuple(one.address for one in self._ledger.state.accounts.values())

    def online(self, address: str) -> bool:
        """Signed in somewhere, and not hidden."""
        return self.presence.online(address)

    def sees(self, watcher: str, subject: str) -> bool:
        """May `watcher` see the presence of `subject`? False for unknown addresses. Source: msnp.md 2.9."""
        one, other = self.find(watcher), self.find(subject)
        return one is not None and other is not None and self.rosters.sees(one, other)

    def admits(self, subject: str, other: str) -> bool:
        """May `other` write to `subject`? False for unknown addresses."""
        one, two = self.find(subject), self.find(other)
        return one is not None and two is not None and self.rosters.admits(one, two)

    def contacts_since(self, address: str, when: int) -> BookDelta:
        """Changes of the address book later than `when` (milliseconds). Raises NoSuchAccount, FullSyncNeeded."""
        return self.lists.contacts_since(address, when)

    def memberships_since(self, address: str, when: int) -> ListDelta:
        """Changes of the four lists later than `when` (milliseconds). Raises NoSuchAccount, FullSyncNeeded."""
        return self.lists.memberships_since(address, when)

    def take_changes(self) -> list[Change]:
        """Changes since the last call, for the store; those of volatile accounts are not among them."""
        return self._ledger.take()

    @property
    def unwritten(self) -> bool:
        """True when changes wait for the store: no answer that depends on them may leave before it has them."""
        return self._ledger.unwritten

    def take_notices(self) -> list[Notice]:
        """What signed-in people must be told since the last call."""
        return self.telling.take()

    def forget(self, prefix: str = "", *, age: float | None = None) -> int:
        """A run is over: drop the volatile accounts whose tag (hexadecimal) begins with `prefix`; says how many.

        With `age`, only those that were made more than so many seconds ago and are not signed in. Their places,
        tickets, list entries elsewhere and messages go with them.
        """
        state, wanted = self._ledger.state, prefix.lower()
        gone = [key for key in state.volatile if passport.tags_of(key).startswith(wanted)]
        if age is not None:
            latest = self._ledger.stamp() - age * 1000
            gone = [key for key in gone if state.accounts[key].created < latest and not self.presence.signed_in(key)]
        return self._forget(gone)

    def snapshot(self) -> Snapshot:
        """All that is kept. It shares records with the world: encode or compare it before the next change."""
        return self._ledger.state.snapshot()

    def restore(self, snapshot: Snapshot, changes: Iterable[Change] = ()) -> int:
        """Fill an empty world from a snapshot and the changes since; says how many changes there were.

        Raises KeyError when a change does not fit. Nothing of it is journaled again and nobody is told.
        """
        if self._ledger.state.accounts:
            raise ValueError("the world is not empty")
        self._ledger.state.restore(snapshot.accounts)
        count = 0
        for change in changes:
            apply(self._ledger.state, change)
            count += 1
        return count

    def _forget(self, gone: list[str]) -> int:
        for key in gone:
            for place in self.presence.places(key):
                self.presence.sign_out(place.id)
            self.telling.forget(key)
        self.tickets.revoke(gone)
        self._ledger.state.forget(gone)
        return len(gone)

    def _make_room(self) -> None:
        """Forget the oldest tenth of volatile accounts that are not signed in: their run did not say goodbye."""
        idle = (key for key in self._ledger.state.volatile if not self.presence.signed_in(key))
        self._forget([key for key, _ in zip(idle, range(limits.VOLATILE_ACCOUNTS // 10), strict=False)])
