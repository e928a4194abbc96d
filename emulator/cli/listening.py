"""What `serve` says of its ports: what listens where, what does not and why, and the ways to the ports below 1024.

Opens nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emulator.net.portmap import PortMap
from emulator.services.listeners import FORBIDDEN
from emulator.wire.control import Listener

SHOWN = 24  # runs of ports in one line
OFFSET = 10_000  # between a port below 1024 and the one that is proposed in its place


def show(console: Console, listeners: Sequence[Listener], ports: PortMap, *, quiet: bool) -> None:
    """The table of what listens (not when `quiet`), a line for each port that does not, and what helps."""
    if not quiet:
        console.print(_table(listeners, ports))
    for listener in listeners:
        if not listener.open:
            costs = ", ".join(listener.rows[:6]) + (" …" if len(listener.rows) > 6 else "")
            console.print(
                f"[bold yellow]not open:[/] {listener.transport} {listener.address}:{listener.port}: "
                f"{escape(listener.why)} (costs: {costs or 'nothing documented'})",
                highlight=False,
                soft_wrap=True,
            )
    forbidden = [listener for listener in listeners if not listener.open and FORBIDDEN in listener.why]
    if forbidden:
        console.print(escape(three_ways(forbidden, sys.argv[1:])), highlight=False, soft_wrap=True)


def three_ways(forbidden: Sequence[Listener], arguments: Sequence[str]) -> str:
    """How to get ports that only root may open, in commands that work as pasted."""
    rows = {row for listener in forbidden for row in listener.rows}
    ports = sorted({listener.port for listener in forbidden})
    copy = Path(sys.executable).with_name("python-ports")
    interpreter, mine = shlex.quote(os.path.realpath(sys.executable)), shlex.quote(str(copy))
    same = shlex.join(arguments)
    user = os.environ.get("USER") or "nobody"
    mapped = " ".join(f"--advertise {port}={port + OFFSET}" for port in ports)
    return "\n".join(
        [
            f"Ports {', '.join(map(str, ports))} are not open, which costs {len(rows)} rows. Three ways to get them:",
            "1. a copy of the interpreter that may open them, which nobody else may start (Linux):",
            f"     install -m 0700 {interpreter} {mine}",
            f"     sudo setcap cap_net_bind_service=+ep {mine}",
            f"     {mine} -m emulator {same}",
            "2. other ports, to which a router maps the public ones, or this machine for what comes from others:",
            f"     {_program()} {same} {mapped}",
            *(f"     {line}" for line in _rules(forbidden)),
            "3. root that is given up once the ports are open:",
            f"     sudo {_program()} {same} --user {shlex.quote(user)}",
        ]
    )


def _program() -> str:
    command = Path(sys.executable).with_name("messenger-lab")
    return shlex.quote(str(command)) if command.exists() else f"{shlex.quote(sys.executable)} -m emulator"


def _rules(forbidden: Sequence[Listener]) -> list[str]:
    """One nft table of our own; `dnat to :PORT` keeps the address that was asked, which `redirect` does not."""
    rules = []
    for transport in ("tcp", "udp"):
        for port in sorted({one.port for one in forbidden if one.transport == transport}):
            match = f"fib daddr type local {transport} dport {port}"
            rules.append(f"add rule ip messenger-lab in {match} dnat to :{port + OFFSET}")
    chain = "add chain ip messenger-lab in { type nat hook prerouting priority dstnat; }"
    text = "; ".join(["add table ip messenger-lab", chain, *rules])
    return [f"sudo nft '{text}'", "sudo nft delete table ip messenger-lab   # afterwards"]


def _table(listeners: Sequence[Listener], ports: PortMap) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "address", "ports", "for"):
        table.add_column(column)
    grouped: dict[tuple[str, str], list[Listener]] = defaultdict(list)
    for listener in listeners:
        if listener.open:
            grouped[(listener.transport, listener.address)].append(listener)
    for (transport, address), members in grouped.items():
        numbers = sorted(listener.port for listener in members)
        rows = {row for listener in members for row in listener.rows}
        table.add_row(transport, address, _ranges(numbers, ports), f"{len(rows)} rows")
    return table


def _ranges(numbers: Sequence[int], ports: PortMap) -> str:
    """Ports for people: runs folded, at most two dozen shown, what is bound in another's place beside it."""
    runs: list[list[int]] = []
    for port in numbers:
        if runs and port == runs[-1][1] + 1 and ports.bound(port) == port and ports.bound(runs[-1][1]) == runs[-1][1]:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    shown = []
    for low, high in runs:
        text = f"{low}-{high}" if low != high else str(low)
        shown.append(text if ports.bound(low) == low else f"{text} (bound: {ports.bound(low)})")
    if len(shown) > SHOWN:
        return " ".join(shown[:SHOWN]) + f" … ({len(numbers)} ports)"
    return " ".join(shown)
