"""The journal: serials grow with every change, news are complete, and memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.services import journal as module
from emulator.services.journal import Journal
from emulator.wire.receipt import Endpoint, Receipt
from emulator.wire.talk import Sighting

HERE = Endpoint("203.0.113.10", 7001)


def peer(number: int) -> Endpoint:
    return Endpoint("192.0.2.10", number)


def journal() -> Journal:
    return Journal(lambda: 5.0)


def test_news_come_once_and_again_when_they_change() -> None:
    one = journal()
    first = one.open("tcp", HERE, peer(1))
    one.open("tcp", HERE, peer(2))
    receipts, serial = one.since(0)
    assert [receipt.peer.port for receipt in receipts] == [1, 2]
    assert one.since(serial) == ((), serial)
    first.received.add(b"hello")
    first.touch()
    changed, later = one.since(serial)
    assert [(receipt.id, receipt.received.size if receipt.received else 0) for receipt in changed] == [
        (first.number, 5)
    ]
    assert later > serial


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60))
def test_whoever_asks_from_time_to_time_ends_up_with_the_latest(steps: list[tuple[int, bool]]) -> None:
    one = journal()
    entries = [one.open("tcp", HERE, peer(number)) for number in range(5)]
    known: dict[int, Receipt] = {}
    serial = 0
    for number, ask in [*steps, (0, True)]:
        entries[number].sent.add(b"x")
        entries[number].touch()
        if ask:
            receipts, serial = one.since(serial)
            assert [receipt.serial for receipt in receipts] == sorted(receipt.serial for receipt in receipts)
            known |= {receipt.id: receipt for receipt in receipts}
    assert known == {entry.number: entry.receipt() for entry in entries}


def test_datagrams_of_one_pair_of_addresses_share_a_receipt() -> None:
    one = journal()
    assert one.datagram(HERE, peer(1)) is one.datagram(HERE, peer(1))
    assert one.datagram(HERE, peer(1)) is not one.datagram(HERE, peer(2))
    assert one.datagram(HERE, peer(1)) is not one.datagram(Endpoint("203.0.113.11", 7001), peer(1))


def test_a_half_open_connection_is_noted_once() -> None:
    one = journal()
    for _ in range(3):
        one.half_open(HERE, peer(1))
    (receipt,) = one.since(0)[0]
    assert (receipt.state, receipt.transport) == ("half-open", "tcp")


def test_a_new_run_sees_nothing_of_the_former_and_takes_nothing_from_it() -> None:
    one = journal()
    one.half_open(HERE, peer(1))
    former = one.datagram(HERE, peer(2))
    serial = one.begin()
    assert one.since(serial)[0] == ()
    assert len(one.since(0)[0]) == 2  # another run may still ask for them
    one.half_open(HERE, peer(1))
    assert one.datagram(HERE, peer(2)) is not former
    assert len(one.since(serial)[0]) == 2


def test_strangers_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 10)
    one = journal()
    for number in range(1, 100):
        one.datagram(HERE, peer(number))
        one.half_open(HERE, peer(number))
    assert len(one) == 10
    assert len(one._datagrams) + len(one._half_open) <= 10
    assert [receipt.peer.port for receipt in one.since(0)[0]][-1] == 99


def test_one_endless_talker_does_not_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEN_LIMIT", 3)
    entry = journal().datagram(HERE, peer(1))
    for number in range(10):
        entry.sight(Sighting("echo", f"{number:032x}", request=b"", response=b""))
    receipt = entry.receipt()
    assert ([seen.tag[-1] for seen in receipt.seen], receipt.facts) == (["0", "1", "2"], {"seen_dropped": 7})


def test_sightings_are_digested_not_kept() -> None:
    entry = journal().datagram(HERE, peer(1))
    entry.sight(Sighting("echo", "ab", request=b"question", response=b"answer"))
    (seen,) = entry.receipt().seen
    assert (seen.request.size, seen.response.size) == (8, 6)  # type: ignore[union-attr]
