"""Scenarios with a time budget or a reason to be skipped, and reports that find no room: nothing is lost or claimed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as tree
from pathlib import Path
from typing import Any

import pytest
from private_network import VOID, lab
from two_processes import Runs, Serve

SCENARIO = """
id = "{name}"
title = {{ en = "A trial", pt = "Um teste" }}
about = "x"
{more}
[[expect.flows]]
rows = ["*"]
must = "may"
"""
CASES = """
id = "cases"
title = { en = "A trial", pt = "Um teste" }
about = "x"
[[pass]]
id = "direct"
[pass.expect]
[[pass]]
id = "by-proxy"
proxy = "squid.conf"
[pass.expect]
[[pass]]
id = "named"
proxy = "squid.conf"
credentials = "right"
[pass.expect]
"""


def scenario(place: Path, name: str, more: str = "") -> str:
    file = place / f"{name}.toml"
    file.write_text(SCENARIO.format(name=name, more=more))
    return str(file)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_what_the_budget_does_not_allow_is_not_tested_and_nothing_is_claimed(
    runs: Runs, served: Serve, tmp_path: Path
) -> None:
    """Silence everywhere: each flow would take 20 s."""
    text = served.join.read_text()
    head, _, hosts = text.partition("[addresses]")
    join = tmp_path / "void.toml"
    join.write_text(head + "[addresses]" + hosts.replace("127.0.0.1", VOID).replace("127.0.0.2", VOID))
    out = tmp_path / "run.json"
    names = (scenario(tmp_path, "short", "budget = 1.5"), scenario(tmp_path, "after", "budget = 0.5"))
    done = runs("run", *names, "--join", str(join), "--json", str(out), "--timeout", "20", "--samples", "0")
    record = read(out)
    assert [one["scenario"] for one in record["passes"]] == ["short", "after"]  # the next one still runs
    first = record["passes"][0]
    assert 1.5 <= first["seconds"] < 10
    assert "the time budget of 1.5 s was spent: what was not done by then was not tested" in first["notes"]
    assert {item["verdict"]["verdict"] for item in first["judged"]} <= {"not-tested", "error"}
    assert {one["outcome"] for one in first["outcomes"]} == {"not-tested"}
    assert not record["interrupted"]
    assert done.returncode == 0  # these scenarios expect nothing
    assert "the time budget of 1.5 s was spent" in done.stdout


def test_a_scenario_says_why_it_is_skipped(runs: Runs, served: Serve, tmp_path: Path) -> None:
    out, xml = tmp_path / "run.json", tmp_path / "run.xml"
    names = (scenario(tmp_path, "later", 'skip = "the new device comes on Monday"'), scenario(tmp_path, "now"))
    done = runs("run", *names, "--join", str(served.join), "--json", str(out), "--junit", str(xml), "--samples", "0")
    record = read(out)
    assert record["skipped"] == [{"id": "later", "why": "the new device comes on Monday"}]
    assert [one["scenario"] for one in record["passes"]] == ["now"]
    assert done.returncode == 0
    assert "skipped: later: the new device comes on Monday" in done.stdout
    skipped = tree.parse(xml).getroot().find("./testsuite[@name='later']/testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == "the new device comes on Monday"


def test_where_everything_is_skipped_nothing_was_decided(runs: Runs, served: Serve, tmp_path: Path) -> None:
    done = runs("run", scenario(tmp_path, "later", 'skip = "not yet"'), "--join", str(served.join))
    assert done.returncode == 3
    assert "1 skipped" in done.stdout


def test_passes_through_a_proxy_need_one(runs: Runs, served: Serve, tmp_path: Path) -> None:
    (tmp_path / "cases.toml").write_text(CASES)
    (tmp_path / "squid.conf").touch()
    out = tmp_path / "run.json"
    arguments = ("run", str(tmp_path / "cases.toml"), "--join", str(served.join), "--json", str(out), "--samples", "0")
    runs(*arguments)
    assert {one["id"]: one["why"] for one in read(out)["skipped"]} == {
        "cases/by-proxy": "it goes through a proxy: name yours with --proxy http://host:port",
        "cases/named": "it goes through a proxy: name yours with --proxy http://host:port",
    }
    runs(*arguments, "--proxy", "http://127.0.0.1:1", "--timeout", "0.5")
    assert {one["id"]: one["why"] for one in read(out)["skipped"]} == {
        "cases/named": "it needs a name that the proxy knows: --proxy http://user:password@host:port",
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("budget = 0", "budget: 0 s: give seconds, more than 0 and at most 3600"),
        ("budget = 1e9", "more than 0 and at most 3600"),
        ('budget = "long"', "Expected `float"),
        ('skip = " "', "skip: no reason: say why it is skipped, or leave it out"),
        ("skip = true", "Expected `str"),
    ],
)
def test_impossible_words(tmp_path: Path, more: str, said: str) -> None:
    command = lab("run", scenario(tmp_path, "mine", more), "--join", "nowhere")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"COLUMNS": "4000"})
    assert done.returncode == 2
    assert said in done.stderr


FULL = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_costs_neither_words_nor_evidence(runs: Runs, served: Serve, tmp_path: Path) -> None:
    """In a mount namespace of its own, the reports go to a file system of 64 kB."""
    small, rescue = tmp_path / "small", tmp_path / "rescue"
    small.mkdir()
    rescue.mkdir()
    command = lab(
        *("run", scenario(tmp_path, "now"), "--join", str(served.join), "--samples", "0"),
        *("--json", str(small / "run.json"), "--html", str(small / "run.html"), "--junit", str(small / "run.xml")),
    )
    done = runs.network.run(
        *("unshare", "--mount", "sh", "-c", f"{FULL}; ls -a {small}", str(small), *command),
        env=os.environ | {"COLUMNS": "4000", "TMPDIR": str(rescue)},
    )
    assert done.returncode == 3
    assert "nothing was expected of 1 pass" in done.stdout
    for name in ("run.json", "run.html"):
        assert f"{small / name}: No space left on device: make room or name another file" in done.stderr
    assert "not written" in done.stderr
    assert f"JUnit: {small / 'run.xml'}" in done.stderr  # small enough
    (saved,) = rescue.iterdir()
    assert read(saved)["passes"][0]["scenario"] == "now"
    assert f"JSON instead: {saved}" in done.stderr
