"""The second look without a network: what is tried again, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from emulator.judge.flow import Flow
from emulator.judge.observation import Ending, Observation
from emulator.probe.crowd import SECOND_LOOKS, SecondLook, second_look

PORTS = range(6891, 6901)


def flow(port: int, *, row: str = "file-transfer-legacy", decides: bool = True, via: str = "") -> Flow:
    return Flow(
        id=f"{row}@{port}",
        uid="00",
        row=row,
        row_kind="clause",
        exchange="msnftp",
        transport="tcp",
        host="peer",
        port=port,
        decides=decides,
        via=via,
    )


def seen(one: Flow, ending: Ending) -> Observation:
    stage = "done" if ending == "completed" else "connect"
    return Observation(one.id, stage, ending, 0.0, 1.0)  # type: ignore[arg-type]


def look(flows: list[Flow], first: Mapping[int, Ending], second: Mapping[int, Ending]) -> tuple[SecondLook, list[int]]:
    """`first` and `second`: endings by port; what is not named completed."""
    tried: list[int] = []

    async def retry(again: list[Flow]) -> dict[str, Observation]:
        tried.extend(one.port for one in again)
        return {one.id: seen(one, second.get(one.port, "completed")) for one in again}

    observations = {one.id: seen(one, first.get(one.port, "completed")) for one in flows}
    looking = second_look(flows, observations, retry)
    with pytest.raises(StopIteration) as done:  # it waits for nothing but `retry`
        looking.send(None)
    return done.value.value, tried


SILENT: dict[int, Ending] = dict.fromkeys((6898, 6899, 6900), "silence")


def test_what_passed_before_and_is_silent_now_means_that_nothing_new_passes() -> None:
    found, tried = look([flow(port) for port in PORTS], SILENT, dict.fromkeys(PORTS, "silence"))
    assert (found.crowd, found.passed, len(found.silent)) == ("full", 7, 3)
    assert tried == [6899, 6900, 6891, 6892]
    assert "connection table is full" in found.note


def test_what_was_silent_and_passes_alone_was_one_too_many() -> None:
    found, _ = look([flow(port) for port in PORTS], SILENT, {})
    assert (found.crowd, found.silent) == ("limit", tuple(f"file-transfer-legacy@{port}" for port in SILENT))
    assert "pass alone" in found.note


@pytest.mark.parametrize("second", [SILENT, {6900: "silence"}])
def test_what_stays_silent_is_the_port(second: dict[int, Ending]) -> None:
    found, tried = look([flow(port) for port in PORTS], SILENT, second)
    assert (found.crowd, found.note, found.silent) == ("", "", ())
    assert len(tried) == 2 * SECOND_LOOKS


@pytest.mark.parametrize(
    "flows",
    [
        [flow(6891), flow(6900, row="games")],  # of another kind
        [flow(6891), flow(6900, decides=False)],  # a port of another clause inside a range
        [flow(6891), flow(6900, via="http://192.0.2.1:3128")],  # a proxy's business
        [flow(6899), flow(6900)],  # all silent
        [flow(6891), flow(6892)],  # none silent
    ],
)
def test_nothing_is_tried_again_without_a_reason(flows: list[Flow]) -> None:
    found, tried = look(flows, SILENT, {})
    assert (found, tried) == (SecondLook(""), [])
