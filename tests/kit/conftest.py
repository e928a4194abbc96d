"""One lab with an emulator outside for the tests of bundles and vantages. Skips where none can be built."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from field_place import Field

from emulator.catalog import load


@pytest.fixture(scope="session")
def field(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a machine of its own needs Linux and root")
    if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("the lab needs nft (package nftables)")
    from emulator.lab.lab import Lab
    from emulator.runner.inlab import start_serve
    from emulator.runner.passes import Options

    place = tmp_path_factory.mktemp("field")
    catalog = load()
    with Lab(catalog, runtime=runtime) as lab:
        join, _ = start_serve(lab, catalog, Options(seed="0011", samples=1, timeout=1.5), place / "certs")
        yield Field(lab, join, place)
