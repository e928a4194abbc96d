"""`messenger-lab catalog`: print the documented tables."""

from __future__ import annotations

from typing import Any

import msgspec
import rich_click as click
from rich.table import Table

from emulator.catalog import Catalog, load
from emulator.cli.terminal import clear_errors, console
from emulator.derive.tables import TABLES, Language, markdown


@click.command("catalog", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("tables", nargs=-1, metavar="[TABLE...]", type=click.Choice(list(TABLES)))
@click.option("--format", "form", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True)
@click.option("--language", type=click.Choice(["en", "pt"]), default="en", show_default=True)
def command(tables: tuple[str, ...], form: str, language: Language) -> None:
    """Print features with their port clauses, URLs, exchanges, fallbacks and journeys.

    TABLE is one of features, endpoints, exchanges, outcomes, journeys (default: all).
    """
    with clear_errors():
        catalog = load()
        if form == "json":
            print(msgspec.json.format(msgspec.json.encode(_plain(catalog)), indent=2).decode())
            return
        for name in tables or tuple(TABLES):
            rows = TABLES[name](catalog, language)
            if form == "markdown":
                print(markdown(rows))
                continue
            table = Table(title=name, title_justify="left", header_style="bold", pad_edge=False, box=None)
            for column in rows[0]:
                table.add_column(column, overflow="fold")
            for row in rows[1]:
                table.add_row(*row)
            console.print(table)
            console.print()
        if form == "table" and not tables:
            console.print(f"[bold]note[/] {getattr(catalog.note.text, language)}", soft_wrap=True)


def _plain(catalog: Catalog) -> dict[str, Any]:
    """The catalog with ids that are derived written out."""
    return {
        "digest": catalog.digest,
        "features": [
            msgspec.to_builtins(feature)
            | {
                "clauses": [
                    {"id": clause.id, "ports": clause.ports} | msgspec.to_builtins(clause) for clause in feature.clauses
                ]
            }
            for feature in catalog.features
        ],
        "endpoints": [
            msgspec.to_builtins(endpoint) | {"port": endpoint.port, "pattern": endpoint.pattern}
            for endpoint in catalog.endpoints
        ],
        "note": msgspec.to_builtins(catalog.note),
        "exchanges": msgspec.to_builtins(catalog.exchanges),
        "outcomes": msgspec.to_builtins(catalog.outcomes),
        "journeys": msgspec.to_builtins(catalog.journeys),
        "hosts": msgspec.to_builtins(catalog.hosts),
        "leak": msgspec.to_builtins(catalog.leak),
    }
