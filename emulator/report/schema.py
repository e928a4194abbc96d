"""The record's JSON schema (2020-12), as published in `docs/run.schema.json`. Derived from the records, never written.

What is in it stays: new fields have defaults, anything else needs a new number in `judge.record.SCHEMA`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.judge.record import SCHEMA, RunRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of what `run --json` and `demo` write."""
    made = msgspec.json.schema(RunRecord)
    made["$defs"]["RunRecord"]["properties"]["schema"] = {"const": SCHEMA}
    return {"$schema": DIALECT, "title": f"A run of messenger-lab, {SCHEMA}", **made}


def text() -> str:
    """The schema as it is published: sorted, so that two versions can be compared line by line."""
    return msgspec.json.format(msgspec.json.encode(schema(), order="sorted"), indent=1).decode() + "\n"
