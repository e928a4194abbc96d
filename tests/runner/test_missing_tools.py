"""A missing nft or squid is named with its package; that is "cannot run" (3), not a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from emulator.catalog import load
from emulator.cli import labrun
from emulator.cli.main import main
from emulator.lab import firewall, proxy
from emulator.lab.addressing import LabError
from emulator.runner.inlab import LabRunner
from emulator.runner.passes import Options
from emulator.scenario.load import load as load_scenario

CATALOG = load()


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *arguments, **more: None)


@pytest.mark.usefixtures("nothing_installed")
def test_nft() -> None:
    with pytest.raises(LabError, match="nft is missing: install the package `nftables`"):
        firewall.program()


@pytest.mark.usefixtures("nothing_installed")
def test_squid(tmp_path: Path) -> None:
    configuration = Path(__file__).parents[2] / "scenarios" / "squid-forced.conf"

    def start(argv: list[str], place: Path) -> Any:
        pytest.fail("started")

    with pytest.raises(LabError, match="install the package `squid`"):
        proxy.start(configuration, tmp_path / "proxy", ("alice", "x"), {}, lambda paths: None, start)


class LabWithoutNft:
    """What the runner sees when nft is missing: loading rules is the first thing that a pass does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __enter__(self) -> LabWithoutNft:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def apply(self, path: Path) -> None:
        firewall.program()

    def stop_proxy(self) -> None:
        return None


@pytest.mark.usefixtures("nothing_installed")
def test_the_command_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "4000")
    monkeypatch.setattr(labrun.state, "status", lambda **which: None)
    monkeypatch.setattr(labrun, "Lab", lambda catalog: LabWithoutNft(tmp_path))
    monkeypatch.setattr(labrun, "start_serve", lambda *arguments: (tmp_path / "join.toml", None))
    result = CliRunner().invoke(main, ["demo", "open"])
    assert result.exit_code == 3
    assert "nft is missing: install the package `nftables`." in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("nothing_installed")
def test_the_runner_hands_it_on(tmp_path: Path) -> None:
    scenario = load_scenario("open", CATALOG, cwd=tmp_path)
    lab: Any = LabWithoutNft(tmp_path)
    runner = LabRunner(lab, tmp_path / "join.toml", Options(seed="00", samples=0))
    with pytest.raises(LabError, match="nft is missing"):
        runner.run(tmp_path / "open.toml", scenario, scenario.passes[0], lambda done, total: None)
