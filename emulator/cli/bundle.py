"""`messenger-lab bundle`: one file for an inside machine that has nothing but Python."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click
from rich.markup import escape

from emulator.catalog import Catalog, load
from emulator.cli.joining import read_join
from emulator.cli.selection import Selected, select
from emulator.cli.terminal import BAD_INPUT, check_writable, clear_errors, complain, console, named_by_person, stderr
from emulator.kit.bundle import Contents, build
from emulator.kit.closure import PACKAGE
from emulator.kit.wheels import Target, target
from emulator.report.whole import write_private
from emulator.scenario.load import find, known_scenarios
from emulator.scenario.load import load as load_scenario
from emulator.wire import join as join_file

DEFAULT = ("documented-ports",)


@click.command("bundle", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--join", "join_from", metavar="FILE|-", help="Join file of the emulator (or MESSENGER_LAB_JOIN).")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("messenger-lab.pyz"), show_default=True, metavar="FILE"
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME|PATH",
    help=f"Runs when none is named inside; may be given again (default: {DEFAULT[0]}).",
)
@click.option(
    "--platform", "platforms", multiple=True, metavar="TAG", help="For another machine as well: win_amd64, say."
)
@click.option("--python", "pythons", multiple=True, metavar="3.12", help="Python of those machines (with --platform).")
@click.option("--wheelhouse", type=click.Path(path_type=Path), help="Take wheels for --platform from this directory.")
def command(
    join_from: str | None,
    output: Path,
    scenarios: tuple[str, ...],
    platforms: tuple[str, ...],
    pythons: tuple[str, ...],
    wheelhouse: Path | None,
) -> None:
    """Write one file with the inside end of messenger-lab: probe, libraries, scenarios and join data.

    Carry it in and run it with `python3 messenger-lab.pyz`: nothing has to be installed there, no internet, only Python
    3.11 or newer. It fits this platform and Python, and those of --platform and --python (pip fetches their wheels).

    It holds the join file's secret (mode 0600) and is of use until that expires.
    """
    with clear_errors():
        catalog = load()
        check_writable(output)
        join = read_join(catalog, join_from)
        if join is None:
            complain("bundle needs --join FILE, the file that serve wrote", BAD_INPUT)
        if wheelhouse is not None and not wheelhouse.is_dir():
            complain(f"{wheelhouse}: is no directory: `make wheelhouse` makes one", BAD_INPUT)
        chosen = select(catalog, scenarios or DEFAULT)
        contents = Contents(
            scenarios=everything(catalog, chosen),
            chosen=[path.stem for path, _ in chosen],
            join=join_file.dump(join),
            expires=join.expires,
            targets=_targets(platforms, pythons),
            wheelhouse=wheelhouse,
        )
        data = build(contents)
        with named_by_person(output):
            write_private(output, data)
        until = datetime.fromtimestamp(join.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
        console.print(
            f"{escape(str(output))}  {len(data) / 1e6:.1f} MB  of use until {until}", highlight=False, soft_wrap=True
        )
        stderr.print(
            f"[dim]it holds a secret (mode 0600); inside: python3 {escape(output.name)}, which runs "
            f"{escape(', '.join(contents.chosen))}[/]",
            highlight=False,
            soft_wrap=True,
        )


def everything(catalog: Catalog, chosen: list[Selected]) -> list[Selected]:
    """What ships, and on top of it what was chosen."""
    names = {path.stem for path, _ in chosen}
    shipped = [name for name in known_scenarios(PACKAGE) if name not in names]
    return [*((find(name, cwd=PACKAGE), load_scenario(name, catalog, cwd=PACKAGE)) for name in shipped), *chosen]


def _targets(platforms: tuple[str, ...], pythons: tuple[str, ...]) -> list[Target]:
    if len(pythons) > 1 and len(pythons) != len(platforms):
        complain("--python: give it once, or once for each --platform", BAD_INPUT)
    if pythons and not platforms:
        complain("--python needs --platform: win_amd64, macosx_14_0_arm64, manylinux_2_34_x86_64", BAD_INPUT)
    usual = f"{sys.version_info.major}.{sys.version_info.minor}"
    each = pythons if len(pythons) == len(platforms) else (pythons or (usual,)) * len(platforms)
    return [target(*pair) for pair in zip(platforms, each, strict=True)]
