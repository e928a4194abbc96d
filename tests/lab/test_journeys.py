"""Journeys through real firewalls that let every flow begin and then interfere: the journey has the last word."""

from __future__ import annotations

from collections.abc import Callable

from trials import FORWARD, OPEN, TRANSLATED

from emulator.judge.journey import JourneyRecord, StepRecord
from emulator.judge.record import PassRecord

Through = Callable[[str], PassRecord]
NO_SWITCHBOARD = FORWARD.format('iifname "inside" tcp dport 1863 @ih,0,32 0x58465220 drop')  # "XFR "
NO_PROOF = FORWARD.format('iifname "inside" tcp dport 1863 ip length 200-500 drop')  # as the answer to the nonce
NO_RINGING = FORWARD.format('iifname "inside" meta l4proto udp @ih,0,48 0x494e56495445 drop')  # "INVITE" by plain SIP


def journey(record: PassRecord, name: str = "session") -> JourneyRecord:
    return next(one for one in record.journeys if one.id == name)


def step(record: PassRecord, name: str) -> StepRecord:
    return next(one for one in journey(record).steps if one.id == name)


def verdict(record: PassRecord, flow: str) -> tuple[str, str]:
    judged = next(item for item in record.judged if item.flow.id == flow)
    return judged.verdict.verdict, judged.verdict.certainty


def outcome(record: PassRecord, feature: str = "sign-in") -> str:
    return next(one for one in record.outcomes if one.feature == feature).words


def by_msnftp(record: PassRecord) -> list[tuple[str, str]]:
    """Files that went by MSNFTP, SHA-1 compared, and who listened."""
    taken = next(one for one in journey(record, "legacy-session").steps if one.id == "file")
    return [(one.what, one.listened) for one in taken.carried if one.bridge == "MSNFTP"]


def test_who_signs_in_and_cannot_talk_is_not_well(through: Through) -> None:
    record = through(NO_SWITCHBOARD)
    assert verdict(record, "msnp") == ("pass", "confirmed")  # a flow signs in and leaves: it notices nothing
    assert (journey(record).state, journey(record).by) == ("broken", "chat")
    assert outcome(record) == "broken (messages do not arrive)"
    assert verdict(record, "session/chat/msnp") == ("blocked.drop.data", "confirmed")
    assert verdict(record, "session/presence/msnp") == ("pass", "confirmed")
    assert [one.id for one in journey(record).steps if one.state == "not-run"] == [
        "file",
        "direct-file",
        "leave-message",
        "read-message",
        "sign-out",
    ]


def test_a_path_that_fails_on_the_way_is_left_for_the_next(through: Through) -> None:
    record = through(NO_PROOF)
    assert verdict(record, "msnp") == ("pass", "confirmed")
    assert (journey(record).state, journey(record).by) == ("done", "gateway")
    assert outcome(record) == "degraded (gateway)"
    assert step(record, "sign-in").failed == ("session/sign-in/msnp",)
    assert verdict(record, "session/sign-in/msnp") == ("blocked.drop.data", "confirmed")
    assert verdict(record, "session/chat/gateway") == ("pass", "confirmed")


def test_behind_a_nat_every_step_is_confirmed(through: Through) -> None:
    record = through(TRANSLATED)
    assert {one.words for one in record.journeys} == {"done"}
    steps = [item for item in record.judged if item.flow.row_kind == "journey"]
    assert len(steps) >= 20
    assert {(item.verdict.verdict, item.verdict.certainty) for item in steps} == {("pass", "confirmed")}
    assert step(record, "sign-in").words.startswith("MSNP15, seen from 203.0.113.")  # the firewall's own address
    assert by_msnftp(record) == [("there", "the contact"), ("back", "the contact")]  # nobody comes in
    assert outcome(record, "file-transfer-legacy") == "works"


def test_an_open_firewall_needs_no_fallback(through: Through) -> None:
    record = through(OPEN)
    assert {one.words for one in record.journeys} == {"done"}
    assert all(one.state == "done" for journey in record.journeys for one in journey.steps)
    assert outcome(record) == "works"
    assert by_msnftp(record) == [(what, who) for what in ("there", "back") for who in ("this end", "the contact")]
    flows = [item for item in record.judged if item.flow.id.startswith("legacy-session/file/")]
    assert [item.flow.direction for item in flows] == ["inward", "outward", "inward", "outward"]
    assert {item.joined_by for item in flows} == {"tag"}  # the AuthCookie, although survey flows share these ports
    visits = [item for item in record.judged if item.flow.row == "invitation" and item.flow.direction == "inward"]
    assert [item.flow.id.split("/")[1] for item in visits] == ["drawn-upon", "shown", "helped", "helped-vista"]
    assert {(item.verdict.verdict, item.verdict.certainty, item.joined_by) for item in visits} == {
        ("pass", "confirmed", "tag")
    }
    assert [item.observation.local.port for item in visits if item.observation.local] == [1503, 1503, 3389, 49152]


def test_an_invitation_that_leads_to_no_call(through: Through) -> None:
    record = through(NO_RINGING)
    whole = journey(record, "invitation")
    assert {one.id: one.state for one in whole.steps if one.state != "done"} == {"voice": "failed"}
    assert verdict(record, "audio-legacy-udp-5004-65535/media-legacy@5004") == ("pass", "confirmed")
    assert outcome(record, "audio-legacy") == "broken (no media)"
    assert outcome(record, "audio") == outcome(record, "whiteboard") == outcome(record, "remote-assistance") == "works"
