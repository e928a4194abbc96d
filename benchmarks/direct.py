"""A file over a direct connection between two processes on loopback: `python -m benchmarks.direct [megabytes]`.

Genuine chunks of 1,352 bytes, SHA-1 at both ends. Beside it what Python's own sendfile does with the same bytes and the
same hash: the file read from a page cache, no chunks, so an upper limit that no Messenger client can reach.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred

from benchmarks.rows import Row, say
from emulator.client.direct import Direct, Nonces
from emulator.client.direct_sockets import dial, listen
from emulator.client.network import ClientError
from emulator.client.peers import Hashed, Peers
from emulator.wire import p2p

HOST = "127.0.0.1"
MEGABYTES = 200
LEAST = 200.0  # megabytes per second
LIMIT = 120.0  # seconds for everything
SECRETS = bytes(range(16)), bytes(range(16, 32))  # connector's, listener's
ACCOUNTS = "sender@example.com", "receiver@example.com"


class Nobody:
    """A board on which nobody talks."""

    on_peer: Any = None

    def __init__(self, me: str) -> None:
        self.me = me


class Chance:
    """Random bytes."""

    entropy = staticmethod(os.urandom)


def measured(megabytes: int) -> tuple[float, float, float]:
    """Megabytes a second of the direct connection, of sendfile, and of SHA-1 alone; best of three each."""
    size = megabytes * 1_000_000
    with tempfile.NamedTemporaryFile() as file:
        piece = os.urandom(1_000_000)
        for _ in range(megabytes):
            file.write(piece)
        file.flush()
        own = max(_pair("receive", "send", file.name, size) for _ in range(3))
        peer = max(_pair("recv", "sendfile", file.name, size) for _ in range(3))
        return own, peer, max(_hash_alone(file.name) for _ in range(3))


def rows() -> list[Row]:
    """The row of the table."""
    say("a file over a direct connection")
    own, peer, hashing = measured(MEGABYTES)
    what = f"direct connection, {MEGABYTES} MB in chunks of {p2p.DIRECT_CHUNK:,} bytes, SHA-1 at both ends"
    beside = f"sendfile and hashlib, no chunks: {peer:.0f} MB/s; SHA-1 alone: {hashing:.0f} MB/s"
    return [(what, f"{own:.0f} MB/s", f"{LEAST:.0f} MB/s", beside)]


def main(megabytes: int = MEGABYTES) -> int:
    """Both measurements; 1 when the direct transfer is slower than it must be."""
    own, peer, hashing = measured(megabytes)
    print(f"{megabytes} MB, best of 3, sender and receiver in a process each, SHA-1 at both ends")
    print(f"direct connection (TCPv1, chunks of {p2p.DIRECT_CHUNK} bytes): {own:7.0f} MB/s")
    print(f"socket.sendfile and hashlib, no chunks:                {peer:7.0f} MB/s ({own / peer:.0%} of it)")
    print(f"SHA-1 alone, on one core:                              {hashing:7.0f} MB/s")
    return 0 if own >= LEAST else 1


def _pair(receiver: str, sender: str, name: str, size: int) -> float:
    """Megabytes per second from the first byte that is hashed to the last that is acknowledged."""
    command = [sys.executable, "-m", "benchmarks.direct"]
    listening = subprocess.Popen([*command, receiver, str(size)], stdout=subprocess.PIPE, text=True)
    assert listening.stdout is not None
    port = listening.stdout.readline().strip()
    sent = subprocess.run([*command, sender, name, port], stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=True)
    theirs = listening.communicate(timeout=LIMIT)[0].strip()
    seconds, mine = sent.stdout.split()
    if mine != theirs or listening.returncode:
        raise SystemExit(f"{sender}: SHA-1 {mine} was sent, {theirs or 'nothing'} arrived")
    return size / float(seconds) / 1e6


def _hash_alone(name: str) -> float:
    with open(name, "rb") as file:
        data = file.read()
    began = monotonic()
    hashlib.sha1(data).hexdigest()
    return len(data) / (monotonic() - began) / 1e6


# a direct connection


def _peers(me: str) -> Peers:
    return Peers(Nobody(me), Chance(), lambda sender, header, app: FILES.pop())  # type: ignore[arg-type]


FILES: list[Hashed] = []


def _connection(stream: Any, *, connects: bool, peers: Peers, peer: str) -> Direct:
    from twisted.internet import reactor

    mine, theirs = SECRETS if connects else SECRETS[::-1]
    nonces = Nonces(mine, p2p.published(theirs), True)
    call_later = reactor.callLater  # type: ignore[attr-defined]
    direct = Direct(stream, lambda: nonces, connects=connects, identifier=1, call_later=call_later)
    direct.deliver = lambda header, piece, by: peers.take(peer, header, piece, p2p.FILE, by)
    return direct


def receive(size: int) -> None:
    """Listen, take one file, print its SHA-1."""
    from twisted.internet import reactor

    peers = _peers(ACCOUNTS[1])

    def complete(file: Hashed) -> None:
        print(file.sha1 if file.size == size else file.size, flush=True)

    FILES.append(Hashed(keep=False, then=complete))

    def accept(stream: Any) -> None:
        direct = _connection(stream, connects=False, peers=peers, peer=ACCOUNTS[0])
        direct.on_ended = lambda error: reactor.stop()  # type: ignore[attr-defined]

    print(listen(reactor, HOST, accept, (0,)).port, flush=True)
    reactor.run()  # type: ignore[attr-defined]


def send(name: str, port: int) -> None:
    """Dial, send the file, wait for the acknowledgement; print seconds and SHA-1."""
    from twisted.internet import reactor

    peers = _peers(ACCOUNTS[0])
    with open(name, "rb") as file:
        data = file.read()

    async def work() -> None:
        try:
            direct = _connection(await dial(reactor, HOST, port, 5.0), connects=True, peers=peers, peer=ACCOUNTS[1])
            await direct.ready
            began = monotonic()
            digest = hashlib.sha1(data).hexdigest()
            await peers.send(ACCOUNTS[1], data, session=1, flags=p2p.FILE_DATA, app=p2p.FILE, carrier=direct)
            print(monotonic() - began, digest, flush=True)
            direct.close()
        except ClientError as problem:
            print(problem, file=sys.stderr)
        finally:
            reactor.callLater(0.05, reactor.stop)  # type: ignore[attr-defined]

    reactor.callWhenRunning(Deferred.fromCoroutine, work())  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]


# the peer that it is measured against


def recv(size: int) -> None:
    """Take bytes into one buffer and hash them as they come."""
    with socket.create_server((HOST, 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        digest, left, buffer = hashlib.sha1(), size, memoryview(bytearray(1 << 18))
        with connection:
            while left:
                count = connection.recv_into(buffer)
                digest.update(buffer[:count])
                left -= count
            connection.sendall(b"!")
        print(digest.hexdigest(), flush=True)


def sendfile(name: str, port: int) -> None:
    """Hash the file and have the system send it."""
    with open(name, "rb") as file, socket.create_connection((HOST, port)) as connection:
        data = file.read()
        began = monotonic()
        digest = hashlib.sha1(data).hexdigest()
        file.seek(0)
        connection.sendfile(file)
        connection.recv(1)
        print(monotonic() - began, digest, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["receive" | "recv" as role, size]:
            {"receive": receive, "recv": recv}[role](int(size))
        case ["send" | "sendfile" as role, name, port]:
            {"send": send, "sendfile": sendfile}[role](name, int(port))
        case [size] if size.isdigit():
            raise SystemExit(main(int(size)))
        case _:
            raise SystemExit(main())
