"""`messenger-lab lab`: a lab that stays up: up, down, status, apply."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import rich_click as click
from rich.markup import escape
from rich.table import Table

from emulator.catalog import load
from emulator.cli.terminal import CANNOT_RUN, checked_seed, clear_errors, console, entropy
from emulator.lab import state
from emulator.lab.runtime import runtime_directory
from emulator.runner.inlab import addresses_file, serve_arguments


@click.group("lab", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Inside, firewall and outside as network namespaces on this machine (Linux, root), kept until `lab down`."""


@command.command("up")
@click.option("--samples", type=click.IntRange(0, 512), default=8, show_default=True)
@click.option("--seed", metavar="HEX", help="Seed of the sampled ports (default: random).")
@click.option("--certs", type=click.Path(path_type=Path), help="Directory of the certificates.")
def up(samples: int, seed: str | None, certs: Path | None) -> None:
    """Build the lab with the emulator outside; the firewall forwards everything until `lab apply FILE`."""
    with clear_errors():
        catalog = load()
        directory = runtime_directory(os.environ)
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        hosts, join = directory / "lab-hosts.toml", directory / "lab-join.toml"
        hosts.write_text(addresses_file(catalog))
        seed = checked_seed(seed) or entropy(8).hex()
        arguments = serve_arguments(hosts, join, certs.resolve() if certs else None, seed, samples)
        now_up = state.up(state.serve_command(arguments), ready=join)
        console.print(
            f"[green]up[/]  keeper {now_up.keeper}  join file {escape(str(join))}", highlight=False, soft_wrap=True
        )
        console.print(
            "next: `messenger-lab lab apply scenarios/no-1863.nft`, `messenger-lab run no-1863`", markup=False
        )


@command.command("down")
def down() -> None:
    """End the lab and everything in it."""
    with clear_errors():
        console.print("[green]down[/]" if state.down() else "no lab was up")
        directory = runtime_directory(os.environ)
        for name in ("lab-hosts.toml", "lab-join.toml"):
            (directory / name).unlink(missing_ok=True)


@command.command("status")
def status() -> None:
    """Say whether a lab is up, and where its pieces are. Exit code 3 when none is."""
    with clear_errors():
        found = state.status()
        if found is None:
            console.print("no lab is up")
            sys.exit(CANNOT_RUN)
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("keeper", str(found.keeper))
        table.add_row("emulator", str(found.server))
        for place, holder in found.holders.items():
            table.add_row(place, f"nsenter --net --target {holder}")
        table.add_row("contact", found.addresses["peer"])
        console.print(table)


@command.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
def apply(file: Path) -> None:
    """Load an nft file into the lab's firewall, in place of all its rules."""
    with clear_errors():
        state.apply(file)
        console.print(f"[green]applied[/] {escape(str(file))}", highlight=False, soft_wrap=True)
