"""The runner's own decisions: what is not tried because nobody listens, and a stop before anything was started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.probe.control import ControlLost, ControlRefused
from emulator.probe.plan import plan
from emulator.probe.survey import Surveyed
from emulator.runner import passes
from emulator.runner.passes import Options, Runner, closed_flows
from emulator.scenario.load import load as load_scenario
from emulator.wire.control import Listener
from emulator.wire.join import Join

CATALOG = load()
FLOWS = plan(CATALOG, seed=b"x", samples=0, uid=lambda: "00" * 16)


def join(**addresses: str) -> Join:
    known = dict.fromkeys((*CATALOG.host_names, "peer"), "192.0.2.1") | {"second": "192.0.2.2"} | addresses
    return Join(
        format=1,
        emulator="x",
        created=0,
        expires=0,
        control=(),
        pin="",
        token="",
        seed="00",
        samples=0,
        relay_key="",
        catalog=CATALOG.digest,
        root="",
        addresses=known,
    )


def closed(*listeners: Listener) -> set[str]:
    return set(closed_flows(FLOWS, join(), listeners))


def on(transport: str, port: int, host: str = "") -> set[str]:
    return {f.id for f in FLOWS if (f.transport, f.port) == (transport, port) and host in ("", f.host)}


class TestClosed:
    """Flows to a place where the far end could not listen say so instead of claiming a block."""

    def test_tcp_on_all_addresses(self) -> None:
        assert closed(Listener("tcp", "0.0.0.0", 1863, False, (), "taken")) == on("tcp", 1863)

    def test_udp_on_one_address_of_two(self) -> None:
        first = Listener("udp", "192.0.2.1", 7001, False, (), "taken")
        second = Listener("udp", "192.0.2.2", 7001, True)
        lost = closed(first, second)
        assert "network-detection-udp-7001/echo-udp" in lost
        assert not {flow.id for flow in FLOWS if flow.host == "second"} & lost

    def test_open_or_unknown_ports_are_tried(self) -> None:
        assert closed(Listener("tcp", "192.0.2.1", 80, True)) == set()
        assert closed() == set()

    def test_the_reason_is_kept(self) -> None:
        listener = Listener("tcp", "192.0.2.1", 1503, False, (), "tcp 1503 is taken")
        assert closed_flows(FLOWS, join(), [listener])["whiteboard-tcp-1503/t120"] == "tcp 1503 is taken"


class Channel:
    """A control channel that behaves as a test says."""

    behave: Any = None
    closed = False

    def __init__(self, reactor: Any, join: Join) -> None:
        type(self).closed = False

    async def open(self) -> None:
        type(self).behave()

    def close(self) -> None:
        type(self).closed = True


def run(runner: Runner) -> Any:
    scenario = load_scenario("open", CATALOG, cwd=Path("/"))
    return runner.run(scenario, scenario.passes[0], Options(seed="00", samples=0, timeout=0.2))


def make(monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(passes, "Control", Channel)
    return Runner(reactor, CATALOG, join(), now=time.time, entropy=os.urandom, progress=lambda done, total: None)


@pytest_twisted.ensureDeferred
async def test_a_stop_while_the_control_channel_is_opened_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make(monkeypatch)

    def stop() -> None:
        runner.stop("interrupted")
        raise ControlLost("gone")

    monkeypatch.setattr(Channel, "behave", staticmethod(stop))
    record = await run(runner)
    assert {item.observation.ending for item in record.judged} == {"not-started"}
    assert {item.verdict.verdict for item in record.judged} == {"not-tested"}
    assert {item.state for item in record.expectations} == {"undecided"}
    assert {outcome.outcome for outcome in record.outcomes} == {"not-tested"}
    assert Channel.closed


@pytest_twisted.ensureDeferred
async def test_a_refusal_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make(monkeypatch)

    def refuse() -> None:
        raise ControlRefused("wrong token")

    monkeypatch.setattr(Channel, "behave", staticmethod(refuse))
    with pytest.raises(ControlRefused, match="wrong token"):
        await run(runner)
    assert Channel.closed


class TestControlOfAFlow:
    """When the channel was lost, what ended well before has been asked for; what ended later has not."""

    @pytest.mark.parametrize(
        ("control", "ended", "expected"),
        [
            ("up", 99.0, "up"),
            ("absent", 1.0, "absent"),
            ("lost", 1.0, "up"),
            ("lost", 9.9, "lost"),
            ("lost", 99.0, "lost"),
        ],
    )
    def test_states(self, control: Any, ended: float, expected: str) -> None:
        flow: Flow = FLOWS[0]
        surveyed = Surveyed((flow,), {}, (), {}, control, last_good=10.0)
        assert surveyed.control_of(Observation(flow.id, "done", "completed", 0.0, ended)) == expected
