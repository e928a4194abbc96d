"""Where every change passes: stamped, applied, kept for the store, and heard by those who tell others.

Not the store. Nothing here is lost when `take` is not called; it only waits.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.world import names
from emulator.world.apply import Mirror, apply
from emulator.world.changes import Change, MessageStored
from emulator.world.errors import NoSuchAccount
from emulator.world.names import fold, is_volatile
from emulator.world.records import Account
from emulator.world.state import State

Heard = Callable[[Change, tuple[Mirror, ...]], None]


class Ledger:
    """The state and the one way to change it. `now()` is seconds since the epoch, `entropy(n)` n random bytes."""

    def __init__(self, *, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self.state = State()
        self.now = now
        self.entropy = entropy
        self.listeners: list[Heard] = []
        self.absent: Callable[[str], Account | None] = lambda address: None  # may make an account on the fly
        self._pending: list[Change] = []

    def find(self, address: str) -> Account | None:
        """The account, or None; one of a probe may be made on the fly."""
        return self.state.accounts.get(fold(address)) or self.absent(address)

    def account(self, address: str) -> Account:
        """The account. Raises NoSuchAccount."""
        found = self.find(address)
        if found is None:
            raise NoSuchAccount(f"no account {address[:60]!r}")
        return found

    def stamp(self, *accounts: Account | None) -> int:
        """Time of a change to these accounts, in milliseconds: now, and later than any earlier change to them."""
        return max(int(self.now() * 1000), *(one.changed + 1 for one in accounts if one is not None), 0)

    def guid(self) -> str:
        """A new GUID."""
        return names.guid(self.entropy(16))

    def commit(self, change: Change) -> None:
        """Apply a change and keep it for the store, unless it is about an account that is never kept."""
        mirrors = apply(self.state, change)
        if not _passing(change):
            self._pending.append(change)
        for heard in self.listeners:
            heard(change, mirrors)

    def take(self) -> list[Change]:
        """Changes since the last call, in order; the caller writes them down before any answer leaves."""
        pending, self._pending = self._pending, []
        return pending

    @property
    def unwritten(self) -> bool:
        """True when changes wait for the store."""
        return bool(self._pending)


def _passing(change: Change) -> bool:
    if is_volatile(change.account):
        return True
    return isinstance(change, MessageStored) and is_volatile(change.sender)
