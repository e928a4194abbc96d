"""`lab shell`: one command or a shell on a terminal, in the box that was named."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from pathlib import Path
from time import monotonic

import pytest
from descendants import ending
from ordinary_user import OrdinaryUser


@pytest.fixture(scope="module", autouse=True)
def up(user: OrdinaryUser) -> None:
    done = user.run("lab", "up")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("place", "addresses"),
    [
        ("inside", ["192.0.2.10/24", "10.255.255.2/30"]),
        ("firewall", ["192.0.2.1/24", "203.0.113.1/24"]),
    ],
)
def test_each_box_is_itself(user: OrdinaryUser, place: str, addresses: list[str]) -> None:
    done = user.run("lab", "shell", place, "--", "ip", "-brief", "-4", "address")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(?!127)\b\d+\.\d+\.\d+\.\d+/\d+", done.stdout) == addresses


def test_input_output_and_exit_code_are_the_commands(user: OrdinaryUser) -> None:
    script = "read line; echo got $line $MESSENGER_LAB_PLACE; echo oops >&2; exit 7"
    done = user.run("lab", "shell", "outside", "--", "sh", "-c", script, input="hello\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "got hello outside\n", "oops\n")


def test_a_signal_is_128_and_its_number(user: OrdinaryUser) -> None:
    assert user.run("lab", "shell", "inside", "--", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_what_is_not_there_is_named(user: OrdinaryUser) -> None:
    done = user.run("lab", "shell", "inside", "--", "no-such-program")
    assert (done.returncode, "no-such-program: no such program" in done.stderr) == (3, True)
    done = user.run("lab", "shell", "--name", "other", "inside", "--", "true")
    assert (done.returncode, "no lab 'other' is up" in done.stderr) == (3, True)
    assert user.run("lab", "shell", "elsewhere").returncode == 2


def test_without_a_lab_one_is_made_for_the_command(user: OrdinaryUser) -> None:
    """The emulator is outside, so the contact answers; afterwards nothing is left."""
    elsewhere = user.home / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    if user.root:
        os.chown(elsewhere, user.uid, user.uid)
    dial = "import socket; socket.create_connection(('203.0.113.42', 1863), 3); print('connected')"
    done = user.run(*("lab", "shell", "inside", "--", user.python, "-c", dial), env={"XDG_RUNTIME_DIR": str(elsewhere)})
    assert (done.returncode, done.stdout) == (0, "connected\n"), done.stderr
    assert "no lab is up" in done.stderr
    assert list((elsewhere / "messenger-lab").iterdir()) == []


def test_names_are_the_emulators(user: OrdinaryUser) -> None:
    """For a program that knows nothing of the lab; the machine's own resolver stays as it is."""
    before = Path("/etc/resolv.conf").read_text()
    command = ("curl", "-sS", "--max-time", "5", "-o", "/dev/null", "-w", "%{remote_ip}", "http://Login.live.com/")
    done = user.run("lab", "shell", "inside", "--", *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("203.0.113.")
    assert Path("/etc/resolv.conf").read_text() == before


TPROXY = """
table ip every {
  chain prerouting {
    type filter hook prerouting priority mangle;
    fib daddr type local tcp dport 20000-20099 tproxy to 203.0.113.42:9999
  }
}
"""
LISTENS = """
import socket
one = socket.socket()
one.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
one.bind(("203.0.113.42", 9999))
one.listen()
print("listening", flush=True)
print(one.accept()[0].getsockname(), flush=True)
"""


def test_nothing_in_a_users_lab_forbids_transparent_listeners(user: OrdinaryUser) -> None:
    """One socket for a range of ports, which still learns the port that was asked."""
    done = user.run("lab", "shell", "outside", "--", "nft", "-f", "-", input=TPROXY)
    assert done.returncode == 0, done.stderr
    listener = user.start("lab", "shell", "outside", "--", user.python, "-c", LISTENS)
    with ending(listener):
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        dial = "import socket; socket.create_connection(('203.0.113.42', 20055), 3)"
        assert user.run("lab", "shell", "inside", "--", user.python, "-c", dial).returncode == 0
        assert listener.communicate(timeout=10)[0] == "('203.0.113.42', 20055)\n"
    assert user.run("lab", "shell", "outside", "--", "nft", "delete", "table", "ip", "every").returncode == 0


def test_a_shell_on_a_terminal_says_where_one_is(user: OrdinaryUser) -> None:
    """Ctrl-C ends what runs in the shell and not the shell; its exit code is ours."""
    near, far = os.openpty()
    argv = ["setsid", "--ctty", *user.lab("lab", "shell", "inside")]
    process = subprocess.Popen(argv, stdin=far, stdout=far, stderr=far, env=user.environment, cwd=user.home)
    os.close(far)
    try:
        until(near, b"(inside) ")
        os.write(near, b"sh -c 'tty; sleep 600'\n")
        until(near, b"/dev/pts/")
        os.write(near, b"\x03")
        until(near, b"(inside) ")
        os.write(near, b"exit 5\n")
        assert process.wait(10) == 5
    finally:
        process.kill()
        process.wait(5)
        os.close(near)


def until(terminal: int, wanted: bytes, limit: float = 15.0) -> bytes:
    """Read from a terminal until it shows something."""
    seen = b""
    deadline = monotonic() + limit
    while wanted not in seen:
        assert select.select([terminal], [], [], max(0.0, deadline - monotonic()))[0], f"{wanted!r} not in {seen!r}"
        seen += os.read(terminal, 4096)
    return seen
