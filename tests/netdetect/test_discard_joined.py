"""The datagram to UDP 9 has no tag: how its receipt is found behind each kind of NAT, and when none is."""

from __future__ import annotations

import pytest

from emulator.judge.evidence import Index
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.wire.receipt import Digest, Endpoint, Receipt, Seen

FLOW = Flow(
    id="discard",
    uid="",
    row="",
    row_kind="clause",
    exchange="discard",
    transport="udp",
    host="second",
    port=9,
)
MAPPED = Endpoint("198.51.100.7", 40000)  # as the echo server saw the sibling
NEAR = Observation("discard", "done", "completed", 0.0, 0.1, local=MAPPED)


def receipt(number: int, peer: Endpoint, port: int = 9, transport: str = "udp") -> Receipt:
    seen = (Seen("discard", "", 1.0),)
    return Receipt(
        number,
        number,
        transport,
        Endpoint("203.0.113.2", port),
        peer,
        1.0,
        "open",
        "discard",
        Digest(0, ""),
        None,
        seen,
    )


@pytest.mark.parametrize(
    ("receipts", "found"),
    [
        ([receipt(1, MAPPED), receipt(2, Endpoint("198.51.100.7", 41000))], [1]),  # the sibling's own port goes first
        ([receipt(2, Endpoint("198.51.100.7", 41000))], [2]),  # a symmetric NAT: another port for this destination
        ([receipt(3, Endpoint("192.0.2.66", 41000))], []),  # somebody else
        ([receipt(3, Endpoint("198.51.100.9", 40000))], [3]),  # another address of a pool, the sibling's port
        ([receipt(3, Endpoint("198.51.100.9", 40000)), receipt(6, Endpoint("192.0.2.66", 40000))], []),  # which one?
        ([receipt(3, Endpoint("198.51.100.9", 40000), port=7001)], []),
        ([receipt(4, Endpoint("198.51.100.7", 41000), port=7001)], []),
        ([receipt(5, Endpoint("198.51.100.7", 41000), transport="tcp")], []),
        ([], []),
    ],
)
def test_found_by_the_siblings_port_or_by_sole_use(receipts: list[Receipt], found: list[int]) -> None:
    known = Index(receipts).evidence(FLOW, NEAR, "echo", "", "up", watched=True)
    assert [one.id for one in known.receipts] == found
    assert known.joined_by == ("address" if found else "")


def test_a_flow_with_a_tag_is_never_joined_by_its_host_alone() -> None:
    known = Index([receipt(2, Endpoint("198.51.100.7", 41000))]).evidence(FLOW, NEAR, "echo", "aa", "up", watched=True)
    assert known.receipts == ()
