"""A rate limit with a memory: so many at once, so many a second, and a pause for whoever overdoes it.

Not a queue. Source: http.md 14 (1 a second, 10 at once, then refused for 11 seconds; the live numbers are unknown).
"""

from __future__ import annotations

import msgspec


class Throttle(msgspec.Struct):
    """Token buckets by key. At most `table` keys are remembered; the one unused for longest is forgotten first."""

    rate: float = 1.0  # a second
    burst: float = 10.0
    pause: float = 11.0  # seconds
    table: int = 20_000
    _buckets: dict[str, tuple[float, float, float]] = msgspec.field(default_factory=dict)  # tokens, at, paused until

    def take(self, key: str, now: float) -> float:
        """0.0: go ahead. Else how many seconds to wait; asking earlier does not make it longer."""
        tokens, at, until = self._buckets.pop(key, (self.burst, now, 0.0))
        tokens = min(self.burst, tokens + max(0.0, now - at) * self.rate)
        if now < until:
            wait = until - now
        elif tokens >= 1.0:
            tokens, wait = tokens - 1.0, 0.0
        else:
            until, wait = now + self.pause, self.pause
        self._buckets[key] = (tokens, now, until)
        while len(self._buckets) > self.table:
            del self._buckets[next(iter(self._buckets))]
        return wait
