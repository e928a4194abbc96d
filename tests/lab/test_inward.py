"""Flows that the contact opens, through real firewalls that treat the two directions differently."""

from __future__ import annotations

from collections.abc import Callable

from emulator.judge.record import Judged, PassRecord

Through = Callable[[str], PassRecord]
FORWARD = """
table inet lab {{
  chain forward {{
    type filter hook forward priority 0; policy drop;
    {}
    ct state established,related accept
    iifname "inside" accept
  }}
}}
"""
STATEFUL = FORWARD.format("")  # what most offices have: out yes, in no
REVERSED = FORWARD.format(
    """
    iifname "inside" tcp dport 1503 ct state new drop
    iifname "outside" tcp dport 1503 accept
    iifname "outside" tcp dport 3389 reject with tcp reset
    iifname "outside" tcp dport 6891 reject with icmpx port-unreachable
    iifname "outside" tcp dport 6892 accept
    iifname "inside" tcp sport 6893 drop
    iifname "outside" tcp dport 6893 accept
    iifname "outside" udp dport 1025-65535 accept
    """
)


def inward(record: PassRecord) -> dict[str, Judged]:
    return {item.flow.id: item for item in record.judged if item.flow.direction == "inward"}


def test_a_firewall_that_only_lets_out_stops_everything_that_the_contact_opens(through: Through) -> None:
    record = through(STATEFUL)
    flows = inward(record)
    assert {(one.verdict.verdict, one.verdict.certainty) for one in flows.values()} == {
        ("blocked.drop.outbound", "confirmed")
    }
    assert {one.words for one in record.outcomes} == {"works"}  # somebody can always open it from inside
    rows = {one.flow.row for one in flows.values()}
    assert {"whiteboard-tcp-1503", "remote-assistance-tcp-3389", "live-call-udp-5004-65525"} <= rows
    came = next(one for one in record.journeys if one.id == "invitation")
    assert {one.id: one.words.partition(":")[0] for one in came.steps if one.state != "done"} == dict.fromkeys(
        ("drawn-upon", "shown", "helped", "helped-vista"), "I did not come"
    )
    clauses = [one.flow for one in record.judged if one.flow.row_kind == "clause"]
    assert rows == {flow.row for flow in clauses if flow.host == "peer"}, "every clause of peers, both ways"


def test_each_direction_has_a_verdict_of_its_own(through: Through) -> None:
    record = through(REVERSED)
    flows = inward(record)
    by_id = {item.flow.id: item.verdict.verdict for item in record.judged}
    assert by_id["whiteboard-tcp-1503/t120"] == "blocked.drop.outbound"
    assert by_id["whiteboard-tcp-1503/t120/inward"] == "pass"
    assert next(one for one in record.outcomes if one.feature == "whiteboard").words == "works"
    assert by_id["remote-assistance-tcp-3389/rdp"] == "pass"
    assert by_id["remote-assistance-tcp-3389/rdp/inward"] == "blocked.rst"
    rejected = flows["file-transfer-legacy-tcp-6891-6900/msnftp@6891/inward"]
    assert (rejected.verdict.verdict, rejected.verdict.device) == ("blocked.icmp", "203.0.113.1")
    assert by_id["file-transfer-legacy-tcp-6891-6900/msnftp@6892/inward"] == "pass"
    assert by_id["file-transfer-legacy-tcp-6891-6900/msnftp@6893/inward"] == "blocked.drop.return"
    media = [one for one in flows.values() if one.flow.transport == "udp"]
    assert len(media) > 5
    assert {(one.verdict.verdict, one.verdict.certainty) for one in media} == {("pass", "confirmed")}


def test_the_contact_dials_from_its_own_address_and_both_ends_agree_on_it(through: Through) -> None:
    record = through(REVERSED)
    flow = inward(record)["whiteboard-tcp-1503/t120/inward"]
    assert flow.observation.local is not None
    receipts = {one.id: one for one in record.receipts}
    (seen,) = (receipts[number] for number in flow.receipts)
    assert seen.peer == flow.observation.local
    assert (seen.local.address, seen.local.port) == ("192.0.2.10", 1503)
    assert seen.received == flow.observation.sent
