"""Waiting for something that a server may say: Deferreds with a condition, all failed together at the end.

Not a timer: whoever waits sets a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, fail

T = TypeVar("T")


class Waiting(Generic[T]):
    """Those who wait for values of one kind. A cancelled wait is forgotten."""

    def __init__(self) -> None:
        self._waits: dict[Deferred[T], Callable[[T], bool]] = {}
        self._error: Exception | None = None

    def wait(self, matches: Callable[[T], bool] = lambda value: True) -> Deferred[T]:
        """The next value for which `matches` is true; fails as soon as no more can come."""
        if self._error is not None:
            return fail(self._error)
        made: Deferred[T] = Deferred(lambda gone: self._waits.pop(gone, None) and None)
        self._waits[made] = matches
        return made

    def tell(self, value: T) -> bool:
        """Hand a value to everybody who waits for one like it; says whether anybody did."""
        found = [wait for wait, matches in self._waits.items() if matches(value)]
        for wait in found:
            if self._waits.pop(wait, None) is not None:
                wait.callback(value)
        return bool(found)

    def end(self, error: Exception) -> None:
        """No more values come."""
        if self._error is None:
            self._error = error
        waits, self._waits = self._waits, {}
        for wait in waits:
            wait.errback(error)
