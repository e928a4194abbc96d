"""A real `serve` process on loopback, for tests that want one. Needs root: the documented ports lie below 1024."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ADDRESS, SECOND, CONTROL_PORT = "127.0.0.41", "127.0.0.42", "8741"
LIMIT = 20.0  # seconds for start and end

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: serve opens ports below 1024"
)


class Served:
    """One `serve` process with the default cast and a state file in `place`."""

    def __init__(self, place: Path, *, small: bool = False) -> None:
        self.join = place / "join.toml"
        self.join.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "emulator", "serve", "--address", ADDRESS, "--second", SECOND]
        argv += ["--control-port", CONTROL_PORT, "--samples", "0", "--quiet", "--join-out", str(self.join)]
        argv += ["--certs", str(place / "certs"), "--state", str(place / "world.db")]
        if small:  # `place/small` is a disk of 700 kB that only this process sees, with the state on it
            (place / "small").mkdir()
            argv[-1] = str(place / "small" / "world.db")
            mount = 'mount -t tmpfs -o size=700k none "$0" && exec "$@"'
            argv = ["unshare", "--mount", "sh", "-c", mount, str(place / "small"), *argv]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        pidfd = os.pidfd_open(self.process.pid)
        deadline = time.monotonic() + LIMIT
        try:
            while not self.join.exists():
                ended = select.select([pidfd], [], [], 0.05)[0]
                assert not ended, self.process.stderr and self.process.stderr.read()
                assert time.monotonic() < deadline
        finally:
            os.close(pidfd)

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        self.process.wait(LIMIT)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return self.process.returncode

    def end_orderly(self) -> None:
        """SIGTERM; the exit code must be 0."""
        assert self.end(signal.SIGTERM) == 0
