"""Which rule speaks of which flow."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.scenario.model import Ports, Rule, matches

CATALOG = load()


def flow(**more: Any) -> Flow:
    values: dict[str, Any] = {
        "id": "x",
        "uid": "0" * 32,
        "row": "audio-udp-30000-65535",
        "row_kind": "clause",
        "feature": "audio",
        "exchange": "media-audio",
        "transport": "udp",
        "host": "peer",
        "port": 30000,
    }
    return Flow(**(values | more))


def rule(*rows: str, **more: Any) -> Rule:
    return Rule(rows=rows or ("*",), must="pass", **more)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (rule(), flow(), True),
        (rule("audio"), flow(), True),
        (rule("audio-udp-30000-65535"), flow(), True),
        (rule("video", "audio"), flow(), True),
        (rule("video"), flow(), False),
        (rule("gateway"), flow(row="gateway", row_kind="endpoint", feature=""), True),
        (rule("leak"), flow(row="leak-tcp-21", row_kind="leak", feature=""), True),
        (rule("leak"), flow(), False),
        (rule("note"), flow(row="proxy-note", row_kind="note", feature=""), True),
        (rule(transport="udp"), flow(), True),
        (rule(transport="tcp"), flow(), False),
        (rule(ports=Ports(((80, 80), (30000, 65535)))), flow(), True),
        (rule(ports=Ports(((80, 80), (30001, 65535)))), flow(), False),
        (rule(parity="even"), flow(), True),
        (rule(parity="odd"), flow(), False),
        (rule(parity="odd"), flow(port=65535), True),
        (rule(agent=True), flow(agent=CATALOG.note.agent), True),
        (rule(agent=True), flow(agent="Mozilla/4.0"), False),
        (rule(agent=False), flow(), True),
        (rule(via="proxy"), flow(via="http://192.0.2.1:3128"), True),
        (rule(via="proxy"), flow(), False),
        (rule(via="direct"), flow(), True),
        (rule("audio", transport="udp", parity="odd"), flow(), False),
    ],
)
def test_all_conditions_must_hold(one: Rule, other: Flow, expected: bool) -> None:
    assert matches(one, other, CATALOG) is expected
