"""Allocates the tags of a run: unique among its live flows, and not guessable from outside. Not their spelling."""

from __future__ import annotations

from hashlib import sha256


class Tags:
    """Tags by protocol. `key` is random per run; a tag is never handed out twice, however narrow its field."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._taken: set[tuple[str, bytes]] = set()
        self._count = 0

    def allocate(self, protocol: str, bits: int) -> bytes:
        """A tag of `bits` bits (0 gives b""). Raises RuntimeError when the field is exhausted."""
        if not bits:
            return b""
        for _ in range(10_000):
            self._count += 1
            tag = sha256(self._key + protocol.encode() + self._count.to_bytes(8, "big")).digest()[: bits // 8]
            if (protocol, tag) not in self._taken and any(tag):
                self._taken.add((protocol, tag))
                return tag
        raise RuntimeError(f"no free tag of {bits} bits for {protocol}")
