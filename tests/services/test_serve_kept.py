"""A real `serve` with a state file: what it acknowledged survives SIGKILL. An old client on plain sockets."""

from __future__ import annotations

import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: serve opens ports below 1024"
)

ADDRESS = "127.0.0.41"
LIMIT = 20.0  # seconds for anything


class Served:
    """One `serve` process on an address of its own."""

    def __init__(self, place: Path) -> None:
        self.join = place / "join.toml"
        self.join.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "emulator", "serve", "--address", ADDRESS, "--second", "127.0.0.42"]
        argv += ["--control-port", "8741", "--samples", "0", "--quiet", "--join-out", str(self.join)]
        argv += ["--certs", str(place / "certs"), "--state", str(place / "world.db")]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        pidfd = os.pidfd_open(self.process.pid)
        deadline = time.monotonic() + LIMIT
        while not self.join.exists():
            ended = select.select([pidfd], [], [], 0.05)[0]
            assert not ended, self.process.stderr.read()
            assert time.monotonic() < deadline
        os.close(pidfd)

    def end(self, number: int) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        self.process.wait(LIMIT)
        self.process.stderr.close()


class OldClient:
    """MSNP7 by hand: MD5 sign-in needs no ticket, so plain sockets are enough."""

    def __init__(self, account: str, password: str) -> None:
        self._socket = socket.create_connection((ADDRESS, 1863), LIMIT)
        self._file = self._socket.makefile("rb")
        self.say("VER 1 MSNP7 CVR0", "VER 1 MSNP7")
        nonce = self.say(f"USR 2 MD5 I {account}", "USR 2 MD5 S").split()[-1]
        proof = hashlib.md5((nonce + password).encode()).hexdigest()
        self.say(f"USR 3 MD5 S {proof}", "USR 3 OK")

    def say(self, line: str, wanted: str) -> str:
        """Send a line; the first answer that begins as wanted."""
        self._socket.sendall(line.encode() + b"\r\n")
        for _ in range(100):
            answer = self._file.readline().decode().rstrip()
            if answer.startswith(wanted):
                return answer
            assert answer, f"closed instead of {wanted}"
        raise AssertionError(f"no {wanted}")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def test_an_acknowledged_change_survives_a_kill(place: Path) -> None:
    served = Served(place)
    client = OldClient("alice@example.com", "opal-Kite7")
    client.say("ADG 5 Kept 0", "ADG 5")
    client.say("REA 6 alice@example.com Alice%20Kept", "REA 6")
    served.end(signal.SIGKILL)
    client.close()
    served = Served(place)
    try:
        client = OldClient("alice@example.com", "opal-Kite7")
        assert re.match(r"LSG \d+ Kept 0", client.say("SYN 7 0", "LSG 3") or "")
        client.close()
    finally:
        served.end(signal.SIGTERM)
    assert served.process.returncode == 0


def test_a_wrong_password_is_911(place: Path) -> None:
    served = Served(place)
    try:
        with pytest.raises(AssertionError, match="closed instead of USR 3 OK"):
            OldClient("alice@example.com", "wrong")
    finally:
        served.end(signal.SIGTERM)
