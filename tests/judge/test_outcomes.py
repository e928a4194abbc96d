"""Golden tests of the outcome rules: every way of every feature, parts of ranges, undecided flows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from journeys_made import travelled
from msgspec.structs import replace

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.judge.journey import DeadPath
from emulator.judge.outcome import Outcome, evaluate
from emulator.judge.verdicts import Verdict
from emulator.probe.plan import plan

CATALOG = load()
FLOWS = plan(CATALOG, seed=b"golden", samples=4, uid=lambda: "00" * 16)
Picks = Callable[[Flow], bool]


def outcomes(
    stopped: Picks,
    undecided: Picks = lambda flow: False,
    flows: Iterable[Flow] = FLOWS,
    failing: frozenset[str] = frozenset(),
) -> dict[str, Outcome]:
    """Outcomes by feature when these flows are stopped, those undecided, these steps fail, and all others pass."""
    flows = tuple(flows)
    verdicts = {}
    for flow in flows:
        name = "unknown" if undecided(flow) else "blocked.drop.outbound" if stopped(flow) else "pass"
        verdicts[flow.id] = Verdict(flow.id, name, "confirmed")
    flows, verdicts, records = travelled(CATALOG, flows, verdicts, failing=failing)
    return {outcome.feature: outcome for outcome in evaluate(CATALOG, flows, verdicts, tuple(records.values()))}


def rows(*names: str) -> Picks:
    """Flows of these rows; `row/exchange` for one exchange of a clause."""
    return lambda flow: flow.row in names or f"{flow.row}/{flow.exchange}" in names


def either(*picks: Picks) -> Picks:
    return lambda flow: any(pick(flow) for pick in picks)


def to(transport: str, *ports: int) -> Picks:
    return lambda flow: flow.transport == transport and (not ports or flow.port in ports)


def words(found: dict[str, Outcome], feature: str) -> str:
    return found[feature].words


def test_when_all_passes_all_works() -> None:
    found = outcomes(lambda flow: False)
    assert list(found) == [feature.id for feature in CATALOG.features]
    assert {outcome.words for outcome in found.values()} == {"works"}
    assert not any(outcome.emulated or outcome.failed for outcome in found.values())


# feature, what is stopped, the words; the order of the outcome table
WAYS: list[tuple[str, Picks, str]] = [
    ("sign-in", rows("login-https"), "degraded (ticket over HTTP)"),
    ("sign-in", rows("login-https", "login-http"), "broken (no ticket)"),
    ("sign-in", rows("contacts"), "degraded (contacts over 80)"),
    ("sign-in", rows("contacts", "sign-in-tcp-80/contacts-clear"), "broken (no contacts)"),
    ("sign-in", rows("msnp"), "degraded (gateway)"),
    ("sign-in", rows("msnp", "gateway"), "broken (neither 1863 nor gateway)"),
    (
        "sign-in",
        rows("login-https", "contacts", "msnp"),
        "degraded (ticket over HTTP, gateway, contacts over 80)",
    ),
    ("sign-in", rows("config", "storage-https", "storage-http", "crl"), "works"),
    ("sign-in", rows("sign-in-tcp-80/msnp", "sign-in-tcp-443/msnp"), "works"),
    ("network-detection", rows("network-detection-udp-9"), "degraded (type less exact)"),
    ("network-detection", rows("network-detection-tcp-7001"), "degraded (type less exact)"),
    ("network-detection", rows("network-detection-udp-7001"), "degraded (TCP only)"),
    (
        "network-detection",
        rows("network-detection-udp-7001", "network-detection-tcp-7001"),
        "broken (the client says Firewall)",
    ),
    ("audio", rows("audio-tcp-443/sip"), "broken (cannot ring)"),
    ("audio", rows("audio-udp-30000-65535/media-audio"), "degraded (relay)"),
    ("audio", rows("audio-udp-30000-65535"), "degraded (direct TCP)"),
    ("audio", rows("audio-udp-30000-65535", "audio-tcp-30000-65535"), "degraded (TCP relay 443)"),
    (
        "audio",
        rows("audio-udp-30000-65535", "audio-tcp-30000-65535", "audio-tcp-443/shared-secret"),
        "degraded (TCP relay 1863)",
    ),
    (
        "audio",
        rows("audio-udp-30000-65535", "audio-tcp-30000-65535", "audio-tcp-443/shared-secret", "audio-tcp-1863"),
        "degraded (TCP relay 80)",
    ),
    (
        "audio",
        rows(
            "audio-udp-30000-65535",
            "audio-tcp-30000-65535",
            "audio-tcp-443/shared-secret",
            "audio-tcp-1863",
            "audio-tcp-80",
        ),
        "broken (rings, silent)",
    ),
    ("audio-legacy", rows("audio-legacy-udp-5004-65535"), "broken (no media)"),
    ("video", rows("video-udp-5000-65535"), "degraded (webcam only)"),
    ("video", rows("video-tcp-5000-65535"), "degraded (call only)"),
    ("video", rows("audio-tcp-443/sip"), "degraded (webcam only)"),
    ("video", rows("video-tcp-5000-65535", "video-udp-5000-65535"), "degraded (reflector)"),
    ("video", rows("video-tcp-5000-65535", "audio-tcp-443/sip"), "degraded (reflector)"),
    ("video", rows("video-tcp-5000-65535", "video-udp-5000-65535", "video-tcp-80"), "broken (no webcam, no call)"),
    ("file-transfer", rows("file-transfer-tcp-1025-65535"), "degraded (UDP)"),
    ("file-transfer", rows("file-transfer-tcp-1025-65535", "file-transfer-udp-1025-65535"), "degraded (switchboard)"),
    (
        "file-transfer",
        rows("file-transfer-tcp-1025-65535", "file-transfer-udp-1025-65535", "file-transfer-tcp-1863"),
        "degraded (relay 443)",
    ),
    (
        "file-transfer",
        rows(
            "file-transfer-tcp-1025-65535",
            "file-transfer-udp-1025-65535",
            "file-transfer-tcp-1863",
            "file-transfer-tcp-443",
            "msnp",
        ),
        "degraded (gateway)",
    ),
    (
        "file-transfer",
        rows(
            "file-transfer-tcp-1025-65535",
            "file-transfer-udp-1025-65535",
            "file-transfer-tcp-1863",
            "file-transfer-tcp-443",
            "gateway",
        ),
        "broken (no path for the file)",
    ),
    ("file-transfer-legacy", to("tcp", 6900), "degraded (fewer at a time)"),
    ("file-transfer-legacy", to("tcp", 6891), "broken (6891 is stopped: clients start there)"),
    ("sharing-folders", rows("sharing-folders-tcp-1863", "msnp"), "degraded (gateway)"),
    ("sharing-folders", either(rows("sharing-folders-tcp-1863", "gateway")), "broken (no signalling)"),
    ("sharing-folders", rows("login-https"), "broken (no certificate)"),
    ("sharing-folders", rows("sharing-folders-tcp-1025-65535"), "degraded (UDP)"),
    (
        "sharing-folders",
        rows("sharing-folders-tcp-1025-65535", "sharing-folders-udp-1025-65535"),
        "degraded (switchboard)",
    ),
    (
        "sharing-folders",
        rows("sharing-folders-tcp-1025-65535", "sharing-folders-udp-1025-65535", "sharing-folders-tcp-1863", "msnp"),
        "broken (no path for the data)",
    ),
    ("whiteboard", rows("whiteboard-tcp-1503"), "broken (no T.120 connection)"),
    ("remote-assistance", rows("remote-assistance-tcp-49152-65535"), "degraded (XP contacts)"),
    ("remote-assistance", rows("remote-assistance-tcp-3389"), "degraded (Vista contacts)"),
    (
        "remote-assistance",
        rows("remote-assistance-tcp-49152-65535", "remote-assistance-tcp-3389"),
        "broken (neither 3389 nor the range)",
    ),
    ("remote-assistance", rows("remote-assistance-udp-49152-65535"), "works"),
    ("live-call", rows("live-call-tcp-5061"), "degraded (SIP over 443)"),
    ("live-call", rows("live-call-tcp-5061", "live-call-tcp-443"), "broken (cannot dial)"),
    ("live-call", rows("live-call-udp-5004-65525"), "broken (rings, silent)"),
    ("games", rows("appdirectory"), "broken (no directory)"),
    ("games", rows("games-tcp-1025-65535"), "degraded (UDP)"),
    ("games", rows("games-tcp-1025-65535", "games-udp-1025-65535"), "degraded (switchboard only)"),
    ("games", rows("games-tcp-1863", "msnp"), "degraded (gateway)"),
    ("games", rows("games-tcp-1863"), "broken (no session)"),  # who is signed in on 1863 does not go to the gateway
    ("games", rows("games-tcp-1863", "gateway"), "broken (no session)"),
    ("games", rows("images", "games-tcp-443", "games-tcp-80"), "works"),
]


@pytest.mark.parametrize(("feature", "stopped", "expected"), WAYS, ids=[f"{f}-{w}" for f, _, w in WAYS])
def test_ways(feature: str, stopped: Picks, expected: str) -> None:
    assert words(outcomes(stopped), feature) == expected


# feature, which steps of the journey fail although their paths carried a flow, the words
STEPS: list[tuple[str, frozenset[str], str]] = [
    ("sign-in", frozenset({"session/ticket/rst"}), "degraded (ticket over HTTP)"),
    ("sign-in", frozenset({"session/ticket/rst", "session/ticket/login-http"}), "broken (no ticket)"),
    ("sign-in", frozenset({"session/sign-in/msnp"}), "degraded (gateway)"),
    ("sign-in", frozenset({"session/membership/contacts"}), "degraded (contacts over 80)"),
    ("sign-in", frozenset({"session/address-book/contacts"}), "broken (no contacts)"),
    ("sign-in", frozenset({"session/presence/msnp"}), "broken (everybody looks offline)"),
    ("sign-in", frozenset({"session/chat/msnp"}), "broken (messages do not arrive)"),
    ("sign-in", frozenset({"session/file/msnp", "session/leave-message/oim-store"}), "works"),
    ("sign-in", frozenset({"legacy-session/sign-in/msnp"}), "works"),
    ("games", frozenset({"session/sign-in/msnp"}), "works"),
    ("games", frozenset({"game/directory/appdirectory"}), "broken (no directory)"),
    ("games", frozenset({"game/sign-in/msnp"}), "degraded (gateway)"),
    ("games", frozenset({"game/invite/msnp"}), "broken (no session)"),
    ("games", frozenset({"game/moves/msnp"}), "broken (no session)"),
    ("games", frozenset({"game/direct/p2p-direct"}), "degraded (UDP)"),
    ("games", frozenset({"game/direct/p2p-direct", "game/direct/trudp"}), "degraded (switchboard only)"),
    ("sharing-folders", frozenset({"folder/certificate/rst"}), "broken (no certificate)"),
    ("sharing-folders", frozenset({"folder/sign-in/msnp"}), "degraded (gateway)"),
    ("sharing-folders", frozenset({"folder/ask/msnp"}), "broken (no signalling)"),
    ("sharing-folders", frozenset({"folder/open/msnp"}), "broken (no signalling)"),
    ("sharing-folders", frozenset({"folder/list/p2p-direct"}), "degraded (UDP)"),
    ("sharing-folders", frozenset({"folder/list/p2p-direct", "folder/list/trudp"}), "degraded (switchboard)"),
    (
        "sharing-folders",
        frozenset({"folder/list/p2p-direct", "folder/list/trudp", "folder/list/msnp"}),
        "broken (no path for the data)",
    ),
    ("file-transfer", frozenset({"session/direct-file/p2p-direct"}), "degraded (UDP)"),
    (
        "file-transfer-legacy",
        frozenset({"legacy-session/file/msnftp"}),
        "broken (6891 is stopped: clients start there)",
    ),
    ("audio-legacy", frozenset({"invitation/voice/media-legacy"}), "broken (no media)"),
    ("whiteboard", frozenset({"invitation/whiteboard/t120"}), "broken (no T.120 connection)"),
    ("whiteboard", frozenset({"invitation/sharing/t120"}), "broken (no T.120 connection)"),
    ("remote-assistance", frozenset({"invitation/assist/rdp"}), "degraded (Vista contacts)"),
    ("remote-assistance", frozenset({"invitation/assist-vista/rdp"}), "degraded (XP contacts)"),
    (
        "remote-assistance",
        frozenset({"invitation/assist/rdp", "invitation/assist-vista/rdp"}),
        "broken (neither 3389 nor the range)",
    ),
    ("live-call", frozenset({"call/dial/sip-call"}), "broken (cannot dial)"),
    ("live-call", frozenset({"call/phone-media/media-call"}), "broken (rings, silent)"),
]


@pytest.mark.parametrize(("feature", "failing", "expected"), STEPS, ids=[f"{f}-{w}" for f, _, w in STEPS])
def test_a_step_that_fails_has_the_last_word(feature: str, failing: frozenset[str], expected: str) -> None:
    assert words(outcomes(lambda flow: False, failing=failing), feature) == expected


class TestWithoutFlows:
    """Steps that made no flow of their own: what the journey tells of them decides."""

    @staticmethod
    def judged(journey: str, **changes: Any) -> dict[str, Outcome]:
        """Everything passes, but a step of a journey made no flow and is recorded so."""
        flows = tuple(FLOWS)
        verdicts = {flow.id: Verdict(flow.id, "pass", "confirmed") for flow in flows}
        flows, verdicts, records = travelled(CATALOG, flows, verdicts)
        step = changes.pop("step")
        found = records[journey]
        steps = tuple(replace(one, **changes) if one.id == step else one for one in found.steps)
        records[journey] = replace(found, steps=steps)
        flows = tuple(flow for flow in flows if not flow.id.startswith(f"{journey}/{step}/"))
        evaluated = evaluate(CATALOG, flows, verdicts, tuple(records.values()))
        return {outcome.feature: outcome for outcome in evaluated}

    def test_a_file_that_went_over_the_switchboard_after_all_did_not_go_directly(self) -> None:
        assert words(self.judged("session", step="direct-file"), "file-transfer") == "degraded (UDP)"

    def test_a_step_with_nobody_to_go_with_leaves_the_answer_open(self) -> None:
        found = self.judged("game", step="direct", state="not-run")
        assert found["games"].outcome == "not-tested"

    def test_a_path_that_only_the_other_direction_passes_is_decided_by_flows(self) -> None:
        dead = (DeadPath("", "games-tcp-1025-65535/p2p-direct@1025", "blocked.drop.outbound"),)
        assert words(self.judged("game", step="direct", state="failed", dead=dead), "games") == "works"

    def test_what_flows_kept_a_journey_from_reaching_is_decided_by_flows(self) -> None:
        found = outcomes(rows("login-https"))  # without it, no client of 2003 signs in, but that of 2007 does
        assert words(found, "sign-in") == "degraded (ticket over HTTP)"
        assert words(found, "file-transfer-legacy") == "works"

    def test_a_path_left_out_for_what_nobody_knows_is_open(self) -> None:
        dead = (DeadPath("", "games-tcp-1025-65535/p2p-direct@1025", "unknown"),)
        assert self.judged("game", step="direct", state="failed", dead=dead)["games"].outcome == "not-tested"

    def test_without_a_record_nothing_is_claimed(self) -> None:
        flows = tuple(FLOWS)
        verdicts = {flow.id: Verdict(flow.id, "pass", "confirmed") for flow in flows}
        flows, verdicts, records = travelled(CATALOG, flows, verdicts)
        flows = tuple(flow for flow in flows if flow.row != "game")
        known = tuple(record for name, record in records.items() if name != "game")
        found = {outcome.feature: outcome for outcome in evaluate(CATALOG, flows, verdicts, known)}
        assert found["games"].outcome == "not-tested"


def test_every_label_of_the_catalog_is_reached() -> None:
    reached = {(feature, expected) for feature, _, expected in (*WAYS, *STEPS)}
    for row in CATALOG.outcomes:
        for stage in row.stage:
            assert (row.feature, f"broken ({stage.broken})") in reached
            for way in stage.way[1:]:
                assert any(feature == row.feature and way.by in expected for feature, expected in reached), way.by


def test_ways_of_our_own_design_carry_the_label() -> None:
    assert outcomes(rows("file-transfer-tcp-1025-65535"))["file-transfer"].emulated
    assert not outcomes(rows("msnp"))["sign-in"].emulated


class TestParts:
    """A range of which some ports pass."""

    deciding = [flow.port for flow in FLOWS if flow.row == "audio-legacy-udp-5004-65535" and flow.decides]

    def test_part_of_a_range_counts_deciding_ports_only(self) -> None:
        total = len(self.deciding)
        assert total == 6  # both ends and four samples
        found = outcomes(to("udp", *self.deciding[:2]))
        assert words(found, "audio-legacy") == f"degraded ({total - 2} of {total} ports)"

    def test_part_of_a_fallback_names_it_too(self) -> None:
        ports = sorted({flow.port for flow in FLOWS if flow.row == "file-transfer-udp-1025-65535" and flow.decides})
        stopped = either(
            rows("file-transfer-tcp-1025-65535"),
            lambda flow: flow.row == "file-transfer-udp-1025-65535" and flow.port == ports[0],
        )
        assert words(outcomes(stopped), "file-transfer") == f"degraded (UDP, {len(ports) - 1} of {len(ports)} ports)"

    def test_fixed_ports_inside_a_range_decide_nothing(self) -> None:
        foreign = (1503, 1863, 3389, 5061, *range(6891, 6901), 7001)
        shown = {flow.port for flow in FLOWS if flow.row == "file-transfer-tcp-1025-65535" and not flow.decides}
        assert shown == set(foreign)
        only_there = outcomes(lambda flow: flow.row.endswith("-65535") and flow.port in foreign)
        assert {outcome.words for outcome in only_there.values()} == {"works"}
        all_but_there = outcomes(lambda flow: flow.row == "audio-legacy-udp-5004-65535" and flow.port not in foreign)
        assert words(all_but_there, "audio-legacy") == "broken (no media)"


class TestSession:
    """Every feature but the first two needs somebody who is signed in."""

    def test_without_a_ticket_nothing_else_goes(self) -> None:
        found = outcomes(rows("login-https", "login-http"))
        assert words(found, "network-detection") == "works"
        others = [words(found, feature) for feature in found if feature not in ("sign-in", "network-detection")]
        assert others == ["broken (cannot sign in)"] * 10

    def test_a_degraded_sign_in_is_inherited_only_where_the_path_itself_uses_1863(self) -> None:
        found = outcomes(rows("msnp"))
        degraded = {feature for feature in found if words(found, feature) == "degraded (gateway)"}
        assert degraded == {"sign-in", "sharing-folders", "games"}
        assert {words(found, feature) for feature in found if feature not in degraded} == {"works"}

    def test_an_undecided_sign_in_leaves_all_open(self) -> None:
        found = outcomes(rows("login-http"), undecided=rows("login-https"))
        assert words(found, "sign-in") == "not-tested (undecided between the first way and broken)"
        assert words(found, "games") == "not-tested (sign-in is undecided)"
        assert words(found, "network-detection") == "works"


class TestUndecided:
    """An undecided flow must not become a claim, and must not hide what is certain."""

    def test_an_undecided_first_way_leaves_the_answer_open(self) -> None:
        found = outcomes(lambda flow: False, undecided=rows("msnp"))
        assert words(found, "sign-in") == "not-tested (undecided between the first way, gateway)"

    def test_an_undecided_fallback_does_not_matter(self) -> None:
        assert words(outcomes(lambda flow: False, undecided=rows("gateway", "login-http")), "sign-in") == "works"

    def test_broken_is_certain_although_another_stage_is_undecided(self) -> None:
        found = outcomes(rows("live-call-udp-5004-65525"), undecided=rows("live-call-tcp-5061"))
        assert words(found, "live-call") == "broken (rings, silent)"

    def test_a_way_with_a_failed_need_is_lost_whatever_the_other_is(self) -> None:
        found = outcomes(rows("remote-assistance-tcp-3389"), undecided=rows("remote-assistance-tcp-49152-65535"))
        assert words(found, "remote-assistance") == "not-tested (undecided between Vista contacts and broken)"

    def test_one_undecided_port_of_a_range_leaves_it_open(self) -> None:
        one = next(flow for flow in FLOWS if flow.row == "audio-legacy-udp-5004-65535" and flow.decides)
        found = outcomes(lambda flow: False, undecided=lambda flow: flow.id == one.id)
        assert words(found, "audio-legacy") == "not-tested (undecided between the first way and broken)"

    def test_what_was_never_planned_is_not_tested(self) -> None:
        found = outcomes(lambda flow: False, flows=[flow for flow in FLOWS if flow.row != "whiteboard-tcp-1503"])
        assert found["whiteboard"].outcome == "not-tested"

    def test_nothing_known_is_nothing_claimed(self) -> None:
        assert {outcome.outcome for outcome in evaluate(CATALOG, FLOWS, {})} == {"not-tested"}


def test_failed_flows_are_named() -> None:
    found = outcomes(to("tcp", 1503))
    assert found["whiteboard"].failed == ("whiteboard-tcp-1503/t120",)
    assert found["games"].failed == ()  # 1503 inside its range decides nothing


# The table of the first scenarios: W works, D degraded, B broken.
SCENARIOS: dict[str, tuple[Picks, str]] = {
    "web-only": (lambda flow: not (flow.transport == "tcp" and flow.port in (80, 443)), "DBDBDDBBBBBD"),
    "no-1863": (to("tcp", 1863), "DWWWWWWDWWWD"),
    "no-udp": (to("udp"), "WDDBDWWWWWBW"),
    "block-all": (lambda flow: True, "BBBBBBBBBBBB"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_outcomes_of_the_first_scenarios(name: str) -> None:
    stopped, letters = SCENARIOS[name]
    assert "".join(outcome.outcome[0].upper() for outcome in outcomes(stopped).values()) == letters
