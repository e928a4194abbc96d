"""A real `serve` with a state file: what it acknowledged survives SIGKILL. An old client on plain sockets."""

from __future__ import annotations

import errno
import hashlib
import re
import signal
import socket
from pathlib import Path

import pytest
from served import ADDRESS, Served, needs_root

pytestmark = needs_root

LIMIT = 10.0  # seconds for any answer


class OldClient:
    """MSNP7 by hand: MD5 sign-in needs no ticket, so plain sockets are enough."""

    def __init__(self, account: str, password: str) -> None:
        self._socket = socket.create_connection((ADDRESS, 1863), LIMIT)
        self._file = self._socket.makefile("rb")
        self.say("VER 1 MSNP7 CVR0", "VER 1 MSNP7")
        nonce = self.say(f"USR 2 MD5 I {account}", "USR 2 MD5 S").split()[-1]
        proof = hashlib.md5((nonce + password).encode()).hexdigest()
        self.say(f"USR 3 MD5 S {proof}", "USR 3 OK")

    def say(self, line: str, wanted: str) -> str:
        """Send a line; the first answer that matches at its beginning."""
        self._socket.sendall(line.encode() + b"\r\n")
        for _ in range(100):
            answer = self._file.readline().decode().rstrip()
            if re.match(wanted, answer):
                return answer
            assert answer, f"closed instead of {wanted}"
        raise AssertionError(f"no {wanted}")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def test_an_acknowledged_change_survives_a_kill(place: Path) -> None:
    served = Served(place)
    client = OldClient("alice@example.com", "opal-Kite7")
    client.say("ADG 5 Kept 0", "ADG 5")
    client.say("REA 6 alice@example.com Alice%20Kept", "REA 6")
    served.end(signal.SIGKILL)
    client.close()
    served = Served(place)
    try:
        client = OldClient("alice@example.com", "opal-Kite7")
        client.say("SYN 7 0", r"LSG 7 \d+ 4 4 3 Kept 0$")
        client.close()
    finally:
        served.end_orderly()


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for _ in range(10_000):
            try:
                file.write(bytes(1024))
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    return
                raise
    raise AssertionError("the disk never got full")


def add_groups(client: OldClient) -> None:
    """More than SQLite has reserved room for."""
    for number in range(6, 60):
        client.say(f"ADG {number} {'x' * 60}{number} 0", f"ADG {number}")


def test_what_finds_no_room_on_the_disk_is_not_acknowledged(place: Path) -> None:
    served = Served(place, small=True)
    disk = Path(f"/proc/{served.process.pid}/root{place}/small")
    try:
        client = OldClient("alice@example.com", "opal-Kite7")
        client.say("ADG 5 Kept 0", "ADG 5")
        fill(disk / "fill")
        with pytest.raises(AssertionError, match="closed instead of ADG"):
            add_groups(client)
        client.close()
        assert served.process.poll() is None  # everybody else is served
        (disk / "fill").unlink()
        client = OldClient("alice@example.com", "opal-Kite7")
        client.say("ADG 70 Again 0", "ADG 70")
        client.close()
        assert served.process.stderr is not None
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(LIMIT) == 0
        said = served.process.stderr.read().decode()
        assert said.count("the disk is full: make room, what waits is then written") == 1
        assert "Traceback" not in said
    finally:
        served.end(signal.SIGKILL)


def test_a_wrong_password_is_911(place: Path) -> None:
    served = Served(place)
    try:
        with pytest.raises(AssertionError, match="closed instead of USR 3 OK"):
            OldClient("alice@example.com", "wrong")
    finally:
        served.end_orderly()
