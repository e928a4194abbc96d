"""`messenger-lab` on something like another system: nothing of Linux to import or to ask for, the select reactor.

Not a test, and not another system: its own Twisted is the one of this one. `python without_linux.py win32 run open ...`
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import sys
from pathlib import Path

import twisted.internet.selectreactor

MODULES = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "pyroute2", "sqlite3")
CONSTANTS = ("IP_RECV", "IP_TRANSPARENT", "IP_PKTINFO", "IP_FREEBIND", "MSG_ERRQUEUE", "MSG_DONTWAIT", "MSG_NOSIGNAL")
CONSTANTS += ("SO_BINDTODEVICE", "SO_REUSEPORT", "SO_MARK", "SO_PEER", "SO_DOMAIN", "SO_PROTOCOL", "SO_PRIORITY")
CONSTANTS += ("AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "TCP_", "SCM_", "CMSG_")
KEPT = {"TCP_NODELAY"}  # every system has it
GONE = {
    os: ("pidfd_open", "geteuid", "getuid", "getgid", "getegid", "fork", "getppid", "setsid", "sched_getaffinity"),
    select: ("epoll", "poll"),
    signal: ("SIGHUP", "SIGUSR1", "SIGKILL", "SIGALRM", "pthread_sigmask", "pidfd_send_signal"),
    socket: ("socketpair", "recv_fds", "send_fds", "CMSG_LEN", "CMSG_SPACE"),
}
OURS = ("cli.main", "cli.run", "cli.ping", "report.html", "report.json", "report.junit", "report.terminal")


def load_what_others_wrote() -> None:
    """Libraries have parts for each platform: they must find their own one first. Ours are loaded again afterwards."""
    for name in OURS:
        importlib.import_module(f"emulator.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "emulator"]:
        del sys.modules[name]


class NoAncillary(socket.socket):
    """Windows has no recvmsg; other systems have no error queue to read with it."""

    @property
    def recvmsg(self) -> None:  # type: ignore[override]
        raise AttributeError("recvmsg")


def forget_linux(platform: str) -> None:
    """From here on an import fails, an attribute is missing, as on a system that never had it."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in GONE.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in dir(socket):
        if name.startswith(CONSTANTS) and name not in KEPT:
            delattr(socket, name)
    socket.socket = NoAncillary  # type: ignore[misc]
    sys.platform = platform
    from emulator.net.linux import halfopen

    halfopen.TABLE = Path("/no/such/table")  # before anybody asks whether it is there


if __name__ == "__main__":
    twisted.internet.selectreactor.install()
    load_what_others_wrote()
    forget_linux(sys.argv.pop(1))
    from emulator.cli.main import main

    main(prog_name="messenger-lab")
