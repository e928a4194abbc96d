"""An ordinary user for tests that run as root: `nobody`, with a place of his own and this interpreter to read.

Not a test. Interpreter and checkout may lie where he may not look (/root, say): he finds them at their places all the
same, by bind mounts in a mount namespace that ends with his command. Where the tests have no root, they are that user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]
NOBODY = 65534
# Pairs of a directory and its stand-in; `--`; closed directories to be covered; `--`; the command. What is under a
# closed directory is put aside, the directory covered with an empty one, and what was put aside put back at its place.
UNCOVER = """
saved=
while [ "$1" != -- ]; do mount --bind "$1" "$2"; saved="$saved $1 $2"; shift 2; done; shift
while [ "$1" != -- ]; do mount -t tmpfs -o mode=755 none "$1"; shift; done; shift
for path in $saved; do
    if [ -z "$from" ]; then from=$path; else mkdir -p "$from"; mount --bind "$path" "$from"; from=; fi
done
exec "$@"
"""


class OrdinaryUser:
    """Starts programs as somebody without any right. `home` is his, and his runtime directory is in it."""

    python = sys.executable

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="messenger-lab-ordinary-"))  # pytest closes its own to others
        self.root = os.geteuid() == 0
        self.uid = NOBODY if self.root else os.getuid()
        self._uncover: list[str] = []
        if self.root:
            self._prepare()

    def _prepare(self) -> None:
        os.chown(self.home, NOBODY, NOBODY)
        self.home.chmod(0o755)
        needed = dict.fromkeys(Path(os.path.realpath(one)) for one in (sys.base_prefix, sys.prefix, CHECKOUT))
        covers = {path: closed(path) for path in needed}
        pairs: list[str] = []
        for number, path in enumerate(path for path in needed if covers[path] is not None):
            stand_in = self.home / f".stand-in-{number}"
            stand_in.mkdir()
            pairs += [str(path), str(stand_in)]
        if pairs:
            closed_ones = dict.fromkeys(str(cover) for cover in covers.values() if cover is not None)
            self._uncover = ["unshare", "--mount", "sh", "-euc", "from=\n" + UNCOVER, "uncover", *pairs, "--"]
            self._uncover += [*closed_ones, "--"]

    def close(self) -> None:
        shutil.rmtree(self.home)

    def argv(self, *command: str) -> list[str]:
        """A command as it is started for him; his process has the pid of what is started."""
        if not self.root:
            return list(command)
        return self.as_root("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--", *command)

    def as_root(self, *command: str) -> list[str]:
        """A command as root, where this user may read the program too."""
        return [*self._uncover, *command]

    def lab(self, *arguments: str) -> list[str]:
        """`messenger-lab` with arguments."""
        return self.argv(self.python, "-m", "emulator", *arguments)

    @property
    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "COLUMNS": "4000", "SHELL": "/bin/bash"}
        return own | {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TERM": "dumb",
        }

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, **more: Any) -> Any:
        """`messenger-lab` to its end."""
        given = {"capture_output": True, "text": True, "timeout": 120, "check": False} | more
        return subprocess.run(self.lab(*arguments), env=self.environment | dict(env or {}), cwd=self.home, **given)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """`messenger-lab`, with its output in pipes."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen(self.lab(*arguments), text=True, env=self.environment, cwd=self.home, **pipes)


def closed(path: Path) -> Path | None:
    """The first directory on the way to a path through which others may not pass."""
    return next((one for one in reversed((path, *path.parents)) if not one.stat().st_mode & 0o001), None)
