"""One lab for all tests of this folder; each test loads its own rules. Skips where no lab can be."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.catalog import load
from emulator.judge.record import PassRecord
from emulator.scenario.load import load as load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def why_no_lab() -> str:
    if sys.platform != "linux":
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "these tests need root; those of an ordinary user are in tests/rootless"
    if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        return "the lab needs nft (package nftables)"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = why_no_lab()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def lab(runtime: Path) -> Iterator[object]:
    from emulator.lab.lab import Lab

    with Lab(load(), runtime=runtime) as lab:
        yield lab


SCENARIO = """
id = "trial"
title = { en = "A trial", pt = "Um teste" }
about = "rules of one test"
firewall = "trial.nft"
[expect]
"""
Through = Callable[[str], PassRecord]


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    """Runs everything through the rules (nft) that a test gives; lab and emulator are the module's."""
    from emulator.lab.lab import Lab
    from emulator.runner.inlab import LabRunner, start_serve
    from emulator.runner.passes import Options

    place = tmp_path_factory.mktemp("trial")
    file = place / "trial.toml"
    file.write_text(SCENARIO)
    catalog = load()
    options = Options(seed="0011", samples=1, timeout=1.5)
    with Lab(catalog) as lab:
        join, _ = start_serve(lab, catalog, options, place / "certs")
        runner = LabRunner(lab, join, options)

        def run(rules: str) -> PassRecord:
            (place / "trial.nft").write_text(rules)
            scenario = load_scenario(str(file), catalog, cwd=place)
            return runner.run(file, scenario, scenario.passes[0], lambda done, total: None)

        yield run
