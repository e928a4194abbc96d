"""Counts and digests a byte stream as it passes. Not a capture: no byte is kept."""

from __future__ import annotations

from hashlib import sha256

from emulator.wire.receipt import Digest


def digest(data: bytes) -> Digest:
    """Digest of a whole piece."""
    return Digest(len(data), sha256(data).hexdigest())


class Tally:
    """Running size and SHA-256 of one direction."""

    __slots__ = ("_hash", "size")

    def __init__(self) -> None:
        self.size = 0
        self._hash = sha256()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)

    def digest(self) -> Digest:
        return Digest(self.size, self._hash.hexdigest())
