"""One pass on the terminal: every feature with the clauses that do not pass, how, which way, whose device; the URLs.

Lines and narrow tables, so that ids and addresses stay whole at 80 columns. Not the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emulator.catalog import Catalog
from emulator.catalog.model import Clause, Endpoint
from emulator.judge.outcome import Outcome
from emulator.judge.record import PassRecord
from emulator.report.device import show_device
from emulator.report.journeys import show_journeys
from emulator.report.matrix import STYLE
from emulator.report.network import show_network
from emulator.report.summary import RowSummary, Stop, rows, stops
from emulator.report.words import (
    ASCII_MARK,
    ASCII_STATE_MARK,
    DIRECTION,
    MARK,
    STATE_MARK,
    feature_name,
    meaning,
)

STATE_STYLE = {"pass": "green", "part": "yellow", "stop": "red", "open": "magenta"}
URLS_SHOWN = 22
NOTES_SHOWN = 8


def show_pass(record: PassRecord, catalog: Catalog, console: Console) -> None:
    """Print one pass."""
    summaries = rows(record)
    ascii_only = console.options.ascii_only
    marks = ASCII_MARK if ascii_only else MARK
    states = ASCII_STATE_MARK if ascii_only else STATE_MARK
    console.print(Text.assemble((record.id, "bold"), "  ", record.title))
    console.print(Padding(Text(_circumstances(record), "dim"), (0, 0, 1, 2)))
    for outcome in record.outcomes:
        _feature(outcome, summaries, catalog, console, marks, states)
    show_network(record, console)
    show_journeys(record, catalog, console)
    _urls(record, summaries, catalog, console, states)
    if record.device is not None:
        show_device(record.device, catalog, console)
    _legend(record, console)
    if record.problem:
        console.print(Text(record.problem, "bold red"))
    for note in record.notes[:NOTES_SHOWN]:
        console.print(Text(note, "yellow"))
    if len(record.notes) > NOTES_SHOWN:
        console.print(Text(f"and {len(record.notes) - NOTES_SHOWN} more notes", "yellow"))


def _circumstances(record: PassRecord) -> str:
    passed = sum(1 for item in record.judged if item.verdict.passed)
    pieces = [f"{passed} of {len(record.judged)} flows pass", f"{record.seconds:.1f} s"]
    if record.firewall:
        pieces.append(f"firewall {record.firewall}")
    if record.proxy:
        pieces.append(f"proxy {record.proxy} with{'' if record.credentials else 'out'} credentials")
    pieces += [f"seed {record.seed}", f"samples {record.samples}", f"control {record.control}"]
    return ", ".join(pieces)


def _feature(
    outcome: Outcome,
    summaries: dict[str, RowSummary],
    catalog: Catalog,
    console: Console,
    marks: dict[str, str],
    states: dict[str, str],
) -> None:
    said = outcome.words + (", emulated" if outcome.emulated else "")
    name = feature_name(catalog, outcome.feature)
    console.print(
        Text.assemble(
            (f"{marks[outcome.outcome]} ", STYLE[outcome.outcome]),
            (f"{name}: ", "bold"),
            (said, STYLE[outcome.outcome]),
        )
    )
    clauses = catalog.feature_by_id[outcome.feature].clauses
    failing = [
        (clause, summaries[clause.id])
        for clause in clauses
        if clause.id in summaries and summaries[clause.id].state != "pass"
    ]
    if failing:
        console.print(Padding(_clauses(failing, states), (0, 0, 0, 2)))


def _clauses(failing: list[tuple[Clause, RowSummary]], states: dict[str, str]) -> Table:
    table = _table()
    table.add_column(no_wrap=True, min_width=17)  # clause
    table.add_column(no_wrap=True, justify="right", min_width=5)  # count
    table.add_column(no_wrap=True, min_width=5)  # way
    table.add_column(no_wrap=True, min_width=21)  # verdict
    table.add_column(overflow="fold")  # device
    for clause, summary in failing:
        lead = Text(f"{states[summary.state]} {clause.transport.upper()} {clause.ports}", STATE_STYLE[summary.state])
        count = f"{summary.passed}/{summary.total}"
        for stop in summary.stops:
            table.add_row(lead, count, stop.way or "?", _counted(stop, summary), stop.device)
            lead, count = Text(), ""
    return table


def _counted(stop: Stop, summary: RowSummary) -> str:
    return stop.verdict if len(summary.stops) == 1 else f"{stop.verdict} ({stop.count})"


def _urls(
    record: PassRecord, summaries: dict[str, RowSummary], catalog: Catalog, console: Console, states: dict[str, str]
) -> None:
    tried = [endpoint for endpoint in catalog.endpoints if endpoint.id in summaries]
    failing = [endpoint for endpoint in tried if summaries[endpoint.id].state != "pass"]
    console.print()
    console.print(Text(f"URLs: {len(tried) - len(failing)} of {len(catalog.endpoints)} pass", "bold"))
    for stop, members in _by_stop(failing, summaries):
        console.print(
            Text.assemble("  ", (f"{stop.way or '?':<5} {stop.verdict}", "bold"), f"  {stop.device}".rstrip())
        )
        table = _table()
        table.add_column(no_wrap=True)
        table.add_column()
        for endpoint in members[:URLS_SHOWN]:
            summary = summaries[endpoint.id]
            table.add_row(Text(f"{states[summary.state]} {endpoint.url}", STATE_STYLE[summary.state]), endpoint.notice)
        console.print(Padding(table, (0, 0, 0, 4)))


def _by_stop(failing: list[Endpoint], summaries: dict[str, RowSummary]) -> Iterator[tuple[Stop, list[Endpoint]]]:
    grouped: dict[tuple[str, str], list[Endpoint]] = {}
    kinds: dict[tuple[str, str], Stop] = {}
    for endpoint in failing:
        stop = summaries[endpoint.id].stops[0]
        grouped.setdefault((stop.verdict, stop.device), []).append(endpoint)
        kinds[(stop.verdict, stop.device)] = stop
    for key, members in grouped.items():
        yield kinds[key], members


def _legend(record: PassRecord, console: Console) -> None:
    seen = dict.fromkeys((stop.verdict, stop.direction) for stop in stops(record.judged))
    console.print()
    if seen:
        table = _table()
        table.add_column(no_wrap=True)
        table.add_column()
        for verdict, direction in seen:
            table.add_row(Text(verdict, "bold"), meaning(verdict, direction))
        console.print(table)
    console.print(Text(DIRECTION, "dim"))


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
