"""What stands in the way of `serve`: taken and forbidden ports, named with the rows that they cost and the remedy."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from private_network import PrivateNetwork
from two_processes import Runs, Serve

# Binds TCP and UDP ports on an address, says so, and keeps them until its standard input ends.
SQUATTER = """
import socket, sys
held = []
for kind, port in (argument.split("/") for argument in sys.argv[2:]):
    held.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM))
    held[-1].bind((sys.argv[1], int(port)))
    if kind == "tcp":
        held[-1].listen()
print("bound", flush=True)
sys.stdin.read()
"""
SQUATTING = Path(sys.executable).name[:15]  # as the kernel keeps it
ELSEWHERE = ("--address", "127.0.1.1", "--second", "127.0.1.2")  # beside the emulator of the other tests


@contextmanager
def squatting(network: PrivateNetwork, address: str, *ports: str) -> Iterator[subprocess.Popen[str]]:
    process = network.start(sys.executable, "-c", SQUATTER, address, *ports)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "bound\n"
        yield process
    finally:
        process.communicate(timeout=5)


def not_open(serve: Serve) -> dict[str, str]:
    """Complaints by transport and port."""
    lines = re.findall(r"not open: (\w+) [\d.]+:(\d+): (.*)", serve.err.read_text())
    return {f"{transport}/{port}": words for transport, port, words in lines}


@pytest.fixture(scope="module")
def squatter(runs: Runs) -> Iterator[subprocess.Popen[str]]:
    with squatting(runs.network, "127.0.2.1", "tcp/1503", "udp/7001", "tcp/6893") as process:
        yield process


@pytest.fixture(scope="module")
def taken(runs: Runs, tmp_path_factory: pytest.TempPathFactory, squatter: subprocess.Popen[str]) -> Iterator[Serve]:
    """An emulator of whose ports three are somebody else's."""
    assert squatter.poll() is None
    serve = Serve(runs.network, tmp_path_factory.mktemp("taken"), "--address", "127.0.2.1", "--second", "127.0.2.2")
    try:
        yield serve
    finally:
        assert serve.stop() == 0


def test_each_is_named_with_its_holder_its_rows_and_the_remedy(taken: Serve, squatter: subprocess.Popen[str]) -> None:
    complaints = not_open(taken)
    assert set(complaints) == {"tcp/1503", "udp/7001", "tcp/6893"}
    for port, row in (
        ("tcp/1503", "whiteboard-tcp-1503"),
        ("udp/7001", "network-detection-udp-7001"),
        ("tcp/6893", "file-transfer-legacy-tcp-6891-6900"),
    ):
        assert f"{port.replace('/', ' ')} is taken by {SQUATTING} (pid {squatter.pid}): stop it" in complaints[port]
        assert row in complaints[port].partition("(costs: ")[2]


def test_flows_there_are_not_tested_and_nothing_is_claimed(
    runs: Runs, taken: Serve, squatter: subprocess.Popen[str], tmp_path: Path
) -> None:
    out = tmp_path / "run.json"
    done = runs("run", "open", "--join", str(taken.join), "--json", str(out))
    assert done.returncode == 3, done.stderr
    (one,) = json.loads(out.read_text())["passes"]
    lost = {("tcp", 1503), ("udp", 7001), ("tcp", 6893)}
    for item in one["judged"]:
        place = (item["flow"]["transport"], item["flow"]["port"])
        assert item["verdict"]["verdict"] == ("not-tested" if place in lost else "pass"), item["flow"]["id"]
    outcomes = {outcome["feature"]: outcome["outcome"] for outcome in one["outcomes"]}
    assert outcomes.pop("whiteboard") == "not-tested"
    assert outcomes.pop("file-transfer-legacy") == "not-tested"
    assert outcomes.pop("network-detection") == "not-tested"
    assert set(outcomes.values()) == {"works"}
    assert any("tcp/1503" in note and f"(pid {squatter.pid})" in note for note in one["notes"])


def test_a_taken_control_port_is_fatal(runs: Runs, tmp_path: Path) -> None:
    with squatting(runs.network, "127.0.1.1", "tcp/8700") as squatter:
        done = runs("serve", *ELSEWHERE, "--certs", str(tmp_path / "certs"), "--join-out", str(tmp_path / "join"))
    assert done.returncode == 3
    assert "control channel cannot listen on 127.0.1.1:8700" in done.stderr
    assert f"taken by {SQUATTING} (pid {squatter.pid})" in done.stderr
    assert "--control-port" in done.stderr
    assert not (tmp_path / "join").exists()


def test_an_address_of_another_machine_is_fatal(runs: Runs, tmp_path: Path) -> None:
    done = runs("serve", "--address", "198.51.100.77", "--certs", str(tmp_path / "certs"))
    assert done.returncode == 3
    assert "this machine does not have that address" in done.stderr


def test_a_taken_name_port_costs_names_only(runs: Runs, tmp_path: Path) -> None:
    with squatting(runs.network, "127.0.1.3", "udp/53"):
        serve = Serve(runs.network, tmp_path, *ELSEWHERE, "--dns", "127.0.1.3")
        assert serve.stop() == 0
    assert "hosts file" in not_open(serve)["udp/53"]


def test_a_join_file_that_cannot_be_written(runs: Runs, tmp_path: Path) -> None:
    there = tmp_path / "nowhere" / "join.toml"
    done = runs("serve", *ELSEWHERE, "--certs", str(tmp_path / "certs"), "--join-out", str(there))
    assert done.returncode == 2
    assert "join.toml: No such file or directory" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(runs: Runs, tmp_path: Path, number: int) -> None:
    serve = Serve(runs.network, tmp_path, *ELSEWHERE, "--dns", "127.0.1.1", "--socket", str(tmp_path / "socket"))
    assert (tmp_path / "socket").is_socket()
    assert "127.0.1.1:1863" in runs.network.run("ss", "-Hltn").stdout
    group = serve.process.pid
    assert serve.stop(number) == 0
    assert "127.0.1.1" not in runs.network.run("ss", "-Hltun").stdout
    assert not (tmp_path / "socket").exists()
    assert not Path(f"/proc/{group}").exists()
    assert "Traceback" not in serve.err.read_text()


def test_it_starts_again_at_once(runs: Runs, tmp_path: Path) -> None:
    """Ports of connections that just ended must not be taken for somebody else's."""
    for _ in range(2):
        serve = Serve(runs.network, tmp_path, *ELSEWHERE)
        try:
            done = runs("run", "open", "--join", str(serve.join), "--samples", "0", "--progress", "none")
            assert (done.returncode, not_open(serve)) == (0, {}), done.stderr
        finally:
            assert serve.stop() == 0
        serve.join.unlink()
