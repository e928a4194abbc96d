"""The file: a snapshot and the changes since, written in groups before any answer leaves.

Not a model of accounts: SQLite sees sequence numbers and JSON only. Source: sqlite.org (WAL, pragma, result codes).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import msgspec

from emulator.problems import BadInput, CannotRun
from emulator.world.changes import Change, decode, encode
from emulator.world.state import Snapshot
from emulator.world.world import World

FORMAT = 1  # of the tables and of what stands in them
APPLICATION = 0x4D4C5731  # "MLW1" in the header of the file: it is ours
COMPACT_AFTER = 20_000  # changes

_TABLES = (
    "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE journal (sequence INTEGER PRIMARY KEY, change BLOB NOT NULL)",
)
_FOREIGN = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


class Store:
    """Keeps a world. `load` once, then `flush` before every answer that tells of a change.

    The file has mode 0600, because it holds passwords, and one user at a time. Errors: BadInput when the file is not
    ours or is damaged, CannotRun when the machine will not let it be read or written; both name the file.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, compact_after: int) -> None:
        self._connection = connection
        self._name = name
        self._compact_after = compact_after
        self._sequence = 0
        self._length = 0
        self._full = compact_after  # length at which the journal is compacted
        self._world: World | None = None
        self._waiting: list[Change] = []  # taken from the world, not yet in the file

    @classmethod
    def open(cls, path: Path | None, *, compact_after: int = COMPACT_AFTER) -> Store:
        """Open or make the file; None: in memory, gone with the process. `compact_after`: changes per snapshot."""
        name = "memory" if path is None else str(path)
        if path is not None:
            _create(path)
        try:
            connection = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, timeout=0.0)
        except sqlite3.Error as error:
            _give_up(error, name)
        try:
            _prepare(connection, name)
        except sqlite3.Error as error:
            connection.close()
            _give_up(error, name)
        except BaseException:
            connection.close()
            raise
        return cls(connection, name, compact_after)

    def load(self, world: World) -> int:
        """Fill an empty world from the file and keep it from now on; says how many changes were replayed."""
        with self._guarded():
            row = self._connection.execute("SELECT sequence, data FROM snapshot").fetchone()
            rows = self._connection.execute("SELECT sequence, change FROM journal ORDER BY sequence").fetchall()
        try:
            sequence, snapshot = (0, Snapshot(())) if row is None else (row[0], _snapshot.decode(row[1]))
            for number, (found, _) in enumerate(rows, sequence + 1):
                if found != number:
                    raise BadInput(_damaged(self._name, f"change {number} is missing"))
            self._length = world.restore(snapshot, (decode(change) for _, change in rows))
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise BadInput(_damaged(self._name, f"{type(error).__name__}: {error}")) from error
        self._sequence = sequence + self._length
        self._world = world
        return self._length

    def journal(self, changes: Sequence[Change]) -> None:
        """Let changes wait for the next `flush`, in this order."""
        self._waiting.extend(changes)

    def flush(self) -> int:
        """Write what waits, the world's changes included, in one transaction; says how many changes it were.

        When it returns, they survive the death of this process and, as far as the disk keeps its word, of the machine.
        When it raises, they wait for the next call.
        """
        count = self._write()
        if self._world is not None and self._length >= self._full:
            try:
                self.compact()
            except CannotRun:  # all is written, only not compact; flush must not fail for that, so try again later
                self._full = self._length + self._compact_after
        return count

    def _write(self) -> int:
        if self._world is not None and self._world.unwritten:
            self.journal(self._world.take_changes())
        if not self._waiting:
            return 0
        rows = [(self._sequence + at, encode(change)) for at, change in enumerate(self._waiting, 1)]
        with self._guarded(), self._transaction():
            self._connection.executemany("INSERT INTO journal VALUES (?, ?)", rows)
        self._sequence += len(rows)
        self._length += len(rows)
        self._waiting.clear()
        return len(rows)

    def compact(self) -> None:
        """Put a snapshot of the world in place of the journal, in one transaction. Flushes first."""
        if self._world is None:
            raise ValueError("no world was loaded")
        self._write()
        data = _encoder.encode(self._world.snapshot())
        with self._guarded(), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (self._sequence, data))
            self._connection.execute("DELETE FROM journal")
        self._length, self._full = 0, self._compact_after

    @property
    def length(self) -> int:
        """Changes in the journal since the last snapshot."""
        return self._length

    def close(self) -> None:
        """Flush and close. Closing twice is harmless."""
        try:
            self.flush()
        finally:
            self._connection.close()
            self._world = None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            _give_up(error, self._name)


_encoder = msgspec.json.Encoder()
_snapshot = msgspec.json.Decoder(Snapshot)


def _create(path: Path) -> None:
    """SQLite would make the file readable for everybody; it gives its WAL the mode of the file."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        remedy = "name another file, or make room and rights for it"
        raise CannotRun(f"{path}: cannot be opened: {error.strerror}: {remedy}") from error


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
    if application not in (0, APPLICATION) or (tables and application != APPLICATION):
        raise BadInput(f"{name}: a database of another program: name another file")
    if version > FORMAT:
        remedy = "use that version, or name another file"
        raise BadInput(f"{name}: written by a newer version (format {version}, known is {FORMAT}): {remedy}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise BadInput(_damaged(name, problem))
    if tables and tables != ["journal", "snapshot"]:
        raise BadInput(_damaged(name, f"its tables are {tables}"))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")
    if not tables:
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _damaged(name: str, problem: str) -> str:
    return f"{name}: damaged: {problem}: put a copy of it back, or name another file to start anew"


def _give_up(error: sqlite3.Error, name: str) -> NoReturn:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code
    if code in _FOREIGN:
        raise BadInput(_damaged(name, f"no database of ours ({error})")) from error
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise CannotRun(f"{name}: another emulator uses it: stop that one, or name another file") from error
    if code == sqlite3.SQLITE_FULL:
        raise CannotRun(f"{name}: the disk is full: make room, what waits is then written") from error
    if code == sqlite3.SQLITE_READONLY:
        raise CannotRun(f"{name}: cannot be written: make it writable, or name another file") from error
    raise CannotRun(f"{name}: {error}: name another file, or mend the disk") from error
