"""Nothing of a lab survives its parent, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
from descendants import await_gone, family, own_networks

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
    lab.spawn("firewall", ["sh", "-c", "sleep 600 & sleep 600"])
    lab.run("inside", ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 <&1 &"], 10)
    if shutil.which("squid", path="/usr/sbin"):
        lab.start_proxy(Path(sys.argv[2]), ("alice", "secret"))
    lab.directory
    print("built", flush=True)
    time.sleep(600)
"""


def start(runtime: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(runtime), str(CONF)],
        stdout=subprocess.PIPE,
        stderr=None,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_survives_the_parent(runtime: Path, how: signal.Signals) -> None:
    place = runtime / f"vanish-{how.name}"
    parent = start(place)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"built\n"
        members = family(parent.pid)
        assert len(own_networks(members)) == 3
        assert len(members) >= 1 + 1 + 3 + 2 + 3 + 1  # parent, janitor, holders, sleepers, a shell's, an orphan
        assert any(place.iterdir())
        parent.send_signal(how)
        parent.wait(20)
        await_gone(members)
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_killed_in_the_middle_of_its_making(runtime: Path, wanted: int) -> None:
    """Kill it as soon as so many namespaces stand; the moments in question last milliseconds."""
    place = runtime / "vanish-early"
    parent = start(place)
    deadline = monotonic() + 20
    members = family(parent.pid)
    while len(own_networks(members)) < wanted and parent.poll() is None and monotonic() < deadline:
        members = family(parent.pid)
    assert len(own_networks(members)) >= wanted
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()
    await_gone(members)


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
