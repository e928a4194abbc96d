"""Files, games and folders between peers through real firewalls: each end listens once, and what does not get through
is carried on by what is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from trials import FORWARD, OPEN, SCENARIO, TRANSLATED, Trials

from emulator.catalog import load
from emulator.judge.journey import StepRecord
from emulator.judge.record import Judged, PassRecord
from emulator.lab.lab import Lab
from emulator.runner.inlab import LabRunner, start_serve
from emulator.runner.passes import Options
from emulator.scenario.load import load as load_scenario

# the survey's own ports stay open; what systems hand out to those who listen is below and above them
INWARD = 'iifname "outside" oifname "inside" tcp dport 32768-60999 ct state new drop\n'
OUTWARD = 'iifname "inside" oifname "outside" tcp dport 32768-60999 ct state new drop\n'
RANGE = 'iifname "inside" oifname "outside" tcp dport { 1025-1862, 1864-65535 } ct state new drop\n'
# the survey's own question is 100 bytes long with its headers; what a game or a folder says is longer
LONG_DATAGRAMS = 'iifname "inside" oifname "outside" udp dport 1025 ip length > 104 drop\n'
LONG_SEGMENTS = 'iifname "inside" oifname "outside" tcp dport 32768-60999 ip length > 600 drop\n'
CAST = """
format = 1

[[account]]
address = "echo@example.com"
name = "Echo"
resident = true

