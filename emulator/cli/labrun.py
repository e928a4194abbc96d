"""Runs scenarios in the lab of this machine: the one that is up, or one built for the occasion. For run and demo."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from emulator.catalog import Catalog
from emulator.cli.results import run_record
from emulator.cli.selection import Todo, name_of
from emulator.cli.terminal import CANNOT_RUN, complain, entropy, now, stderr
from emulator.judge.record import PassRecord, RunRecord
from emulator.lab import state
from emulator.lab.addressing import LabError
from emulator.lab.boxes import Boxes
from emulator.lab.lab import Lab
from emulator.lab.namespaces import acquire
from emulator.report.progress import ProgressLine
from emulator.runner.inlab import LabRunner, PassFailed, start_serve
from emulator.runner.passes import Options


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the end asked for by a signal."""


class _Stop:
    """Remembers that the end was asked for: an exception out of a signal handler can be lost (in a finalizer, say)."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, number: int, frame: object) -> None:
        """The signal handler."""
        self._asked = True
        raise Interrupted

    def check(self) -> None:
        """Raise what was lost."""
        if self._asked:
            raise Interrupted


def run_in_lab(
    catalog: Catalog,
    todo: Todo,
    samples: int | None,
    seed: str | None,
    timeout: float,
    certs: Path | None,
    name: str | None = None,
    *,
    cable: bool = False,
) -> RunRecord:
    """All passes of all scenarios, one after another. What was finished is reported, whatever happens.

    `cable`: the firewall forwards everything, whatever scenarios say. `name`: the lab to use; without one, that which
    is up under the usual name, else one for the occasion.
    """
    options = Options(seed=seed or entropy(8).hex(), samples=8 if samples is None else samples, timeout=timeout)
    started = now()
    done: list[PassRecord] = []
    interrupted = False
    line = ProgressLine(stderr, "auto")
    try:
        with _signals() as stop, _lab(catalog, options, certs, name) as (lab, join):

            def progress(flows: int, total: int) -> None:
                stop.check()
                line.update(flows, total)

            runner = LabRunner(lab, join, options, cable=cable)
            for path, scenario, one in todo:
                line.begin(name_of(scenario, one))
                record = runner.run(path, scenario, one, progress)
                line.end()
                done.append(record)
                _say(record)
                stop.check()
    except KeyboardInterrupt:
        interrupted = True
    except LabError as problem:
        if not done:
            complain(str(problem), CANNOT_RUN)
        stderr.print(f"[bold red]messenger-lab:[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
    except PassFailed as failed:
        if not done:
            complain(str(failed), failed.code or CANNOT_RUN)
        stderr.print(f"[bold red]messenger-lab:[/] {escape(str(failed))}", highlight=False, soft_wrap=True)
    finally:
        line.end()
    rest = [f"{scenario.id}/{one.id}" for _, scenario, one in todo[len(done) :]]
    return run_record(catalog, started, done, rest, interrupted=interrupted)


def _say(record: PassRecord) -> None:
    wrong = [item for item in record.expectations if item.state != "met"]
    mark = "[green]as expected[/]" if not wrong else f"[bold red]{len(wrong)} not as expected[/]"
    flows = len(record.judged)
    stderr.print(f"{record.id:28} {flows} flows in {record.seconds:.1f} s, {mark}", highlight=False)


@contextmanager
def _lab(catalog: Catalog, options: Options, certs: Path | None, name: str | None) -> Iterator[tuple[Boxes, Path]]:
    which = name or state.NAME
    if name is not None or (sys.platform == "linux" and state.status(name=which) is not None):
        with state.load_lab(name=which) as boxes, state.alone(which):
            stderr.print("[dim]using the lab that is up[/]")
            yield boxes, state.join_file(which)
        return
    acquire()
    with Lab(catalog) as lab:
        join, _ = start_serve(lab, catalog, options, certs)
        yield lab, join


@contextmanager
def _signals() -> Iterator[_Stop]:
    """Ctrl-C and SIGTERM become an exception here, so that everything is taken down in order."""
    stop = _Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
