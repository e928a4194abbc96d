"""Who is root where: a user namespace for those who are not root, the way into a lab's namespaces, users within them.

Linux only; starts no process and builds no network. Sources: user_namespaces(7), setns(2), unshare(2).
"""

from __future__ import annotations

import ctypes
import os
import pwd
from pathlib import Path

from emulator.lab.addressing import LabError

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
RESOLVER = "/etc/resolv.conf"
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21  # bits of CapEff
REMEDY = "`messenger-lab doctor` says what forbids it, or run as root"

# Loaded before any fork: between fork and exec only calls that are already resolved are safe.
_LIBC = ctypes.CDLL(None, use_errno=True)

# What may forbid user namespaces: the setting, the value that does, and the remedy.
SETTINGS = (
    ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


def call(name: str, *arguments: int | bytes) -> None:
    """A system call of libc by name. Raises OSError."""
    if getattr(_LIBC, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def privileged() -> bool:
    """True when this process may make network namespaces and what is in them: root, or root of a user namespace."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    held = next((int(row.split()[1], 16) for row in status.splitlines() if row.startswith("CapEff:")), 0)
    return bool(held >> CAP_NET_ADMIN & 1 and held >> CAP_SYS_ADMIN & 1)


def acquire() -> None:
    """Make this process root of a user namespace of its own, unless it is privileged already. There is no way back.

    Files stay those of the user that it was. Call it before the first thread starts: the kernel refuses it then.
    Raises LabError with the setting that forbids it.
    """
    if privileged():
        return
    uid, gid = os.geteuid(), os.getegid()
    try:
        call("unshare", CLONE_NEWUSER)
        _map(0, uid, 0, gid)
    except OSError as error:
        what, remedy = obstacle() or (
            "the kernel or a container refuses",
            "in a container add --cap-add SYS_ADMIN,NET_ADMIN",
        )
        raise LabError(f"no user namespace can be made ({error}; {what}): {remedy}, or run as root.") from error


def obstacle() -> tuple[str, str] | None:
    """What forbids user namespaces to ordinary users on this machine, and the remedy; None when nothing known does."""
    if not Path("/proc/self/ns/user").exists():
        return "this kernel has no user namespaces", "use one with CONFIG_USER_NS"
    for name, forbids, remedy in SETTINGS:
        try:
            value = Path("/proc/sys", name).read_text().strip()
        except OSError:
            continue  # a setting that this kernel does not have forbids nothing
        if value == forbids:
            return f"{name.replace('/', '.')} is {value}", remedy
    return None


def person() -> int:
    """The user that this process was before `acquire`; else the one that it is."""
    uid = os.geteuid()
    rows = [[int(field) for field in row.split()] for row in Path("/proc/self/uid_map").read_text().splitlines()]
    return rows[0][1] if len(rows) == 1 and rows[0][2] == 1 and rows[0][0] == uid else uid


class Door:
    """The way into the namespaces of a process: opened before a fork, gone through in the child, closed behind it.

    Through a lab of one's own (`acquire`) and of another process of the same user alike. `user`: whom to be inside.
    `own_memory`: with a /dev/shm of its own, which vanishes with it. `resolver`: file in place of /etc/resolv.conf.
    Raises LabError: gone, or no such user.
    """

    def __init__(
        self, holder: int, user: str | None = None, *, own_memory: bool = False, resolver: Path | None = None
    ) -> None:
        self._mounts: list[tuple[bytes, bytes, bytes, int, bytes]] = []
        if own_memory:
            self._mounts.append((b"tmpfs", b"/dev/shm", b"tmpfs", 0, b"mode=1777"))
        if resolver is not None and Path(RESOLVER).exists():
            self._mounts.append((bytes(resolver), RESOLVER.encode(), b"none", MS_BIND, b""))
        self._identity = None if user is None else _identity(user)
        self._nested = self._identity is not None and owner(holder, self._identity.pw_uid) is None
        self._user = -1
        try:
            self._net = os.open(f"/proc/{holder}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            if not _same_user_namespace(holder):
                self._user = os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise LabError(f"the lab of process {holder} belongs to another user: work as that user.") from error
        except OSError as error:
            raise LabError(f"the lab is gone (process {holder}): start it again.") from error

    def enter(self) -> None:
        """Move the calling process, which has one thread, inside. Raises OSError."""
        if self._user >= 0:
            call("setns", self._user, CLONE_NEWUSER)  # first: it gives the right to the second
        call("setns", self._net, CLONE_NEWNET)
        if self._mounts:
            call("unshare", CLONE_NEWNS)
            call("mount", b"none", b"/", b"none", MS_REC | MS_PRIVATE, b"")  # else they would be everybody's
        for mount in self._mounts:
            call("mount", *mount)
        if self._identity is None:
            return
        if self._nested:
            # Only one user exists in there, and a squid that finds itself root wants to become another.
            call("unshare", CLONE_NEWUSER)
            _map(self._identity.pw_uid, 0, self._identity.pw_gid, 0)
            return
        os.setgroups([])
        os.setgid(self._identity.pw_gid)
        os.setuid(self._identity.pw_uid)

    def close(self) -> None:
        for descriptor in (self._user, self._net):
            if descriptor >= 0:
                os.close(descriptor)


def enter_network(holder: int) -> None:
    """Move the calling thread, and only it, into the network namespace of process `holder`. OSError when refused."""
    namespace = os.open(f"/proc/{holder}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("setns", namespace, CLONE_NEWNET)
    finally:
        os.close(namespace)


def owner(holder: int, uid: int) -> int | None:
    """How the user `uid` of a process's user namespace is called in ours; None when it does not exist in there."""
    try:
        rows = Path(f"/proc/{holder}/uid_map").read_text().splitlines()
    except OSError:
        return None
    for first, outside, count in ([int(field) for field in row.split()] for row in rows):
        if first <= uid < first + count:
            return uid if _same_user_namespace(holder) else outside + uid - first
    return None


def give(holder: int, user: str, paths: list[Path]) -> None:
    """Make files the property of `user` inside; where only one user exists, they are already. Raises LabError."""
    identity = _identity(user)
    uid = owner(holder, identity.pw_uid)
    for path in paths:
        path.chmod(0o700 if path.is_dir() else 0o600)
        if uid is not None:
            os.chown(path, uid, identity.pw_gid)


def _same_user_namespace(holder: int) -> bool:
    one, other = (os.stat(f"/proc/{process}/ns/user") for process in (holder, "self"))
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _identity(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise LabError(f"user {user!r} does not exist: add it (`useradd --system {user}`).") from error


def _map(uid: int, outer_uid: int, gid: int, outer_gid: int) -> None:
    """Be `uid` and `gid` in the user namespace that was just made."""
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")  # else an ordinary user may not map a group
    (own / "gid_map").write_text(f"{gid} {outer_gid} 1")
    (own / "uid_map").write_text(f"{uid} {outer_uid} 1")
