"""What the device did beside a cable: lost, the same, better, unknown; also where other ports were drawn."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.judge.compare import Comparison, compare
from emulator.judge.flow import Flow
from emulator.judge.outcome import Outcome
from emulator.judge.verdicts import Verdict


def item(row: str, verdict: str, port: int = 1503, **more: Any) -> tuple[Flow, Verdict]:
    given = {"id": f"{row}@{port}", "uid": "00", "row": row, "row_kind": "clause", "exchange": "x", "transport": "tcp"}
    flow = Flow(**(given | {"host": "peer", "port": port} | more))
    return flow, Verdict(flow.id, verdict, "confirmed")


def look(before: list[Any], after: list[Any], **more: Any) -> Comparison:
    return compare(before, after, at=1.0, outcomes=more.pop("outcomes", ((), ())), **more)


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("pass", "blocked.rst", "lost"),
        ("blocked.rst", "blocked.rst", "same"),
        ("blocked.rst", "dpi", "same"),
        ("blocked.rst", "pass", "better"),
        ("pass", "unknown", "lost"),
    ],
)
def test_each_kind(was: str, now: str, kind: str) -> None:
    (change,) = look([item("a", was)], [item("a", now)]).changes
    assert (change.kind, change.was, change.now, change.flows) == (kind, was, now, ("a@1503",))


@pytest.mark.parametrize("was", [None, "unknown", "not-tested", "error"])
def test_what_the_cable_does_not_tell_is_not_the_devices_doing(was: str | None) -> None:
    found = look([item("a", was)] if was else [], [item("a", "blocked.rst")])
    assert (found.changes, found.unknown) == ((), ("a/x",))


def test_what_passes_both_times_is_no_change() -> None:
    assert look([item("a", "pass")], [item("a", "pass")]) == Comparison(1.0, (), ())


def test_other_ports_of_a_range_are_compared_by_their_row() -> None:
    then = [item("a", "pass", port) for port in (1025, 2000)]
    now = [item("a", "pass", 1025), item("a", "blocked.icmp", 4000), item("a", "blocked.icmp", 5000)]
    (change,) = look(then, now).changes
    assert (change.kind, change.now) == ("lost", "2 of 3 blocked.icmp, 1 of 3 pass")
    assert change.flows == ("a@4000", "a@5000")


def test_directions_and_exchanges_are_apart() -> None:
    then = [item("a", "pass"), item("a", "blocked.rst", direction="inward"), item("a", "pass", exchange="y")]
    now = [item("a", "dpi"), item("a", "blocked.rst", direction="inward"), item("a", "pass", exchange="y")]
    assert {(one.kind, one.direction) for one in look(then, now).changes} == {("lost", "outward"), ("same", "inward")}


@pytest.mark.parametrize("kind", ["journey", "leak"])
def test_steps_and_leaks_are_no_rows(kind: str) -> None:
    assert look([], [item("a", "blocked.rst", row_kind=kind)]) == Comparison(1.0, (), ())


def test_features_in_words() -> None:
    was = (Outcome("audio", "works"), Outcome("games", "broken", "no session"))
    now = (Outcome("audio", "degraded", "relay"), Outcome("games", "broken", "no session"))
    (change,) = look([], [], outcomes=(was, now)).features
    assert (change.feature, change.was, change.now) == ("audio", "works", "degraded (relay)")
