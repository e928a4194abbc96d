"""The command `messenger-lab`: one subcommand per file, loaded when it is called. Exit codes are documented here.

0 all as expected · 1 some expectation not met · 2 bad input · 3 could not be decided or run · 130 interrupted.
"""

from __future__ import annotations

import importlib

import rich_click as click

from emulator import __version__

COMMANDS = {
    "demo": "Build the lab on this machine, run all scenarios through a real firewall, write a report.",
    "run": "Run scenarios from here against an emulator.",
    "serve": "Impersonate the Messenger network: listeners on every documented port.",
    "bundle": "Write one file for an inside machine that has nothing but Python.",
    "lab": "Three network namespaces with a real firewall, kept for as long as you like.",
    "catalog": "Print the documented tables.",
    "schema": "Print the JSON schema of a run's record.",
    "ping": "Ask whether the emulator of a join file answers.",
    "rules": "Print what a firewall, proxy or name server has to be told.",
    "certs": "Make, show and export the lab's certificates.",
    "doctor": "Say what this machine lacks, what that costs, and the remedy.",
}

click.rich_click.TEXT_MARKUP = "markdown"


class LazyGroup(click.RichGroup):
    """Imports a subcommand's module only when it is called: `--help` needs no reactor."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"emulator.cli.{cmd_name}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name]
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="messenger-lab")
def main() -> None:
    """Prove, end to end and with evidence from both sides, what a firewall or proxy does to Windows Live Messenger.

    Exit codes: 0 all as expected · 1 some expectation not met · 2 bad input · 3 could not be decided or run ·
    130 interrupted.
    """
