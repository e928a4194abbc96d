"""What the device did, on the terminal: rows that a cable carried and the device does not. Not the comparison."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emulator.catalog import Catalog
from emulator.judge.compare import Change, Comparison, Kind
from emulator.report.words import DEVICE_HEADING, feature_name, moment

SHOWN = 40  # rows of each kind


def show_device(comparison: Comparison, catalog: Catalog, console: Console) -> None:
    """Print one comparison."""
    console.print()
    console.print(Text(f"What the device did, beside the cable of {moment(comparison.reference)}", "bold"))
    for change in comparison.features:
        name = feature_name(catalog, change.feature)
        console.print(Text.assemble("  ", (f"{name}: ", "bold"), f"{change.was} → {change.now}"))
    was, now = comparison.network
    if was != now:
        console.print(Text.assemble("  ", ("Network: ", "bold"), f"{was or 'unknown'} → {now or 'unknown'}"))
    for kind, heading in DEVICE_HEADING.items():
        _kind(kind, heading, comparison, console)
    if not comparison.changes:
        console.print("  nothing: every row that the cable carries passes here too")
    if comparison.unknown:
        console.print(f"  {len(comparison.unknown)} rows are not in the reference, or undecided there", highlight=False)


def _kind(kind: Kind, heading: str, comparison: Comparison, console: Console) -> None:
    changes = comparison.of(kind)
    if not changes:
        return
    console.print(f"  {heading}: {len(changes)}", highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(overflow="fold")
    for change in changes[:SHOWN]:
        table.add_row(_name(change), change.now if kind == "lost" else f"{change.was} → {change.now}")
    console.print(Padding(table, (0, 0, 0, 4)))
    if len(changes) > SHOWN:
        console.print(f"    and {len(changes) - SHOWN} more: JSON and page have all", highlight=False)


def _name(change: Change) -> str:
    inward = " (opened from outside)" if change.direction == "inward" else ""
    return f"{change.row} {change.exchange}{inward}"
