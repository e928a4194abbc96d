"""Who descends from a process or lives in a network of its making, and whether they are gone. Not a test."""

from __future__ import annotations

import os
import select
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


def family(parent: int) -> dict[int, str]:
    """A parent, its descendants, and all who live in a network namespace of theirs, with their namespaces."""
    known = networks()
    members = {parent}
    for _ in range(8):  # generations
        members |= {pid for pid in known if _parent(pid) in members}
    own = {known[pid] for pid in members if pid in known} - {known[os.getpid()]}
    return {pid: network for pid, network in known.items() if pid in members or network in own}


def own_networks(members: dict[int, str]) -> set[str]:
    return set(members.values()) - {networks()[os.getpid()]}


def await_gone(members: dict[int, str], limit: float = 10.0) -> None:
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


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
