"""Several vantages in one report: by a real sshd, behind different firewalls, on machines that have only Python."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from field_place import Field
from two_vantages import PORT, SSHD, Vantages

PIPES: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
QUICK = ("--samples", "0", "--timeout", "1")


@pytest.fixture(scope="module")
def vantages(field: Field) -> Iterator[Vantages]:
    if SSHD is None:
        pytest.skip("needs sshd (package openssh-server)")
    field.apply("web-only")
    both = Vantages(field)
    try:
        yield both
    finally:
        both.close()


def both(vantages: Vantages) -> list[str]:
    return ["--vantage", f"head=root@{vantages.head.address}:{PORT}", "--vantage", "ssh:branch"]


def made(vantages: Vantages) -> list[str]:
    return ["--bundle", str(vantages.bundle)]


def outcomes(record: Any, vantage: str) -> dict[str, str]:
    (one,) = [one for one in record["passes"] if one["vantage"] == vantage]
    return {item["feature"]: item["outcome"] for item in one["outcomes"]}


@pytest.fixture(scope="module")
def report(vantages: Vantages, tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("report")
    files = [word for kind in ("json", "junit", "html") for word in (f"--{kind}", str(place / kind))]
    done = vantages.run("web-only", *both(vantages), "--samples", "0", *files, "--progress", "none")
    assert done.returncode == 1, (done.stderr, done.stdout)
    done.place, done.record = place, json.loads((place / "json").read_text())
    return done


def test_one_report_shows_both_and_what_each_firewall_does(report: Any) -> None:
    assert [(one["scenario"], one["vantage"], one["control"]) for one in report.record["passes"]] == [
        ("web-only", "head", "up"),
        ("web-only", "branch", "up"),
    ]
    head, branch = outcomes(report.record, "head"), outcomes(report.record, "branch")
    assert (head["sign-in"], branch["sign-in"]) == ("degraded", "works")  # the branch lets 1863 out
    for one in report.record["passes"]:
        assert {item["verdict"]["verdict"] for item in one["judged"]} >= {"pass", "blocked.drop.outbound"}
        assert not one["notes"]
    assert [one["journeys"][0]["by"] for one in report.record["passes"]] == ["gateway", ""]


def test_what_is_not_met_at_one_decides_the_exit_code(report: Any) -> None:
    states = [{item["state"] for item in one["expectations"]} for one in report.record["passes"]]
    assert states[0] == {"met"}
    assert "not-met" in states[1], "the branch lets 1863 out"
    assert b"web-only @ branch: " in report.stdout


def test_the_flows_of_each_came_from_where_it_is(report: Any) -> None:
    """No run took what was the other's, though both went on at once."""
    first, second = report.record["passes"]
    assert max(first["started"], second["started"]) < min(one["started"] + one["seconds"] for one in (first, second))
    sources = [{receipt["peer"][0] for receipt in one["receipts"]} for one in (first, second)]
    assert sources == [{"192.0.2.10"}, {"192.0.2.129"}]


def test_reports_tell_them_apart(report: Any) -> None:
    assert b"1 web-only @ head" in report.stdout
    assert b"2 web-only @ branch" in report.stdout
    suites = [suite.get("name") for suite in ElementTree.parse(report.place / "junit").getroot()]
    assert suites == ["web-only @ head", "web-only @ branch"]
    page = (report.place / "html").read_text()
    assert re.findall(r"web-only<br><small>(\w+)</small>", page) == ["head", "branch"]


def test_nothing_is_left_there(report: Any, vantages: Vantages) -> None:
    assert (vantages.head.left, vantages.branch.left) == ([], [])


def test_one_that_cannot_be_reached_is_said_and_the_others_go_on(vantages: Vantages, tmp_path: Path) -> None:
    closed = f"root@{vantages.head.address}:9"
    more = ("--json", str(tmp_path / "json"), "--junit", str(tmp_path / "junit"))
    done = vantages.run("web-only", "--vantage", closed, *both(vantages)[:2], *QUICK, *made(vantages), *more)
    assert done.returncode == 3, (done.stderr, done.stdout)
    record = json.loads((tmp_path / "json").read_text())
    assert [one["vantage"] for one in record["passes"]] == ["head"]
    assert record["not_run"] == [f"web-only @ {closed.removesuffix(':9')}"]
    (lost,) = record["lost"]
    assert "ssh cannot get in" in lost["why"]
    assert "Connection refused" in lost["why"]
    assert b"no record from" in done.stdout
    assert 'type="lost"' in (tmp_path / "junit").read_text()


def test_a_machine_without_python_is_said(vantages: Vantages, tmp_path: Path) -> None:
    holder = vantages.field.lab.pid("inside")
    vantages.site("poor", holder, vantages.head.address, port=PORT + 1, with_python=False)
    out = tmp_path / "json"
    done = vantages.run(
        "web-only", "--vantage", f"poor=root@{vantages.head.address}:{PORT + 1}", *QUICK, *made(vantages),
        "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 3
    assert "no python3 (3.11 or newer) goes on there" in json.loads(out.read_text())["lost"][0]["why"]


class TestEnds:
    """Runs that do not come to their end."""

    def start(self, vantages: Vantages, out: Path) -> Any:
        """A run under way at both: flows that are dropped wait for their time-out."""
        arguments = vantages.arguments("survey", *both(vantages), "--samples", "0", "--timeout", "6", *made(vantages))
        argv = [sys.executable, "-m", "emulator", *arguments, "--json", str(out), "--progress", "lines"]
        process = vantages.field.lab.spawn("outside", argv, **PIPES)
        while not (vantages.head.left and vantages.branch.left and json.loads(process.stdout.readline())[1] > 250):
            pass
        return process

    def test_ctrl_c_ends_all_of_them_and_the_report_is_written(self, vantages: Vantages, tmp_path: Path) -> None:
        process = self.start(vantages, tmp_path / "json")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said
        record = json.loads((tmp_path / "json").read_text())
        assert record["interrupted"]
        assert [one["vantage"] for one in record["passes"]] == ["head", "branch"]
        assert (vantages.head.left, vantages.branch.left) == ([], [])
        assert processes(vantages) == []

    def test_one_that_is_lost_half_way_is_said_and_leaves_nothing(self, vantages: Vantages, tmp_path: Path) -> None:
        process = self.start(vantages, tmp_path / "json")
        (session,) = children(vantages.branch.process.pid)
        os.kill(session, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        record = json.loads((tmp_path / "json").read_text())
        assert [one["vantage"] for one in record["passes"]] == ["head"]
        (lost,) = record["lost"]
        assert (lost["vantage"], "lost half-way" in lost["why"]) == ("branch", True)
        assert vantages.branch.left == []
        assert processes(vantages) == []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(vantages: Vantages) -> list[str]:
    """Command lines of what still runs of a bundle."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(vantages.head.tmp) in line or str(vantages.branch.tmp) in line:
            found.append(line)
    return found