[newcomers]
contacts = ["echo@example.com"]
"""
THERE, BACK = r"200000 bytes there: {}", r"; back: {}; the same SHA-1 at both ends$"
RATE = r", \d+ bytes per second"
Through = Callable[[str], PassRecord]


@pytest.fixture(scope="module")
def through(trials: Trials) -> Through:
    return partial(trials.through, samples=0)


def step(record: PassRecord, journey: str = "session", name: str = "direct-file") -> StepRecord:
    whole = next(one for one in record.journeys if one.id == journey)
    assert whole.state == "done", whole.words
    return next(one for one in whole.steps if one.id == name)


def judged(record: PassRecord, step: str = "session/direct-file") -> list[Judged]:
    return [one for one in record.judged if one.flow.id.startswith(f"{step}/")]


def outcomes(record: PassRecord) -> dict[str, tuple[str, bool]]:
    return {
        one.feature: (one.words, one.emulated)
        for one in record.outcomes
        if one.feature in ("file-transfer", "games", "sharing-folders")
    }


def bridges(found: StepRecord) -> list[tuple[str, str, str]]:
    return [(one.what, one.bridge, one.listened) for one in found.carried]


def said(record: PassRecord, there: str, back: str) -> None:
    words = step(record).words
    assert re.match(THERE.format(there) + BACK.format(back), words), words


def test_where_everything_passes_each_end_is_reached(through: Through) -> None:
    record = through(OPEN)
    said(record, "TCPv1, the contact listened" + RATE, "TCPv1, this end listened" + RATE)
    flows = judged(record)
    assert [(one.flow.direction, one.verdict.verdict, one.verdict.certainty) for one in flows] == [
        ("outward", "pass", "confirmed"),
        ("inward", "pass", "confirmed"),
    ]
    assert [one.joined_by for one in flows] == ["tag", "tag"]
    assert step(record).flows == tuple(one.flow.id for one in flows)
    receipts = {one.id: one for one in record.receipts}
    for one, contact in zip(flows, ("listened", "dialled"), strict=True):
        (receipt,) = (receipts[number] for number in one.receipts)
        assert receipt.facts["contact"] == contact
        assert (receipt.received, receipt.sent) == (one.observation.sent, one.observation.received)
        assert sum(way.size for way in (receipt.received, receipt.sent) if way) > 200_000
    assert flows[1].observation.local is not None
    assert flows[1].observation.local.port >= 1025


def test_what_only_comes_in_badly_is_carried_back_by_the_switchboard(through: Through) -> None:
    record = through(FORWARD.format(INWARD))
    said(record, "TCPv1, the contact listened" + RATE, r"SBBridge \(nobody came to port \d+\)" + RATE)
    assert [(one.flow.direction, one.verdict.verdict) for one in judged(record)] == [("outward", "pass")]


def test_what_only_goes_out_badly_is_carried_there_by_the_switchboard(through: Through) -> None:
    record = through(FORWARD.format(OUTWARD))
    said(record, r"SBBridge \(.*\)" + RATE, "TCPv1, this end listened" + RATE)
    verdicts = {one.flow.direction: one.verdict.verdict for one in judged(record)}
    assert verdicts == {"outward": "blocked.drop.outbound", "inward": "pass"}
    assert len(step(record).flows) == 1
    assert len(step(record).failed) == 1, "the attempt is shown, and is no failure of the step"


def test_without_any_path_between_the_peers_both_files_go_over_the_switchboard(through: Through) -> None:
    record = through(FORWARD.format(INWARD + OUTWARD))
    said(record, r"SBBridge \(.*\)" + RATE, r"SBBridge \(nobody came to port \d+\)" + RATE)
    assert step(record).flows == ()


def test_a_path_that_the_survey_found_closed_is_not_tried_again(through: Through) -> None:
    record = through(FORWARD.format(RANGE))
    assert step(record).state == "failed"
    assert judged(record) == []
    (dead,) = step(record).dead
    assert dead.flow.startswith("file-transfer-tcp-1025-65535/p2p-direct")
    assert dead.verdict == "blocked.drop.outbound"


def test_behind_a_nat_the_contact_listens_both_times(through: Through) -> None:
    record = through(TRANSLATED)
    said(record, "TCPv1, the contact listened" + RATE, "TCPv1, the contact listened" + RATE)
    assert [(one.flow.direction, one.verdict.verdict) for one in judged(record)] == [("outward", "pass")] * 2


PEERS = [("game", "direct"), ("folder", "list")]


@pytest.mark.parametrize(("journey", "name"), PEERS)
def test_games_and_folders_go_directly_with_the_same_bytes_at_both_ends(
    through: Through, journey: str, name: str
) -> None:
    record = through(OPEN)
    found = step(record, journey, name)
    assert (found.state, found.by) == ("done", "")
    assert bridges(found) == [("there", "TCPv1", "the contact"), ("back", "TCPv1", "this end")]
    assert found.words.endswith("; the same at both ends")
    assert all(one.bytes > 100 and one.rate == pytest.approx(one.bytes / one.seconds, 0.01) for one in found.carried)
    flows = judged(record, f"{journey}/{name}")
    assert [(one.flow.direction, one.verdict.verdict, one.verdict.certainty, one.joined_by) for one in flows] == [
        ("outward", "pass", "confirmed", "tag"),
        ("inward", "pass", "confirmed", "tag"),
    ]
    receipts = {one.id: one for one in record.receipts}
    for one in flows:
        (receipt,) = (receipts[number] for number in one.receipts)
        assert (receipt.received, receipt.sent) == (one.observation.sent, one.observation.received)
    assert outcomes(record) == dict.fromkeys(("file-transfer", "games", "sharing-folders"), ("works", False))


def test_everything_that_carries_data_says_by_which_bridge_and_how_fast(through: Through) -> None:
    record = through(OPEN)
    found = {
        (journey.id, one.id): [carried.bridge for carried in one.carried]
        for journey in record.journeys
        for one in journey.steps
        if one.carried
    }
    assert found == {
        ("session", "file"): ["SBBridge", "SBBridge"],
        ("session", "direct-file"): ["TCPv1", "TCPv1"],
        ("legacy-session", "file"): ["MSNFTP"] * 4,
        ("game", "moves"): ["SBBridge"],
        ("game", "direct"): ["TCPv1", "TCPv1"],
        ("folder", "list"): ["TCPv1", "TCPv1"],
    }


def test_what_is_our_own_is_labelled_in_record_and_flows(through: Through) -> None:
    record = through(OPEN)
    emulated = {(journey.id, one.id) for journey in record.journeys for one in journey.steps if one.emulated}
    assert {name for journey, name in emulated if journey == "folder"} == {"certificate", "open", "list"}
    assert not {name for journey, name in emulated if journey in ("session", "game")}
    flows = {one.flow.id for one in record.judged if one.flow.row == "folder" and one.flow.emulated}
    assert flows == {
        "folder/certificate/rst",
        "folder/open/msnp",
        "folder/list/p2p-direct",
        "folder/list/p2p-direct#2",
    }


@pytest.mark.parametrize(("journey", "name"), PEERS)
def test_where_one_direction_passes_that_one_is_enough(through: Through, journey: str, name: str) -> None:
    record = through(FORWARD.format(INWARD))
    found = step(record, journey, name)
    assert bridges(found) == [("there", "TCPv1", "the contact"), ("back", "SBBridge", "")]
    assert re.fullmatch(r"nobody came to port \d+", found.carried[1].why)
    record = through(FORWARD.format(OUTWARD))
    found = step(record, journey, name)
    assert bridges(found) == [("there", "SBBridge", ""), ("back", "TCPv1", "this end")]
    assert found.carried[0].why
    assert set(outcomes(record).values()) == {("works", False)}


@pytest.mark.parametrize(("journey", "name"), PEERS)
def test_datagrams_of_our_own_form_stand_for_trudp_and_are_labelled(through: Through, journey: str, name: str) -> None:
    record = through(FORWARD.format(INWARD + OUTWARD))
    found = step(record, journey, name)
    assert (found.state, found.by) == ("done", "UDP")
    assert [one.bridge for one in found.carried] == ["datagrams (emulated)"]
    (flow,) = judged(record, f"{journey}/{name}")[-1:]
    assert (flow.flow.id, flow.flow.transport, flow.flow.emulated) == (f"{journey}/{name}/trudp", "udp", True)
    assert (flow.verdict.verdict, flow.verdict.certainty) == ("pass", "confirmed")
    assert len(flow.observation.exchanged) == (9 if journey == "game" else 1)
    assert outcomes(record)["games" if journey == "game" else "sharing-folders"] == ("degraded (UDP)", True)


def test_what_is_left_is_the_switchboard(through: Through) -> None:
    record = through(FORWARD.format(INWARD + OUTWARD + LONG_DATAGRAMS))
    assert step(record, "game", "direct").state == "failed"  # it went on over the switchboard, as before
    assert step(record, "game", "moves").state == "done"
    found = step(record, "folder", "list")
    assert (found.state, found.by, bridges(found)) == ("done", "switchboard", [("lists", "SBBridge", "")])
    assert found.flows == ("folder/list/msnp",)
    assert outcomes(record) == {
        "file-transfer": ("degraded (UDP)", True),
        "games": ("degraded (switchboard only)", False),
        "sharing-folders": ("degraded (switchboard)", False),
    }


def test_a_range_that_only_the_contact_passes_holds_by_its_flows(through: Through) -> None:
    record = through(FORWARD.format(RANGE))
    assert step(record, "game", "direct").dead[0].verdict == "blocked.drop.outbound"
    assert {name: words for name, (words, _) in outcomes(record).items()} == {
        "file-transfer": "works",
        "games": "works",
        "sharing-folders": "works",
    }


def test_a_cast_without_these_contacts_is_named_and_breaks_nothing(tmp_path: Path) -> None:
    cast = tmp_path / "cast.toml"
    cast.write_text(CAST)
    file = tmp_path / "trial.toml"
    file.write_text(SCENARIO)
    (tmp_path / "trial.nft").write_text(OPEN)
    catalog = load()
    options = Options(seed="0011", samples=0, timeout=1.5)
    with Lab(catalog) as lab:
        join, _ = start_serve(lab, catalog, options, tmp_path / "certs", more=("--cast", str(cast)))
        scenario = load_scenario(str(file), catalog, cwd=tmp_path)
        record = LabRunner(lab, join, options).run(file, scenario, scenario.passes[0], lambda done, total: None)
    steps = {(journey.id, one.id): one for journey in record.journeys for one in journey.steps}
    for key, contact in ((("game", "invite"), "games@"), (("folder", "ask"), "folders@")):
        assert steps[key].state == "not-run"
        assert steps[key].words == f"{contact}example.com is not there: the emulator's cast has no such contact"
    assert steps["session", "direct-file"].words == "no conversation with a contact that takes files"
    states = {one.id: one.state for one in record.journeys}
    assert (states["session"], states["game"], states["folder"]) == ("done", "not-run", "not-run")
    found = {one.feature: one.outcome for one in record.outcomes}
    assert {found[name] for name in ("games", "sharing-folders", "file-transfer")} == {"not-tested"}


def test_a_connection_whose_data_die_on_the_way_is_blamed_and_is_no_path(through: Through) -> None:
    record = through(FORWARD.format(LONG_SEGMENTS))
    found = step(record)
    assert found.state == "failed"
    (flow,) = judged(record)
    assert (flow.verdict.verdict, flow.verdict.certainty) == ("blocked.drop.data", "confirmed")
    assert outcomes(record)["file-transfer"] == ("degraded (UDP)", True)
    assert outcomes(record)["games"] == ("works", False), "moves are short: they pass"
