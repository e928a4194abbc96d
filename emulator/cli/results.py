"""Delivers a run's record: terminal, JSON, JUnit, HTML; and gives the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rich.markup import escape

from emulator import __version__
from emulator.catalog import Catalog
from emulator.cli.terminal import console, now, stderr
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
    """Write and print; returns the exit code. Files are written first, so that nothing is lost."""
    from emulator.report import html, json, junit, terminal

    if sinks.json is not None:
        json.write(record, sinks.json)
    if sinks.junit is not None:
        junit.write(record, sinks.junit)
    if sinks.html is not None:
        html.write(record, catalog, sinks.html)
    if not sinks.lines:
        terminal.show(record, catalog, console)
        for name, path in (("JSON", sinks.json), ("JUnit", sinks.junit), ("HTML", sinks.html)):
            if path is not None:
                stderr.print(f"[dim]{name}:[/] {escape(str(path))}", highlight=False, soft_wrap=True)
    return record.exit_code
