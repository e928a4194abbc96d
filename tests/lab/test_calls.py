"""Journey `call` through real firewalls: carried, silent, and lossy by tc netem, with what both ends counted."""

from __future__ import annotations

from collections.abc import Callable

from emulator.judge.journey import JourneyRecord
from emulator.judge.record import Judged, PassRecord

Through = Callable[[str], PassRecord]
FORWARD = """
table inet lab {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
    {}
  }}
}}
"""
OPEN = FORWARD.format("")
TRANSLATED = (
    OPEN
    + """
table ip nat {
  chain out {
    type nat hook postrouting priority 100;
    oifname "outside" masquerade random
  }
}
"""
)
# Every fifth RTP packet on its way out; checks and RTCP are left alone.
RTP_THINNED = FORWARD.format('iifname "inside" meta l4proto udp @th,64,16 0x8000 numgen inc mod 5 0 drop')


def journey(record: PassRecord) -> JourneyRecord:
    return next(one for one in record.journeys if one.id == "call")


def judged(record: PassRecord, flow: str) -> Judged:
    return next(item for item in record.judged if item.flow.id == flow)


def test_both_calls_are_carried(through: Through) -> None:
    record = through(OPEN)
    call = journey(record)
    assert (call.state, call.by) == ("done", "")
    assert all(step.state == "done" for step in call.steps), [(step.id, step.words) for step in call.steps]
    assert call.seconds < 2.0
    for flow in ("call/media/media-audio", "call/phone-media/media-call"):
        item = judged(record, flow)
        assert (item.verdict.verdict, item.verdict.certainty) == ("pass", "confirmed")
        here = item.observation.facts["media"]
        there = next(
            receipt.facts["media"] for receipt in record.receipts if receipt.id in item.receipts and receipt.facts
        )
        assert here["sent"] == there["received"] >= 18
        assert here["lost"] == there["lost"] == here["reported"]["lost"] == 0


def test_through_a_nat(through: Through) -> None:
    record = through(TRANSLATED)
    assert journey(record).state == "done", [(step.id, step.words) for step in journey(record).steps]
    assert judged(record, "call/media/media-audio").observation.facts["mapped"][0].startswith("203.0.113.")
    assert judged(record, "call/phone-media/media-call").verdict.verdict == "pass"


def test_what_a_filter_takes_from_the_stream_alone_is_lossy(through: Through) -> None:
    record = through(RTP_THINNED)
    item = judged(record, "call/media/media-audio")
    assert (item.verdict.verdict, item.verdict.certainty) == ("lossy", "confirmed")
    facts = item.observation.facts["media"]
    assert facts["reported"]["lost"] >= facts["sent"] // 5 - 1
    assert facts["lost"] == 0
    assert facts["control"]["asked"] == facts["control"]["answered"]
    assert journey(record).state == "broken"
    audio = next(one for one in record.outcomes if one.feature == "audio")
    assert audio.words == "degraded (relay)"  # real use has the last word
