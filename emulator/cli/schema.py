"""`messenger-lab schema`: the JSON schema of a run's record, for programs that read it."""

from __future__ import annotations

import sys

import rich_click as click

from emulator.report import schema


@click.command("schema", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Print the JSON schema of what `run --json` and `demo` write."""
    sys.stdout.write(schema.text())
