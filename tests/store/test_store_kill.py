"""What was acknowledged survives SIGKILL, a full disk and a read-only one; many accounts fit in memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from store_trials import ALICE, begin, dump, made, step

from emulator.store import Store

TRIALS = Path(__file__).with_name("store_trials.py")
ROUNDS = 6
MOST = 300  # acknowledged steps of a round


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_acknowledged_survives_sigkill(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    patience = random.Random(seed).randrange(1, MOST)
    acknowledged = -1
    with subprocess.Popen([sys.executable, TRIALS, "kill", path], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            acknowledged = int(line)
            if acknowledged >= patience:
                break
        child.kill()
        rest = child.stdout.read().split("\n")[:-1]  # printed, but not read before the kill: acknowledged as well
        acknowledged = max([acknowledged, *map(int, rest)])
    assert acknowledged >= patience
    again = made()
    store = Store.open(path)
    store.load(again)
    store.close()
    reached = int(again.account(ALICE).name)
    assert acknowledged <= reached <= acknowledged + 1
    expected = made()
    begin(expected)
    for number in range(reached):
        step(expected, number)
    assert dump(again) == dump(expected)


def in_small_disk(trial: str, folder: Path) -> str:
    """Run a trial on a file system of 400 KiB in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=400k tmpfs "$1" && exec "$2" "$3" "$4" "$1"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), sys.executable, str(TRIALS), trial]
    try:
        probe = subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if probe.returncode:
        pytest.skip(f"no file system of its own: {probe.stderr.decode().strip()}")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    assert in_small_disk("full", tmp_path).startswith("kept")


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    assert in_small_disk("readonly", tmp_path).startswith("refused")


@pytest.mark.parametrize(
    ("accounts", "contacts"), [(500, 10), pytest.param(10_000, 10, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_many_accounts_fit_in_memory(accounts: int, contacts: int, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, TRIALS, "crowd", str(accounts), str(contacts)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with capsys.disabled():
        print(f" {accounts} accounts with {contacts} contacts: {told}")
    assert told["changes"] == accounts * (1 + 2 * contacts)
    assert told["members"] == [accounts * contacts] * 2
    assert told["kept"] < accounts * contacts * 2000, "two kilobytes per contact, its lists included"
