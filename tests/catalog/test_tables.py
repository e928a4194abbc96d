"""The tables for people: derived from the catalog, and the README holds them as they are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.catalog import load
from emulator.derive.tables import TABLES, markdown, refresh

CATALOG = load()
README = Path(__file__).parents[2] / "README.md"


def test_the_readme_holds_every_table_as_it_is_now() -> None:
    text = README.read_text("utf-8")
    for name in TABLES:
        assert text.count(f"<!-- table {name} -->") == 1, f"README.md has no table {name}"
    assert refresh(text, CATALOG) == text, "a table in README.md is out of date: run `make docs`"


@pytest.mark.parametrize("name", TABLES)
def test_a_stale_table_is_made_anew(name: str) -> None:
    stale = f"before\n<!-- table {name} -->\nold words\n<!-- end -->\nafter <!-- end --> it\n"
    fresh = refresh(stale, CATALOG)
    assert fresh == (
        f"before\n<!-- table {name} -->\n{markdown(TABLES[name](CATALOG, 'en'))}<!-- end -->\nafter <!-- end --> it\n"
    )
    assert refresh(fresh, CATALOG) == fresh


def test_a_text_without_tables_stays() -> None:
    assert refresh("no table here <!-- end -->\n", CATALOG) == "no table here <!-- end -->\n"


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        refresh("<!-- table nonsense -->\n<!-- end -->", CATALOG)


def test_a_table_without_an_end_is_an_error_and_swallows_nothing() -> None:
    with pytest.raises(ValueError, match=r"features.*end"):
        refresh("<!-- table features -->\nall the rest of the page", CATALOG)


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("name", TABLES)
def test_rows_are_as_wide_as_the_head(name: str, language: str) -> None:
    head, rows = TABLES[name](CATALOG, language)  # type: ignore[arg-type]
    assert {len(row) for row in rows} == {len(head)}
    assert all(isinstance(cell, str) for row in rows for cell in row)


def test_one_row_per_feature_and_url() -> None:
    assert [row[0] for row in TABLES["features"](CATALOG, "en")[1]] == list(CATALOG.feature_by_id)
    assert [row[0] for row in TABLES["endpoints"](CATALOG, "en")[1]] == list(CATALOG.endpoint_by_id)


def test_the_exchange_table_names_every_row_and_the_note() -> None:
    named = {row[0] for row in TABLES["exchanges"](CATALOG, "en")[1]}
    assert named == {*CATALOG.clause_by_id, *CATALOG.endpoint_by_id, CATALOG.note.id}


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert markdown((("a",), [("x|y",)])) == "| a |\n| --- |\n| x\\|y |\n"
