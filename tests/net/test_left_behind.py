"""The suite's own guard: a lost Deferred error, a delayed call or an open port fails the test that left it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
CASES = """
import pytest_twisted
from twisted.internet import protocol, reactor
from twisted.internet.defer import Deferred, fail

@pytest_twisted.ensureDeferred
async def test_clean():
    gone = Deferred()
    port = reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
    reactor.callLater(0, gone.callback, None)
    await gone
    await port.stopListening()

def test_lost_error():
    fail(RuntimeError("lost"))

def test_delayed_call():
    reactor.callLater(60, print)

def test_open_port():
    reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
"""


def test_each_leftover_fails_its_own_test(tmp_path: Path) -> None:
    for name in ("conftest.py", "private_network.py", "trials.py"):
        shutil.copy(TESTS / name, tmp_path)
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-q", "--reactor=asyncio", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert "4 passed, 3 errors" in done.stdout, done.stdout + done.stderr
    for name in ("lost_error", "delayed_call", "open_port"):
        assert f"ERROR test_cases.py::test_{name}" in done.stdout
