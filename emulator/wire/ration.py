"""So much a second for each key, and no more keys than a table holds. Not a queue, and no pause for whoever overdoes.

The table lives for one second of the clock that is handed in, so that no flood of keys can fill it for longer.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec


class Ration(msgspec.Struct):
    """`limit` units a second for each key; at most `table` keys a second, later ones get nothing."""

    limit: int
    table: int = 10_000
    _second: int = -1
    _spent: dict[Hashable, int] = msgspec.field(default_factory=dict)

    def take(self, key: Hashable, now: float, amount: int = 1) -> bool:
        """True when `amount` units of this second are still there for `key`; they are gone then."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._spent.clear()
        spent = self._spent.get(key)
        if spent is None:
            if len(self._spent) >= self.table:
                return False
            spent = 0
        if spent + amount > self.limit:
            return False
        self._spent[key] = spent + amount
        return True
