"""Programs that a test starts in processes of their own: one that is killed, one that runs out of disk.

Not tests. `python store_trials.py kill FILE`, `… full FOLDER`, `… readonly FOLDER`, `… crowd ACCOUNTS CONTACTS`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import msgspec

from emulator.problems import CannotRun
from emulator.store import Store
from emulator.world import World

ALICE, BOB = "alice@example.com", "bob@example.com"
COMPACT_AFTER = 40


def made() -> World:
    """An empty world whose ids follow from the order of calls."""
    numbers = itertools.count()

    def entropy(size: int) -> bytes:
        return hashlib.shake_128(str(next(numbers)).encode()).digest(size)

    clock = itertools.count(1_180_000_000)
    return World(now=lambda: float(next(clock)), entropy=entropy)


def dump(world: World) -> str:
    """All that is kept, comparable."""
    return json.dumps(msgspec.to_builtins(world.snapshot(), str_keys=True), sort_keys=True)


def begin(world: World) -> None:
    """Two accounts."""
    world.accounts.create(ALICE, "x", name="0")
    world.accounts.create(BOB, "x")


def step(world: World, number: int) -> None:
    """A group of changes; alice's name says which was the last."""
    match number % 5:
        case 0:
            world.books.add_contact(ALICE, BOB, allow=True)
        case 1:
            world.mail.store(BOB, ALICE, "x" * 500)
        case 2:
            world.books.add_group(ALICE, f"group {number}")
        case 3:
            world.books.remove_group(ALICE, next(iter(world.account(ALICE).groups)))
        case _:
            world.books.remove_contact(ALICE, world.books.contact_of(ALICE, BOB).id)
            world.lists.remove_member(ALICE, "Allow", BOB)
            world.mail.delete(ALICE, [one.id for one in world.mail.messages(ALICE)])
    world.accounts.set_name(ALICE, str(number + 1))


def kill(path: Path) -> None:
    """Work until killed; every number that is printed was flushed before."""
    world = made()
    store = Store.open(path, compact_after=COMPACT_AFTER)
    store.load(world)
    begin(world)
    store.flush()
    print(0, flush=True)
    for number in range(100_000):
        step(world, number)
        store.flush()
        print(number + 1, flush=True)


def full(folder: Path) -> None:
    """Write until a real disk is full, make room, go on; nothing may be lost."""
    path = folder / "world.db"
    world = made()
    store = Store.open(path)
    store.load(world)
    begin(world)
    picture = bytes(range(256)) * 64
    messages = []
    for _ in range(100):
        world.accounts.set_tile(ALICE, picture, "image/png")
        try:
            store.flush()
        except CannotRun as error:
            messages.append(str(error))
            break
    assert messages, "the disk never got full"
    assert str(path) in messages[0], messages
    assert "full" in messages[0], messages
    subprocess.run(["mount", "-o", "remount,size=16m", str(folder)], check=True)
    world.accounts.set_name(ALICE, "after")
    store.flush()
    expected = dump(world)
    store.close()
    again = made()
    store = Store.open(path)
    store.load(again)
    assert dump(again) == expected
    store.close()
    print("kept", messages[0])


def readonly(folder: Path) -> None:
    """A file on a disk that became read-only."""
    path = folder / "world.db"
    Store.open(path).close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        Store.open(path)
    except CannotRun as error:
        print("refused" if str(path) in str(error) else "unnamed", error)


def crowd(accounts: int, contacts: int) -> None:
    """Load a journal of many accounts and print what it takes."""
    world = made()
    names = [f"person{number}@example.com" for number in range(accounts)]
    store = Store.open(None)
    for name in names:
        world.accounts.create(name, "opal-Kite7")
    for number, name in enumerate(names):
        for offset in range(1, contacts + 1):
            world.books.add_contact(name, names[(number + offset * 7) % accounts], allow=True)
    store.journal(world.take_changes())
    store.flush()
    expected = hashlib.sha256(dump(world).encode()).hexdigest()
    del world
    tracemalloc.start()
    again = made()
    changes = store.load(again)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    store.compact()
    assert hashlib.sha256(dump(again).encode()).hexdigest() == expected
    sizes = [sum(len(one.members.get(role, ())) for one in map(again.account, names)) for role in ("Allow", "Reverse")]
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"changes": changes, "kept": kept, "peak": peak, "resident": resident, "members": sizes}))
    store.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["kill", path]:
            kill(Path(path))
        case ["full", folder]:
            full(Path(folder))
        case ["readonly", folder]:
            readonly(Path(folder))
        case ["crowd", accounts, contacts]:
            crowd(int(accounts), int(contacts))
