"""A network namespace of the tests' own: loopback with every port free, and a network on which all packets vanish.

Not the lab: there is no firewall in it. Its holder dies with the tests, however they end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

VOID = "198.51.100.9"  # routed into nothing: silence for every protocol, with no device that says so
# Probe and emulator share one loopback: source ports stay where the seeds of the tests draw no sample to listen on.
WIRING = """
ip link set lo up &&
ip link add void type veth peer name sink && ip link set sink up && ip link set void up arp off &&
ip address add 198.51.100.1/24 dev void &&
echo 42800 47700 > /proc/sys/net/ipv4/ip_local_port_range &&
echo ready && exec sleep infinity
"""


class NoNetwork(Exception):
    """No namespace can be made here; the text says why."""


class PrivateNetwork:
    """Holds the namespace; with root as root, else as the root of a user namespace."""

    def __init__(self) -> None:
        for tool in ("setpriv", "unshare", "nsenter", "ip"):
            if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
                raise NoNetwork(f"needs the command {tool}")
        self.root = os.geteuid() == 0
        flags = ["--net"] if self.root else ["--user", "--map-root-user", "--net"]
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *flags, "sh", "-c", WIRING],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            _, said = self._holder.communicate(timeout=5)
            raise NoNetwork(f"no network namespace can be made: {said.decode().strip()}")

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate(timeout=5)

    def inside(self, argv: Sequence[str], *, nobody: bool = False) -> list[str]:
        """`argv` as it is started in the namespace, as user `nobody` if asked for (needs root)."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--net"]
        if not self.root:
            enter += ["--user", "--preserve-credentials"]
        if nobody:
            enter += ["--", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        return [*enter, "--", *argv]

    def run(self, *argv: str, limit: float = 30.0, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a program in the namespace to its end."""
        return subprocess.run(self.inside(argv), capture_output=True, text=True, timeout=limit, check=False, **more)

    def start(self, *argv: str, nobody: bool = False, **more: Any) -> subprocess.Popen[str]:
        """Start a program in the namespace with pipes."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.inside(argv, nobody=nobody), text=True, **(pipes | more))


def lab(*arguments: str) -> list[str]:
    """`messenger-lab` with arguments, by this interpreter."""
    return [sys.executable, "-m", "emulator", *arguments]
