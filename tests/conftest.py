"""For all tests: lost Deferred errors and what is left in the reactor fail the test that caused them.

Not a time limit: pytest-twisted runs the reactor itself, and every wait in a test has a limit of its own.
"""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from private_network import NoNetwork, PrivateNetwork
from trials import Trials
from trials import trials as started
from twisted.internet.task import deferLater
from twisted.python import log

CLONE_NEWNET = 0x40000000
TURNS = 100  # of the reactor, in which what is closing may finish
TURN = 0.005  # seconds


def pytest_configure(config: pytest.Config) -> None:
    """Each of several workers gets a loopback of its own where that is allowed: fixed ports then cannot collide."""
    ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if hasattr(config, "workerinput") and sys.platform == "linux" and os.geteuid() == 0 and ip is not None:
        if ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0:
            subprocess.run([ip, "link", "set", "lo", "up"], check=True)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only tests whose module knows Twisted pay for the look."""
    if not any(hasattr(request.module, name) for name in ("pytest_twisted", "reactor")):
        yield
        return
    from twisted.internet import reactor

    errors: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("isError"):
            errors.append(event.get("failure") or event.get("message"))

    before = _left(reactor)
    log.addObserver(observe)
    try:
        yield
        left = _settle(reactor, before)
        gc.collect()  # a Deferred tells of its lost error when it is collected
    finally:
        log.removeObserver(observe)
    assert not errors, f"errors that nobody handled: {[str(error) for error in errors]}"
    assert not left, f"left in the reactor: {[str(one) for one in left]}"


def _left(reactor: Any) -> set[Any]:
    """All but the reactor's own wakers, which it makes when it first runs."""
    both = (one for one in (*reactor.getReaders(), *reactor.getWriters()) if "_signals" not in type(one).__module__)
    return {*both, *(call for call in reactor.getDelayedCalls() if call.active())}


def _settle(reactor: Any, before: set[Any]) -> set[Any]:
    left = _left(reactor) - before
    for _ in range(TURNS):
        if not left:
            break
        pytest_twisted.blockon(deferLater(reactor, TURN, lambda: None))
        left = _left(reactor) - before
    return left


@pytest.fixture(scope="session")
def runtime() -> Iterator[Path]:
    """A runtime directory for labs of the tests, so that a lab of this machine's user is left alone."""
    # Not below pytest's own directory: every pytest that starts closes that to other users, and squid is one.
    with tempfile.TemporaryDirectory(prefix="messenger-lab-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def private_network() -> Iterator[PrivateNetwork]:
    """A namespace in which every port is free and 198.51.100.9 swallows everything."""
    if sys.platform != "linux":
        pytest.skip("needs Linux network namespaces")
    try:
        network = PrivateNetwork()
    except NoNetwork as why:
        pytest.skip(str(why))
    try:
        yield network
    finally:
        network.close()


@pytest.fixture(scope="session")
def trials(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    """The lab in which scenarios are run; whoever asks for it has root."""
    with started(runtime, tmp_path_factory.mktemp("trials")) as one:
        yield one
