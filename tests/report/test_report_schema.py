"""The published schema of the record: it holds for what is written, and changes only with its number."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from stored_run import everything, one_pass, run, web_only

from emulator.report import json, schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "run.schema.json"
VALIDATOR = Draft202012Validator(stdlib_json.loads(PUBLISHED.read_text()))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("schema") / "run.json"
    json.write(run(one_pass("open", everything), one_pass("web/only", web_only), not_run=("later",)), path)
    return stdlib_json.loads(path.read_bytes())


def test_what_is_published_is_what_the_program_says() -> None:
    assert PUBLISHED.read_text() == schema.text(), "made anew by `make docs`; is a new number in judge.record due?"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema.schema())


def test_a_record_keeps_to_it(held: Any) -> None:
    VALIDATOR.validate(held)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "messenger-lab/run/0"),
        (("passes", 0, "seconds"), "long"),
        (("passes", 0, "judged", 0, "verdict", "certainty"), "sure"),
        (("passes", 0, "judged", 0, "flow", "direction"), "sideways"),
        (("passes", 0, "outcomes", 0, "outcome"), "fine"),
    ],
)
def test_what_is_none_is_refused(held: Any, place: tuple[Any, ...], value: object) -> None:
    copy = stdlib_json.loads(stdlib_json.dumps(held))
    node = copy
    for step in place[:-1]:
        node = node[step]
    assert node[place[-1]] != value
    node[place[-1]] = value
    with pytest.raises(ValidationError):
        VALIDATOR.validate(copy)


def test_every_field_that_came_later_may_be_missing(held: Any) -> None:
    """So that records of earlier versions of the same number still hold."""
    copy = stdlib_json.loads(stdlib_json.dumps(held))
    for name in ("skipped", "not_run", "interrupted"):
        del copy[name]
    for name in ("journeys", "notes", "network"):
        del copy["passes"][0][name]
    VALIDATOR.validate(copy)
