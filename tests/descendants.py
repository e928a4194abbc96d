"""Who descends from a process or lives in a network of its making, and whether they are gone. Not a test."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic


def networks() -> dict[int, str]:
    """The network namespace of every process."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                found[int(path.name)] = os.readlink(path / "ns" / "net")
            except OSError:
                continue  # gone meanwhile
    return found


class Family(dict[int, str]):
    """Processes with their network namespaces. These stay open: the number of one that is gone may name another."""

    def __init__(self, members: dict[int, str]) -> None:
        super().__init__(members)
        self._open: list[int] = []
        for pid, network in members.items():
            try:
                descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue  # gone meanwhile
            if network == f"net:[{os.fstat(descriptor).st_ino}]":
                self._open.append(descriptor)
            else:
                os.close(descriptor)

    def __del__(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)


def family(parent: int) -> Family:
    """A parent, its descendants, and all who live in a network namespace of theirs, with their namespaces."""
    known = networks()
    members = {parent}
    for _ in range(8):  # generations
        members |= {pid for pid in known if _parent(pid) in members}
    own = {known[pid] for pid in members if pid in known} - {known[os.getpid()]}
    return Family({pid: network for pid, network in known.items() if pid in members or network in own})


def own_networks(members: dict[int, str]) -> set[str]:
    return set(members.values()) - {networks()[os.getpid()]}


def await_gone(members: Family, limit: float = 10.0) -> None:
    """Wait until all are gone; no network of theirs may be left."""
    lost = own_networks(members)
    deadline = monotonic() + limit
    for pid in members:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([descriptor], [], [], max(0.0, deadline - monotonic()))
            assert ended, f"process {pid} still runs: {Path(f'/proc/{pid}/cmdline').read_text()}"
        finally:
            os.close(descriptor)
    assert not lost & set(networks().values())


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens, this process is not left running."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=5)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
