"""`serve` and `run --join` as two processes: what a person does on real gear, here over loopback of a namespace."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from two_processes import SEED, Runs, Serve

from emulator.catalog import load

CATALOG = load()


@pytest.fixture(scope="module")
def run(runs: Runs, served: Serve, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run of `open`; what it printed and wrote."""
    place = tmp_path_factory.mktemp("run")
    done = runs(
        *("run", "open", "--join", str(served.join), "--json", str(place / "run.json")),
        *("--junit", str(place / "junit.xml"), "--html", str(place / "report.html")),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    done.record = json.loads((place / "run.json").read_text())
    done.place = place
    return done


EXPECTED = 12 + 57 + 2 * len(CATALOG.journeys)  # outcomes, rows, journeys, and the flows of each journey


def unmet(record: Any) -> list[Any]:
    """What to look at when a run is not as expected."""
    (one,) = record["passes"]
    wrong = [item for item in one["expectations"] if item["state"] != "met"]
    names = {name for item in wrong for name in item["flows"][:1]}
    seen = [(item["verdict"], item["observation"]) for item in one["judged"] if item["flow"]["id"] in names]
    return [one["control"], one["problem"], one["notes"], wrong, seen]


def test_open_is_as_expected_from_end_to_end(run: Any) -> None:
    (one,) = run.record["passes"]
    states = [expectation["state"] for expectation in one["expectations"]]
    assert len(states) == EXPECTED
    assert set(states) == {"met"}
    assert {outcome["outcome"] for outcome in one["outcomes"]} == {"works"}
    assert (one["control"], one["problem"]) == ("up", "")


def test_every_flow_passes_and_is_confirmed_by_the_far_end(run: Any) -> None:
    (one,) = run.record["passes"]
    other = [item["verdict"] for item in one["judged"] if item["verdict"]["certainty"] != "confirmed"]
    assert other == []
    assert {item["verdict"]["verdict"] for item in one["judged"]} == {"pass"}
    assert all(item["receipts"] for item in one["judged"])


def test_the_far_ends_own_dials_succeed(run: Any) -> None:
    (one,) = run.record["passes"]
    for checks in (one["checks_before"], one["checks_after"]):
        assert [listener for listener, ok, _ in checks if not ok] == []
        assert {listener for listener, _, _ in checks} == {f"tcp/{port}" for port in CATALOG.fixed_ports("tcp")}


def test_junit_is_one_case_per_expectation(run: Any) -> None:
    suite = ElementTree.parse(run.place / "junit.xml").getroot()
    cases = list(suite.iter("testcase"))
    assert len(cases) == EXPECTED
    assert not [case for case in cases if len(case) and case[0].tag in ("failure", "error", "skipped")]
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == EXPECTED


def test_the_seed_replays_the_ports(runs: Runs, served: Serve, run: Any, tmp_path: Path) -> None:
    def ports(record: Any) -> list[tuple[str, int]]:
        flows = [item["flow"] for item in record["passes"][0]["judged"]]
        return [(flow["id"], flow["port"]) for flow in flows if flow["row_kind"] != "journey"]

    assert run.record["passes"][0]["seed"] == SEED
    for seed, same in ((SEED.upper(), True), ("00ff", False)):
        out = tmp_path / f"{seed}.json"
        done = runs("run", "open", "--join", str(served.join), "--seed", seed, "--json", str(out))
        record = json.loads(out.read_text())
        # the emulator opens the ports of whatever seed the probe names
        assert done.returncode == 0, unmet(record)
        assert (ports(record) == ports(run.record)) is same


def test_the_join_data_may_come_from_the_environment_or_standard_input(runs: Runs, served: Serve) -> None:
    text = served.join.read_text()
    line = base64.b64encode(text.encode()).decode()
    by_line = runs("run", "open", "--samples", "0", "--progress", "none", env={"MESSENGER_LAB_JOIN": line})
    assert by_line.returncode == 0, by_line.stderr
    by_pipe = runs("run", "open", "--join", "-", "--samples", "0", "--progress", "none", input=text)
    assert by_pipe.returncode == 0, by_pipe.stderr


def test_firewall_files_are_ignored_and_that_is_said(run: Any, runs: Runs, served: Serve) -> None:
    """The device under test is the one that stands here; only the expectations are judged."""
    assert "ignored" in run.stderr
    done = runs("run", "block-all", "--join", str(served.join), "--samples", "0")
    assert done.returncode == 1, "nothing is blocked here, so block-all must not be met"
    assert "Traceback" not in done.stderr


class TestServe:
    """What `serve` says and does."""

    def test_it_says_what_listens_and_the_system_agrees(self, runs: Runs, served: Serve) -> None:
        listening = runs.network.run("ss", "-Hltn").stdout
        ports = {int(found) for found in re.findall(r"127\.0\.0\.1:(\d+)", listening)}
        assert set(CATALOG.fixed_ports("tcp")) <= ports
        udp = runs.network.run("ss", "-Hlun").stdout
        assert {f"127.0.0.1:{port}" for port in CATALOG.fixed_ports("udp")} <= set(udp.split())
        assert {"127.0.0.2:9", "127.0.0.2:7001"} <= set(udp.split())
        said = served.err.read_text()
        assert "tcp  127.0.0.1" in said
        assert "udp  127.0.0.2  9 3478-3479 7001" in said
        assert "not open" not in said
        assert f"seed {SEED}" in served.out.read_text()

    def test_the_join_file_is_private_and_complete(self, served: Serve) -> None:
        assert served.join.stat().st_mode & 0o777 == 0o600
        join = tomllib.loads(served.join.read_text())
        assert (join["format"], join["seed"], join["samples"]) == (1, SEED, 2)
        assert join["control"] == ["https://127.0.0.1:8700"]
        assert join["expires"] - join["created"] == 24 * 3600
        assert (len(bytes.fromhex(join["token"])), len(bytes.fromhex(join["pin"]))) == (32, 32)
        assert join["catalog"] == CATALOG.digest
        assert set(join["addresses"]) == {*CATALOG.host_names, "peer", "second"}

    def test_the_token_is_in_no_report_and_no_output(self, served: Serve, run: Any) -> None:
        token = tomllib.loads(served.join.read_text())["token"]
        said = served.out.read_text() + served.err.read_text() + run.stdout + run.stderr
        written = "".join(path.read_text() for path in run.place.iterdir())
        assert token not in said + written
