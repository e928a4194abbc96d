"""`python -m benchmarks.relay`: media through the relay, beside coturn's turnserver. Printed, never asserted.

Server and load each have a core of their own where there are two. Raw: pairs of allocations that send each other
160-byte datagrams over channels. Named peer: one `turnutils_uclient -y` run against ours and against turnserver.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.served import ADDRESS, Served
from emulator.wire import stun, turn_dialect
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import derive_password
from emulator.wire.stun import Message
from emulator.wire.turn_dialect import RFC5766

PORT = 30478
PEER_ADDRESS, PEER_PORT = "127.0.0.62", 3477
NEAR = "127.0.0.63"
PAIRS = 8
PAYLOAD = bytes(range(160))
WINDOW = 256  # datagrams on their way at once, when the question is how fast it goes
COUNT = 200_000
RATE, SECONDS = 20_000, 5.0
ROUNDS = 3  # of the run that has a peer; the median counts. The program waits some 7 s of its own in each run
UCLIENT = ["-y", "-c", "-m", "12", "-n", "15000", "-l", "160", "-z", "0", "-L", NEAR]
CAST = (Path(__file__).parent.parent / "scenarios/casts/default.toml").read_text()
Row = tuple[str, str, str, str]


class Client:
    """One allocation of RFC 5766 with one channel; no retransmission, because loopback loses nothing here."""

    def __init__(self, relay_key: bytes, name: bytes) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((NEAR, 0))
        self.socket.connect((ADDRESS, PORT))
        self.socket.settimeout(2.0)
        identity = name.ljust(20, b"-")
        self._username = b64encode(identity)
        self._key = RFC5766.key(relay_key, self._username, identity)
        challenge = self._ask(0x0003, ((turn_dialect.REQUESTED_TRANSPORT, b"\x11\0\0\0"),), None)
        self._credentials = (
            (stun.USERNAME, self._username),
            (turn_dialect.REALM, challenge.need(turn_dialect.REALM)),
            (turn_dialect.NONCE, challenge.need(turn_dialect.NONCE)),
        )
        granted = self.ask(0x0003, ((turn_dialect.REQUESTED_TRANSPORT, b"\x11\0\0\0"),))
        value = granted.need(turn_dialect.XOR_RELAYED_ADDRESS)
        self.relayed = RFC5766.read_address(turn_dialect.XOR_RELAYED_ADDRESS, value, granted.id)

    def bind(self, peer: Endpoint) -> None:
        """Channel 0x4000 to a peer."""
        id = stun.COOKIE_5389 + os.urandom(12)
        address = RFC5766.address(turn_dialect.XOR_PEER_ADDRESS, peer, id)
        self.ask(0x0009, ((turn_dialect.CHANNEL_NUMBER, b"\x40\0\0\0"), address), id)

    def ask(self, kind: int, attributes: tuple[tuple[int, bytes], ...], id: bytes = b"") -> Message:
        """An authenticated request; its successful answer."""
        answer = self._ask(kind, (*attributes, *self._credentials), self._key, id)
        if answer.kind & 0x0110 != 0x0100:
            raise RuntimeError(answer.error)
        return answer

    def _ask(self, kind: int, attributes: tuple[tuple[int, bytes], ...], key: bytes | None, id: bytes = b"") -> Message:
        id = id or stun.COOKIE_5389 + os.urandom(12)
        self.socket.send(stun.encode(Message(kind, id, attributes), key))
        return stun.decode(self.socket.recv(2048))


def pairs(relay_key: bytes) -> list[tuple[Client, Client]]:
    """Allocations that are bound to each other."""
    made = [tuple(Client(relay_key, f"{side}{number}".encode()) for side in "ab") for number in range(PAIRS)]
    for one, other in made:
        one.bind(other.relayed)
        other.bind(one.relayed)
        one.socket.setblocking(False)
        other.socket.setblocking(False)
    return [(one, other) for one, other in made]


FRAME = b"\x40\0" + len(PAYLOAD).to_bytes(2, "big") + PAYLOAD


def fastest(both: list[tuple[Client, Client]]) -> tuple[float, int]:
    """Datagrams a second with a window, and how many were lost."""
    sent = got = 0
    quiet = time.perf_counter()
    started = quiet
    while got < COUNT:
        while sent < COUNT and sent - got < WINDOW:
            both[sent % PAIRS][0].socket.send(FRAME)
            sent += 1
        got_now = drain(both)
        got += got_now
        now = time.perf_counter()
        if got_now:
            quiet = now
        elif now - quiet > 1.0:
            break
        else:
            select.select([other.socket for _, other in both], [], [], 0.01)
    return got / (quiet - started), sent - got


def paced(both: list[tuple[Client, Client]]) -> tuple[float, int]:
    """Datagrams a second at a steady `RATE`, and how many were lost."""
    sent = got = 0
    total = int(RATE * SECONDS)
    started = quiet = time.perf_counter()
    while True:
        now = time.perf_counter()
        due = min(total, int((now - started) * RATE))
        while sent < due:
            both[sent % PAIRS][0].socket.send(FRAME)
            sent += 1
        more = drain(both)
        got += more
        if more:
            quiet = now
        if got >= total or (sent >= total and now - quiet > 1.0):
            return sent / (quiet - started), sent - got


def drain(both: list[tuple[Client, Client]]) -> int:
    """Take what has arrived; every datagram must be the one that was sent."""
    got = 0
    for _, other in both:
        take = other.socket.recv
        try:
            while True:
                if take(512) != FRAME:
                    raise RuntimeError("a datagram was changed on its way")
                got += 1
        except BlockingIOError:
            pass
    return got


@contextmanager
def turnserver(username: str, password: str) -> Iterator[int]:
    """coturn with one worker on the server's core; its process id."""
    argv = ["turnserver", "-n", "--lt-cred-mech", "-u", f"{username}:{password}", "-r", "live.com"]
    argv += ["-p", str(PEER_PORT), "-L", PEER_ADDRESS, "--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli"]
    argv += ["-m", "1", "--no-stdout-log", "--log-file", "/dev/null", "--pidfile", "/dev/null"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cores = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(process.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        deadline = time.monotonic() + 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            question = stun.encode(Message(stun.BINDING, stun.COOKIE_5389 + bytes(12)))
            while time.monotonic() < deadline:
                probe.sendto(question, (PEER_ADDRESS, PEER_PORT))
                try:
                    probe.recv(512)
                    break
                except OSError:
                    continue
        yield process.pid
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.wait(20)


def uclient(address: str, port: int, username: str, password: str, server: int) -> tuple[float, int, int, float]:
    """One run: packets a second, sent, lost, and the server's processor time per packet in microseconds."""
    argv = ["turnutils_uclient", "-u", username, "-w", password, "-p", str(port), *UCLIENT, address]
    before, started = cpu(server), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    used, seconds = cpu(server) - before, time.perf_counter() - started  # the program itself counts whole seconds
    said = done.stdout
    found = re.search(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)\s*\n[^\n]*\n[^\n]*Total transmit time", said)
    if found is None:
        raise RuntimeError(f"turnutils_uclient failed: {said[-300:]}{done.stderr[-300:]}")
    sent, received = (int(part) for part in found.groups())
    return received / seconds, sent, sent - received, used / max(received, 1) * 1e6


def cpu(process: int) -> float:
    """Processor time of a process in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows() -> list[Row]:
    """Run everything; rows of the table: what, measured, goal, peer."""
    name = b"benchmark of a relay"
    with tempfile.TemporaryDirectory() as place, Served(Path(place), CAST) as served:
        join = msgspec.toml.decode((Path(place) / "join.toml").read_text())
        relay_key = bytes.fromhex(join["relay_key"])
        both = pairs(relay_key)
        process = served.pid
        before = cpu(process)
        speed, lost = fastest(both)
        cost = (cpu(process) - before) / COUNT * 1e6
        steady, gone = paced(both)
        made: list[Row] = [
            (
                f"raw relay, {PAIRS} pairs, 160 bytes",
                f"{speed:,.0f} /s, {lost} lost",
                "40,000 /s",
                f"{cost:.1f} µs CPU each",
            ),
            (f"raw relay at {steady:,.0f} /s for {SECONDS:.0f} s", f"{gone} lost", "0 lost", ""),
        ]
        if shutil.which("turnutils_uclient") is None or shutil.which("turnserver") is None:
            return [*made, ("`turnutils_uclient -y`", "coturn is not installed", "1.0", "turnserver")]
        username, password = b64encode(name).decode(), b64encode(derive_password(relay_key, name)).decode()
        mine = sorted(uclient(ADDRESS, PORT, username, password, process) for _ in range(ROUNDS))[ROUNDS // 2]
    with turnserver(username, password) as process:
        runs = [uclient(PEER_ADDRESS, PEER_PORT, username, password, process) for _ in range(ROUNDS)]
        theirs = sorted(runs)[ROUNDS // 2]
    ours = f"{mine[0]:,.0f} /s, {mine[2]} of {mine[1]} lost, {mine[3]:.1f} µs CPU each"
    peer = f"turnserver: {theirs[0]:,.0f} /s, {theirs[2]} of {theirs[1]} lost, {theirs[3]:.1f} µs CPU each"
    return [
        *made,
        (f"`turnutils_uclient {' '.join(UCLIENT[:-2])}`", f"{mine[0] / theirs[0]:.2f} ({ours})", "1.0", peer),
    ]


def main() -> int:
    """Print the table; returns an exit code."""
    if sys.platform != "linux" or os.geteuid() != 0:
        print("serve needs ports below 1024: run as root")
        return 3
    table = [("what", "measured", "goal", "peer"), ("---",) * 4, *rows()]
    print("\n".join("| " + " | ".join(row) + " |" for row in table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
