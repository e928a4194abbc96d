"""Geometry of the page's two drawings: the lanes between inside and outside, and the strip of a port range.

Numbers and words only; the templates make SVG of them. Not to scale in anything but the port axis.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from emulator.catalog.model import Clause
from emulator.judge.flow import Direction
from emulator.judge.record import Judged, PassRecord
from emulator.report.summary import RowSummary
from emulator.report.words import Lane, meaning, place, whose

STRIP_WIDTH = 240  # user units from the lowest to the highest port
STRIP_MARGIN = 8
STRIP_MIDDLE = 15  # passing ports stand above this line, stopped ones hang below it
RADIUS = 2.6

LANE_HEIGHT = 46
HEAD_HEIGHT = 70

State = Literal["pass", "stop", "open"]
LANE_STATE: dict[Lane, State] = {"through": "pass", "open": "open"}


class LaneLine(msgspec.Struct, frozen=True):
    """One kind of fate: how many flows, in words, whose device, and how the arrow is drawn."""

    lane: Lane
    state: State
    count: int
    verdict: str
    words: str
    devices: str
    y: int
    inward: bool


class Drawing(msgspec.Struct, frozen=True):
    """Lanes of a pass from top to bottom. `inside` and `outside` are addresses as flows used them."""

    lanes: tuple[LaneLine, ...]
    height: int
    inside: str
    outside: str
    device: str
    proxy: str


class Strip(msgspec.Struct, frozen=True):
    """A range of ports as SVG paths: `passed` and `stopped` decide, `fixed_*` are fixed ports of other clauses."""

    low: int
    high: int
    passed: str
    stopped: str
    undecided: str
    fixed_passed: str
    fixed_stopped: str
    words: str
    width: int = STRIP_WIDTH + 2 * STRIP_MARGIN


def drawing(record: PassRecord) -> Drawing:
    """Everything that became of the flows of a pass, passing ones first, then by number."""
    grouped: dict[tuple[str, Direction], list[Judged]] = {}
    for item in record.judged:
        grouped.setdefault((item.verdict.verdict, item.flow.direction), []).append(item)
    order = sorted(grouped.items(), key=lambda pair: (pair[0][0] != "pass", -len(pair[1])))
    lanes = tuple(
        _lane(verdict, direction, items, HEAD_HEIGHT + at * LANE_HEIGHT)
        for at, ((verdict, direction), items) in enumerate(order)
    )
    outward = [item for item in record.judged if item.flow.direction == "outward"]
    return Drawing(
        lanes=lanes,
        height=HEAD_HEIGHT + len(lanes) * LANE_HEIGHT + 6,
        inside=_addresses([item.observation.local.address for item in outward if item.observation.local]),
        outside=_addresses(
            [item.observation.remote.address for item in outward if item.observation.remote and not item.flow.via]
        ),
        device=record.firewall or "device under test",
        proxy=record.proxy.partition("://")[2] or record.proxy,
    )


def _lane(verdict: str, direction: Direction, items: list[Judged], y: int) -> LaneLine:
    lane = place(verdict).lane
    devices = Counter(whose(item) for item in items)
    devices.pop("", None)
    named = ", ".join(name for name, _ in devices.most_common(3)) + (" …" if len(devices) > 3 else "")
    inward = direction == "inward"
    words = meaning(verdict, direction)
    if verdict == "pass" and not inward:
        words = "both ends saw the same bytes, out and back"
    return LaneLine(lane, LANE_STATE.get(lane, "stop"), len(items), verdict, words, named, y, inward)


def _addresses(seen: list[str]) -> str:
    different = list(dict.fromkeys(seen))
    if not different:
        return ""
    return different[0] if len(different) == 1 else f"{len(different)} addresses"


def strip(clause: Clause, summary: RowSummary) -> Strip | None:
    """The strip of a range; None for a single port."""
    if clause.low == clause.high:
        return None
    ports: dict[str, list[int]] = {name: [] for name in ("pass", "stop", "open", "fixed-pass", "fixed-stop")}
    for port, items in sorted(_by_port(summary).items()):
        fixed = not any(item.flow.decides for item in items)
        state = _state(items)
        ports[f"fixed-{'pass' if state == 'pass' else 'stop'}" if fixed else state].append(port)
    tried = len(ports["pass"]) + len(ports["stop"]) + len(ports["open"])
    return Strip(
        low=clause.low,
        high=clause.high,
        passed="".join(f"M{_x(clause, port)} {STRIP_MIDDLE}V3" for port in ports["pass"]),
        stopped="".join(f"M{_x(clause, port)} {STRIP_MIDDLE}V27" for port in ports["stop"]),
        undecided="".join(f"M{_x(clause, port)} 10V20" for port in ports["open"]),
        fixed_passed="".join(_ring(_x(clause, port), 7) for port in ports["fixed-pass"]),
        fixed_stopped="".join(_ring(_x(clause, port), 23) for port in ports["fixed-stop"]),
        words=(
            f"ports {clause.ports}: {len(ports['pass'])} of {tried} tested ports pass"
            + (f" ({_listed(ports['pass'])})" if ports["pass"] else "")
            + (f"; stopped: {_listed(ports['stop'])}" if ports["stop"] else "")
            + (f"; undecided: {_listed(ports['open'])}" if ports["open"] else "")
        ),
    )


def _by_port(summary: RowSummary) -> dict[int, list[Judged]]:
    grouped: dict[int, list[Judged]] = {}
    for item in summary.members:
        grouped.setdefault(item.flow.port, []).append(item)
    return grouped


def _state(items: list[Judged]) -> State:
    """A port passes when all that was tried there passes."""
    if all(item.verdict.passed for item in items):
        return "pass"
    return "stop" if any(item.verdict.decided and not item.verdict.passed for item in items) else "open"


def _x(clause: Clause, port: int) -> str:
    return f"{STRIP_MARGIN + (port - clause.low) / (clause.high - clause.low) * STRIP_WIDTH:.1f}".removesuffix(".0")


def _ring(x: str, y: int) -> str:
    left = f"{float(x) - RADIUS:.1f}".removesuffix(".0")
    return f"M{left} {y}a{RADIUS} {RADIUS} 0 1 0 {2 * RADIUS} 0a{RADIUS} {RADIUS} 0 1 0 -{2 * RADIUS} 0"


def _listed(ports: list[int]) -> str:
    return ", ".join(str(port) for port in ports)
