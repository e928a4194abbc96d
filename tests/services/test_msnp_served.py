"""A real `serve` with the options of the Messenger servers: open accounts, dispatch, TCP keep-alive, the last words."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_client import Wire, proof, tickets
from served import LIMIT, needs_root

pytestmark = needs_root

ADDRESS, SECOND, CONTROL_PORT = "127.0.0.45", "127.0.0.46", "8745"
NEW, PASSWORD = "newcomer@example.com", "Quartz-9"


def serve(place: Path, *options: str) -> subprocess.Popen[bytes]:
    """A `serve` process that is ready."""
    join = place / "join.toml"
    argv = [sys.executable, "-m", "emulator", "serve", "--address", ADDRESS, "--second", SECOND, "--samples", "0"]
    argv += ["--control-port", CONTROL_PORT, "--quiet", "--join-out", str(join), "--certs", str(place / "certs")]
    process = subprocess.Popen([*argv, *options], stderr=subprocess.DEVNULL)
    pidfd = os.pidfd_open(process.pid)
    deadline = time.monotonic() + LIMIT
    try:
        while not join.exists():
            assert not select.select([pidfd], [], [], 0.05)[0], "serve ended"
            assert time.monotonic() < deadline
    finally:
        os.close(pidfd)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    process = serve(tmp_path_factory.mktemp("open"), "--open-accounts", "--dispatch")
    yield process
    if process.poll() is None:
        end(process)


def begun(dialect: str, account: str) -> tuple[Wire, str]:
    """VER, CVR and USR I; the answer to the last."""
    wire = Wire(ADDRESS)
    wire.ask(f"VER 1 {dialect} CVR0", f"VER 1 {dialect}")
    wire.ask(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {account}", "CVR 2")
    wire.say(f"USR 3 SSO I {account}")
    return wire, wire.wait("")


def test_a_newcomer_is_referred_and_then_signs_in(opened: subprocess.Popen[bytes]) -> None:
    by_site, secret = tickets(ADDRESS, NEW, PASSWORD)
    wire, answer = begun("MSNP15", NEW)
    assert answer == f"XFR 3 NS {ADDRESS}:1863 U D"
    wire.close()
    wire, answer = begun("MSNP15", NEW)
    nonce = wire.wait("USR 3 SSO S").split(" ")[-1] if answer.startswith("GCF") else answer.split(" ")[-1]
    wire.ask(f"USR 4 SSO S {by_site['messengerclear.live.com']} {proof(secret, nonce)}", f"USR 4 OK {NEW} 1 0")
    wire.close()
    with pytest.raises(AssertionError, match="wsse:FailedAuthentication"):
        tickets(ADDRESS, NEW, "another")


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss (iproute2)")
def test_accepted_connections_are_kept_alive_by_tcp(opened: subprocess.Popen[bytes]) -> None:
    wire = Wire(ADDRESS)
    wire.ask("VER 1 MSNP15 CVR0", "VER 1 MSNP15")
    shown = subprocess.run(
        ["ss", "-Htno", "state", "established", f"( src {ADDRESS}:1863 )"], capture_output=True, text=True, check=True
    ).stdout
    wire.close()
    timers = re.findall(r"timer:\(keepalive,(?:(\d+)min)?(?:([\d.]+)(m?)s?ec)?", shown)
    assert timers, shown
    assert all(int(minutes or 0) <= 1 for minutes, _, _ in timers)


def test_the_last_words_reach_the_wire(opened: subprocess.Popen[bytes]) -> None:
    with socket.create_connection((ADDRESS, 1863), LIMIT) as connection:
        connection.sendall(b"VER 1 MSNP15 CVR0\r\n")
        assert connection.recv(100) == b"VER 1 MSNP15\r\n"
        end(opened)
        assert connection.recv(100) == b"OUT SSD\r\n"


def test_without_the_option_nobody_is_made(tmp_path: Path) -> None:
    process = serve(tmp_path)
    try:
        with pytest.raises(AssertionError, match="wsse:FailedAuthentication"):
            tickets(ADDRESS, NEW, PASSWORD)
    finally:
        end(process)
