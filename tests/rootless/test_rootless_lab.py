"""The lab of a user who is not root: the same outcomes, the same cleanliness, and a clear word where it cannot be."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from descendants import Family, await_gone, ending, family, own_networks
from ordinary_user import CHECKOUT, OrdinaryUser
from private_network import lab as messenger_lab


def left(user: OrdinaryUser) -> list[str]:
    """Private directories in the runtime directory."""
    return sorted(path.name for path in (user.home / "messenger-lab").iterdir() if path.is_dir())


def what_happened(path: Path) -> list[Any]:
    """Outcomes, and the verdict of every flow, without what differs between two runs."""
    (one,) = json.loads(path.read_text())["passes"]
    outcomes = [(item["feature"], item["outcome"], item["by"]) for item in one["outcomes"]]
    return [outcomes, {item["flow"]["id"]: item["verdict"]["verdict"] for item in one["judged"]}]


def test_doctor_says_which_way_this_machine_can_go(user: OrdinaryUser) -> None:
    done = user.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"without root: user {user.uid} in a user namespace" in done.stdout


def test_doctor_names_the_setting_that_forbids_it(user: OrdinaryUser) -> None:
    """In a user namespace whose limit is none, by a process without any capability."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all -- "$@"'
    for arguments in (("doctor",), ("lab", "up"), ("demo", "open")):
        command = [user.python, "-m", "emulator", *arguments]
        argv = user.argv("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "forbid", *command)
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, env=user.environment, cwd=user.home
        )
        assert done.returncode == 3, done.stderr
        said = done.stdout + done.stderr
        assert "user.max_user_namespaces is 0" in said
        assert "sudo sysctl -w user.max_user_namespaces=15000" in said
        assert "run as root" in said
        assert "Traceback" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it compares root's lab with a user's")
def test_root_and_user_at_the_same_time_see_the_same(user: OrdinaryUser, runtime: Path, tmp_path: Path) -> None:
    """Two labs at once, one of root and one of a user, each with the same scenario: neither notices the other."""
    options = ("run", "web-only", "--samples", "1", "--seed", "0a0b", "--timeout", "2")
    one = user.start(*options, "--json", str(user.home / "user.json"))
    environment = {name: value for name, value in os.environ.items() if name != "MESSENGER_LAB_JOIN"}
    other = subprocess.run(
        messenger_lab(*options, "--json", str(tmp_path / "root.json"), "--certs", str(tmp_path / "certs")),
        env=environment | {"XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = one.communicate(timeout=120)
    assert (one.returncode, other.returncode) == (0, 0), (said, other.stdout, other.stderr)
    assert what_happened(user.home / "user.json") == what_happened(tmp_path / "root.json")
    assert left(user) == []


def test_two_labs_of_one_user_that_stay_up(user: OrdinaryUser) -> None:
    """Rules are loaded into one, squid runs in the other, both at once; then one goes and the other stays.

    One lab takes one run at a time.
    """
    for name in ("lab", "second"):
        done = user.run("lab", "up", "--name", name)
        assert done.returncode == 0, done.stderr
    assert user.run("lab", "apply", str(CHECKOUT / "scenarios" / "block-all.nft")).returncode == 0
    options = ("--samples", "0", "--timeout", "2")
    squid = user.start("run", "proxy-note", "--pass", "forced-with", "--lab", "second", *options)
    plain = user.start("run", "no-udp", *options)
    assert plain.stderr is not None
    said_first = plain.stderr.readline()
    third = user.run("run", "open", *options)
    plain_said = plain.communicate(timeout=120)
    said = squid.communicate(timeout=120)
    assert (plain.returncode, squid.returncode) == (0, 0), (plain_said, said)
    assert "using the lab that is up" in said_first
    assert (third.returncode, "another run is using the lab 'lab'" in third.stderr) == (3, True), third.stderr
    assert user.run("lab", "down", "--name", "second").returncode == 0
    assert user.run("lab", "status").returncode == 0
    none = user.run("run", "open", "--lab", "second")
    assert none.returncode == 3
    assert "start one with `messenger-lab lab up --name second`" in none.stderr


def test_a_killed_keeper_of_a_user_leaves_nothing(user: OrdinaryUser) -> None:
    user.run("lab", "up")
    state = json.loads((user.home / "messenger-lab/lab.json").read_text())
    members = family(state["keeper"])
    assert len(own_networks(members)) == 3
    os.kill(state["keeper"], signal.SIGKILL)
    await_gone(members)
    assert user.run("lab", "status").returncode == 3
    assert left(user) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_nothing_survives_an_interrupted_demo_of_a_user(user: OrdinaryUser, number: int, code: int) -> None:
    process = user.start("demo", "proxy-note", "--timeout", "8", "--samples", "0")
    with ending(process):
        assert process.stderr is not None
        members = squid_runs(process)
        assert len(own_networks(members)) == 3
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == code
    await_gone(members)
    assert left(user) == []


def squid_runs(process: subprocess.Popen[str]) -> Family:
    """The family of a demo, once its squid is part of it."""
    for _ in range(200):
        members = family(process.pid)
        if any("squid" in name(pid) for pid in members):
            return members
        select.select([], [], [], 0.05)
    raise AssertionError(f"no squid came up: {process.communicate(timeout=5)}")


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""
