"""`messenger-lab ping`: the emulator answers, does not answer, or is another one."""

from __future__ import annotations

import re
from pathlib import Path

from two_processes import Runs, Serve, with_another


def test_it_answers(runs: Runs, served: Serve) -> None:
    done = runs("ping", "--join", str(served.join))
    assert done.returncode == 0
    found = re.match(r"up  (\d+) ports open", done.stdout)
    assert found is not None
    assert int(found[1]) > 40


def test_an_old_join_file_still_reaches_the_emulator_that_wrote_it(runs: Runs, served: Serve, tmp_path: Path) -> None:
    old = tmp_path / "join.toml"
    old.write_text(re.sub(r"(?m)^(created|expires) = .*", r"\1 = 1.0", served.join.read_text()))
    assert runs("ping", "--join", str(old)).returncode == 0
    assert "expired" in runs("run", "survey", "--join", str(old)).stderr


def test_nobody_answers(runs: Runs, served: Serve, tmp_path: Path) -> None:
    nowhere = tmp_path / "join.toml"
    nowhere.write_text(served.join.read_text().replace("127.0.0.1:8700", "127.0.0.1:8699"))
    done = runs("ping", "--join", str(nowhere))
    assert done.returncode == 3
    assert "no answer: https://127.0.0.1:8699" in done.stderr
    assert "does https://127.0.0.1:8699 get through?" in done.stderr


def test_another_emulator_answers(runs: Runs, served: Serve, tmp_path: Path) -> None:
    other = tmp_path / "join.toml"
    other.write_text(with_another("token", served.join))
    done = runs("ping", "--join", str(other))
    assert done.returncode == 2
    assert "wrong or missing token" in done.stderr


def test_without_a_join_file(runs: Runs) -> None:
    done = runs("ping")
    assert done.returncode == 2
    assert "ping needs --join FILE" in done.stderr
