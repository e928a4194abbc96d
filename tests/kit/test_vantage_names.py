"""How vantages are given, and what becomes of their records. Nothing is reached here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from private_network import lab

from emulator.catalog import load
from emulator.cli.selection import apart, select, todo
from emulator.cli.vantages import merged
from emulator.judge.outcome import OUTCOME_VERSION
from emulator.judge.record import Lost, PassRecord, RunRecord
from emulator.kit import remote
from emulator.kit.vantages import Vantage, parse
from emulator.problems import BadInput

CATALOG = load()


@pytest.mark.parametrize(
    ("given", "vantage"),
    [
        ("user@host", Vantage("user@host", "user@host")),
        ("user@192.0.2.7:2222", Vantage("user@192.0.2.7", "user@192.0.2.7", 2222)),
        ("ssh:branch", Vantage("branch", "branch")),
        ("Head Office=ssh:head.example:22", Vantage("Head Office", "head.example", 22)),
        ("branch=user@host", Vantage("branch", "user@host")),
    ],
)
def test_a_vantage_elsewhere(given: str, vantage: Vantage) -> None:
    assert apart((given,)) == ("", [given])
    assert parse(given) == vantage


@pytest.mark.parametrize(
    "given", ["user@", "@host", "user@-oProxyCommand=id", "ssh:-F/x", "a b@host", "user@host:99999", "x@host//python=y"]
)
def test_what_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match="user@host"):
        parse(given)


def test_a_plain_name_is_this_place() -> None:
    assert apart(()) == ("inside", [])
    assert apart(("desk",)) == ("desk", [])
    assert apart(("desk", "user@host")) == ("desk", ["user@host"])


def record(*names: str, interrupted: bool = False) -> RunRecord:
    passes = tuple(
        PassRecord(
            scenario=name, title="", about="", name="", firewall="", proxy="", credentials=False, vantage="inside",
            started=0, seconds=0, seed="00", samples=0, timeout=1, control="up", problem="", checks_before=(),
            checks_after=(), judged=(), receipts=(), outcomes=(), expectations=(),
        )
        for name in names
    )  # fmt: skip
    return RunRecord(
        schema="", program="", classifier=0, outcome_rules=OUTCOME_VERSION, catalog="", created=0, seconds=0,
        passes=passes, interrupted=interrupted,
    )  # fmt: skip


def test_passes_of_all_vantages_stand_side_by_side() -> None:
    wanted, _ = todo(select(CATALOG, ("open", "block-all")), None)
    both = {"desk": record("open", "block-all"), "branch": record("open")}
    one = merged(CATALOG, 0.0, wanted, both, [Lost("far", "no ssh")])
    assert [each.id for each in one.passes] == ["open @ desk", "open @ branch", "block-all @ desk"]
    assert one.not_run == ("open @ far", "block-all @ branch", "block-all @ far")
    assert (one.lost, one.exit_code) == ((Lost("far", "no ssh"),), 3)
    assert merged(CATALOG, 0.0, wanted, {"desk": record("open", interrupted=True)}, []).exit_code == 130


def test_an_old_python_there_is_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    class Channel:
        sent: list[Any] = []

        def receive(self) -> Any:
            return {"pieces": 1}

        def send(self, message: Any) -> None:
            self.sent.append(message)

    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    remote.main(Channel())
    ((kind, words),) = Channel.sent
    assert (kind, "Python 3.11 or newer is needed" in words) == ("failed", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vantage", "one", "--vantage", "two"), "this place has one name"),
        (("--vantage", "user@host"), "needs --join"),
    ],
)
def test_bad_use_is_said(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "400"}
    argv = lab("run", "open", *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30, env=environment, cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
