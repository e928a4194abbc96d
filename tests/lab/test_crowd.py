"""A firewall whose connection table is full, and one that limits connections: neither is taken for blocked ports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from emulator.judge.record import PassRecord

Through = Callable[[str], PassRecord]
LIMITED = """
table inet lab {
  set conns { type ipv4_addr; flags dynamic; size 16; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    iifname "inside" add @conns { ip saddr ct count over %d } drop
  }
}
"""
HALF = """
table inet lab {
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "inside" tcp dport 6895-6900 drop
  }
}
"""


def verdicts(record: PassRecord) -> Counter[str]:
    return Counter(item.verdict.verdict for item in record.judged if item.flow.direction == "outward")


def test_a_full_table_is_said_and_no_port_is_called_blocked(through: Through) -> None:
    record = through(LIMITED % 60)  # datagrams keep their place for half a minute
    assert any("its connection table is full" in note for note in record.notes), record.notes
    found = verdicts(record)
    assert found["unknown"] > 50
    assert found["blocked.drop.outbound"] == 0
    assert found["pass"] > 20
    assert "broken" not in {one.outcome for one in record.outcomes}
    assert record.journeys == ()  # they would claim what the flows do not know


def test_a_range_that_is_half_open_is_no_crowd(through: Through) -> None:
    record = through(HALF)
    assert record.notes == ()
    blocked = {item.flow.port for item in record.judged if item.verdict.verdict == "blocked.drop.outbound"}
    assert blocked == set(range(6895, 6901))
