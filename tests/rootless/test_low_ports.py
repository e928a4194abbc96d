"""The three ways to ports below 1024 for who is not root, each tried through a lab's firewall by a whole run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ordinary_user import CHECKOUT, NOBODY, OrdinaryUser
from private_network import lab as messenger_lab

from emulator.catalog import load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it plays the machine's administrator")
LOW = {"tcp/80", "tcp/443", "udp/9", "udp/53"}
READY = 15.0  # seconds


@pytest.fixture(scope="module")
def lab(runtime: Path) -> Iterator[Any]:
    from emulator.lab.lab import Lab

    with Lab(load(), runtime=runtime) as lab:
        # Connections that ended lately keep their source ports; they must not be ports that a later run listens on.
        lab.run("inside", ["sh", "-c", "echo 42800 46900 > /proc/sys/net/ipv4/ip_local_port_range"], 10)
        yield lab


class Served:
    """`serve` outside, started by some command line; what it said, and runs against it from inside."""

    def __init__(self, lab: Any, argv: list[str], user: OrdinaryUser, join: Path) -> None:
        self.lab, self.user, self.join = lab, user, join
        self.join.unlink(missing_ok=True)
        self.log = user.home / "serve.log"
        with self.log.open("wb") as log:
            self.process = lab.spawn(
                "outside", argv, stdout=log, stderr=log, env=user.environment, cwd=user.home, stdin=subprocess.DEVNULL
            )

    def __enter__(self) -> Served:
        for _ in range(int(READY / 0.05)):
            if self.join.exists():
                return self
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(f"serve did not start: {self.said}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        assert self.process.wait(10) == 0, self.said

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def not_open(self) -> set[str]:
        lines = [line.split() for line in self.said.splitlines() if line.startswith("not open:")]
        return {f"{words[2]}/{words[3].split(':')[1]}" for words in lines}

    def run(self, *arguments: str) -> Any:
        """A run from inside; its one pass."""
        out = self.user.home / "low.json"
        out.unlink(missing_ok=True)
        argv = messenger_lab("run", *arguments, "--join", str(self.join), "--json", str(out), "--timeout", "2")
        done = self.lab.run("inside", argv, 120)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return json.loads(out.read_text())["passes"][0]


def arguments(lab: Any, *more: str) -> list[str]:
    addresses = lab.addresses
    return [
        *("serve", "--address", addresses["peer"], "--second", addresses["second"], "--dns", addresses["peer"]),
        *("--control", lab.mgmt_outside, "--vantages", "192.0.2.10/32", "--samples", "1", *more),
    ]


@pytest.fixture(scope="module")
def without(lab: Any, user: OrdinaryUser) -> list[str]:
    """What `serve` says of an interpreter that may open no port below 1024; it is the user's own, so he may copy it."""
    subprocess.run(
        user.argv(user.python, "-m", "venv", "--without-pip", "mine"),
        cwd=user.home,
        check=True,
        timeout=60,
        env=user.environment,
    )
    (place,) = (user.home / "mine").glob("lib/python*/site-packages")
    (place / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{CHECKOUT}\n")
    join = user.home / "plain.toml"
    python = str(user.home / "mine/bin/python")
    with Served(
        lab, user.argv(python, "-m", "emulator", *arguments(lab, "--join-out", str(join))), user, join
    ) as plain:
        assert plain.not_open == LOW
        assert "sign-in-tcp-443" in plain.said
        assert "Ports 9, 53, 80, 443 are not open" in plain.said
        return plain.said.splitlines()


def commands(said: list[str], way: int) -> list[str]:
    """The commands that were printed for one of the ways."""
    start = next(at for at, line in enumerate(said) if line.startswith(f"{way}. "))
    found = []
    for line in said[start + 1 :]:
        if not line.startswith("     "):
            break
        found.append(line.strip())
    return found


@pytest.mark.skipif(shutil.which("setcap", path="/usr/sbin:/sbin") is None, reason="needs setcap (libcap2-bin)")
def test_a_copy_of_the_interpreter_that_may(lab: Any, user: OrdinaryUser, without: list[str]) -> None:
    lab.apply(CHECKOUT / "scenarios" / "open.nft")
    copy, grant, serve = commands(without, 1)
    subprocess.run(user.argv("sh", "-c", copy), cwd=user.home, check=True, env=user.environment)
    assert grant.startswith("sudo setcap ")
    subprocess.run(["sh", "-c", grant.removeprefix("sudo ")], check=True, env=user.environment)
    made = user.home / "mine/bin/python-ports"
    assert (made.stat().st_uid, made.stat().st_mode & 0o777) == (NOBODY, 0o700), "nobody else may start it"
    with Served(lab, user.argv("sh", "-c", f"exec {serve}"), user, user.home / "plain.toml") as served:
        assert served.not_open == set()
        status = fields(served.process.pid)
        assert status["Uid"].split() == [str(NOBODY)] * 4
        assert int(status["CapEff"], 16) == 1 << 10, "that one right and no other"
        assert {item["state"] for item in served.run("open", "--samples", "0")["expectations"]} == {"met"}


def test_other_ports_in_place_of_the_public_ones(lab: Any, user: OrdinaryUser, without: list[str]) -> None:
    """Rules that map the public ports stand on the emulator's machine; all evidence speaks of the public ports."""
    lab.apply(CHECKOUT / "scenarios" / "open.nft")
    serve, rules, undo = commands(without, 2)
    with Served(lab, user.argv("sh", "-c", f"exec {serve}"), user, user.home / "plain.toml") as served:
        assert served.not_open == set()
        assert "80 (bound: 10080)" in served.said
        done = lab.run("outside", ["sh", "-c", rules.removeprefix("sudo ")], 10)
        assert done.returncode == 0, done.stderr
        try:
            one = served.run("open", "--samples", "0")
            assert {item["state"] for item in one["expectations"]} == {"met"}
            ports = {(item["transport"], item["local"][1]) for item in one["receipts"]}
            assert {("tcp", 80), ("tcp", 443), ("udp", 9)} <= ports
            assert not ports & {("tcp", 10080), ("tcp", 10443), ("udp", 10009)}
            names = lab.run("inside", ["dig", "+short", "+time=2", f"@{lab.addresses['peer']}", "login.live.com"], 10)
            assert names.stdout.decode().strip() == lab.addresses["peer"]
        finally:
            assert lab.run("outside", ["sh", "-c", undo.removeprefix("sudo ").partition("#")[0]], 10).returncode == 0


def test_half_open_connections_are_of_the_public_port(lab: Any, user: OrdinaryUser, without: list[str]) -> None:
    """The answer to a SYN is lost on its way back: the far end must say that it saw the SYN, on port 80."""
    (user.home / "return.nft").write_text(
        "table inet lab { chain forward { type filter hook forward priority 0; policy accept;\n"
        'iifname "outside" tcp sport { 80, 443 } drop\n}\n}\n'
    )
    lab.apply(user.home / "return.nft")
    serve, rules, undo = commands(without, 2)
    with Served(lab, user.argv("sh", "-c", f"exec {serve}"), user, user.home / "plain.toml") as served:
        lab.run("outside", ["sh", "-c", rules.removeprefix("sudo ")], 10)
        try:
            out = user.home / "return.json"
            argv = messenger_lab("run", "open", "--join", str(served.join), "--json", str(out), "--timeout", "2")
            lab.run("inside", [*argv, "--samples", "0"], 120)
        finally:
            lab.run("outside", ["sh", "-c", undo.removeprefix("sudo ").partition("#")[0]], 10)
    (one,) = json.loads(out.read_text())["passes"]
    verdicts = {
        item["verdict"]["verdict"]
        for item in one["judged"]
        if item["flow"]["transport"] == "tcp" and item["flow"]["port"] in (80, 443)
    }
    assert verdicts == {"blocked.drop.return"}


def test_root_that_is_given_up(lab: Any, user: OrdinaryUser, without: list[str]) -> None:
    """Nothing of root is left, all files are the user's, and ports that a run asks for later are opened all the same.

    The ports of the leak checks are: that they are silent from inside proves the firewall only when somebody listens.
    """
    lab.apply(CHECKOUT / "scenarios" / "documented-ports.nft")
    (printed,) = commands(without, 3)
    assert printed.endswith("--user nobody")
    assert printed.startswith("sudo ")
    for path in ("certs", "plain.toml", "world.db"):
        assert not (user.home / path).exists() or path == "plain.toml"
    more = ["--state", "world.db", "--socket", "control.socket", "--certs", "certs"]
    argv = user.as_root("sh", "-c", f"exec {printed.removeprefix('sudo ')} {' '.join(more)}")
    with Served(lab, argv, user, user.home / "plain.toml") as served:
        assert served.not_open == set()
        status = fields(served.process.pid)
        assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
        assert set(status["Groups"].split()) <= {str(NOBODY)}
        assert [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [0, 0, 0, 0]
        assert status["NoNewPrivs"] == "1"
        files = [user.home / name for name in ("plain.toml", "world.db", "control.socket", "certs")]
        files += [*(user.home / "certs").iterdir(), *user.home.glob("world.db-*")]
        assert {path.stat().st_uid for path in files} == {NOBODY}
        assert (user.home / "plain.toml").stat().st_mode & 0o777 == 0o600
        one = served.run("documented-ports", "--samples", "4", "--seed", "0011")
        assert {item["state"] for item in one["expectations"]} == {"met"}
        leaks = [item for item in one["judged"] if item["flow"]["port"] in load().leak.tcp]
        assert {item["verdict"]["verdict"] for item in leaks} == {"blocked.drop.outbound"}, (
            "they listened, so it is known"
        )
        crl = lab.run("inside", ["curl", "-sS", "--max-time", "5", f"http://{lab.addresses['peer']}/"], 10)
        assert crl.returncode == 0, crl.stderr
    assert not (user.home / "control.socket").exists()


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--user", "no-such-user"), 2, "there is no such user"),
        (("--user", "root"), 2, "that is root: name an ordinary user"),
        (("--user", "nobody", "--certs", "/root-only/certs"), 2, "user nobody may not use it"),
        (("--user", "nobody", "--join-out", "/proc/join.toml"), 2, "user nobody may not use it"),
        (("--advertise", "80"), 2, "write PUBLIC=BOUND"),
        (("--advertise", "80=99999"), 2, "write PUBLIC=BOUND"),
        (("--advertise", "80=8080", "--advertise", "443=8080"), 2, "one of its ports was given already"),
        (("--advertise", "80=1863"), 2, "1863 is a documented port itself"),
    ],
)
def test_what_cannot_be_is_said(
    lab: Any, user: OrdinaryUser, tmp_path: Path, given: tuple[str, ...], code: int, words: str
) -> None:
    tmp_path.chmod(0o700)
    options = [text.replace("/root-only", str(tmp_path)) for text in given]
    argv = user.as_root(sys.executable, "-m", "emulator", *arguments(lab, *options))
    done = lab.run("outside", ["env", "COLUMNS=4000", f"HOME={tmp_path}", *argv], 30)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_user_needs_root(user: OrdinaryUser) -> None:
    done = user.run("serve", "--address", "127.0.0.1", "--user", "nobody")
    assert done.returncode == 2
    assert "only root can be given up" in done.stderr


def test_another_users_program_is_told_by_its_user(user: OrdinaryUser) -> None:
    """What holds the port may not be looked at; the kernel's table still names whose it is."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        done = user.run("serve", "--address", "127.0.0.1", "--control-port", str(port))
    assert done.returncode == 3
    assert f"tcp {port} is taken by a program of user root (`sudo ss -tulpn` names it)" in done.stderr


def fields(pid: int) -> dict[str, str]:
    rows = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in rows}
