"""A `serve` process of its own for a load, kept on one core; whoever loads it keeps to another where there are two."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ADDRESS, CONTROL_PORT = "127.0.0.61", "8761"
LIMIT = 60.0  # seconds until it is ready; ten thousand people take some


class Served:
    """The emulator with a cast of `people` (TOML), in the folder `place`."""

    def __init__(self, place: Path, people: str) -> None:
        self._place = place
        self._people = people
        self._cores = sorted(os.sched_getaffinity(0))

    def __enter__(self) -> Served:
        join, people = self._place / "join.toml", self._place / "people.toml"
        join.unlink(missing_ok=True)
        people.write_text(self._people)
        argv = [sys.executable, "-m", "emulator", "serve", "--address", ADDRESS, "--samples", "0", "--quiet"]
        argv += ["--control-port", CONTROL_PORT, "--certs", str(self._place), "--join-out", str(join)]
        self._process = subprocess.Popen([*argv, "--cast", str(people)])
        deadline = time.monotonic() + LIMIT
        while not join.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError("the emulator did not start")
            time.sleep(0.02)
        os.sched_setaffinity(self._process.pid, {self._cores[0]})
        os.sched_setaffinity(0, {self._cores[-1]})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.sched_setaffinity(0, self._cores)
        self._end()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def memory(self) -> int:
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    @property
    def busy(self) -> float:
        """Seconds of processor time that it has used; other programs on the machine do not change them."""
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(20)
