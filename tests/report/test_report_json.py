"""The stored record: read back equal, refused with a clear message when it is none."""

from __future__ import annotations

import json as stdlib_json

import pytest
from stored_run import everything, one_pass, run, web_only

from emulator.judge.record import SCHEMA
from emulator.problems import BadInput
from emulator.report import json
from emulator.report.redaction import redacted

RECORD = run(one_pass("open", everything), one_pass("web/only", web_only), not_run=("later",), interrupted=True)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "run.json"
    json.write(RECORD, path)
    assert json.load(path) == redacted(RECORD)
    assert [item.name for item in tmp_path.iterdir()] == ["run.json"]  # no draft is left


def test_the_standard_library_reads_it_and_finds_the_schema(tmp_path):
    path = tmp_path / "run.json"
    json.write(RECORD, path)
    held = stdlib_json.loads(path.read_bytes())
    assert held["schema"] == SCHEMA
    assert len(held["passes"]) == 2
    assert len(held["passes"][1]["judged"]) == len(RECORD.passes[1].judged)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[]", "no record of a run"),
        (b"{}", "no record of a run"),
        (b'{"schema": 7}', "no record of a run"),
        (b'{"schema": "messenger-lab/run/99"}', "'messenger-lab/run/99', this version reads 'messenger-lab/run/1'"),
        (b'{"schema": "messenger-lab/run/1"}', "damaged"),
        (b'{"schema": "\xff\xfe"}', "run.json"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, words):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        json.load(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_record_cut_short_is_refused(tmp_path):
    path = tmp_path / "run.json"
    json.write(RECORD, path)
    whole = path.read_bytes()
    for share in (0.01, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BadInput):
            json.load(path)


def test_a_field_of_the_wrong_kind_is_named(tmp_path):
    path = tmp_path / "run.json"
    json.write(RECORD, path)
    path.write_text(path.read_text().replace('"seconds": 12.0', '"seconds": "long"', 1))
    with pytest.raises(BadInput, match=r"\$\.seconds"):
        json.load(path)


def test_an_unreadable_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        json.load(tmp_path / "missing.json")
