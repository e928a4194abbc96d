"""A lab root of this test run. Nothing is kept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from emulator.catalog import load
from emulator.pki import Authority


@pytest.fixture(scope="session")
def now() -> float:
    return time.time()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory, now: float) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("certs"), load(), now)


@pytest.fixture(scope="session")
def root_file(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    path = tmp_path_factory.mktemp("root") / "root.pem"
    path.write_bytes(authority.root_pem)
    return path
