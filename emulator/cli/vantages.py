"""One run from several vantages: each by a bundle over ssh, this place too if it is named; one record of all."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from emulator.catalog import Catalog
from emulator.cli.bundle import everything
from emulator.cli.results import run_record
from emulator.cli.selection import Selected, Todo, name_of
from emulator.cli.terminal import named_by_person, now, stderr
from emulator.judge.record import Lost, PassRecord, RunRecord
from emulator.kit.bundle import Contents, build
from emulator.kit.vantages import Order, Visit, parse, visit
from emulator.problems import BadInput
from emulator.report.progress import ProgressLine
from emulator.runner.passes import Options
from emulator.wire import join as join_file
from emulator.wire.join import Join


class Wanted(NamedTuple):
    """What is run everywhere. `more`: further options of `run`, those without a value left out."""

    catalog: Catalog
    chosen: list[Selected]
    todo: Todo
    options: Options
    join: Join
    more: tuple[tuple[str, str | None], ...] = ()
    ssh_config: Path | None = None
    bundle: Path | None = None

    def order(self) -> Order:
        """The same for each vantage. Raises BadInput when the bundle cannot be read."""
        names = [path.stem for path, _ in self.chosen]
        arguments = [*names, "--seed", self.options.seed, "--samples", str(self.options.samples)]
        arguments += ["--timeout", f"{self.options.timeout:g}"]
        arguments += [word for name, value in self.more if value is not None for word in (name, value)]
        if self.ssh_config is not None and not self.ssh_config.is_file():
            raise BadInput(f"{self.ssh_config}: no such file: name a configuration of ssh")
        if self.bundle is not None:
            with named_by_person(self.bundle):
                bundle = self.bundle.read_bytes()
        else:
            bundle = build(Contents(scenarios=everything(self.catalog, self.chosen), chosen=names))
        return Order(bundle, join_file.dump(self.join), tuple(arguments), self.ssh_config)


def run_from_all(
    wanted: Wanted, away: Sequence[str], here: str, run_here: Callable[[], RunRecord], progress: str
) -> RunRecord:
    """Run everywhere at once. `here`: name of this place if it is a vantage too, "" if it is not.

    A vantage that has no record costs its own passes: they are not run, and the record says why.
    """
    started = now()
    vantages = [parse(text) for text in away]
    names = [*([here] if here else []), *(one.name for one in vantages)]
    if len(set(names)) < len(names):
        raise BadInput(f"--vantage: two of the same name in {', '.join(names)}: write NAME=user@host")
    order = wanted.order()
    line = ProgressLine(stderr, "none" if here else progress)
    counts: dict[str, tuple[int, int]] = {}

    def count(name: str, done: int, total: int) -> None:
        counts[name] = (done, total)
        line.update(sum(one for one, _ in counts.values()), sum(one for _, one in counts.values()))

    asked: list[int] = []
    own: list[RunRecord] = []

    def listen() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: asked.append(number))

    def meanwhile() -> bool:
        if here:
            own.append(run_here())
            listen()  # that run had signals for itself
        return any(record.interrupted for record in own)

    visits = [Visit(one, order, count) for one in vantages]
    line.begin(f"{len(visits)} vantages")
    listen()
    visit(visits, meanwhile, lambda: bool(asked))
    line.end()
    records = {here: own[0]} if own else {}
    records |= {one.vantage.name: one.record for one in visits if one.record is not None}
    lost = [Lost(one.vantage.name, one.why or "it was given up") for one in visits if one.record is None]
    return merged(wanted.catalog, started, wanted.todo, records, lost, interrupted=bool(asked))


def merged(
    catalog: Catalog,
    started: float,
    todo: Todo,
    records: dict[str, RunRecord],
    lost: Sequence[Lost],
    *,
    interrupted: bool = False,
) -> RunRecord:
    """One record of all: passes side by side, the vantages of one pass after another."""
    done: list[PassRecord] = []
    missing: list[str] = []
    for _, scenario, one in todo:
        for name in (*records, *(each.vantage for each in lost)):
            found = [
                each
                for each in (records[name].passes if name in records else ())
                if each.scenario == scenario.id and each.name in ("", one.id)
            ]
            done += [replace(each, vantage=name, place=name) for each in found]
            if not found:
                missing.append(f"{name_of(scenario, one)} @ {name}")
    interrupted = interrupted or any(record.interrupted for record in records.values())
    return replace(run_record(catalog, started, done, missing, interrupted=interrupted), lost=tuple(lost))
