"""Processes that live in a namespace and die with their parent. Linux only; not a supervisor.

The kernel kills them (PR_SET_PDEATHSIG) when the *thread* that started them ends, so start them from a thread that
lives as long as the lab: the main thread.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from emulator.lab.addressing import LabError
from emulator.lab.namespaces import CLONE_NEWNET, REMEDY, Door, call

PR_SET_PDEATHSIG = 1

Stream = int | IO[Any] | None


def hold() -> subprocess.Popen[bytes]:
    """Start a process that does nothing in a new network namespace: the namespace lives as long as it.

    Raises LabError when the kernel refuses (see `namespaces.acquire`).
    """
    try:
        return _start(["sleep", "infinity"], lambda: call("unshare", CLONE_NEWNET))
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError(f"no network namespace can be made ({error}): {REMEDY}.") from error


def start_in(
    holder: int,
    argv: Sequence[str],
    *,
    user: str | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    own_memory: bool = False,
    resolver: Path | None = None,
    foreground: bool = False,
    keep: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `argv` in the namespaces of process `holder`, in a session of its own, so that Ctrl-C ends only us.

    `own_memory`: with a /dev/shm of its own. `resolver`: file in place of /etc/resolv.conf. `foreground`: in our
    session, at our terminal. `keep`: descriptors for it.
    Raises LabError: the namespace is gone, the program is missing, the user is unknown.
    """
    door = Door(holder, user, own_memory=own_memory, resolver=resolver)
    try:
        return _start(
            argv,
            door.enter,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            foreground=foreground,
            keep=keep,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]}: no such program: install it, or mend the path.") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError(f"{argv[0]} cannot be started in the lab ({error}): {REMEDY}.") from error
    finally:
        door.close()


def _start(
    argv: Sequence[str],
    prepare: Callable[[], None],
    *,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    foreground: bool = False,
    keep: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def in_child() -> None:
        prepare()
        # Last, because a change of user clears it.
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the kernel was told

    return subprocess.Popen(
        list(argv),
        preexec_fn=in_child,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=env,
        cwd=cwd,
        pass_fds=keep,
        start_new_session=not foreground,
    )


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: tells it from a later one with the same pid. None: gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])  # proc(5): field 22, counted from behind the name


def end(process: subprocess.Popen[bytes], *, grace: float = 2.0) -> None:
    """End a process of ours and its group: ask it, wait `grace` seconds, then kill all. Returns when it is reaped."""
    if process.poll() is None:
        pidfd = os.pidfd_open(process.pid)
        try:
            if grace > 0:
                signal.pidfd_send_signal(pidfd, signal.SIGTERM)
                select.select([pidfd], [], [], grace)
            # Not reaped yet, so the number still means its group: children that it left behind go too.
            os.killpg(process.pid, signal.SIGKILL)
        finally:
            os.close(pidfd)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
