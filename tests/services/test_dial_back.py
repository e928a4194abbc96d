"""Where the emulator dials: the observed address of a vantage, or where its operator said; nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

import pytest
from twisted.internet.task import Clock

from emulator.catalog import load
from emulator.services.journal import Journal
from emulator.services.operations import MOST_DIALS, Operations
from emulator.services.runs import ALIVE, MOST_RUNS
from emulator.services.surroundings import Surroundings
from emulator.wire.control import Announce, Dial, Dialled, Expected, Inward, RunStart
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting

CATALOG = load()
HERE, THERE, STRANGER = "192.0.2.10", "203.0.113.7", "198.51.100.66"
TAG = "ab" * 16
FLOWS = (Inward("whiteboard-tcp-1503/t120/inward", "t120", "00" * 8, "tcp", 1503),)


class Back:
    """Notes whom it is told to dial."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.stopped = 0
        self.dialled = Dialled(True)

    def start(self, address: str, timeout: float, flows: Sequence[Inward]) -> None:
        self.started.append((address, len(flows)))

    def stop(self) -> None:
        self.stopped += 1


class Listeners:
    """Nothing listens here."""

    table: tuple[Any, ...] = ()

    def open_samples(self, seed: bytes, samples: int) -> list[Any]:
        return []


class Room:
    def __init__(self, back: Back | None, known: tuple[str, ...] = (), make_back: Any = None) -> None:
        clock = self.clock = Clock()
        self.forgotten: list[float] = []
        self.journal = Journal(clock.seconds)
        surroundings = Surroundings(
            addresses=dict.fromkeys((*CATALOG.host_names, "peer", "second"), THERE),
            relay_port=30478,
            echo_port=7001,
            relay_key=b"",
            now=clock.seconds,
            entropy=lambda count: bytes(count),
        )
        networks = tuple(IPv4Network(one) for one in known)
        self.operations = Operations(
            clock,
            CATALOG,
            self.journal,
            Listeners(),
            surroundings,
            make_back or (None if back is None else lambda: back),
            networks,  # type: ignore[arg-type]
            forget=lambda: self.forgotten.append(clock.seconds()),
        )
        self.run = self.operations.start_run(RunStart("inside", CATALOG.digest, 0, "00"), HERE).run
        self.operations.announce(Announce(self.run, (Expected("msnp", "msnp", TAG, "tcp", 1863),)))

    def arrives(self, address: str, tag: str = TAG) -> None:
        entry = self.journal.open("tcp", Endpoint(THERE, 1863), Endpoint(address, 40000))
        entry.sight(Sighting("msnp", tag))

    def dial(self, address: str, observed: str = "", **changes: Any) -> Any:
        asked: dict[str, Any] = {"run": self.run, "address": address, "timeout": 1.0, "flows": FLOWS}
        return self.operations.dial(Dial(**(asked | changes)), observed)


@pytest.fixture
def back() -> Back:
    return Back()


def test_where_a_flow_of_the_run_came_from_is_dialled(back: Back) -> None:
    room = Room(back)
    room.arrives(HERE)
    assert room.dial(HERE).address == HERE
    assert back.started == [(HERE, 1)]


def test_before_anything_arrived_nothing_is_dialled(back: Back) -> None:
    answer = Room(back).dial(HERE)
    assert (answer.address, answer.later, back.started) == ("", True, [])


def test_nobody_can_have_a_stranger_dialled(back: Back) -> None:
    room = Room(back)
    room.arrives(HERE)
    room.arrives(STRANGER, tag="cd" * 16)  # somebody else's flow, or one of another run
    assert room.dial(STRANGER).address == HERE  # what was observed, not what was asked for
    assert [address for address, _ in back.started] == [HERE]


def test_where_a_former_run_came_from_is_forgotten(back: Back) -> None:
    room = Room(back)
    room.arrives(STRANGER)
    room.run = room.operations.start_run(RunStart("inside", CATALOG.digest, 0, "00"), HERE).run
    answer = room.dial(HERE)
    assert (answer.address, answer.later, back.started) == ("", True, [])


def test_behind_a_translation_the_outer_address_is_dialled(back: Back) -> None:
    room = Room(back, known=("192.0.2.0/24",))
    room.arrives("203.0.113.1")
    assert room.dial(HERE, anyway=True).address == "203.0.113.1"


