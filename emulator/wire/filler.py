"""Bytes and numbers that both ends can compute from a flow's tag: payloads, second identifiers. Not randomness."""

from __future__ import annotations

from hashlib import sha256


def filler(tag: bytes, size: int, label: str = "data") -> bytes:
    """`size` bytes that depend on tag and label alone: SHA-256 in counter mode, so no middlebox can compress them."""
    blocks = (size + 31) // 32
    seed = label.encode() + b"\0" + tag
    return b"".join(sha256(seed + index.to_bytes(4, "big")).digest() for index in range(blocks))[:size]


def number(tag: bytes, label: str, *, bits: int = 32) -> int:
    """A non-zero number of at most `bits` bits for a field that must differ between flows."""
    return int.from_bytes(filler(tag, 8, label), "big") % ((1 << bits) - 1) + 1
