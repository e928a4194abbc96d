"""One lab for all tests of this folder; each test loads its own rules. Skips where no lab can be."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trials import Trials

from emulator.catalog import load
from emulator.judge.record import PassRecord


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


Through = Callable[[str], PassRecord]


@pytest.fixture(scope="session")
def through(trials: Trials) -> Through:
    """Runs everything through the rules (nft) that a test gives."""
    return trials.through
