"""Features by passes on the terminal: with words where they fit, else one symbol per pass and the reasons beneath.

Not the view of a single pass: that is `detail`.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emulator.catalog import Catalog
from emulator.judge.outcome import Outcome
from emulator.judge.record import PassRecord, RunRecord
from emulator.report.words import ASCII_MARK, MARK, feature_name

STYLE = {"works": "green", "degraded": "yellow", "broken": "bold red", "not-tested": "magenta"}
TITLE = "What a person at the client notices"
GAP = 2  # columns between two columns
GRADES = {"works": "works", "degraded": "degraded (by what)", "broken": "broken", "not-tested": "not tested"}
WIDEST_WORDS = 24  # columns that the words of one cell may take in the wide form


def show_matrix(record: RunRecord, catalog: Catalog, console: Console) -> None:
    """Print the matrix of all passes, in the form that the console's width allows."""
    marks = ASCII_MARK if console.options.ascii_only else MARK
    console.print(Text(TITLE, "bold"))
    console.print()
    if _wide_width(record, catalog) <= console.width:
        _wide(record, catalog, console, marks)
    else:
        _symbols(record, catalog, console, marks)
        _reasons(record, catalog, console, marks)
    legend = [f"{marks[grade]} {word}" for grade, word in GRADES.items()]
    if any(outcome.emulated for one in record.passes for outcome in one.outcomes):
        legend.append("e emulated")
    if any(_surprising(one) for one in record.passes):
        legend.append("! unexpected")
    console.print()
    console.print(Text("  ".join(legend), "dim"))


def words(outcome: Outcome) -> str:
    """What stands in a cell: the fallback, or why it is broken, else the outcome itself."""
    text = outcome.by or outcome.outcome
    return f"{text} e" if outcome.emulated else text


def heading(one: PassRecord) -> str:
    """A pass above its column: scenario, pass, place, each in a line of its own."""
    return "\n".join(piece for piece in (one.scenario, one.name, one.place) if piece)


def _wide_width(record: RunRecord, catalog: Catalog) -> int:
    """Columns that the form with words takes; long words count as folded at a space."""
    width = max(cell_len(feature_name(catalog, row.feature)) for row in catalog.outcomes)
    for one in record.passes:
        pieces = [piece for outcome in one.outcomes for piece in words(outcome).split()]
        cells = [min(cell_len(words(outcome)) + 2, WIDEST_WORDS) for outcome in one.outcomes]
        heads = [cell_len(piece) for piece in heading(one).split("\n")]
        width += GAP + max((*cells, *heads, *(cell_len(piece) + 2 for piece in pieces)), default=0)
    return width


def _wide(record: RunRecord, catalog: Catalog, console: Console, marks: dict[str, str]) -> None:
    table = _table()
    table.add_column("feature", no_wrap=True, vertical="top")
    for one in record.passes:
        table.add_column(Text(heading(one)), vertical="top", max_width=WIDEST_WORDS)
    for place, row in enumerate(catalog.outcomes):
        cells = [_cell(one, one.outcomes[place], marks, spoken=True) for one in record.passes]
        table.add_row(feature_name(catalog, row.feature), *cells)
    table.add_row(Text("flows that pass", "dim"), *(Text(_flows(one), "dim") for one in record.passes))
    table.add_row(Text("expectations met", "dim"), *(Text(_met(one), "dim") for one in record.passes))
    console.print(table)


def _symbols(record: RunRecord, catalog: Catalog, console: Console, marks: dict[str, str]) -> None:
    """As many passes side by side as fit: normally all of them."""
    name_width = max(cell_len(feature_name(catalog, row.feature)) for row in catalog.outcomes)
    column = max(2, len(str(len(record.passes))))
    fits = max(1, (console.width - name_width - GAP) // (column + 1))
    for start in range(0, len(record.passes), fits):
        numbered = list(enumerate(record.passes, 1))[start : start + fits]
        table = _table(gap=1)
        table.add_column("feature / number of the pass", no_wrap=True, min_width=name_width + 1)
        for number, _ in numbered:
            table.add_column(str(number), no_wrap=True, min_width=column)
        for place, row in enumerate(catalog.outcomes):
            cells = [_cell(one, one.outcomes[place], marks, spoken=False) for _, one in numbered]
            table.add_row(feature_name(catalog, row.feature), *cells)
        console.print(table)
        console.print()


def _table(*, gap: int = GAP) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")


def _cell(record: PassRecord, outcome: Outcome, marks: dict[str, str], *, spoken: bool) -> Text:
    mark = marks[outcome.outcome] + ("!" if outcome.feature in _surprising(record) else "")
    return Text(f"{mark} {words(outcome)}" if spoken else mark, STYLE[outcome.outcome])


def _surprising(record: PassRecord) -> set[str]:
    """Features whose outcome is not the one that the scenario expects."""
    return {item.subject for item in record.expectations if item.kind == "outcome" and item.state != "met"}


def _reasons(record: RunRecord, catalog: Catalog, console: Console, marks: dict[str, str]) -> None:
    """Passes by number, each with what its symbols mean; passes with the same outcomes share their lines."""
    same: dict[tuple[Outcome, ...], list[tuple[int, PassRecord]]] = {}
    for number, one in enumerate(record.passes, 1):
        bare = tuple(
            Outcome(outcome.feature, outcome.outcome, outcome.by, outcome.emulated) for outcome in one.outcomes
        )
        same.setdefault(bare, []).append((number, one))
    width = len(str(len(record.passes)))
    for outcomes, members in same.items():
        for number, one in members:
            console.print(
                Text.assemble(
                    (f"{number:>{width}} ", "bold"),
                    (f"{one.id:<27} ", "bold"),
                    (f"{_flows(one)} flows pass, {_met(one)} as expected", "dim"),
                )
            )
        for line in _lines(outcomes, catalog, marks):
            console.print(Padding(line, (0, 0, 0, width + 3)))


def _lines(outcomes: tuple[Outcome, ...], catalog: Catalog, marks: dict[str, str]) -> list[Text]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        grouped.setdefault((outcome.outcome, words(outcome)), []).append(feature_name(catalog, outcome.feature))
    order = list(GRADES)
    lines = []
    for (grade, reason), names in sorted(grouped.items(), key=lambda item: order.index(item[0][0])):
        listed = "everything" if len(names) == len(outcomes) else ", ".join(names)
        if len(names) == len(outcomes) - 1 and len(names) > 2:
            listed = "everything else"
        elif grade == "works" and len(names) > 4:
            listed = f"{len(names)} features"
        lines.append(Text.assemble((f"{marks[grade]} {reason}: ", STYLE[grade]), listed))
    return lines


def _flows(record: PassRecord) -> str:
    passed = sum(1 for item in record.judged if item.verdict.passed)
    return f"{passed} of {len(record.judged)}"


def _met(record: PassRecord) -> str:
    met = sum(1 for item in record.expectations if item.state == "met")
    return f"{met} of {len(record.expectations)}"
