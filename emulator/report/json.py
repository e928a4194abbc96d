"""The record as JSON: all evidence, with a schema version, without secrets. The file is whole or absent, never half."""

from __future__ import annotations

from pathlib import Path

import msgspec

from emulator.judge.record import SCHEMA, RunRecord
from emulator.problems import BadInput
from emulator.report.redaction import redacted
from emulator.report.whole import write_whole


class _Schema(msgspec.Struct):
    schema: str


def write(record: RunRecord, path: Path) -> None:
    """Write it all or nothing. Raises OSError."""
    data = msgspec.json.format(msgspec.json.encode(redacted(record)), indent=1)
    write_whole(path, lambda draft: draft.write_bytes(data))


def load(path: Path) -> RunRecord:
    """A stored record. Raises BadInput when the file is no record, or of another schema; OSError when unreadable."""
    raw = path.read_bytes()
    try:
        schema = msgspec.json.decode(raw, type=_Schema).schema
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {error}: this is no record of a run (`run --json` and `demo` write them)") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not JSON, or cut short: {error}: write it again with `run --json`") from error
    if schema != SCHEMA:
        raise BadInput(f"{path}: schema is {schema!r}, this version reads {SCHEMA!r}: use the version that wrote it")
    try:
        return msgspec.json.decode(raw, type=RunRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}: the record is damaged, or was changed by hand") from error
