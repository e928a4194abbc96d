"""Journeys on the terminal: what a whole client could do, step by step, and which paths were known to be dead.

Not the evidence of their flows: that is in JSON and page.
"""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emulator.catalog import Catalog
from emulator.judge.journey import JourneyRecord
from emulator.judge.record import PassRecord
from emulator.report.matrix import STYLE
from emulator.report.words import (
    ASCII_MARK,
    ASCII_STATE_MARK,
    MARK,
    STATE_MARK,
    STEP_STATE,
    journey_grade,
    step_title,
)

STEP_STYLE = {"done": "green", "failed": "red", "not-run": "dim"}


def show_journeys(record: PassRecord, catalog: Catalog, console: Console) -> None:
    """Print every journey: its steps with what came of them, then the paths that were not tried and why."""
    if not record.journeys:
        return
    ascii_only = console.options.ascii_only
    marks, states = (ASCII_MARK, ASCII_STATE_MARK) if ascii_only else (MARK, STATE_MARK)
    console.print()
    console.print(Text("Journeys of a whole client", "bold"))
    for journey in record.journeys:
        _journey(journey, catalog, console, marks, states)


def _journey(
    journey: JourneyRecord, catalog: Catalog, console: Console, marks: dict[str, str], states: dict[str, str]
) -> None:
    grade = journey_grade(journey)
    known = catalog.journey_by_id.get(journey.id)
    console.print(
        Text.assemble(
            (f"{marks[grade]} ", STYLE[grade]),
            (f"{known.title.en if known is not None else journey.id}: ", "bold"),
            (journey.words.replace("not-run", "not run"), STYLE[grade]),
            (f"  {journey.seconds:.2f} s", "dim"),
        )
    )
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for step in journey.steps:
        title = f"{states[STEP_STATE[step.state]]} {step_title(catalog, journey.id, step.id)}"
        by = f" ({step.by})" if step.by else ""
        table.add_row(Text(title + by, STEP_STYLE[step.state]), Text(step.words))
    console.print(Padding(table, (0, 0, 0, 2)))
    cited = dict.fromkeys((dead.flow, dead.verdict) for step in journey.steps for dead in step.dead)
    for flow, verdict in cited:
        console.print(Padding(Text(f"not tried: {flow} was {verdict}", "dim"), (0, 0, 0, 4)))
