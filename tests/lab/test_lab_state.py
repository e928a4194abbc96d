"""The lab that stays up: started, found, entered, ended, and what happens when its parts fail."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from endings import in_any_case
from traffic import dial, listen

from emulator.lab import state
from emulator.lab.addressing import LabError
from emulator.lab.process import end, start_time

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SERVE = [sys.executable, "-c", "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(600)"]


@pytest.fixture
def place(runtime: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = runtime / f"state-{abs(hash(request.node.name))}"
    with in_any_case(partial(state.down, runtime=path)):
        yield path


def gone(pid: int, limit: float = 10.0) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], limit)[0])
    finally:
        os.close(descriptor)


def test_up_status_apply_down(place: Path) -> None:
    ready = place / "ready"
    assert state.status(runtime=place) is None
    up = state.up([*SERVE, str(ready)], ready=ready, runtime=place)
    assert ready.exists()
    assert state.status(runtime=place) == up
    assert os.readlink(f"/proc/{up.server}/ns/net") == os.readlink(f"/proc/{up.holders['outside']}/ns/net")
    with pytest.raises(LabError, match="is up already: use it, or end it with `messenger-lab lab down`"):
        state.up(SERVE, runtime=place)
    with state.load_lab(runtime=place) as boxes, state.alone("lab", runtime=place):
        with pytest.raises(LabError, match="another run is using the lab"), state.alone("lab", runtime=place):
            pass
        state.apply(SCENARIOS / "open.nft", runtime=place)
        server = listen(boxes, boxes.addresses["peer"], [1863], [])
        assert dial(boxes, [("tcp", boxes.addresses["peer"], 1863)]) == {"tcp/1863": "answer"}
        state.apply(SCENARIOS / "no-1863.nft", runtime=place)
        assert dial(boxes, [("tcp", boxes.addresses["peer"], 1863)], limit=0.3) == {"tcp/1863": "silence"}
        end(server, grace=0)
    assert state.status(runtime=place) == up
    (place / "lab.run").touch()  # as a run that was killed leaves it
    assert state.down(runtime=place)
    assert not state.down(runtime=place)
    assert all(gone(pid) for pid in (up.keeper, up.server, *up.holders.values()))
    assert state.status(runtime=place) is None
    assert not Path(up.directory).exists()
    assert list(place.iterdir()) == [ready]  # which is the test's own


def test_a_killed_keeper_takes_the_lab_along(place: Path) -> None:
    up = state.up([*SERVE, "/dev/null"], runtime=place)
    os.kill(up.keeper, signal.SIGKILL)
    assert all(gone(pid) for pid in (up.keeper, up.server, *up.holders.values()))
    assert state.status(runtime=place) is None
    assert not state.state_file("lab", place).exists()
    with pytest.raises(LabError, match="no lab 'lab' is up: start one with `messenger-lab lab up`"):
        state.load_lab(runtime=place)
    state.join_file("lab", place).touch()  # as `up` leaves it there
    assert not state.down(runtime=place)
    assert [path for path in place.iterdir() if path.is_file()] == []


def test_the_lab_goes_when_the_emulator_does(place: Path) -> None:
    up = state.up([*SERVE, "/dev/null"], runtime=place)
    os.kill(up.server, signal.SIGKILL)
    assert all(gone(pid) for pid in (up.keeper, *up.holders.values()))
    assert state.status(runtime=place) is None


def test_an_emulator_that_cannot_start_is_quoted(place: Path) -> None:
    with pytest.raises(LabError, match=r"(?s)ended with code 3 before it was ready.*no such port"):
        state.up(["sh", "-c", "echo no such port >&2; exit 3"], ready=place / "never", runtime=place)
    assert state.status(runtime=place) is None
    with pytest.raises(LabError, match="no-such-program: no such program"):
        state.up(["no-such-program"], runtime=place)
    assert [path.name for path in place.iterdir()] == ["lab.log"]  # to be read
    assert not state.down(runtime=place)
    assert list(place.iterdir()) == []


def test_labs_of_different_names_stand_side_by_side(place: Path) -> None:
    one = state.up([*SERVE, "/dev/null"], name="one", runtime=place)
    other = state.up([*SERVE, "/dev/null"], name="other", runtime=place)
    try:
        assert len({*one.holders.values(), *other.holders.values()}) == 6
        assert state.down(name="one", runtime=place)
        assert start_time(other.keeper) == other.keeper_started
        assert state.status(name="other", runtime=place) == other
    finally:
        state.down(name="one", runtime=place)
        state.down(name="other", runtime=place)


def test_a_broken_state_file_is_named(place: Path) -> None:
    place.mkdir()
    state.state_file("lab", place).write_text("{")
    with pytest.raises(LabError, match=r"lab\.json: .*Delete it when no lab is up"):
        state.status(runtime=place)
    state.state_file("lab", place).unlink()


def test_serve_command_is_the_command_line() -> None:
    assert state.serve_command(["--quiet"]) == [sys.executable, "-m", "emulator", "serve", "--quiet"]
