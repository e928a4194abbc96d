"""Progress while flows run: a line that rewrites itself for people, JSON lines for a parent process, or nothing."""

from __future__ import annotations

import json
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

EVERY = 0.02  # share of the flows between two JSON lines


class ProgressLine:
    """`mode`: "auto" (a bar when the console is a terminal), "lines" (JSON `[done, total]` on stdout), "none"."""

    def __init__(self, console: Console, mode: str | Literal["auto", "lines", "none"]) -> None:
        self._console = console
        self._mode = mode if mode != "auto" or console.is_terminal else "none"
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._said = -1.0

    def begin(self, title: str) -> None:
        """A pass begins."""
        self._said = -1.0
        if self._mode == "auto":
            self.end()
            self._bar = Progress(
                TextColumn("[bold]{task.description:28}"),
                BarColumn(40),
                MofNCompleteColumn(),
                TextColumn("flows"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
                auto_refresh=False,
            )
            self._task = self._bar.add_task(title, total=None)
            self._bar.start()

    def update(self, done: int, total: int) -> None:
        """So many flows have ended."""
        share = done / total if total else 1.0
        if share < 1.0 and share - self._said < EVERY:
            return
        self._said = share
        if self._mode == "lines":
            print(json.dumps([done, total]), flush=True)
        elif self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, refresh=True)

    def end(self) -> None:
        """No more."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
