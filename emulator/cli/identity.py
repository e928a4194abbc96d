"""Root that is given up: ports are opened as root, everything else is done, read and written as an ordinary user.

Not for user namespaces. POSIX only; elsewhere `named` says so. Sources: setuid(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from emulator.problems import BadInput, CannotRun

PR_SET_NO_NEW_PRIVS = 38


class Identity(NamedTuple):
    """Whom to become."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...]

    @contextmanager
    def acting(self) -> Iterator[None]:
        """What is opened and made meanwhile is this user's. Raises BadInput for what he may not use."""
        before = os.getgroups()
        os.setgroups(self.groups)
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        except PermissionError as problem:
            where = Path(str(problem.filename or "this machine"))
            raise BadInput(f"{where}: user {self.name} may not use it: {self._remedy(where)}") from problem
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(before)

    def check(self, *paths: Path | None) -> None:
        """Before anything else: this program must be readable for him, and the folders of `paths` writable.

        Modules are loaded when they are needed, also after root is given up.
        """
        with self.acting():
            for program in (os.__file__, __file__):
                if not os.access(program, os.R_OK, effective_ids=True):
                    raise BadInput(f"{program}: user {self.name} may not read this program: put it where he may")
            for path in paths:
                if path is not None and not os.access(path.absolute().parent, os.W_OK, effective_ids=True):
                    raise PermissionError(13, "may not be written", str(path.absolute().parent))

    def assume(self) -> None:
        """Become this user for good. Raises CannotRun when something of root would be left."""
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # nor by a set-uid program
        try:
            os.setuid(0)
        except PermissionError:
            return
        raise CannotRun(f"root cannot be given up for user {self.name} here: serve without --user, or as that user")

    def _remedy(self, where: Path) -> str:
        return f"`sudo chown -R {self.name} {where}` gives it to him, or name another place"


def named(name: str | None) -> Identity | None:
    """The user to become; None when none is named. Raises BadInput: no such user, root itself, or nothing to give up.

    The home directory in the environment becomes his: certificates are looked for there.
    """
    if name is None:
        return None
    if sys.platform == "win32":
        raise BadInput("--user: this system has no root to give up: leave it out")
    import pwd

    if os.geteuid() != 0:
        raise BadInput(f"--user {name}: only root can be given up: run with sudo, or leave it out")
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise BadInput(f"--user {name!r}: there is no such user: name one of this machine") from error
    if entry.pw_uid == 0:
        raise BadInput(f"--user {name}: that is root: name an ordinary user")
    for variable in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        os.environ.pop(variable, None)
    os.environ |= {"HOME": entry.pw_dir, "USER": name, "LOGNAME": name}
    groups = tuple(os.getgrouplist(name, entry.pw_gid))
    return Identity(name, entry.pw_uid, entry.pw_gid, entry.pw_dir, groups)
