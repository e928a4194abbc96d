"""Each pass is run once for all its items, also with several workers, and again where the retry policy says so.

Not the judging of items: that is `items`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emulator.judge.record import PassRecord, RunRecord, Skipped
from emulator.pytest_plugin.commands import NamedLab, run

KEY: pytest.StashKey[Runs] = pytest.StashKey()


def runs_of(config: pytest.Config) -> Runs:
    """The runs of this session; made when first asked for."""
    if KEY not in config.stash:
        config.stash[KEY] = Runs(config)
    return config.stash[KEY]


def close(config: pytest.Config) -> None:
    """At the end of the session: take down what was built."""
    if KEY in config.stash:
        config.stash[KEY].close()


class Runs:
    """Passes that were run, by scenario file, pass and attempt."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._done: dict[tuple[Path, str, int], PassRecord | Skipped] = {}
        self._lab: NamedLab | None = None
        given = config.getoption("--messenger-retries")
        self.retries = int(config.getini("messenger_retries") if given is None else given)

    def attempt(self, file: Path, one: str, number: int) -> PassRecord | Skipped:
        """The record of attempt `number` (0 is the first) at a pass. Raises CommandFailed when it cannot be run."""
        key = (file, one, number)
        if key not in self._done:
            with self._shared(key) as kept:
                if kept.exists():
                    self._done[key] = _first(msgspec.json.decode(kept.read_bytes(), type=RunRecord))
                else:
                    record = run(str(file), "--pass", one, *self.where(), *self.options())
                    self._done[key] = _first(record)
                    kept.write_bytes(msgspec.json.encode(record))
        return self._done[key]

    def where(self) -> list[str]:
        """Arguments of `run` that say against which emulator."""
        join = self._config.getoption("--messenger-join")
        if join:
            proxy = self._config.getoption("--messenger-proxy")
            return ["--join", str(join), *(["--proxy", proxy] if proxy else [])]
        return ["--lab", self.lab().name]

    def options(self) -> list[str]:
        """Arguments of `run` that say how."""
        named = {name: self._config.getoption(f"--messenger-{name}") for name in ("samples", "seed", "timeout")}
        return [text for name, value in named.items() if value is not None for text in (f"--{name}", str(value))]

    def lab(self) -> NamedLab:
        """The lab of this process; built when first asked for. Raises CommandFailed."""
        if self._lab is None:
            self._lab = NamedLab(self.place("certs"))
        return self._lab

    def place(self, name: str) -> Path:
        """A directory of this session and process, removed as pytest removes its temporary directories."""
        factory: Any = self._config._tmp_path_factory  # type: ignore[attr-defined]
        directory: Path = factory.getbasetemp() / "messenger-lab" / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def close(self) -> None:
        """Take the lab down."""
        lab, self._lab = self._lab, None
        if lab is not None:
            lab.close()

    @contextmanager
    def _shared(self, key: tuple[Path, str, int]) -> Iterator[Path]:
        """Where all workers of a session keep the record of one attempt, while nobody else of them makes it."""
        workers = hasattr(self._config, "workerinput")
        name = sha256("\0".join(map(str, key)).encode()).hexdigest()[:32] + ".json"
        if not workers:
            yield self.place("runs") / name
            return
        from filelock import FileLock  # several workers mean that the suite is a large one

        factory: Any = self._config._tmp_path_factory  # type: ignore[attr-defined]
        directory = factory.getbasetemp().parent / "messenger-lab-runs"
        directory.mkdir(exist_ok=True)
        with FileLock(directory / f"{name}.lock"):
            yield directory / name


def _first(record: RunRecord) -> PassRecord | Skipped:
    return record.skipped[0] if record.skipped else record.passes[0]
