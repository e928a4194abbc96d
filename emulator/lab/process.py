"""Processes that live in a namespace and die with their parent. Linux only; not a supervisor.

The kernel kills them (PR_SET_PDEATHSIG) when the *thread* that started them ends, so start them from a thread that
lives as long as the lab: the main thread.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from emulator.lab.addressing import LabError

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

Stream = int | IO[Any] | None

# Loaded before any fork: between fork and exec only calls that are already resolved are safe.
_LIBC = ctypes.CDLL(None, use_errno=True)


def hold() -> subprocess.Popen[bytes]:
    """Start a process that does nothing in a new network namespace: the namespace lives as long as it.

    Raises LabError when the kernel refuses (no root, or no namespaces).
    """
    try:
        return _start(["sleep", "infinity"], lambda: _check(_LIBC.unshare(CLONE_NEWNET), "unshare"))
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError(f"no network namespace can be made ({error}): run as root, on Linux.") from error


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
) -> subprocess.Popen[bytes]:
    """Start `argv` in the network namespace of process `holder`, in a session of its own, so that Ctrl-C ends only us.

    Raises LabError: the namespace is gone, the program is missing, the user is unknown.
    """
    identity = _identity(user)
    try:
        namespace = os.open(f"/proc/{holder}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise LabError(f"the lab is gone (process {holder}): start it again.") from error

    def enter() -> None:
        # First the namespace, which needs root; then the user.
        _check(_LIBC.setns(namespace, CLONE_NEWNET), "setns")
        if identity is not None:
            os.setgroups([])
            os.setgid(identity.pw_gid)
            os.setuid(identity.pw_uid)

    try:
        return _start(argv, enter, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]}: no such program: install it, or mend the path.") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError(f"{argv[0]} cannot be started in the lab ({error}): run as root.") from error
    finally:
        os.close(namespace)


def _start(
    argv: Sequence[str],
    prepare: Callable[[], None],
    *,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def in_child() -> None:
        prepare()
        # Last, because a change of user clears it.
        _check(_LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
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
        start_new_session=True,
    )


def enter_namespace(holder: int) -> None:
    """Move the calling thread, and only it, into the network namespace of process `holder`. OSError when refused."""
    namespace = os.open(f"/proc/{holder}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_LIBC.setns(namespace, CLONE_NEWNET), "setns")
    finally:
        os.close(namespace)


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


def _identity(user: str | None) -> pwd.struct_passwd | None:
    if user is None:
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise LabError(f"user {user!r} does not exist: add it (`useradd --system {user}`).") from error


def _check(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")
