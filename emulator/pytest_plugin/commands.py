"""`messenger-lab` as processes: a run to its record, a lab by name, an emulator on loopback. Nothing in process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emulator.judge.record import RunRecord

RUN_LIMIT = 3900.0  # seconds: more than the longest time budget that a scenario can have
LIMIT = 60.0  # seconds for every other command
START = 30.0  # seconds until `serve` must have written its join file
LOOK = 0.05  # seconds between looks for it


class CommandFailed(Exception):
    """A command did not do what it should; `code` is its exit code, the text what it said."""

    def __init__(self, argv: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"messenger-lab {' '.join(argv)}: exit code {code}: {said.strip() or 'without a word'}")
        self.code = code


def command(*argv: str) -> list[str]:
    """The command line, by the interpreter that runs the tests."""
    return [sys.executable, "-m", "emulator", *argv]


def do(*argv: str, limit: float = LIMIT, accept: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises CommandFailed for an exit code that is not in `accept`."""
    environment = os.environ | {"COLUMNS": "4000"}
    done = subprocess.run(command(*argv), capture_output=True, text=True, timeout=limit, env=environment, check=False)
    if done.returncode not in accept:
        raise CommandFailed(argv, done.returncode, done.stderr or done.stdout)
    return done


def run(*argv: str) -> RunRecord:
    """`messenger-lab run` with arguments; its record, whatever it found. Raises CommandFailed when there is none."""
    from emulator.report import json

    with tempfile.TemporaryDirectory(prefix="messenger-lab-pytest-") as place:
        out = Path(place, "run.json")
        # 1: not met, 3: not decided: the record tells; without one it is the command's own failure.
        done = do("run", *argv, "--json", str(out), "--progress", "none", limit=RUN_LIMIT, accept=(0, 1, 3))
        if not out.exists():
            raise CommandFailed(argv, done.returncode, done.stderr)
        return json.load(out)


class NamedLab:
    """A lab of these tests alone: up until `close`."""

    def __init__(self, certs: Path) -> None:
        self.name = f"pytest-{os.getpid()}"
        do("lab", "up", "--name", self.name, "--certs", str(certs))

    def close(self) -> None:
        """Take it down."""
        do("lab", "down", "--name", self.name)


class Emulator:
    """A `serve` on loopback addresses of its own, until `close`. `join`: its join file, `root`: its root, as PEM."""

    def __init__(self, place: Path) -> None:
        network = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}"  # by process: workers do not collide
        self.address, self.second = f"{network}.1", f"{network}.2"
        self.join, self.root = place / "join.toml", place / "certs" / "root.pem"
        self._log = place / "serve.log"
        argv = command(
            *("serve", "--address", self.address, "--second", self.second, "--samples", "2"),
            *("--certs", str(place / "certs"), "--join-out", str(self.join)),
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._await_join()

    def _await_join(self) -> None:
        for _ in range(int(START / LOOK)):
            if self.join.exists():
                return
            try:
                self._process.wait(LOOK)
            except subprocess.TimeoutExpired:
                continue
            break
        code = self.close()
        raise CommandFailed(["serve"], code, self._log.read_text("utf-8", "replace")[-2000:])

    def close(self) -> int:
        """End it; its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
