"""The commands of a bundle: `run` with its scenarios and its join data, and those that read tables or ask the emulator.

Not the whole of messenger-lab: what the outside machine does is not in it.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import sys
import zipfile
from datetime import UTC, datetime
from typing import Any

import rich_click as click

from emulator import __version__
from emulator.cli import run
from emulator.cli.main import LazyGroup
from emulator.cli.selection import apart
from emulator.cli.terminal import BAD_INPUT, clear_errors, complain, now
from emulator.wire import join as join_file

COMMANDS = ("run", "ping", "catalog", "schema")
ELSEWHERE = ("lab_name", "certs", "ssh_config", "bundle")  # options of `run` that concern a lab, or other machines
HELP = ("-h", "--help", "--version")


class Contents:
    """What a bundle holds beside the program."""

    def __init__(self, path: str) -> None:
        self.name = os.path.basename(path)
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("bundle.json"))
            self.join = archive.read("join.toml").decode() if "join.toml" in archive.namelist() else ""
        self.chosen: tuple[str, ...] = tuple(manifest["chosen"])
        self.expires: float = manifest["expires"]

    @property
    def about(self) -> str:
        """For `--help`."""
        until = datetime.fromtimestamp(self.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
        joined = (
            f"the join data in it serve until {until}" if self.join else "it holds no join data: give `--join FILE`"
        )
        return (
            f"The inside end of messenger-lab in one file: runs {', '.join(self.chosen)} from here when no scenario is "
            f"named; {joined}. Without a command it is `run`, with all its options.\n\n"
            f"`python3 {self.name} --keep DIRECTORY ...` leaves the unpacked program there for a faster next start."
        )


class _Bundle(LazyGroup):
    """`run` is what is meant when no command is named."""

    contents: Contents

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = super().get_command(ctx, cmd_name)
        return found and _inside(found, self.contents)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in HELP):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _inside(command: click.Command, contents: Contents) -> click.Command:
    """A command as it is inside: join data and scenarios need not be named, and there is no lab."""
    given_up = {one.name for one in command.params if one.name in ELSEWHERE} if command is run.command else set()
    inside = copy.copy(command)
    inside.params = [copy.copy(one) for one in command.params if one.name not in given_up]
    for one in inside.params:
        if one.name == "scenarios":
            one.required = False

    def call(**given: Any) -> None:
        with clear_errors():
            if "join_from" in given and given["join_from"] is None and not os.environ.get(join_file.VARIABLE):
                os.environ[join_file.VARIABLE] = _line(contents)
            if apart(given.get("vantages", ()))[1]:
                complain("a bundle is one vantage: name others where messenger-lab is installed", BAD_INPUT)
            if "scenarios" in given:
                given["scenarios"] = given["scenarios"] or contents.chosen
            assert command.callback is not None
            command.callback(**given, **dict.fromkeys(given_up))

    if command.callback is not None and not isinstance(command, click.Group):
        inside.callback = call
    return inside


def _line(contents: Contents) -> str:
    """The bundle's join data as MESSENGER_LAB_JOIN has them. Raises JoinError when they are of no use any more."""
    if not contents.join:
        raise join_file.JoinError(f"{contents.name} holds no join data: give --join FILE, the file that serve wrote")
    if now() >= contents.expires:
        raise join_file.JoinError(
            f"{contents.name}: its join data expired {int(now() - contents.expires)} s ago: make a new bundle, or give "
            "--join FILE with what the running `messenger-lab serve` wrote"
        )
    return base64.b64encode(contents.join.encode()).decode()


def main(path: str) -> None:
    """Run the command line of the bundle at `path`. Leaves by SystemExit."""
    contents = Contents(path)
    group = _Bundle(name=contents.name, help=contents.about, context_settings={"help_option_names": ["-h", "--help"]})
    group = click.version_option(__version__, prog_name="messenger-lab")(group)
    group.contents = contents
    group.main(args=sys.argv[1:], prog_name=f"python3 {contents.name}")
