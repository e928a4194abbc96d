"""Worlds for tests: a clock that stands until it is moved, randomness from a counter. Not a fixture of a protocol."""

from __future__ import annotations

import hashlib
import json
from itertools import count

import msgspec

from emulator.world import World


class Clock:
    """Seconds since the epoch; moved by hand."""

    def __init__(self, at: float = 1_180_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def made(clock: Clock | None = None, *, open_accounts: bool = False) -> World:
    """An empty world. The same calls in the same order give the same ids."""
    numbers = count()

    def entropy(size: int) -> bytes:
        return hashlib.shake_128(str(next(numbers)).encode()).digest(size)

    return World(now=clock or Clock(), entropy=entropy, open_accounts=open_accounts)


def people(world: World, *names: str) -> tuple[str, ...]:
    """Accounts `<name>@example.com`."""
    return tuple(world.accounts.create(f"{name}@example.com", "opal-Kite7").address for name in names)


def dump(world: World) -> str:
    """All that is kept, comparable."""
    return json.dumps(msgspec.to_builtins(world.snapshot(), str_keys=True), sort_keys=True)
