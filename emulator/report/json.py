"""The record as JSON: all evidence, with a schema version. The file is whole or absent, never half."""

from __future__ import annotations

from pathlib import Path

import msgspec

from emulator.judge.record import RunRecord


def write(record: RunRecord, path: Path) -> None:
    """Write beside the target and rename. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    draft.replace(path)
