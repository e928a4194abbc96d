"""The runs that go on at an emulator, several at once: each with what it announced and what is dialled for it.

Not their evidence: that is the journal's, where every run finds its own by its tags.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from emulator.wire.control import Dialled, Expected, Inward

ALIVE = 5.0  # seconds without a word of a run, then it counts as over; its heartbeat is much faster
MOST_RUNS = 16  # at once; the one that was silent for longest goes first


class DialsBack(Protocol):
    """Opens flows from the emulator to a vantage, as a contact would. Handed in: it is the probe's craft."""

    def start(self, address: str, timeout: float, flows: Sequence[Inward]) -> None:
        """Open them all, now; what was under way before is given up."""

    def stop(self) -> None:
        """Give up what is under way."""

    @property
    def dialled(self) -> Dialled:
        """What became of them so far."""


class Run:
    """One run: `serial` is where its receipts begin, `source` who it is (vantage, and from where it was started)."""

    def __init__(self, name: str, source: tuple[str, str], serial: int, back: DialsBack | None, now: float) -> None:
        self.name = name
        self.source = source
        self.serial = serial
        self.back = back
        self.heard = now
        self.expected: dict[str, Expected] = {}


class Runs:
    """Runs by name, the latest last. `make_back` makes what dials for one; None where nobody dials."""

    def __init__(self, now: Callable[[], float], make_back: Callable[[], DialsBack] | None) -> None:
        self._now = now
        self._make_back = make_back
        self._runs: dict[str, Run] = {}

    def oldest(self) -> int | None:
        """The serial with which the first of those that go on began; None when there is none."""
        return min((run.serial for run in self._runs.values()), default=None)

    def forget(self, source: tuple[str, str]) -> None:
        """A run begins there: that source's former one is over, and so is whoever has been silent for long."""
        for run in tuple(self._runs.values()):
            if run.source == source or self._now() - run.heard > ALIVE:
                self._end(run)
        while len(self._runs) >= MOST_RUNS:
            self._end(min(self._runs.values(), key=lambda run: run.heard))

    def add(self, name: str, source: tuple[str, str], serial: int) -> Run:
        """A run begins."""
        back = self._make_back() if self._make_back is not None else None
        run = self._runs[name] = Run(name, source, serial, back, self._now())
        return run

    def find(self, name: str) -> Run | None:
        """A run that goes on; asking for it is a sign of its life. Without a name the latest."""
        run = self._runs.get(name) if name else next(reversed(self._runs.values()), None)
        if run is not None:
            run.heard = self._now()
        return run

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that are not over."""
        return tuple(run.name for run in self._runs.values() if self._now() - run.heard <= ALIVE)

    def end_all(self) -> None:
        """Give up all that is dialled."""
        for run in tuple(self._runs.values()):
            self._end(run)

    def _end(self, run: Run) -> None:
        del self._runs[run.name]
        if run.back is not None:
            run.back.stop()
