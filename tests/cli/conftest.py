"""One emulator for the tests of this folder, in a network namespace of their own, so that every port is free."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from private_network import PrivateNetwork
from two_processes import Runs, Serve


@pytest.fixture(scope="session")
def runs(private_network: PrivateNetwork) -> Runs:
    if not private_network.root:
        pytest.skip("two addresses and low ports as `serve` uses them need root")
    return Runs(private_network)


@pytest.fixture(scope="session")
def served(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The emulator that most tests share; tests that kill one start their own on other addresses."""
    serve = Serve(runs.network, tmp_path_factory.mktemp("served"))
    yield serve
    assert serve.stop() == 0
