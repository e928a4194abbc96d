"""The file of the world: everything comes back, nothing volatile gets in, and every bad file is named."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from store_trials import ALICE, begin, dump, made, step

from emulator.problems import BadInput, CannotRun
from emulator.store import Store, find_cast
from emulator.store.database import APPLICATION, FORMAT
from emulator.wire import tags
from emulator.world import World


def written(path: Path, steps: int = 30) -> World:
    world = made()
    store = Store.open(path)
    store.load(world)
    begin(world)
    for number in range(steps):
        step(world, number)
    store.close()
    return world


def loaded(path: Path) -> World:
    world = made()
    store = Store.open(path)
    store.load(world)
    store.close()
    return world


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    world = made()
    store = Store.open(path)
    assert store.load(world) == 0
    find_cast(cwd=tmp_path).populate(world)
    count = store.flush()
    assert count == store.length > 20
    assert store.flush() == 0
    world.accounts.set_name("bob@example.com", "Борис 𝄞")
    assert store.flush() == 1
    store.close()
    store.close()
    again = made()
    store = Store.open(path)
    assert store.load(again) == count + 1
    assert dump(again) == dump(world)
    assert again.account("bob@example.com").name == "Борис 𝄞"
    assert again.sees("bob@example.com", "alice@example.com"), "indexes are built again"
    assert not again.take_notices()
    assert not again.unwritten
    assert find_cast(cwd=tmp_path).populate(again) == ()
    again.books.add_group("bob@example.com", "new")
    store.close()
    assert dump(loaded(path)) == dump(again), "what happens later is kept too"


def test_snapshots_take_the_place_of_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    world = made()
    store = Store.open(path, compact_after=10)
    store.load(world)
    begin(world)
    lengths = set()
    for number in range(40):
        step(world, number)
        store.flush()
        lengths.add(store.length)
    assert max(lengths) < 10
    assert 0 in lengths
    store.close()
    assert dump(loaded(path)) == dump(world)
    with sqlite3.connect(path) as peer:
        (rows,) = peer.execute("SELECT count(*) FROM journal").fetchone()
    peer.close()
    assert rows < 10


def test_a_snapshot_that_fails_does_not_fail_the_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "world.db"
    world = made()
    store = Store.open(path, compact_after=5)
    store.load(world)

    def fail() -> None:
        raise CannotRun("no room")

    monkeypatch.setattr(store, "compact", fail)
    begin(world)
    for number in range(10):
        step(world, number)
        assert store.flush()
    store.close()
    assert dump(loaded(path)) == dump(world)


def test_memory_is_a_store_too() -> None:
    world = made()
    store = Store.open(None, compact_after=5)
    store.load(world)
    begin(world)
    assert store.flush() == 2
    store.compact()
    store.close()


def test_probes_leave_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    probe = tags.account(bytes(range(16)))
    world = World(now=lambda: 1.18e9, entropy=lambda size: bytes(size), open_accounts=True)
    store = Store.open(path, compact_after=1)
    store.load(world)
    begin(world)
    world.books.add_contact(probe, ALICE, allow=True)
    world.mail.store(probe, ALICE, "x")
    world.mail.mark_read(ALICE, world.mail.messages(ALICE)[0].id)
    world.mail.delete(ALICE, [world.mail.messages(ALICE)[0].id])
    world.books.add_group(ALICE, "g")
    assert store.flush() > 0
    store.close()
    assert probe.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert loaded(path).find(ALICE) is not None


def test_the_file_is_private_and_sound(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    world = made()
    store = Store.open(path)
    store.load(world)
    begin(world)
    store.flush()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    store.close()
    if shutil.which("sqlite3") is None:
        pytest.skip("the program sqlite3 is not installed")
    command = ["sqlite3", str(path), "PRAGMA integrity_check; PRAGMA application_id; SELECT max(sequence) FROM journal"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert told == ["ok", str(APPLICATION), "2"]


def test_one_emulator_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    store = Store.open(path)
    with pytest.raises(CannotRun) as refused:
        Store.open(path)
    assert str(path) in str(refused.value)
    assert "another emulator" in str(refused.value)
    store.close()
    Store.open(path).close()


def sql(*statements: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        peer = sqlite3.connect(path)
        for statement in statements:
            peer.execute(statement)
        peer.commit()
        peer.close()

    return run


def garbage(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database; " * 100)


def another(path: Path) -> None:
    path.unlink()
    sql("CREATE TABLE recipes (name TEXT)")(path)


def torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def scribbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)


DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (garbage, "damaged"),
    (another, "another program"),
    (torn, "damaged"),
    (scribbled, "damaged"),
    (sql(f"PRAGMA user_version = {FORMAT + 1}"), "newer version"),
    (sql("DELETE FROM journal WHERE sequence = 7"), "change 7 is missing"),
    (sql("UPDATE journal SET change = '{}' WHERE sequence = 7"), "damaged"),
    (sql("UPDATE journal SET change = '{\"type\":' WHERE sequence = 7"), "damaged"),
    (sql("UPDATE journal SET change = x'ff' WHERE sequence = 7"), "damaged"),
    (sql("UPDATE journal SET change = replace(change, 'alice', 'nobody') WHERE sequence > 7"), "damaged"),
    (sql("INSERT INTO snapshot VALUES (1, 0, x'00')"), "damaged"),
    (sql("DROP TABLE journal"), "damaged: its tables are"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE, ids=[str(at) for at in range(len(DAMAGE))])
def test_bad_files_are_named(damage: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    written(path)
    damage(path)
    with pytest.raises(BadInput) as refused:
        loaded(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "missing" / "world.db", tmp_path / "file" / "world.db"):
        with pytest.raises(CannotRun) as refused:
            Store.open(path)
        assert str(path) in str(refused.value)


def test_a_cast_is_found(tmp_path: Path) -> None:
    assert "alice@example.com" in [one.address for one in find_cast(cwd=tmp_path).people]
    (tmp_path / "scenarios" / "casts").mkdir(parents=True)
    mine = tmp_path / "scenarios" / "casts" / "default.toml"
    mine.write_text('format = 1\n[[account]]\naddress = "me@example.com"\npassword = "x"\n')
    assert [one.address for one in find_cast(cwd=tmp_path).people] == ["me@example.com"]
    assert find_cast("scenarios/casts/default.toml", cwd=tmp_path).people == find_cast(str(mine), cwd=Path("/")).people
    for spec, words in (("none.toml", "name another file"), ("scenarios", "name another file")):
        with pytest.raises(BadInput, match=words):
            find_cast(spec, cwd=tmp_path)
    mine.write_bytes(b"\xff")
    with pytest.raises(BadInput, match="save it as UTF-8"):
        find_cast(cwd=tmp_path)
