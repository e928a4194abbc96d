"""Journey `call` through real firewalls: carried, relayed, and lossy, with what both ends counted."""

from __future__ import annotations

from collections.abc import Callable

from trials import FORWARD, OPEN, TRANSLATED

from emulator.judge.journey import JourneyRecord
from emulator.judge.record import Judged, PassRecord

Through = Callable[[str], PassRecord]
# Every fifth RTP packet on its way out; checks and RTCP are left alone.
RTP_THINNED = FORWARD.format('iifname "inside" meta l4proto udp @th,64,16 0x8000 numgen inc mod 5 0 drop')
# The documented range but the relay's own port, and what the relay sends back.
# (A set, because nft 1.0 merges two `!=` of neighbouring fields into one comparison that is never true.)
RELAY_ALONE = FORWARD.format("udp sport != 30478 udp dport { 30000-30477, 30479-65535 } drop")


def journey(record: PassRecord) -> JourneyRecord:
    return next(one for one in record.journeys if one.id == "call")


def judged(record: PassRecord, flow: str) -> Judged:
    return next(item for item in record.judged if item.flow.id == flow)


def test_both_calls_are_carried(through: Through) -> None:
    record = through(OPEN)
    call = journey(record)
    assert (call.state, call.by) == ("done", "")
    assert all(step.state == "done" for step in call.steps), [(step.id, step.words) for step in call.steps]
    assert call.seconds < 3.0
    streams = {"call/media/media-audio": 18, "call/picture/media-video": 12, "call/phone-media/media-call": 18}
    for flow, least in streams.items():
        item = judged(record, flow)
        assert (item.verdict.verdict, item.verdict.certainty) == ("pass", "confirmed")
        here = item.observation.facts["media"]
        there = next(
            receipt.facts["media"] for receipt in record.receipts if receipt.id in item.receipts and receipt.facts
        )
        assert here["sent"] == there["received"] >= least
        assert here["reordered"] == there["reordered"] == 0
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
    assert audio.words == "degraded (direct TCP)"  # real use has the last word


def test_where_only_the_relay_is_reached_media_go_through_it(through: Through) -> None:
    record = through(RELAY_ALONE)
    steps = {step.id: step for step in journey(record).steps}
    assert (steps["media"].state, steps["media"].by) == ("done", "relay"), [
        (s.id, s.words, s.dead) for s in journey(record).steps
    ]
    assert [dead.verdict for dead in steps["media"].dead] == ["blocked.drop.outbound"]
    item = judged(record, "call/media/turn")
    assert (item.verdict.verdict, item.verdict.certainty) == ("pass", "confirmed")
    assert item.flow.port == 30478
    facts = item.observation.facts["media"]
    assert facts["sent"] >= 18
    assert facts["received"] >= 18
    assert facts["lost"] == facts["reported"]["lost"] == 0
    assert facts["control"]["asked"] == facts["control"]["answered"] >= 3
    audio = next(one for one in record.outcomes if one.feature == "audio")
    assert audio.words == "degraded (relay)"
