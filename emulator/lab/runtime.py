"""Private directories of running labs, and who cleans up behind a parent that was killed.

Not the user's data: everything here dies with the process that made it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from emulator.lab.addressing import LabError
from emulator.lab.namespaces import person
from emulator.lab.process import end, start_time

NAME = "messenger-lab"
JANITOR_LIMIT = 10.0  # seconds


def runtime_directory(environ: Mapping[str, str]) -> Path:
    """`$XDG_RUNTIME_DIR/messenger-lab`, else `/run/messenger-lab` for root, else one of the user's own in /tmp.

    An XDG_RUNTIME_DIR of somebody else (`sudo -E` hands one over) is not ours to use: labs of two users never mix.
    """
    given = Path(environ.get("XDG_RUNTIME_DIR", ""))
    if given.is_absolute() and (not given.exists() or given.stat().st_uid == os.geteuid()):
        return given / NAME
    if person() == 0:
        return Path("/run") / NAME
    return Path(tempfile.gettempdir()) / f"{NAME}-{person()}"


def prepare(directory: Path) -> None:
    """Make a runtime directory. Raises LabError when it cannot be, or somebody else made it before us, in /tmp say."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise LabError(f"{directory}: {error.strerror}: set XDG_RUNTIME_DIR to a directory of your own.") from error
    if directory.stat().st_uid != os.geteuid():
        raise LabError(f"{directory} belongs to somebody else: set XDG_RUNTIME_DIR to a directory of your own.")


# Waits for the end of file, then kills whoever still lives in one of the networks that were named and removes the
# directory. The kernel kills our children with us, but not theirs.
JANITOR = """
directory=$1
shift
nets=" $* "
while read -r line; do :; done
if [ $# -gt 0 ]; then
    for round in 1 2 3 4 5; do
        found=
        for process in /proc/[0-9]*; do
            net=$(readlink "$process/ns/net" 2>/dev/null) || continue
            case "$nets" in *" $net "*) found=1; kill -9 "${process#/proc/}" 2>/dev/null;; esac
        done
        [ -n "$found" ] || break
    done
fi
cd /
exec rm -rf -- "$directory"
"""


class PrivateDirectory:
    """A directory named after this process; a janitor removes it, however this process ends.

    The janitor is a shell that reads from a pipe: when the last writer, us, is gone, it reads the end of file.
    It is in a session of its own, so Ctrl-C does not reach it, and it is not killed with us.
    Whoever lives in the network namespaces of the processes `holders` goes with us too, whoever started it.
    """

    def __init__(self, parent: Path, holders: Iterable[int] = ()) -> None:
        prepare(parent)
        sweep(parent)
        pid = os.getpid()
        self.path = Path(tempfile.mkdtemp(prefix=f"{pid}-{start_time(pid)}-", dir=parent))
        # Others may pass through (squid is another user), but not look around.
        self.path.chmod(0o711)
        places = [f"/proc/{holder}/ns/net" for holder in holders]
        # It keeps them open: the number of a namespace that is gone would soon name another lab's.
        kept = [os.open(place, os.O_RDONLY | os.O_CLOEXEC) for place in places]
        try:
            self._janitor = subprocess.Popen(
                ["sh", "-c", JANITOR, "messenger-lab-janitor", str(self.path), *map(os.readlink, places)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=kept,
            )
        finally:
            for descriptor in kept:
                os.close(descriptor)

    def close(self) -> None:
        """Remove the directory now, and end who lives in networks of ours."""
        if self._janitor.stdin is not None and not self._janitor.stdin.closed:
            self._janitor.stdin.close()
            try:
                self._janitor.wait(JANITOR_LIMIT)
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
