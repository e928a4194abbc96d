"""Nothing of a lab survives its parent, however that ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

ROOT = Path(__file__).parents[2]
CONF = ROOT / "scenarios" / "squid-forced.conf"

# Builds a lab with programs of all kinds in it, says so, and waits.
PARENT = """
import shutil, sys, time
from pathlib import Path
from emulator.catalog import load
from emulator.lab.lab import Lab
with Lab(load(), runtime=Path(sys.argv[1])) as lab:
    lab.spawn("inside", ["sleep", "600"])
    lab.spawn("outside", ["sleep", "600"], user="nobody")
    if shutil.which("squid", path="/usr/sbin"):
        lab.start_proxy(Path(sys.argv[2]), ("alice", "secret"))
    lab.directory
    print("built", flush=True)
    time.sleep(600)
"""


def relatives(runtime: Path) -> dict[int, str]:
    """Processes that belong to labs in `runtime`: they name it, or they are in a namespace of such a lab's holder."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                environ_and_line = (path / "cmdline").read_bytes()
                network = os.readlink(path / "ns" / "net")
            except OSError:
                continue
            found[int(path.name)] = network + " " + environ_and_line.replace(b"\0", b" ").decode("utf-8", "replace")
    return found


def networks() -> set[str]:
    return {line.partition(" ")[0] for line in relatives(Path()).values()}


def start(runtime: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(runtime), str(CONF)],
        stdout=subprocess.PIPE,
        stderr=None,
        start_new_session=True,
    )


def await_gone(pids: set[int], limit: float = 10.0) -> None:
    """Wait until processes are gone, on their pidfds; fails after `limit` seconds."""
    deadline = monotonic() + limit
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([descriptor], [], [], max(0.0, deadline - monotonic()))
            assert ended, f"process {pid} still runs: {relatives(Path()).get(pid)}"
        finally:
            os.close(descriptor)


def members(before: set[str], parent: int) -> set[int]:
    """The parent, its children, and whoever lives in a network that was not there before."""
    found = {parent}
    for pid, line in relatives(Path()).items():
        if line.partition(" ")[0] not in before:
            found.add(pid)
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(status[1]) in found:
            found.add(pid)
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_survives_the_parent(runtime: Path, tmp_path: Path, how: signal.Signals) -> None:
    place = runtime / f"vanish-{how.name}"
    before = networks()
    parent = start(place)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"built\n"
        assert len(networks() - before) == 3
        family = members(before, parent.pid)
        assert len(family) >= 1 + 3 + 2 + 1  # parent, holders, two sleepers, janitor
        assert any(place.iterdir())
        parent.send_signal(how)
        parent.wait(20)
        await_gone(family)
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
    assert networks() <= before
    assert list(place.iterdir()) == []


def test_killed_at_any_moment_of_its_making(runtime: Path) -> None:
    """Kill after one more thing has happened each time, until the lab stands."""
    place = runtime / "vanish-early"
    place.mkdir()
    before = networks()
    for wanted in range(1, 4):
        parent = start(place)
        deadline = monotonic() + 20
        while len(networks() - before) < wanted and parent.poll() is None and monotonic() < deadline:
            pass  # the moments in question last milliseconds
        family = members(before, parent.pid)
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
        await_gone(family)
        assert networks() <= before


def test_a_directory_without_janitor_is_swept_at_the_next_start(runtime: Path) -> None:
    from emulator.lab.process import start_time
    from emulator.lab.runtime import PrivateDirectory

    place = runtime / "sweep"
    gone = place / "4194304999-17-abc"
    reused = place / f"{os.getpid()}-1-abc"
    other = place / "lab.json"
    for path in (gone, reused, other):
        path.mkdir(parents=True)
    mine = PrivateDirectory(place)
    assert mine.path.name.startswith(f"{os.getpid()}-{start_time(os.getpid())}-")
    assert sorted(place.iterdir()) == sorted([mine.path, other])
    mine.close()
    assert list(place.iterdir()) == [other]
