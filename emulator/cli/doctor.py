"""`messenger-lab doctor`: what this machine lacks, what that costs, and the remedy."""

from __future__ import annotations

import sys

import rich_click as click
from rich.table import Table

from emulator.cli.terminal import CANNOT_RUN, console
from emulator.lab.requirements import check


@click.command("doctor", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Check what the lab needs. Exit code 0 when all is there, 3 when something is missing."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "need", "how, or what its lack costs", "remedy"):
        table.add_column(column)
    needs = check()
    for need in needs:
        mark = "[green]ok[/]" if need.ok else "[bold red]missing[/]"
        table.add_row(mark, need.name, need.way if need.ok else need.costs, "" if need.ok else need.remedy)
    console.print(table)
    sys.exit(0 if all(need.ok for need in needs) else CANNOT_RUN)
