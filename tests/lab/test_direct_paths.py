"""A file between peers through real firewalls: each end listens once, and what does not get through is carried on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.catalog import load
from emulator.judge.journey import StepRecord
from emulator.judge.record import Judged, PassRecord
from emulator.lab.lab import Lab
from emulator.runner.inlab import LabRunner, start_serve
from emulator.runner.passes import Options
from emulator.scenario.load import load as load_scenario

SCENARIO = """
id = "direct"
title = { en = "Direct", pt = "Direto" }
about = "peers connect"
firewall = "direct.nft"
[expect]
"""
FORWARD = """
table inet lab {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
    {}
  }}
}}
"""
TRANSLATED = """
table ip nat {
  chain out {
    type nat hook postrouting priority 100;
    oifname "outside" masquerade random
  }
}
"""
# the survey's own ports stay open; what systems hand out to those who listen is below and above them
INWARD = 'iifname "outside" oifname "inside" tcp dport 32768-60999 ct state new drop\n'
OUTWARD = 'iifname "inside" oifname "outside" tcp dport 32768-60999 ct state new drop\n'
RANGE = 'iifname "inside" oifname "outside" tcp dport { 1025-1862, 1864-65535 } ct state new drop\n'
THERE, BACK = r"200000 bytes there: {}", r"; back: {}; the same SHA-1 at both ends$"
RATE = r", \d+ bytes per second"
Through = Callable[[str], PassRecord]


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    place: Path = tmp_path_factory.mktemp("direct")
    file = place / "direct.toml"
    file.write_text(SCENARIO)
    catalog = load()
    options = Options(seed="0011", samples=0, timeout=0.6)
    with Lab(catalog) as lab:
        join, _ = start_serve(lab, catalog, options, place / "certs")
        runner = LabRunner(lab, join, options)

        def run(rules: str) -> PassRecord:
            (place / "direct.nft").write_text(rules)
            scenario = load_scenario(str(file), catalog, cwd=place)
            return runner.run(file, scenario, scenario.passes[0], lambda done, total: None)

        yield run


def step(record: PassRecord) -> StepRecord:
    session = next(one for one in record.journeys if one.id == "session")
    assert session.state == "done", session.words
    return next(one for one in session.steps if one.id == "direct-file")


def judged(record: PassRecord) -> list[Judged]:
    return [one for one in record.judged if one.flow.id.startswith("session/direct-file/")]


def said(record: PassRecord, there: str, back: str) -> None:
    words = step(record).words
    assert re.match(THERE.format(there) + BACK.format(back), words), words


def test_where_everything_passes_each_end_is_reached(through: Through) -> None:
    record = through(FORWARD.format(""))
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
    record = through(FORWARD.format("") + TRANSLATED)
    said(record, "TCPv1, the contact listened" + RATE, "TCPv1, the contact listened" + RATE)
    assert [(one.flow.direction, one.verdict.verdict) for one in judged(record)] == [("outward", "pass")] * 2
