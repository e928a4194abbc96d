"""Private directories of running labs, and who cleans up behind a parent that was killed.

Not the user's data: everything here dies with the process that made it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from emulator.lab.process import end, start_time

NAME = "messenger-lab"


def runtime_directory(environ: Mapping[str, str]) -> Path:
    """`$XDG_RUNTIME_DIR/messenger-lab`, else `/run/messenger-lab` for root, else one of the user's own in /tmp."""
    given = environ.get("XDG_RUNTIME_DIR", "")
    if Path(given).is_absolute():
        return Path(given) / NAME
    if os.geteuid() == 0:
        return Path("/run") / NAME
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"


class PrivateDirectory:
    """A directory named after this process; a janitor removes it, however this process ends.

    The janitor is a shell that reads from a pipe: when the last writer, us, is gone, it reads the end of file.
    It is in a session of its own, so Ctrl-C does not reach it, and it is not killed with us.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        sweep(parent)
        pid = os.getpid()
        self.path = Path(tempfile.mkdtemp(prefix=f"{pid}-{start_time(pid)}-", dir=parent))
        # Others may pass through (squid is another user), but not look around.
        self.path.chmod(0o711)
        self._janitor = subprocess.Popen(
            ["sh", "-c", 'cat >/dev/null; cd /; exec rm -rf -- "$1"', "messenger-lab-janitor", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Remove the directory now."""
        if self._janitor.stdin is not None and not self._janitor.stdin.closed:
            self._janitor.stdin.close()
            try:
                self._janitor.wait(10)
            except subprocess.TimeoutExpired:
                end(self._janitor, grace=0)
        shutil.rmtree(self.path, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove directories of processes that are gone (their janitor was killed too, or the machine crashed)."""
    for path in parent.iterdir():
        pid, _, rest = path.name.partition("-")
        started = rest.partition("-")[0]
        if pid.isdecimal() and started.isdecimal() and start_time(int(pid)) != int(started):
            shutil.rmtree(path, ignore_errors=True)
