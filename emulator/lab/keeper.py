"""The detached process that holds a lab which is up: builds it, runs `serve` outside, waits to be ended.

Not started by hand: `emulator.lab.state.up` starts it and hears from it through a pipe. When `serve` ends, or when
nobody hears the first report, the lab goes too.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import FrameType

import msgspec

from emulator.catalog import load
from emulator.lab.addressing import PLACES, LabError
from emulator.lab.lab import Lab
from emulator.lab.namespaces import acquire
from emulator.lab.process import start_time
from emulator.lab.state import FORMAT, UP_LIMIT, State, keepers_files, state_file

LOG_TAIL = 2000  # characters of the command's output in an error
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK = 0.05  # seconds between looks for the ready file


class _Ended(Exception):
    """A signal asks the keeper to end."""


def main(argv: Sequence[str]) -> int:
    """Exit code 0: ended on request. 1: the lab could not be built, or its command ended."""
    parser = argparse.ArgumentParser(prog="emulator.lab.keeper")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--report", type=int, required=True, help="descriptor to report on")
    parser.add_argument("--ready", type=Path, help="file that the command writes when it is ready")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    if os.fork():
        os._exit(0)  # without cleaning up: all of it is the child's
    for number in SIGNALS:
        signal.signal(number, _end)
    try:
        _keep(options.runtime, options.name, options.command, options.ready, options.report)
    except _Ended:
        return 0
    except (LabError, OSError) as error:
        _report(options.report, str(error))
        print(error, file=sys.stderr)
        return 1
    return 0


def _keep(runtime: Path, name: str, command: list[str], ready: Path | None, report: int) -> None:
    # Two keepers of one name would fight over the state file; the lock goes with this process.
    path = runtime / f"{name}.lock"
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(os.fstat(lock), path.stat()):  # `down` removed it meanwhile
            raise BlockingIOError
    except BlockingIOError as error:
        raise LabError(f"the lab {name!r} is being started by somebody else: wait, then look at its status.") from error
    try:
        _hold(runtime, name, command, ready, report)
    finally:
        for left in keepers_files(name, runtime):
            left.unlink(missing_ok=True)
        os.close(lock)


def _hold(runtime: Path, name: str, command: list[str], ready: Path | None, report: int) -> None:
    if ready is not None:
        ready.unlink(missing_ok=True)
    acquire()
    with Lab(load(), runtime=runtime) as lab:
        server = lab.spawn("outside", command)
        _await_ready(server, ready, runtime / f"{name}.log")
        pidfd = os.pidfd_open(server.pid)
        try:
            _write_state(lab, name, server.pid, runtime)
            _report(report, "ready")
            select.select([pidfd], [], [])
        finally:
            os.close(pidfd)
        raise LabError(f"the emulator ended with code {server.wait()}.")


def _await_ready(server: subprocess.Popen[bytes], ready: Path | None, log: Path) -> None:
    deadline = monotonic() + UP_LIMIT - 2  # so that the report still arrives in time
    pidfd = os.pidfd_open(server.pid)
    try:
        while ready is not None and not ready.exists():
            if select.select([pidfd], [], [], LOOK)[0]:
                tail = log.read_text("utf-8", "replace")[-LOG_TAIL:]
                raise LabError(f"the emulator ended with code {server.wait()} before it was ready. It said:\n{tail}")
            if monotonic() > deadline:
                raise LabError(f"the emulator has not written {ready} after {UP_LIMIT - 2:.0f} s: see {log}.")
    finally:
        os.close(pidfd)


def _write_state(lab: Lab, name: str, server: int, runtime: Path) -> None:
    pid = os.getpid()
    state = State(
        format=FORMAT,
        name=name,
        keeper=pid,
        keeper_started=start_time(pid) or 0,
        server=server,
        holders={place: lab.pid(place) for place in PLACES},
        addresses=lab.addresses,
        directory=str(lab.directory),
    )
    path = state_file(name, runtime)
    beside = path.with_suffix(f".{pid}")
    beside.write_bytes(msgspec.json.encode(state))
    beside.replace(path)


def _report(descriptor: int, text: str) -> None:
    """Say one thing and hang up. A LabError (broken pipe) ends a lab that nobody waits for any more."""
    try:
        os.write(descriptor, text.encode())
        os.close(descriptor)
    except OSError:
        if text == "ready":
            raise LabError("nobody waits for this lab any more.") from None


def _end(number: int, frame: FrameType | None) -> None:
    for again in SIGNALS:
        signal.signal(again, signal.SIG_IGN)  # a second one must not disturb the cleaning up
    raise _Ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
