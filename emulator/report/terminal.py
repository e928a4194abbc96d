"""The matrix that a person understands at a glance, on the terminal. Not the evidence: that is in JSON and page."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from emulator.catalog import Catalog
from emulator.judge.record import PassRecord, RunRecord
from emulator.report.words import RowSummary, feature_name, meaning, rows

STYLE = {"works": "green", "degraded": "yellow", "broken": "bold red", "not-tested": "magenta"}
MARK = {"works": "●", "degraded": "◐", "broken": "○", "not-tested": "?"}
STATE_STYLE = {"pass": "green", "part": "yellow", "stop": "red"}


def show(record: RunRecord, catalog: Catalog, console: Console) -> None:
    """Print every pass in detail when there is one, the matrix of all when there are several."""
    if len(record.passes) == 1:
        _detail(record.passes[0], catalog, console)
    elif record.passes:
        _matrix(record, catalog, console)
    for one in record.passes:
        _unexpected(one, console)
    for name in record.not_run:
        console.print(f"[magenta]not run:[/] {name}")
    _last_line(record, console)


def _matrix(record: RunRecord, catalog: Catalog, console: Console) -> None:
    table = Table(
        header_style="bold", pad_edge=False, title="What a person at the client notices", title_justify="left"
    )
    table.add_column("feature", no_wrap=True)
    for one in record.passes:
        table.add_column(one.id.replace("/", "\n"), justify="left")
    for place, row in enumerate(catalog.outcomes):
        cells = []
        for one in record.passes:
            outcome = one.outcomes[place]
            words = outcome.by if outcome.outcome == "degraded" else outcome.outcome
            cells.append(f"[{STYLE[outcome.outcome]}]{MARK[outcome.outcome]} {words}[/]")
        table.add_row(feature_name(catalog, row.feature), *cells)
    console.print(table)
    console.print("[dim]● works   ◐ degraded (by what)   ○ broken   ? not tested[/]")


def _detail(record: PassRecord, catalog: Catalog, console: Console) -> None:
    summaries = rows(record)
    console.print(f"[bold]{record.id}[/]  {record.title}", highlight=False)
    table = Table(header_style="bold", pad_edge=False)
    for column in ("feature", "a person notices", "clauses that do not pass", "how", "whose device"):
        table.add_column(column, overflow="fold")
    for outcome in record.outcomes:
        failing = [
            summaries[clause.id]
            for clause in catalog.feature_by_id[outcome.feature].clauses
            if clause.id in summaries and summaries[clause.id].state != "pass"
        ]
        style = STYLE[outcome.outcome]
        words = outcome.words + (" [dim]emulated[/]" if outcome.emulated else "")
        table.add_row(
            feature_name(catalog, outcome.feature),
            f"[{style}]{MARK[outcome.outcome]} {words}[/]",
            "\n".join(_clause(summary, outcome.feature) for summary in failing),
            "\n".join(summary.how for summary in failing),
            "\n".join(", ".join(summary.devices) for summary in failing),
        )
    console.print(table)
    _urls(record, summaries, catalog, console)
    console.print(
        f"[dim]{len(record.judged)} flows in {record.seconds:.1f} s · seed {record.seed} · samples {record.samples} · "
        f"control {record.control} · all flows from inside to outside[/]",
        highlight=False,
    )
    if record.problem:
        console.print(f"[bold red]{record.problem}[/]", highlight=False)
    for note in record.notes:
        console.print(f"[yellow]{note}[/]", highlight=False)


def _urls(record: PassRecord, summaries: dict[str, RowSummary], catalog: Catalog, console: Console) -> None:
    failing = [
        (endpoint, summaries[endpoint.id])
        for endpoint in catalog.endpoints
        if endpoint.id in summaries and summaries[endpoint.id].state != "pass"
    ]
    passing = len(catalog.endpoints) - len(failing)
    console.print(f"[bold]URLs[/]  {passing} of {len(catalog.endpoints)} pass", highlight=False)
    if not failing:
        return
    table = Table(header_style="bold", pad_edge=False)
    for column in ("URL", "how", "in plain words", "a person notices"):
        table.add_column(column, overflow="fold")
    for endpoint, summary in failing:
        verdict = summary.verdicts[0][0]
        table.add_row(endpoint.url, f"[red]{summary.how}[/]", meaning(verdict), endpoint.notice)
    console.print(table)


def _clause(summary: RowSummary, feature: str) -> str:
    name = summary.row.removeprefix(f"{feature}-").replace("-", " ", 1)
    count = f" ({summary.passed} of {summary.total})" if summary.total > 1 else ""
    return f"[{STATE_STYLE[summary.state]}]{name}{count}[/]"


def _unexpected(record: PassRecord, console: Console) -> None:
    wrong = [item for item in record.expectations if item.state != "met"]
    if not wrong:
        return
    table = Table(title=f"{record.id}: not as expected", title_justify="left", header_style="bold", pad_edge=False)
    for column in ("", "subject", "expected", "got", "flows"):
        table.add_column(column, overflow="fold")
    for item in wrong[:40]:
        more = f" … ({len(item.flows)})" if len(item.flows) > 3 else ""
        table.add_row(f"[red]{item.state}[/]", item.subject, item.wanted, item.got, "\n".join(item.flows[:3]) + more)
    console.print(table)
    if len(wrong) > 40:
        console.print(f"[dim]and {len(wrong) - 40} more (JSON and page have all)[/]")


def _last_line(record: RunRecord, console: Console) -> None:
    total = sum(len(one.expectations) for one in record.passes)
    met = sum(1 for one in record.passes for item in one.expectations if item.state == "met")
    words = {
        0: "[green]all as expected[/]",
        1: "[bold red]not as expected[/]",
        3: "[magenta]not decided[/]",
        130: "[magenta]interrupted[/]",
    }[record.exit_code]
    console.print(
        f"{words}: {met} of {total} expectations met in {len(record.passes)} passes, {record.seconds:.0f} s "
        f"(exit code {record.exit_code})",
        highlight=False,
    )
