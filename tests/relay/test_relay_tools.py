"""Independent clients through the relay: libnice in five dialects, coturn's client and STUN client, both reactors."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from relay_served import ADDRESS, RelayProcess, credentials, need

NEAR = "127.0.0.72"
SECONDS = 60.0  # bound of every program


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[RelayProcess]:
    with RelayProcess(reactor=getattr(request, "param", "epoll")) as process:
        yield process


def uclient(relay: RelayProcess, *options: str, password: str = "") -> subprocess.CompletedProcess[str]:
    need("turnutils_uclient")
    username, good = credentials()
    argv = ["turnutils_uclient", "-v", "-u", username, "-w", password or good, "-p", str(relay.port), "-L", NEAR]
    return subprocess.run([*argv, *options, ADDRESS], capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.parametrize(
    ("relay", "options"),
    [("epoll", ["-y"]), ("asyncio", ["-y", "-s", "-c", "-m", "2"]), ("asyncio", ["-y", "-X", "-c", "-l", "1000"])],
    indirect=["relay"],
)
def test_coturns_client_talks_to_itself_through_the_relay(relay: RelayProcess, options: list[str]) -> None:
    """Channels with reserved port pairs; indications; an address family asked for and long messages."""
    done = uclient(relay, *options, "-n", "20", "-z", "5")
    assert done.returncode == 0, done.stdout
    assert "Total lost packets 0 (0.000000%)" in done.stdout, done.stdout
    sent = int(done.stdout.rpartition("tot_send_msgs=")[2].partition(",")[0])
    assert sent >= 20
    assert f"tot_recv_msgs={sent}\n" in done.stdout


def test_coturns_client_is_refused_what_is_not_ours(relay: RelayProcess) -> None:
    assert "error 403 (Forbidden)" in uclient(relay, "-e", "127.0.0.73").stdout
    assert "error 420 (Unknown Attribute)" in uclient(relay, "-y", "-g").stdout
    done = uclient(relay, "-y", password="d3Jvbmc=")
    assert "Cannot complete Allocation" in done.stdout
    assert done.returncode != 0


def test_coturns_stun_client_sees_its_address(relay: RelayProcess) -> None:
    need("turnutils_stunclient")
    done = subprocess.run(
        ["turnutils_stunclient", "-p", str(relay.port), "-L", NEAR, ADDRESS],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert f"IPv4. UDP reflexive addr: {NEAR}:" in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def nice_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two libnice agents in one program, compiled here."""
    for tool in ("gcc", "pkg-config"):
        need(tool)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "nice"], capture_output=True, text=True)
    if flags.returncode:
        pytest.skip("libnice-dev is not installed")
    program = tmp_path_factory.mktemp("nice") / "nice_pair"
    source = Path(__file__).with_name("nice_pair.c")
    argv = ["gcc", "-O1", "-w", "-o", str(program), str(source), *flags.stdout.split()]
    subprocess.run(argv, check=True, timeout=SECONDS)
    return program


def nice(
    program: Path, relay: RelayProcess, dialect: str, transport: str, seconds: int
) -> subprocess.CompletedProcess[str]:
    argv = [str(program), dialect, ADDRESS, str(relay.port), *credentials(), str(seconds), transport, NEAR]
    environment = {**os.environ, "G_SLICE": "always-malloc"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, env=environment)


@pytest.mark.parametrize("dialect", ["msn", "wlm2009", "oc2007", "oc2007r2", "rfc5245"])
def test_two_libnice_agents_reach_each_other_through_the_relay_only(
    nice_pair: Path, relay: RelayProcess, dialect: str
) -> None:
    """Gather, connectivity checks in Send and Data, then 40 messages of all sizes each way, byte for byte."""
    done = nice(nice_pair, relay, dialect, "udp", 20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "carried 80 of 80" in done.stdout
    candidates = [line for line in done.stdout.splitlines() if line.startswith("candidate")]
    assert len(candidates) == 2
    assert all(f"type 3 {ADDRESS} " in line for line in candidates)  # 3: relayed, and nothing else


def test_libnice_allocates_behind_the_pseudo_tls_hello(nice_pair: Path, relay: RelayProcess) -> None:
    """Microsoft's framing over TCP; what libnice then does with relayed TCP candidates is its own affair."""
    done = nice(nice_pair, relay, "oc2007", "tls", 3)
    assert f"candidate one type 3 {ADDRESS} " in done.stdout, done.stdout
    assert f"candidate two type 3 {ADDRESS} " in done.stdout
