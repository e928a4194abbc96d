"""The probe side is plain Python: it imports and plans where nothing of Linux is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from private_network import PrivateNetwork, lab

PROGRAM = str(Path(__file__).with_name("without_linux.py"))
SERVE_LIMIT = 20.0  # seconds until it is ready

SCRIPT = """
import sys, socket
for name in ("pwd", "grp", "fcntl", "resource", "pyroute2", "sqlite3"):
    sys.modules[name] = None
for name in ("MSG_ERRQUEUE", "IP_RECVERR", "SO_BINDTODEVICE", "AF_UNIX", "AF_NETLINK", "IP_TRANSPARENT"):
    if hasattr(socket, name):
        delattr(socket, name)
sys.platform = "win32"
from emulator.catalog import load
from emulator.probe import control, datagrams, plan, place, streams, survey, twins
import emulator.runner.passes
import emulator.net.linux.errqueue as errqueue
assert not errqueue.AVAILABLE
flows = plan.plan(load(), seed=b"x", samples=8, uid=lambda: "00")
far_end = ("emulator.lab", "emulator.store", "emulator.world", "emulator.services.msnp", "emulator.services.web")
print(len(flows), any(name.startswith(far_end) for name in sys.modules))
"""


def test_the_probe_imports_and_plans_without_linux() -> None:
    # Twisted itself must be imported first: it looks at the real platform.
    script = "import twisted.internet.selectreactor, twisted.internet.tcp, rich.console\n" + SCRIPT
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    flows, foreign = done.stdout.split()
    assert int(flows) > 300
    assert foreign == "False"


def test_the_command_run_imports_nothing_of_the_lab() -> None:
    script = "import emulator.cli.run, sys; print([name for name in sys.modules if name.startswith('emulator.lab')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.fixture(scope="module")
def join(private_network: PrivateNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The join file of an emulator on addresses that no other test has."""
    if not private_network.root:
        pytest.skip("two addresses and low ports as `serve` uses them need root")
    place = tmp_path_factory.mktemp("portable")
    argv = lab("serve", "--address", "127.0.5.1", "--second", "127.0.5.2", "--samples", "1", "--seed", "0011")
    argv += ["--certs", str(place / "certs"), "--join-out", str(place / "join.toml")]
    process = private_network.start(*argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield place / "join.toml"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def portable(network: PrivateNetwork, *arguments: str) -> Any:
    """`messenger-lab` where nothing of Linux can be imported or asked for."""
    return network.run(sys.executable, "-W", "error", PROGRAM, *arguments, limit=60)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_whole_run_without_linux(private_network: PrivateNetwork, join: Path, tmp_path: Path, platform: str) -> None:
    reports = [word for kind in ("json", "junit", "html") for word in (f"--{kind}", str(tmp_path / f"r.{kind}"))]
    done = portable(private_network, platform, "run", "open", "--join", str(join), *reports)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    (one,) = json.loads((tmp_path / "r.json").read_text())["passes"]
    assert len(one["judged"]) > 200
    assert {item["verdict"]["verdict"] for item in one["judged"]} == {"pass"}
    assert {item["state"] for item in one["expectations"]} == {"met"}
    assert {journey["state"] for journey in one["journeys"]} == {"done"}
    assert (tmp_path / "r.html").stat().st_size > 100_000


def test_what_has_no_answer_there_is_said_with_less_certainty(
    private_network: PrivateNetwork, join: Path, tmp_path: Path
) -> None:
    """Nobody listens on the address that the file names for a host: a RST, and an ICMP error that nobody hears of."""
    text = join.read_text()
    changed = tmp_path / "join.toml"
    host = "echo.edge.messenger.live.com"
    changed.write_text(text.replace(f'"{host}" = "127.0.5.1"', f'"{host}" = "127.0.5.9"'))
    assert changed.read_text() != text
    out = tmp_path / "r.json"
    done = portable(
        private_network, "win32", "run", "open", "--join", str(changed), "--timeout", "0.5", "--json", str(out)
    )
    assert done.returncode == 1, done.stderr
    (one,) = json.loads(out.read_text())["passes"]
    stopped = {
        (item["flow"]["transport"], item["verdict"]["verdict"], item["verdict"]["certainty"])
        for item in one["judged"]
        if item["flow"]["host"] == host
    }
    assert stopped == {("tcp", "blocked.rst", "likely"), ("udp", "blocked.drop.outbound", "likely")}
    assert "which this system does not tell" in out.read_text()
