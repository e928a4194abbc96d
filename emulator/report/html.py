"""The record as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from emulator.catalog import Catalog
from emulator.judge.record import RunRecord


def write(record: RunRecord, catalog: Catalog, path: Path) -> None:
    """Write the page."""
    path.write_text("<!doctype html><title>messenger-lab</title>")
