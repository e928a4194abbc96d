"""The catalog as tables for people: Markdown for the README, rows for the terminal. Derived, never written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from emulator.catalog import Catalog, Clause

Language = Literal["en", "pt"]
Rows = tuple[Sequence[str], list[Sequence[str]]]


def features(catalog: Catalog, language: Language = "en") -> Rows:
    """The port table: one row per feature."""
    head = ("id", "feature" if language == "en" else "recurso", "TCP", "UDP", "legacy", "source", "status")
    return head, [
        (
            feature.id,
            getattr(feature.name, language),
            _ports(feature.clauses, "tcp"),
            _ports(feature.clauses, "udp"),
            "yes" if feature.legacy else "",
            feature.source,
            feature.status,
        )
        for feature in catalog.features
    ]


def endpoints(catalog: Catalog, language: Language = "en") -> Rows:
    """The URL table: one row per endpoint, and what a person notices without it."""
    head = ("id", "URL", "for" if language == "en" else "função", "without it", "source", "status")
    return head, [
        (row.id, row.url, getattr(row.purpose, language), row.notice, row.source, row.status)
        for row in catalog.endpoints
    ]


def exchanges(catalog: Catalog, language: Language = "en") -> Rows:
    """What each row exchanges today: genuine, minimal or emulated."""
    head = ("row", "port", "exchange", "what crosses the device", "grade", "certainty", "tag")
    rows: list[Sequence[str]] = []
    for clause in catalog.clauses:
        for name in clause.speaks + clause.records:
            rows.append(_exchange(catalog, clause.id, f"{clause.transport} {clause.ports}", name))
    for endpoint in catalog.endpoints:
        for name in endpoint.speaks:
            rows.append(_exchange(catalog, endpoint.id, f"tcp {endpoint.port}", name))
    rows.append(_note(catalog))
    return head, rows


def outcomes(catalog: Catalog, language: Language = "en") -> Rows:
    """How a client falls back, feature by feature, and when it breaks."""
    head = ("feature", "needs", "else, in this order", "broken")
    rows: list[Sequence[str]] = []
    for row in catalog.outcomes:
        for stage in row.stage:
            first, *others = stage.way
            fallbacks = " · ".join(way.by + (" (emulated)" if way.emulated else "") for way in others)
            rows.append((row.feature, " + ".join(first.needs), fallbacks, stage.broken))
    return head, rows


def journeys(catalog: Catalog, language: Language = "en") -> Rows:
    """What a whole client does after the flows, step by step, and the paths that it takes."""
    head = ("journey", "step", "what" if language == "en" else "o quê", "path", "else", "optional")
    rows: list[Sequence[str]] = []
    for journey in catalog.journeys:
        for step in journey.step:
            paths = [" + ".join(path.needs) + (f" ({path.by})" if path.by else "") for path in step.way]
            first, *others = paths or [f"that of {step.carried}"]
            title = step.labelled(language)
            rows.append((journey.id, step.id, title, first, " · ".join(others), "yes" if step.optional else ""))
    return head, rows


TABLES: dict[str, Callable[[Catalog, Language], Rows]] = {
    "features": features,
    "endpoints": endpoints,
    "exchanges": exchanges,
    "outcomes": outcomes,
    "journeys": journeys,
}


def markdown(rows: Rows) -> str:
    """A Markdown table."""
    head, body = rows
    lines = [_line(head), _line("---" for _ in head), *(_line(row) for row in body)]
    return "\n".join(lines) + "\n"


def refresh(text: str, catalog: Catalog) -> str:
    """`text` with every table between `<!-- table NAME -->` and `<!-- end -->` made anew.

    Raises KeyError for an unknown table, ValueError for one without its end.
    """
    pieces = text.split("<!-- table ")
    for at, piece in enumerate(pieces[1:], 1):
        name, _, rest = piece.partition(" -->")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"table {name} has no <!-- end -->")
        pieces[at] = f"{name} -->\n{markdown(TABLES[name](catalog, 'en'))}<!-- end -->{after}"
    return "<!-- table ".join(pieces)


def _ports(clauses: Sequence[Clause], transport: str) -> str:
    return ", ".join(clause.ports for clause in clauses if clause.transport == transport) or "–"


def _exchange(catalog: Catalog, row: str, port: str, name: str) -> Sequence[str]:
    exchange = catalog.exchanges[name]
    tag = f"{exchange.tag.field} ({exchange.tag.bits} bits)" if exchange.tag.bits else exchange.tag.field
    return row, port, exchange.title, exchange.what, exchange.grade, exchange.certainty, tag


def _note(catalog: Catalog) -> Sequence[str]:
    rows = ", ".join(catalog.note.endpoints)
    what = f"the rows {rows} with User-Agent `{catalog.note.agent}` through an authenticating proxy"
    return catalog.note.id, "tcp 80, 443", "Proxy note", what, "genuine", "A", "as the row's"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
