"""Delivers a run's record: terminal, JSON, JUnit, HTML; and gives the exit code."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.markup import escape

from emulator import __version__
from emulator.catalog import Catalog
from emulator.cli.terminal import BAD_INPUT, CANNOT_RUN, complain, console, named_by_person, now, stderr
from emulator.judge.outcome import OUTCOME_VERSION
from emulator.judge.record import SCHEMA, PassRecord, RunRecord
from emulator.judge.verdicts import CLASSIFIER_VERSION


class Sinks(NamedTuple):
    """Where a record goes. `lines`: a parent process reads standard output, so nothing is printed there."""

    json: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    lines: bool = False


def run_record(
    catalog: Catalog, started: float, done: list[PassRecord], not_run: list[str], *, interrupted: bool
) -> RunRecord:
    """Everything that was run, as one record."""
    return RunRecord(
        schema=SCHEMA,
        program=f"messenger-lab {__version__}",
        classifier=CLASSIFIER_VERSION,
        outcome_rules=OUTCOME_VERSION,
        catalog=catalog.digest,
        created=started,
        seconds=now() - started,
        passes=tuple(done),
        not_run=tuple(not_run),
        interrupted=interrupted,
    )


def deliver(record: RunRecord, catalog: Catalog, sinks: Sinks) -> int:
    """Write and print; returns the exit code. Files are written first, so that nothing is lost.

    A file that cannot be written (a full disk, say) costs neither the others nor the words on the terminal: the
    evidence then goes to the directory for temporary files, and the exit code is 3 where it would have been 0.
    """
    from emulator.report import html, json, junit, terminal

    writers: tuple[tuple[str, Path | None, Callable[[Path], None]], ...] = (
        ("JSON", sinks.json, lambda path: json.write(record, path)),
        ("JUnit", sinks.junit, lambda path: junit.write(record, path)),
        ("HTML", sinks.html, lambda path: html.write(record, catalog, path)),
    )
    problems, written = [], []
    for name, path, write in writers:
        if path is None:
            continue
        try:
            write(path)
        except OSError as problem:
            problems.append(f"{path}: {problem.strerror or problem}: make room or name another file")
        else:
            written.append(f"[dim]{name}:[/] {escape(str(path))}")
    if problems:
        written.append(f"[dim]JSON instead:[/] {escape(_rescued(record, json.write))}")
    if not sinks.lines:
        terminal.show(record, catalog, console)
        for line in written:
            stderr.print(line, highlight=False, soft_wrap=True)
    for words in problems:
        stderr.print(f"[bold red]messenger-lab:[/] not written: {escape(words)}", highlight=False, soft_wrap=True)
    return record.exit_code or (CANNOT_RUN if problems else 0)


def stored(path: Path, catalog: Catalog) -> RunRecord:
    """A record that a person named. Raises BadInput when the file is none, or of another catalog."""
    from emulator.report import json

    with named_by_person(path):
        record = json.load(path)
    if record.catalog != catalog.digest:
        complain(f"{path}: made with another catalog: run again with this version", BAD_INPUT)
    return record


def _rescued(record: RunRecord, write: Callable[[RunRecord, Path], None]) -> str:
    """Where the evidence went instead."""
    path = Path(tempfile.gettempdir(), f"messenger-lab-run-{record.created:.0f}-{os.getpid()}.json")
    try:
        write(record, path)
    except OSError as problem:
        return f"nowhere ({path}: {problem.strerror or problem})"
    return str(path)
