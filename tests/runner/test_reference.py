"""`run --reference` and `run --against`: over a cable first, then with a device, in a lab and from two machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endings import in_any_case
from private_network import lab

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="the lab needs Linux, here also root"),
]
SCENARIOS = Path(__file__).parents[2] / "scenarios"
NAME = f"reference-{os.getpid()}"


def command(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        lab(*arguments), capture_output=True, text=True, timeout=120, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("reference")
    with in_any_case(lambda: command("lab", "down", "--name", NAME)):
        command("lab", "up", "--name", NAME, "--samples", "1", "--certs", str(path / "certs"))
        command("run", "web-only", "--lab", NAME, "--reference", str(path / "cable.json"), "--samples", "1")
        yield path


def test_the_reference_goes_over_a_cable_and_expects_nothing(place: Path) -> None:
    held = json.loads((place / "cable.json").read_text())["passes"][0]
    assert (held["firewall"], held["expectations"]) == ("", [])  # not the rules of web-only
    assert {one["outcome"] for one in held["outcomes"]} == {"works"}


def test_what_the_device_did_and_what_it_did_not(place: Path) -> None:
    out, page = place / "run.json", place / "run.html"
    arguments = ("no-1863", "--lab", NAME, "--against", str(place / "cable.json"), "--timeout", "2")
    said = command("run", *arguments, "--json", str(out), "--html", str(page))
    record = json.loads(out.read_text())["passes"][0]
    device: dict[str, Any] = record["device"]
    assert record["seed"] == json.loads((place / "cable.json").read_text())["passes"][0]["seed"]  # the same ports
    assert device["unknown"] == []
    assert {change["kind"] for change in device["changes"]} == {"lost"}
    rows = {change["row"] for change in device["changes"]}
    assert {"msnp", "sign-in-tcp-1863", "audio-tcp-1863"} <= rows
    assert "sign-in-tcp-443" not in rows
    assert "What the device did, beside the cable of" in said
    assert "Sign-in to the Messenger service: works → degraded (gateway)" in said
    assert "Passes over the cable, and not through the device" in said
    html = page.read_text()
    assert "What the device did" in html
    assert html.count('data-kind="lost"') == len(device["changes"])


def test_what_is_broken_without_a_device_is_not_laid_at_its_door(place: Path) -> None:
    """The cable itself lost the whiteboard; the device stops only-the-web and more."""
    held = json.loads((place / "cable.json").read_text())
    for item in held["passes"][0]["judged"]:
        if item["flow"]["row"] == "whiteboard-tcp-1503":
            item["verdict"]["verdict"] = "blocked.rst"
    (place / "worse.json").write_text(json.dumps(held))
    arguments = ("web-only", "--lab", NAME, "--against", str(place / "worse.json"), "--timeout", "2")
    said = command("run", *arguments)
    assert "Does not pass over the cable either: not the device's doing: 2" in said  # both directions
    assert "whiteboard-tcp-1503 t120" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reference", "a.json", "--against", "b.json"), "--reference is a run over a cable"),
        (("--against", "nowhere.json"), "nowhere.json: No such file"),
        (("--reference", "/nowhere/a.json"), "there is no directory /nowhere"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], said: str) -> None:
    assert said in command("run", "open", *arguments, code=2)


@pytest.mark.parametrize("arguments", [("run", "open", "--against"), ("rules", "nftables", "--run")])
def test_a_record_of_another_catalog_is_refused(place: Path, arguments: tuple[str, ...]) -> None:
    held = json.loads((place / "cable.json").read_text())
    (place / "other.json").write_text(json.dumps(held | {"catalog": "0" * 64}))
    assert "other.json: made with another catalog: run again" in command(*arguments, str(place / "other.json"), code=2)


def test_passes_through_a_proxy_are_no_reference(place: Path) -> None:
    said = command("run", "proxy-note", "--lab", NAME, "--reference", str(place / "none.json"), code=3)
    assert "skipped: proxy-note/forced-without: a reference goes over a cable, and this pass through a proxy" in said
