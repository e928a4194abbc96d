"""Two vantages that ssh reaches: the lab's inside behind its firewall, and a branch behind another one. Not a test.

Each has an sshd of the tests' own (port, keys, configuration) and nothing but Python. The system's sshd and anybody's
~/.ssh are left alone.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from bare_machine import bare_shell, python
from field_place import Field

from emulator.lab.process import end, hold, start_in

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
PORT = 2222
BRANCH, BRANCH_GATE, UPLINK_GATE, UPLINK = "192.0.2.129", "192.0.2.130", "198.18.7.1", "198.18.7.2"
# The branch's firewall forwards TCP 80, 443 and 1863, the control channel, and ssh from outside.
RULES = """
table inet branch {
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname "inner" tcp dport { 80, 443, 1863, 8700 } accept
    iifname "outer" tcp dport 2222 accept
  }
}
"""
CONFIG = """
Port {port}
ListenAddress {address}
HostKey {keys}/host
AuthorizedKeysFile {keys}/user.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
SetEnv PATH={path} TMPDIR={place}/tmp
"""
CLIENT = """
Host *
  User root
  Port {port}
  IdentityFile {keys}/user
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {keys}/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
Host branch
  HostName {branch}
"""


class Site:
    """One machine with an sshd. `tmp` is where what is sent there lies."""

    def __init__(self, address: str, place: Path, process: subprocess.Popen[bytes]) -> None:
        self.address, self.place, self.process = address, place, process
        self.tmp = place / "tmp"

    @property
    def left(self) -> list[str]:
        """What lies there now."""
        return sorted(path.name for path in self.tmp.iterdir())


class Vantages:
    """Builds the branch beside the lab of a field, and starts both sshds."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.keys = field.place / "keys"
        self.keys.mkdir()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.keys / name)], check=True)
        self._gate, self._branch = hold(), hold()
        self._started: list[subprocess.Popen[bytes]] = []
        self._wire()
        self.head = self.site("head", field.lab.pid("inside"), field.lab.mgmt_inside)
        self.branch = self.site("branch", self._branch.pid, BRANCH)
        self.bundle = field.place / "vantages.pyz"  # made once: most runs need none of their own
        done = field.outside("bundle", "--join", str(field.join), "--output", str(self.bundle))
        assert done.returncode == 0, done.stderr
        self.config = self.keys / "config"
        self.config.write_text(CLIENT.format(port=PORT, keys=self.keys, branch=BRANCH))
        key = (self.keys / "host.pub").read_text()
        known = [f"[{one}]:{port} {key}" for one in (self.head.address, BRANCH) for port in (PORT, PORT + 1)]
        (self.keys / "known").write_text("".join(known))

    def close(self) -> None:
        for process in (*self._started, self._branch, self._gate):
            end(process, grace=0)

    def site(self, name: str, holder: int, address: str, *, port: int = PORT, with_python: bool = True) -> Site:
        """Start an sshd in a network namespace, on a machine that has Python alone, or not even that."""
        assert SSHD is not None
        place = self.field.new(name)
        (place / "bin").mkdir()
        if with_python:
            (place / "bin" / "python3").symlink_to(python())
        path = f"{place}/bin" + (":/usr/bin:/bin" if with_python else "")
        config = place / "sshd_config"
        config.write_text(CONFIG.format(port=port, address=address, keys=self.keys, path=path, place=place))
        shell = f"mount -t tmpfs none /run; mkdir -m 755 /run/sshd; exec {SSHD} -D -e -f {config}"
        with (place / "sshd.log").open("wb") as log:
            process = start_in(holder, bare_shell(place, shell), stdout=log, stderr=log)
        self._started.append(process)
        deadline = monotonic() + 10
        while b"Server listening" not in (place / "sshd.log").read_bytes():
            assert process.poll() is None, (place / "sshd.log").read_text()
            assert monotonic() < deadline, "sshd does not listen"
            sleep(0.02)
        return Site(address, place, process)

    def run(self, *arguments: str, limit: float = 90.0) -> Any:
        """`messenger-lab run` outside, from where ssh reaches both."""
        return self.field.outside(*self.arguments(*arguments), limit=limit)

    def arguments(self, *arguments: str) -> Sequence[str]:
        return ("run", *arguments, "--join", str(self.field.join), "--ssh-config", str(self.config))

    def _wire(self) -> None:
        outside = self.field.lab.pid("outside")
        gate, branch = self._gate.pid, self._branch.pid
        hosts = "203.0.113.0/24"
        mgmt = self.field.lab.mgmt_outside
        for holder, commands in (
            (gate, f"link add inner type veth peer name eth0 netns {branch}"),
            (gate, f"link add outer type veth peer name branch netns {outside}"),
            (gate, "link set lo up; link set inner up; link set outer up"),
            (gate, f"address add {BRANCH_GATE}/30 dev inner; address add {UPLINK_GATE}/30 dev outer"),
            (gate, f"route add {hosts} via {UPLINK}; route add {mgmt}/32 via {UPLINK}"),
            (branch, f"link set lo up; link set eth0 up; address add {BRANCH}/30 dev eth0"),
            (branch, f"route add default via {BRANCH_GATE}"),
            (outside, f"link set branch up; address add {UPLINK}/30 dev branch"),
            (outside, f"route add {BRANCH}/32 via {UPLINK_GATE}"),
        ):
            for command in commands.split("; "):
                self._in(holder, "ip", *command.split())
        self._in(gate, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self._in(gate, "nft", RULES)

    def _in(self, holder: int, *argv: str) -> None:
        done = subprocess.run(
            ["nsenter", "--target", str(holder), "--net", "--", *argv], capture_output=True, check=False
        )
        assert done.returncode == 0, (argv, done.stderr)
