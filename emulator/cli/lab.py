"""`messenger-lab lab`: a lab that stays up: up, down, status, apply, shell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click
from rich.markup import escape
from rich.table import Table

from emulator.catalog import Catalog, load
from emulator.cli.terminal import BAD_INPUT, CANNOT_RUN, checked_seed, clear_errors, complain, console, entropy, stderr
from emulator.lab import shell as lab_shell
from emulator.lab import state
from emulator.lab.addressing import PLACES, Place
from emulator.lab.boxes import Boxes
from emulator.lab.lab import Lab
from emulator.lab.namespaces import acquire
from emulator.lab.runtime import prepare
from emulator.runner.inlab import addresses_file, serve_arguments, start_serve
from emulator.runner.passes import Options

LAB_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}")


def _checked_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not LAB_NAME.fullmatch(value):
        complain(f"--name {value!r}: use letters, digits, `-`, `_` and `.`, at most 41", BAD_INPUT)
    return value


named = click.option(
    "--name", default=state.NAME, show_default=True, callback=_checked_name, help="Which lab, where several are up."
)


@click.group("lab", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Inside, firewall and outside as network namespaces on this machine, kept until `lab down` (Linux).

    Without root they are made in a user namespace of yours; `messenger-lab doctor` says whether this machine allows it.
    """


@command.command("up")
@named
@click.option("--samples", type=click.IntRange(0, 512), default=8, show_default=True)
@click.option("--seed", metavar="HEX", help="Seed of the sampled ports (default: random).")
@click.option("--certs", type=click.Path(path_type=Path), help="Directory of the certificates.")
def up(name: str, samples: int, seed: str | None, certs: Path | None) -> None:
    """Build the lab with the emulator outside; the firewall forwards everything until `lab apply FILE`."""
    with clear_errors():
        catalog = load()
        hosts, join = state.hosts_file(name), state.join_file(name)
        prepare(hosts.parent)
        hosts.write_text(addresses_file(catalog))
        seed = checked_seed(seed) or entropy(8).hex()
        arguments = serve_arguments(hosts, join, certs.resolve() if certs else None, seed, samples)
        now_up = state.up(state.serve_command(arguments), ready=join, name=name)
        console.print(
            f"[green]up[/]  keeper {now_up.keeper}  join file {escape(str(join))}", highlight=False, soft_wrap=True
        )
        which = ("", "") if name == state.NAME else (f" --name {name}", f" --lab {name}")
        console.print(
            f"next: `messenger-lab lab apply{which[0]} scenarios/no-1863.nft`, "
            f"`messenger-lab run{which[1]} no-1863`, `messenger-lab lab shell{which[0]} inside`",
            markup=False,
            soft_wrap=True,
        )


@command.command("down")
@named
def down(name: str) -> None:
    """End the lab and everything in it."""
    with clear_errors():
        console.print("[green]down[/]" if state.down(name=name) else "no lab was up")


@command.command("status")
@named
def status(name: str) -> None:
    """Say whether a lab is up, and where its pieces are. Exit code 3 when none is."""
    with clear_errors():
        found = state.status(name=name)
        if found is None:
            console.print("no lab is up")
            sys.exit(CANNOT_RUN)
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("keeper", str(found.keeper))
        table.add_row("emulator", str(found.server))
        for place, holder in found.holders.items():
            table.add_row(place, f"held by {holder}")
        table.add_row("contact", found.addresses["peer"])
        console.print(table)


@command.command("apply")
@named
@click.argument("file", type=click.Path(path_type=Path))
def apply(name: str, file: Path) -> None:
    """Load an nft file into the lab's firewall, in place of all its rules."""
    with clear_errors():
        state.apply(file, name=name)
        console.print(f"[green]applied[/] {escape(str(file))}", highlight=False, soft_wrap=True)


@command.command("shell")
@named
@click.argument("place", type=click.Choice(PLACES))
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def shell(name: str, place: Place, argv: tuple[str, ...]) -> None:
    """A shell in one box of the lab that is up, or of a lab for the occasion; with a command, only that.

    The exit code is the shell's or the command's, 128 + n when signal n ended it; 3: no such lab, or command.
    """
    with clear_errors(), _boxes(name) as boxes:
        code = lab_shell.attach(boxes, place, argv)
    sys.exit(code)


@contextmanager
def _boxes(name: str) -> Iterator[Boxes]:
    if state.status(name=name) is not None or name != state.NAME:
        with state.load_lab(name=name) as boxes:
            yield boxes
        return
    catalog: Catalog = load()
    acquire()
    with Lab(catalog) as lab:
        start_serve(lab, catalog, Options(seed=entropy(8).hex(), samples=0), None)
        stderr.print("[dim]no lab is up: this one, with the emulator outside, ends with the command[/]")
        yield lab
