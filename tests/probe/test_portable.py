"""The probe side is plain Python: it imports and plans where nothing of Linux is there."""

from __future__ import annotations

import subprocess
import sys

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
