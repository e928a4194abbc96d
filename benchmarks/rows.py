"""The table that is printed, and what is said while it is made. Nothing is measured here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

Row = tuple[str, str, str, str]  # what, measured, goal, peer

HEAD: Row = ("what", "measured", "goal", "peer (survey: nmap -sT, same TCP ports, near end only)")
OPENING, CLOSING = "<!-- bench -->", "<!-- end bench -->"


def say(text: str) -> None:
    """A line of progress, on standard error."""
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown, with a head."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (HEAD, ("---",) * 4, *rows))


def write(text: str, page: Path) -> None:
    """Put the table between its marks in `page`. Raises ValueError when it has none."""
    head, opening, rest = page.read_text().partition(OPENING)
    _, closing, tail = rest.partition(CLOSING)
    if not (opening and closing):
        raise ValueError(f"{page} has no {OPENING} … {CLOSING}")
    page.write_text(f"{head}{OPENING}\n{text}\n{CLOSING}{tail}")