def test_where_the_control_channel_comes_from_will_do(back: Back) -> None:
    assert Room(back).dial(HERE, observed=HERE).address == HERE


def test_the_operator_may_name_networks(back: Back) -> None:
    room = Room(back, known=("192.0.2.0/24",))
    assert room.dial(HERE).later, "what arrives may still tell"
    assert room.dial(HERE, anyway=True).address == HERE
    for address in (STRANGER, "not an address", ""):
        assert room.dial(address, anyway=True).address == ""
    assert [address for address, _ in back.started] == [HERE]


@pytest.mark.parametrize(
    ("changes", "why"), [({"run": "another"}, "is over"), ({"flows": FLOWS * (MOST_DIALS + 1)}, "fewer samples")]
)
def test_what_is_not_dialled_is_explained(back: Back, changes: dict[str, Any], why: str) -> None:
    room = Room(back)
    room.arrives(HERE)
    answer = room.dial(HERE, **changes)
    assert (answer.address, answer.later) == ("", False)
    assert why in answer.why
    assert back.started == []


def test_an_emulator_that_does_not_dial_says_so() -> None:
    room = Room(None)
    assert "opens no flows" in room.dial(HERE).why
    assert room.operations.dialled() == Dialled(True)


def test_the_end_gives_up_what_is_under_way(back: Back) -> None:
    Room(back).operations.stop()
    assert back.stopped == 1


class TestTwoRunsAtOnce:
    """Two vantages: neither takes what the other has."""

    @pytest.fixture
    def backs(self) -> list[Back]:
        return []

    @pytest.fixture
    def room(self, backs: list[Back]) -> Room:
        def make() -> Back:
            backs.append(Back())
            return backs[-1]

        return Room(None, make_back=make)

    def second(self, room: Room) -> str:
        name = room.operations.start_run(RunStart("branch", CATALOG.digest, 0, "00"), STRANGER).run
        room.operations.announce(Announce(name, (Expected("msnp", "msnp", "cd" * 16, "tcp", 1863),)))
        return name

    def test_each_is_dialled_where_its_own_flows_came_from(self, room: Room, backs: list[Back]) -> None:
        other = self.second(room)
        room.arrives(STRANGER, tag="cd" * 16)
        assert room.dial(HERE).later, "what arrived was the other's"
        room.arrives(HERE)
        assert room.dial(HERE).address == HERE
        assert room.dial(STRANGER, run=other).address == STRANGER
        assert [back.started for back in backs] == [[(HERE, 1)], [(STRANGER, 1)]]
        assert not any(back.stopped for back in backs)

    def test_datagrams_of_one_that_goes_on_keep_their_receipt(self, room: Room) -> None:
        entry = room.journal.datagram(Endpoint(THERE, 7001), Endpoint(HERE, 4000))
        self.second(room)
        assert room.journal.datagram(Endpoint(THERE, 7001), Endpoint(HERE, 4000)) is entry

    def test_one_that_is_silent_for_long_is_over(self, room: Room, backs: list[Back]) -> None:
        room.clock.advance(ALIVE + 1)
        other = self.second(room)
        assert "is over" in room.dial(HERE).why
        assert backs[0].stopped
        assert room.operations.status().run == other

    def test_a_heartbeat_keeps_it(self, room: Room) -> None:
        room.clock.advance(ALIVE - 1)
        room.operations.receipts(0, room.run)
        room.clock.advance(ALIVE - 1)
        other = self.second(room)
        assert room.operations.status().run == f"{room.run}, {other}"

    def test_there_is_a_limit(self, room: Room) -> None:
        for number in range(MOST_RUNS + 3):
            room.operations.start_run(RunStart(f"place-{number}", CATALOG.digest, 0, "00"), HERE)
        assert len(room.operations.status().run.split(", ")) == MOST_RUNS
        assert "is over" in room.dial(HERE).why


def test_when_a_run_begins_what_former_runs_left_may_go() -> None:
    room = Room(None)
    assert len(room.forgotten) == 1
    room.operations.start_run(RunStart("inside", CATALOG.digest, 0, "00"), HERE)
    assert len(room.forgotten) == 2
