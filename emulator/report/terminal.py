"""The run on the terminal: one pass in detail, several as a matrix. Not the evidence: that is in JSON and page.

Everything is said in words or symbols; colour only repeats it. Readable from 80 columns up.
"""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from emulator.catalog import Catalog
from emulator.judge.record import Expectation, PassRecord, RunRecord
from emulator.report.detail import show_pass
from emulator.report.matrix import show_matrix
from emulator.report.network import show_networks
from emulator.report.redaction import redacted
from emulator.report.words import EXIT_WORD, MET_WORD, sentence

UNEXPECTED_SHOWN = 20  # expectations per pass
FLOWS_SHOWN = 3  # flows per expectation
NOT_RUN_SHOWN = 10
EXIT_STYLE = {0: "green", 1: "bold red"}


def show(record: RunRecord, catalog: Catalog, console: Console) -> None:
    """Print every pass in detail when there is one, the matrix of all when there are several."""
    record = redacted(record)
    if len(record.passes) == 1:
        show_pass(record.passes[0], catalog, console)
    elif record.passes:
        show_matrix(record, catalog, console)
        show_networks(record.passes, console)
    for one in record.passes:
        _unexpected(one, console)
        if len(record.passes) > 1:
            _trouble(one, console)
    for each in record.lost:
        said = Text.assemble(("no record from ", "bold red"), (each.vantage, "bold"), f": {each.why}")
        console.print(said, soft_wrap=True)
    for name in record.not_run[:NOT_RUN_SHOWN]:
        console.print(Text.assemble(("not run: ", "magenta"), name))
    if len(record.not_run) > NOT_RUN_SHOWN:
        console.print(f"[magenta]not run:[/] and {len(record.not_run) - NOT_RUN_SHOWN} more", highlight=False)
    for left in record.skipped:
        console.print(Text.assemble(("skipped: ", "yellow"), (left.id, "bold"), f": {left.why}"), soft_wrap=True)
    _last_line(record, console)


def _unexpected(record: PassRecord, console: Console) -> None:
    wrong = [item for item in record.expectations if item.state != "met"]
    if not wrong:
        return
    console.print()
    console.print(Text(f"{record.id}: {len(wrong)} of {len(record.expectations)} not as expected", "bold red"))
    for item in wrong[:UNEXPECTED_SHOWN]:
        _one_unexpected(item, console)
    if len(wrong) > UNEXPECTED_SHOWN:
        console.print(f"  and {len(wrong) - UNEXPECTED_SHOWN} more: JSON and page have all", highlight=False)


def _one_unexpected(item: Expectation, console: Console) -> None:
    head = Text.assemble(
        (MET_WORD[item.state], "red"), "  ", (item.subject, "bold"), f": expected {item.wanted}, got {item.got}"
    )
    console.print(Padding(head, (0, 0, 0, 2)))
    for name in item.flows[:FLOWS_SHOWN]:
        console.print(Padding(Text(name), (0, 0, 0, 6)), soft_wrap=True)
    if len(item.flows) > FLOWS_SHOWN:
        console.print(Padding(Text(f"and {len(item.flows) - FLOWS_SHOWN} more flows"), (0, 0, 0, 6)))


def _trouble(record: PassRecord, console: Console) -> None:
    """What a person must know of a pass beyond its outcomes; the view of a single pass says it itself."""
    if record.problem:
        console.print(Text.assemble((f"{record.id}: ", "bold"), (record.problem, "bold red")))
    for note in record.notes[:FLOWS_SHOWN]:
        console.print(Text.assemble((f"{record.id}: ", "bold"), (note, "yellow")))
    if len(record.notes) > FLOWS_SHOWN:
        console.print(Text(f"{record.id}: and {len(record.notes) - FLOWS_SHOWN} more notes"))


def _last_line(record: RunRecord, console: Console) -> None:
    code = record.exit_code
    console.print()
    console.print(
        Text.assemble(
            (sentence(record), EXIT_STYLE.get(code, "magenta")),
            f" {record.seconds:.0f} s, exit code {code} ({EXIT_WORD.get(code, 'unknown')}).",
        )
    )
