"""What stands in the way of `serve`: taken and forbidden ports, named with the rows that they cost and the remedy."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from private_network import PrivateNetwork, lab
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
ELSEWHERE = ("--address", "127.0.1.1", "--second", "127.0.1.2")  # beside the emulator of the other tests


@contextmanager
def squatting(network: PrivateNetwork, address: str, *ports: str) -> Iterator[None]:
    process = network.start(sys.executable, "-c", SQUATTER, address, *ports)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "bound\n"
        yield
    finally:
        process.communicate(timeout=5)


def not_open(serve: Serve) -> dict[str, str]:
    """Complaints by transport and port."""
    lines = re.findall(r"not open: (\w+) [\d.]+:(\d+): (.*)", serve.err.read_text())
    return {f"{transport}/{port}": words for transport, port, words in lines}


@pytest.fixture(scope="module")
def taken(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """An emulator of whose ports three are somebody else's."""
    with squatting(runs.network, "127.0.2.1", "tcp/1503", "udp/7001", "tcp/6893"):
        serve = Serve(runs.network, tmp_path_factory.mktemp("taken"), "--address", "127.0.2.1", "--second", "127.0.2.2")
        try:
            yield serve
        finally:
            assert serve.stop() == 0


def test_each_is_named_with_its_rows_and_the_remedy(taken: Serve) -> None:
    complaints = not_open(taken)
    assert set(complaints) == {"tcp/1503", "udp/7001", "tcp/6893"}
    for port, row in (
        ("tcp/1503", "whiteboard-tcp-1503"),
        ("udp/7001", "network-detection-udp-7001"),
        ("tcp/6893", "file-transfer-legacy-tcp-6891-6900"),
    ):
        assert f"{port.replace('/', ' ')} is taken by another program: stop it" in complaints[port]
        assert row in complaints[port].partition("(costs: ")[2]


def test_flows_there_are_not_tested_and_nothing_is_claimed(runs: Runs, taken: Serve, tmp_path: Path) -> None:
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
    assert any("tcp/1503" in note and "taken by another program" in note for note in one["notes"])


def test_a_taken_control_port_is_fatal(runs: Runs, tmp_path: Path) -> None:
    with squatting(runs.network, "127.0.1.1", "tcp/8700"):
        done = runs("serve", *ELSEWHERE, "--certs", str(tmp_path / "certs"), "--join-out", str(tmp_path / "join"))
    assert done.returncode == 3
    assert "control channel cannot listen on 127.0.1.1:8700" in done.stderr
    assert "taken by another program" in done.stderr
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


def test_forbidden_ports_as_nobody(runs: Runs, tmp_path: Path) -> None:
    """Every port below 1024 is named, with its rows and the remedy; the others work."""
    tmp_path.chmod(0o777)
    readable = subprocess.run(
        runs.network.inside(lab("--version"), nobody=True), capture_output=True, check=False, cwd=tmp_path
    )
    if readable.returncode != 0:
        pytest.skip("this checkout is closed to user nobody")
    place = Path("/tmp") / f"messenger-lab-nobody-{os.getpid()}"  # pytest closes its own directories to others
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    try:
        serve = Serve(runs.network, place, *ELSEWHERE, nobody=True)
        complaints = not_open(serve)
        assert set(complaints) == {"tcp/80", "tcp/443", "udp/9"}
        for port, words in complaints.items():
            assert f"{port.replace('/', ' ')} is forbidden here: run as root, or grant CAP_NET_BIND_SERVICE" in words
        assert "sign-in-tcp-443" in complaints["tcp/443"]
        assert serve.stop() == 0
    finally:
        subprocess.run(["rm", "-rf", str(place)], check=True)


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
