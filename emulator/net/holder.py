"""Who holds a port: the program behind a socket, from the tables that Linux keeps. Asks nobody, opens nothing.

Not for other systems: there the person is told which tool answers. Source: proc(5), proc_pid_net(5).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROC = Path("/proc")
NOBODY = "0"  # inode of a socket that no program has any more
LISTENING, ENDED = "0A", "06"  # states of a socket
ELSEWHERE = {
    "win32": "`netstat -abno` names it",
    "linux": "`sudo ss -tulpn` names it",
}


class Holders:
    """A look at this machine's sockets, taken when first asked; take a new one for a new question."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._programs: dict[str, str] | None = None

    def name(self, transport: str, address: str, port: int) -> str:
        """Program and pid as words; the user's where only root may see more; else which tool tells.

        `address` is what could not be bound; "0.0.0.0" is any.
        """
        found = self._socket(transport, address, port)
        if found is not None and found[1] == NOBODY:
            return "a connection that ended lately (for a minute at most)"
        if found is None:
            return f"another program ({ELSEWHERE.get(sys.platform, f'`lsof -nP -i :{port}` names it')})"
        uid, inode = found
        if self._programs is None:
            self._programs = self._all_programs()
        program = self._programs.get(inode)
        return program or f"a program of user {_user(uid)} (`sudo ss -tulpn` names it)"

    def _socket(self, transport: str, address: str, port: int) -> tuple[int, str] | None:
        """User and inode of the socket in the way, a listening one first."""
        candidates = []
        for table in (transport, f"{transport}6"):
            try:
                rows = (self._proc / "net" / table).read_text().splitlines()[1:]
            except OSError:
                continue
            for fields in map(str.split, rows):
                where, _, number = fields[1].partition(":")
                theirs = fields[9] != NOBODY or fields[3] == ENDED
                if int(number, 16) == port and theirs and _meets(where, address):
                    candidates.append((fields[3] != LISTENING, int(fields[7]), fields[9]))
        return min(candidates)[1:] if candidates else None

    def _all_programs(self) -> dict[str, str]:
        """Program and pid by inode, of all processes that may be looked at."""
        found: dict[str, str] = {}
        for process in self._proc.iterdir():
            if not process.name.isdecimal():
                continue
            try:
                name = (process / "comm").read_text().strip()
                for entry in os.scandir(process / "fd"):
                    target = os.readlink(entry.path)
                    if target.startswith("socket:["):
                        found.setdefault(target[8:-1], f"{name} (pid {process.name})")
            except OSError:
                continue  # another user's, or gone meanwhile
        return found


def _meets(where: str, address: str) -> bool:
    """True when a socket at `where` (hexadecimal, as in the table) stands in the way of `address`."""
    own = int.from_bytes(bytes(int(part) for part in address.split(".")), sys.byteorder)
    return own == 0 or int(where, 16) == 0 or int(where[-8:], 16) == own


def _user(uid: int) -> str:
    import pwd  # where there is a table of sockets there is one of users

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
