"""Rule sets where they count: loaded by the tools they are for, into a lab that blocks; then everything passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trials import Trials

from emulator.catalog import load
from emulator.cli.results import run_record
from emulator.judge.record import PassRecord
from emulator.report import json as record_file

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CATALOG = load()
CHAIN = "inet lab forward"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="the lab needs Linux and root"),
]

# Everything must pass, both ways. No firewall file: what the test loads stays.
EVERYTHING = """
id = "trial"
title = { en = "Everything", pt = "Tudo" }
about = "every documented row passes"
leaks = true
[[expect.flows]]
rows = ["leak"]
must = "stop"
[[expect.flows]]
rows = ["*"]
must = "pass"
"""
BY_PROXY = """
id = "trial"
title = { en = "By proxy", pt = "Por proxy" }
about = "what goes through the proxy passes"
firewall = "by-proxy.nft"
[[pass]]
id = "named"
proxy = "squid.conf"
credentials = "right"
[[pass.expect.flows]]
rows = ["*"]
via = "proxy"
must = "pass"
[[pass]]
id = "unnamed"
proxy = "squid.conf"
credentials = "none"
[[pass.expect.flows]]
rows = ["*"]
via = "proxy"
must = "stop"
how = ["proxy.auth-required"]
"""
# A proxy that lets nobody through, until the rules are put where its comment stands.
SHUT = """
http_port @LISTEN@
auth_param basic program @AUTHENTICATOR@ @PASSWORDS@
auth_param basic children 2
auth_param basic realm Company proxy
# here
http_access deny all
"""

NOTHING_PASSES = "type filter hook forward priority filter; policy drop;"

Run = Callable[..., PassRecord]


def printed(*arguments: str) -> str:
    """What `messenger-lab rules` prints."""
    command = [sys.executable, "-m", "emulator", "rules", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def lab(trials: Trials) -> Any:
    return trials.lab


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def run(trials: Trials, place: Path) -> Run:
    def go(text: str = EVERYTHING, only: int = 0) -> PassRecord:
        file = place / "trial.toml"
        file.write_text(text)
        return trials.run(file, only=only)

    return go


def in_firewall(lab: Any, *argv: str, data: str = "") -> None:
    done = lab.run("firewall", list(argv), 30, data=data.encode())
    assert done.returncode == 0, done.stderr.decode()


def store(record: PassRecord, path: Path) -> str:
    record_file.write(run_record(CATALOG, 0.0, [record], [], interrupted=False), path)
    return str(path)


def wrong(record: PassRecord) -> dict[str, str]:
    """Flows that did not do what the scenario says, and their verdicts."""
    verdicts = {item.flow.id: f"{item.verdict.verdict} ({item.verdict.detail})" for item in record.judged}
    named = [flow for one in record.expectations if one.state != "met" for flow in one.flows]
    assert record.expectations
    return {flow: verdicts[flow] for flow in named}


@pytest.fixture(scope="module")
def broken(lab: Any, run: Run, place: Path) -> str:
    """File of a run that found everything blocked."""
    lab.apply(SCENARIOS / "block-all.nft")
    record = run()
    assert len(wrong(record)) > 100
    return store(record, place / "broken.json")


def test_a_run_that_found_everything_blocked_prints_what_repairs_it(lab: Any, run: Run, broken: str) -> None:
    lab.apply(SCENARIOS / "block-all.nft")
    repair = printed("nftables", "--run", broken, "--chain", CHAIN, "--inside", "192.0.2.0/24")
    in_firewall(lab, "nft", "-f", "-", data=repair)
    assert wrong(run()) == {}

    # the same run, repaired for one feature: that and sign-in work, and nothing more was opened
    lab.apply(SCENARIOS / "block-all.nft")
    repair = printed("nftables", "--run", broken, "--chain", CHAIN, "--feature", "whiteboard")
    in_firewall(lab, "nft", "-f", "-", data=repair)
    outcomes = {one.feature: one.outcome for one in run().outcomes}
    assert outcomes.pop("sign-in") == outcomes.pop("whiteboard") == "works"
    assert {name for name, state in outcomes.items() if state == "works"} == set()


def test_a_hole_in_a_firewall_is_mended_by_one_port(lab: Any, run: Run, place: Path) -> None:
    lab.apply(SCENARIOS / "no-1863.nft")
    stored = store(run(), place / "hole.json")
    repair = printed("nftables", "--run", stored, "--chain", CHAIN)
    accepted = [line.rpartition(" tcp ")[2] for line in repair.splitlines() if line.endswith("accept")][1:]
    assert set(accepted) == {"dport { 1863 } accept"}
    in_firewall(lab, "nft", "-f", "-", data=repair)
    mended = run()
    assert set(wrong(mended)) <= {item.flow.id for item in mended.judged if item.flow.row_kind == "leak"}
    # a run that finds nothing blocked has nothing to repair
    assert printed("nftables", "--run", store(mended, place / "whole.json")) == ""


def test_the_whole_table_as_a_rule_set_of_its_own(lab: Any, run: Run, place: Path) -> None:
    (place / "all.nft").write_text(printed("nftables"))
    lab.apply(place / "all.nft")
    assert wrong(run()) == {}


@pytest.mark.skipif(
    shutil.which("iptables-restore", path="/usr/sbin:/sbin") is None, reason="needs iptables (package iptables)"
)
@pytest.mark.parametrize("repairs", [True, False], ids=["repair", "whole"])
def test_iptables_takes_it_and_lets_the_same_through(
    lab: Any, run: Run, place: Path, broken: str, repairs: bool
) -> None:
    (place / "empty.nft").write_text("# nothing\n")
    lab.apply(place / "empty.nft")
    in_firewall(lab, "iptables", "-P", "FORWARD", "DROP")
    try:
        more = ("--run", broken) if repairs else ()
        in_firewall(lab, "iptables-restore", "--noflush", data=printed("iptables", *more))
        assert wrong(run()) == {}
    finally:
        in_firewall(lab, "iptables", "-F")
        in_firewall(lab, "iptables", "-X")
        in_firewall(lab, "iptables", "-P", "FORWARD", "ACCEPT")


@pytest.mark.skipif(shutil.which("squid", path="/usr/sbin:/usr/bin") is None, reason="needs squid")
def test_squid_takes_it_and_asks_for_names_as_the_note_says(lab: Any, run: Run, place: Path) -> None:
    # as in the scenario proxy-note, but what goes past the proxy is refused at once, so that nothing is waited for
    refused = "reject with icmpx admin-prohibited"
    rules = (SCENARIOS / "proxy-note.nft").read_text()
    assert rules.count(NOTHING_PASSES) == 1
    (place / "by-proxy.nft").write_text(rules.replace(NOTHING_PASSES, f"{NOTHING_PASSES}\n{refused}"))
    squid = place / "squid.conf"
    squid.write_text(SHUT)
    shut = run(BY_PROXY)
    assert len(wrong(shut)) > 20
    stored = store(shut, place / "by-proxy.json")
    for more in ((), ("--run", stored)):
        squid.write_text(SHUT.replace("# here", printed("squid", *more)))
        assert wrong(run(BY_PROXY)) == {}
    squid.write_text(SHUT.replace("# here", printed("squid")))
    assert wrong(run(BY_PROXY, only=1)) == {}
