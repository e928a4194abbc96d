"""One real `serve` process for all client tests, and the people who live in it. Needs root: its ports lie below 1024.

Not the emulator's own cast: every test takes two people whom no other test knows.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT = 30.0  # seconds for start and end
PASSWORD = "opal-Kite7"
DOMAIN = "people.test"
PAIRS = 90
CAROL, DAVE = f"carol@{DOMAIN}", f"dave@{DOMAIN}"
REALM = "rita@msn.com"  # signs in at msnia.login.live.com
INVITATION = "Met you at the crag <& more>"

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: serve opens ports below 1024"
)


def anna(number: int) -> str:
    """The first of a pair."""
    return f"anna{number:02}@{DOMAIN}"


def boris(number: int) -> str:
    """The second of a pair."""
    return f"boris{number:02}@{DOMAIN}"


def anna_name(number: int) -> str:
    return f"Anna Ω {number:02}"


def boris_name(number: int) -> str:
    return f"Boris & Ко <{number:02}>"


def _cast() -> str:
    """Pairs who know each other, somebody who has asked the first Anna, somebody whom she blocks."""

    def account(address: str, *lines: str) -> str:
        return "\n".join(("[[account]]", f'address = "{address}"', f'password = "{PASSWORD}"', *lines, ""))

    people = ["format = 1", ""]
    for number in range(PAIRS):
        one, other = anna(number), boris(number)
        more = (f'block = ["{DAVE}"]', f'nicknames = {{ "{other}" = "Bobby" }}') if number == 0 else ()
        people.append(
            account(
                one,
                f'name = "{anna_name(number)}"',
                'psm = "на стене <☀> & более"',
                f'contacts = ["{other}"]',
                f'groups = {{ "Climbing & more" = ["{other}"] }}',
                *more,
            )
        )
        people.append(account(other, f'name = "{boris_name(number)}"', f'contacts = ["{one}"]'))
    asking = f'invites = {{ "{anna(0)}" = "{INVITATION}" }}'
    people.append(account(CAROL, 'name = "Carol Ñ"', f'contacts = ["{anna(0)}"]', asking))
    people.append(account(DAVE, 'name = "Dave"'))
    people.append(account(REALM, 'name = "Rita"'))
    return "\n".join(people)


class Running:
    """The process; `address` plays every host, `root` is the CA file that its certificates chain to."""

    def __init__(self, place: Path) -> None:
        network = os.getpid() % 250  # so that two runs at once do not take each other's ports
        self.address, self.second = f"127.43.{network}.1", f"127.43.{network}.2"
        self.certs = place / "certs"
        join = place / "join.toml"
        cast = place / "cast.toml"
        cast.write_text(_cast(), encoding="utf-8")
        argv = [sys.executable, "-m", "emulator", "serve", "--address", self.address, "--second", self.second]
        argv += ["--dns", self.address, "--control-port", "8743", "--samples", "0", "--quiet", "--join-out", str(join)]
        argv += ["--certs", str(self.certs), "--cast", str(cast), "--state", str(place / "world.db")]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        pidfd = os.pidfd_open(self.process.pid)
        deadline = time.monotonic() + LIMIT
        try:
            while not join.exists():
                ended = select.select([pidfd], [], [], 0.05)[0]
                assert not ended, self.process.stderr and self.process.stderr.read()
                assert time.monotonic() < deadline
        finally:
            os.close(pidfd)

    @property
    def root(self) -> Path:
        """PEM file of the certificate authority."""
        return next(one for one in sorted(self.certs.glob("*.pem")) if b"CERTIFICATE" in one.read_bytes())

    def end(self) -> None:
        """SIGTERM; the exit code must be 0 and no traceback may have been written."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(LIMIT)
        self.process.stderr.close()
        assert b"Traceback" not in said, said.decode()
        assert self.process.returncode == 0
