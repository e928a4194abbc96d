"""`messenger-lab demo`: the main job in one command, all scenarios through a real firewall on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click
from msgspec.structs import replace

from emulator.catalog import load
from emulator.cli.labrun import run_in_lab
from emulator.cli.results import Sinks, deliver
from emulator.cli.selection import select, todo
from emulator.cli.terminal import checked_seed, clear_errors, named_by_person
from emulator.runner.passes import DEFAULT_TIMEOUT

ALL = (
    "open",
    "documented-ports",
    "web-only",
    "no-1863",
    "no-udp",
    "reject-not-drop",
    "block-all",
    "proxy-note",
)
SHORT = ("open", "web-only", "block-all")


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO...]")
@click.option("--short", is_flag=True, help=f"Only {', '.join(SHORT)}.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("messenger-lab-report"), show_default=True)
@click.option("--samples", type=click.IntRange(0, 512), default=8, show_default=True, help="Random ports per range.")
@click.option("--seed", metavar="HEX", help="Replay the ports of an earlier run.")
@click.option("--timeout", type=click.FloatRange(0.2, 60), default=DEFAULT_TIMEOUT, show_default=True)
@click.option("--certs", type=click.Path(path_type=Path), help="Directory of the certificates (made when missing).")
def command(
    scenarios: tuple[str, ...],
    short: bool,
    output: Path,
    samples: int,
    seed: str | None,
    timeout: float,
    certs: Path | None,
) -> None:
    """Build inside, firewall and outside as network namespaces, run the scenarios, show what each firewall does.

    Without names it runs those that show the documented tables; the kinds of NAT (nat-full-cone, nat-symmetric and
    others) run when they are named. Writes report.html, run.json and junit.xml. Needs Linux, and without
    root a kernel that lets users make user namespaces (`messenger-lab doctor` says what is missing).
    """
    with clear_errors():
        catalog = load()
        chosen = select(catalog, scenarios or (SHORT if short else ALL))
        seed = checked_seed(seed)
        with named_by_person(output):
            output.mkdir(parents=True, exist_ok=True)
        wanted, skipped = todo(chosen, None)
        record = run_in_lab(catalog, wanted, samples, seed, timeout, certs)
        sinks = Sinks(output / "run.json", output / "junit.xml", output / "report.html")
        sys.exit(deliver(replace(record, skipped=tuple(skipped)), catalog, sinks))
