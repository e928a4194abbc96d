"""Runs that end early or cannot reach the control channel: what is known is kept, nothing is invented."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from private_network import VOID, lab
from two_processes import Runs, Serve, with_another


def edited(join: Path, copy: Path, change: Callable[[str], str]) -> Path:
    """A changed copy of a join file."""
    text = change(join.read_text())
    assert text != join.read_text()
    copy.write_text(text)
    return copy


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def verdicts(record: Any) -> Counter[str]:
    return Counter(item["verdict"]["verdict"] for item in record["passes"][0]["judged"])


class TestRefused:
    """The control channel answers, and refuses."""

    def test_a_wrong_token(self, runs: Runs, served: Serve, tmp_path: Path) -> None:
        join = edited(served.join, tmp_path / "join", lambda _: with_another("token", served.join))
        done = runs("run", "open", "--join", str(join), "--json", str(tmp_path / "run.json"))
        assert done.returncode == 2
        assert "wrong or missing token: use the join file that serve wrote" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "run.json").exists()

    def test_a_wrong_certificate(self, runs: Runs, served: Serve, tmp_path: Path) -> None:
        join = edited(served.join, tmp_path / "join", lambda _: with_another("pin", served.join))
        done = runs("run", "open", "--join", str(join))
        assert done.returncode == 2
        assert "is not the one pinned in the join file" in done.stderr
        assert "take the join file of the emulator that runs there now" in done.stderr

    def test_the_join_file_of_a_former_emulator(self, runs: Runs, tmp_path: Path) -> None:
        """Another start, another certificate and token: the most common mistake."""
        arguments = ("--address", "127.0.3.1")
        first = Serve(runs.network, tmp_path, *arguments)
        assert first.stop() == 0
        old = tmp_path / "old.toml"
        first.join.rename(old)
        second = Serve(runs.network, tmp_path, *arguments)
        try:
            done = runs("run", "open", "--join", str(old))
        finally:
            assert second.stop() == 0
        assert done.returncode == 2
        assert "not the one pinned" in done.stderr


class TestNeverUp:
    """No control channel from the start: only what comes back in band can be told."""

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, runs: Runs, served: Serve, tmp_path_factory: pytest.TempPathFactory) -> Any:
        place = tmp_path_factory.mktemp("absent")
        join = edited(served.join, place / "join", lambda text: text.replace("127.0.0.1:8700", "127.0.0.1:8699"))
        done = runs("run", "open", "--join", str(join), "--json", str(place / "run.json"))
        done.record = read(place / "run.json")
        return done

    def test_it_is_said_and_could_not_be_decided(self, run: Any) -> None:
        assert run.returncode == 3
        assert "Traceback" not in run.stderr + run.stdout
        (one,) = run.record["passes"]
        assert one["control"] == "absent"
        assert "never up" in one["problem"]
        assert "127.0.0.1:8699" in one["problem"]

    def test_no_verdict_claims_more_than_one_end_can_know(self, run: Any) -> None:
        (one,) = run.record["passes"]
        for item in one["judged"]:
            discard = item["flow"]["exchange"] == "discard"
            expected = ("not-tested", "open") if discard else ("pass", "likely")
            assert (item["verdict"]["verdict"], item["verdict"]["certainty"]) == expected, item["flow"]["id"]
        assert one["receipts"] == []

    def test_what_needs_the_far_end_is_open(self, run: Any) -> None:
        (one,) = run.record["passes"]
        open_ = [item["id"] for item in one["expectations"] if item["state"] != "met"]
        assert sorted(open_) == ["flows/1/network-detection-udp-9", "outcome/network-detection"]
        assert {item["state"] for item in one["expectations"] if item["id"] in open_} == {"undecided"}


FEW, MANY = 8, 140


class Halfway:
    """A run whose peer is in the void: flows to host names finish, flows to the contact stay silent.

    With MANY samples there are more flows than may be in flight at once, so that some are never started.
    """

    def __init__(self, runs: Runs, serve: Serve, place: Path, samples: int) -> None:
        join = edited(
            serve.join, place / "half.toml", lambda text: re.sub(r'"peer" = ".*"', f'"peer" = "{VOID}"', text)
        )
        self.out = place / "run.json"
        self.junit = place / "junit.xml"
        self.process = runs.network.start(
            *lab("run", "open", "--join", str(join), "--json", str(self.out), "--junit", str(self.junit)),
            *("--samples", str(samples), "--timeout", "30", "--progress", "lines"),
        )
        self.finished = 0

    def await_some(self, count: int) -> None:
        """Until `count` flows have finished."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.finished, self.total = json.loads(line)
            if self.finished >= count:
                return
        raise AssertionError(f"it ended early: {self.process.stderr.read() if self.process.stderr else ''}")

    def end(self) -> tuple[int, str, Any]:
        """Exit code, what it said, and its record; it must end long before the flows time out."""
        started = time.monotonic()
        try:
            _, said = self.process.communicate(timeout=15)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.communicate(timeout=5)
        assert time.monotonic() - started < 15
        return self.process.returncode, said, read(self.out)


