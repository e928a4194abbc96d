"""Small programs that listen and dial inside the lab, in plain Python. Not the emulator and not the probe."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

# Listens on all given ports of one address; greets TCP and echoes UDP. Says "ready" when it does.
LISTEN = """
import json, select, socket, sys
address, tcp, udp = json.loads(sys.argv[1])
poll, sockets = select.epoll(), {}
for kind, ports in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp)):
    for port in ports:
        one = socket.socket(socket.AF_INET, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
        if kind == socket.SOCK_STREAM:
            one.listen(64)
        poll.register(one.fileno(), select.EPOLLIN)
        sockets[one.fileno()] = one
print("ready", flush=True)
while True:
    for number, _ in poll.poll():
        one = sockets[number]
        if one.type == socket.SOCK_STREAM:
            peer, _ = one.accept()
            peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
            peer.close()
        else:
            data, source = one.recvfrom(2048)
            one.sendto(data, source)
"""

# Dials all given (transport, address, port) at once, from one source port if asked; prints what became of each.
DIAL = """
import errno, json, select, socket, sys, time
wanted, source, limit = json.loads(sys.argv[1])
IP_RECVERR, results, waiting = 11, {}, {}
poll = select.poll()
for transport, address, port in wanted:
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    one = socket.socket(socket.AF_INET, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    if source:
        one.bind(("", source))
    one.setblocking(False)
    one.connect_ex((address, port))
    if transport == "udp":
        one.send(b"question")
    poll.register(one, select.POLLIN)
    waiting[one.fileno()] = (one, f"{transport}/{port}")
deadline = time.monotonic() + limit
while waiting and time.monotonic() < deadline:
    for number, event in poll.poll(max(0, 1000 * (deadline - time.monotonic()))):
        one, name = waiting.pop(number)
        poll.unregister(number)
        try:
            _, data, _, _ = one.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            error = data[0][2]
            results[name] = f"icmp {error[5]}/{error[6]}"
            continue
        except BlockingIOError:
            pass
        try:
            results[name] = "answer" if one.recv(100) else "closed"
        except OSError as failure:
            results[name] = errno.errorcode[failure.errno]
for one, name in waiting.values():
    results[name] = "silence"
print(json.dumps(results))
"""


def listen(lab: Any, address: str, tcp: list[int], udp: list[int], place: str = "outside") -> subprocess.Popen[bytes]:
    """Start a listener in a place and wait until it listens."""
    process: subprocess.Popen[bytes] = lab.spawn(
        place, [sys.executable, "-c", LISTEN, json.dumps([address, tcp, udp])], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def dial(
    lab: Any, wanted: list[tuple[str, str, int]], *, source: int = 0, limit: float = 1.0, place: str = "inside"
) -> dict[str, str]:
    """Dial from a place; `{"tcp/80": "answer", "udp/9": "icmp 3/3", ...}`, at most `limit` seconds for all."""
    done = lab.run(place, [sys.executable, "-c", DIAL, json.dumps([wanted, source, limit])], limit + 20)
    assert done.returncode == 0, done.stderr
    results: dict[str, str] = json.loads(done.stdout)
    return results
