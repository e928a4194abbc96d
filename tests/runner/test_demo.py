"""`demo` as a person starts it: its faults, its exit codes, and that nothing survives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from descendants import await_gone, ending, family, own_networks
from private_network import lab

pytestmark = pytest.mark.lab
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def environment(runtime: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "MESSENGER_LAB_JOIN"}
    return clean | {"XDG_RUNTIME_DIR": str(runtime), "COLUMNS": "4000"}


def demo(runtime: Path, place: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    argv = lab("demo", *arguments, "--output", str(place / "report"), "--certs", str(place / "certs"))
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=120, check=False, env=environment(runtime), cwd=place, **more
    )


def copied(name: str, place: Path) -> Path:
    """A copy of a scenario with its files, to be broken."""
    for path in SCENARIOS.glob(f"{name}.*"):
        shutil.copy(path, place)
    return place / f"{name}.toml"


def left(runtime: Path) -> list[str]:
    """Private directories in the runtime directory."""
    folder = runtime / "messenger-lab"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_two_scenarios_are_met_and_nothing_is_left(runtime: Path, tmp_path: Path) -> None:
    done = demo(runtime, tmp_path, "web-only", "reject-not-drop", "--samples", "1", "--timeout", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    record = json.loads((tmp_path / "report" / "run.json").read_text())
    web, reject = record["passes"]

    def outcomes(one: Any) -> list[Any]:
        return [(item["feature"], item["outcome"], item["by"]) for item in one["outcomes"]]

    def verdicts(one: Any) -> set[str]:
        return {item["verdict"]["verdict"] for item in one["judged"]}

    assert outcomes(web) == outcomes(reject), "a person notices no difference between silence and refusal"
    assert verdicts(web) == {"pass", "blocked.drop.outbound"}
    assert verdicts(reject) == {"pass", "blocked.rst", "blocked.icmp"}
    offenders = {item["verdict"]["device"] for item in reject["judged"] if item["verdict"]["verdict"] == "blocked.icmp"}
    assert offenders == {"192.0.2.1", "203.0.113.1"}, "the device that refuses names itself, on either side"
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"run.json", "junit.xml", "report.html"}
    assert left(runtime) == []


def test_rules_that_do_not_load(runtime: Path, tmp_path: Path) -> None:
    path = copied("no-1863", tmp_path)
    (tmp_path / "no-1863.nft").write_text("table inet lab {\n  chain forward {\n    tcp dport 80 acept\n  }\n}\n")
    done = demo(runtime, tmp_path, str(path))
    assert done.returncode == 3
    assert "no-1863.nft:3:" in done.stderr
    assert "syntax error" in done.stderr
    assert "Mend the file" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(runtime) == []


def test_rules_that_do_not_load_after_a_good_scenario(runtime: Path, tmp_path: Path) -> None:
    """What was finished is reported; what was not run is named."""
    path = copied("no-udp", tmp_path)
    (tmp_path / "no-udp.nft").write_text("nonsense\n")
    done = demo(runtime, tmp_path, "open", str(path), "--samples", "0")
    assert done.returncode == 3
    assert "no-udp.nft:1:" in done.stderr
    record = json.loads((tmp_path / "report" / "run.json").read_text())
    assert [one["scenario"] for one in record["passes"]] == ["open"]
    assert record["not_run"] == ["no-udp/only"]


def test_an_expectation_that_is_not_met_is_1(runtime: Path, tmp_path: Path) -> None:
    path = copied("open", tmp_path)
    (tmp_path / "open.nft").write_text((SCENARIOS / "no-udp.nft").read_text())
    done = demo(runtime, tmp_path, str(path), "--samples", "0", "--timeout", "1")
    assert done.returncode == 1
    record = json.loads((tmp_path / "report" / "run.json").read_text())
    wrong = {item["subject"] for item in record["passes"][0]["expectations"] if item["state"] == "not-met"}
    assert {"network-detection-udp-7001", "live-call-udp-5004-65525", "live-call"} <= wrong
    assert not {subject for subject in wrong if "-tcp-" in subject}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_nothing_survives_an_interrupted_demo(runtime: Path, tmp_path: Path, number: int, code: int) -> None:
    """No process, no namespace (and with it no nft table), no file; what was finished is reported."""
    argv = lab("demo", "open", "block-all", "--timeout", "8", "--samples", "0", "--output", str(tmp_path / "report"))
    process = subprocess.Popen(
        [*argv, "--certs", str(tmp_path / "certs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(runtime),
        cwd=tmp_path,
    )
    with ending(process):
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("open "), said + process.stderr.read()
        assert "as expected" in said
        members = family(process.pid)
        assert len(own_networks(members)) == 3
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == code
    await_gone(members)
    assert left(runtime) == []
    written = tmp_path / "report" / "run.json"
    assert written.exists() == (code == 130)
    if code == 130:
        record = json.loads(written.read_text())
        assert record["interrupted"]
        assert [one["scenario"] for one in record["passes"]] == ["open"]
        assert record["not_run"] == ["block-all/only"]