@pytest.fixture
def own(runs: Runs, tmp_path: Path) -> Any:
    """An emulator that may be killed."""
    serve = Serve(runs.network, tmp_path, "--address", "127.0.4.1", "--second", "127.0.4.2")
    yield serve
    if serve.process.poll() is None:
        serve.stop()
    elif serve.process.stdin is not None:
        serve.process.stdin.close()


@pytest.mark.parametrize("samples", [FEW, MANY])
def test_the_emulator_is_killed_in_the_middle(runs: Runs, own: Serve, tmp_path: Path, samples: int) -> None:
    half = Halfway(runs, own, tmp_path, samples)
    half.await_some(16 if samples == FEW else 1)
    for _ in range(3):  # longer than a few heartbeats, which make the evidence of what finished good
        runs("--version")
    own.process.send_signal(signal.SIGKILL)
    own.process.wait(5)
    code, said, record = half.end()
    assert code == 3
    assert "Traceback" not in said
    (one,) = record["passes"]
    assert one["control"] == "lost"
    assert "the emulator was lost" in one["problem"]
    assert not record["interrupted"]
    counts = verdicts(record)
    assert set(counts) <= {"pass", "error", "not-tested"}, counts
    assert counts["error"] > 100
    assert (counts["not-tested"] > 0) == (samples == MANY)
    assert counts["pass"] > 0 or samples == MANY, "what was finished is kept"
    for item in one["judged"]:
        if item["verdict"]["verdict"] == "pass":
            assert item["verdict"]["certainty"] == "confirmed"
        if item["verdict"]["verdict"] == "error":
            assert "the emulator was lost" in item["verdict"]["detail"]
        if item["verdict"]["verdict"] == "not-tested":
            assert item["observation"]["ending"] == "not-started"
    assert "not-met" not in {item["state"] for item in one["expectations"]}
    assert half.junit.exists()


def test_ctrl_c_in_the_middle(runs: Runs, own: Serve, tmp_path: Path) -> None:
    half = Halfway(runs, own, tmp_path, FEW)
    half.await_some(16)
    half.process.send_signal(signal.SIGINT)
    code, said, record = half.end()
    assert code == 130
    assert "Traceback" not in said
    assert record["interrupted"]
    (one,) = record["passes"]
    assert one["control"] == "up"
    counts = verdicts(record)
    assert set(counts) == {"pass", "error"}, counts
    assert counts["pass"] >= 16
    assert {item["verdict"]["detail"] for item in one["judged"] if item["verdict"]["verdict"] == "error"} == {
        "interrupted"
    }
    states = {item["state"] for item in one["expectations"]}
    assert "not-met" not in states
    assert "met" in states
    assert own.process.poll() is None, "the emulator goes on"


def test_ctrl_c_between_passes_names_what_was_not_run(runs: Runs, own: Serve, tmp_path: Path) -> None:
    join = edited(own.join, tmp_path / "half.toml", lambda text: re.sub(r'"peer" = ".*"', f'"peer" = "{VOID}"', text))
    out = tmp_path / "run.json"
    process = runs.network.start(
        *lab("run", "open", "no-udp", "--join", str(join), "--json", str(out), "--timeout", "30", "--progress", "lines")
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert (process.returncode, "Traceback" in said) == (130, False)
    record = read(out)
    assert [item["scenario"] for item in record["passes"]] == ["open"]
    assert record["not_run"] == ["no-udp/only"]


def test_a_silent_network_is_silence_and_not_a_fault(runs: Runs, own: Serve, tmp_path: Path) -> None:
    """All hosts in the void, control up: every flow was dropped on the way out, and both ends say so."""
    join = edited(
        own.join,
        tmp_path / "void.toml",
        lambda text: re.sub(r'^(".*" = )".*"$', rf'\1"{VOID}"', text, flags=re.MULTILINE),
    )
    out = tmp_path / "run.json"
    done = runs("run", "block-all", "--join", str(join), "--json", str(out), "--timeout", "0.4", "--samples", "0")
    record = read(out)
    assert verdicts(record).keys() == {"blocked.drop.outbound"}
    assert done.returncode == 0, "which is just what block-all expects"
    assert {item["verdict"]["certainty"] for item in record["passes"][0]["judged"]} == {"confirmed"}


def test_the_time_of_a_blocked_run_is_that_of_one_time_out(runs: Runs, own: Serve, tmp_path: Path) -> None:
    join = edited(own.join, tmp_path / "half.toml", lambda text: re.sub(r'"peer" = ".*"', f'"peer" = "{VOID}"', text))
    out = tmp_path / "run.json"
    runs("run", "open", "--join", str(join), "--json", str(out), "--timeout", "1", "--samples", "8")
    (one,) = read(out)["passes"]
    silent = [item for item in one["judged"] if item["observation"]["ending"] == "silence"]
    assert len(silent) > 200
    assert max(item["observation"]["ended"] - item["observation"]["started"] for item in silent) < 4
