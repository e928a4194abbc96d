"""Trials of the network layer under one reactor, named on the command line; prints what happened as JSON. Not a test.

Every listener is a plain blocking socket in a thread, so that no Twisted code is on the other side.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

LOCAL = "127.0.0.1"
RST = struct.pack("ii", 1, 0)  # linger on, 0 s: close() sends a RST
LIMIT = 2.0  # seconds


def closed_port(kind: socket.SocketKind) -> int:
    """A port on which nothing listens: just given back."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((LOCAL, 0))
        return int(sock.getsockname()[1])


def server(behave: Callable[[socket.socket], None]) -> int:
    """Accept one connection and let `behave` have it; returns the port."""
    listener = socket.create_server((LOCAL, 0))

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                behave(connection)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def fin(connection: socket.socket) -> None:
    connection.recv(65536)  # all: closing with bytes unread would send a RST


def rst(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)


def garbage(connection: socket.socket) -> None:
    with suppress(ConnectionResetError):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(65536)


def answer(connection: socket.socket) -> None:
    connection.sendall(b"hello " + connection.recv(5))


def silent(connection: socket.socket) -> None:
    with suppress(ConnectionResetError):  # the near end gives up by aborting
        connection.recv(65536)
        connection.recv(65536)


async def datagrams(reactor: Any) -> dict[str, Any]:
    """ICMP errors between datagrams: each is recorded, and the socket goes on reading."""
    from twisted.internet.defer import Deferred

    from emulator.net.datagrams import DatagramSocket
    from emulator.wire.receipt import Endpoint

    events: list[list[Any]] = []
    waiting: list[Deferred[None]] = []

    def tell(*event: Any) -> None:
        events.append(list(event))
        waiting.pop().callback(None)

    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((LOCAL, 0))
    dead = closed_port(socket.SOCK_DGRAM)
    sock = DatagramSocket(
        reactor,
        lambda data, source: tell("data", data.decode(), source.address),
        lambda icmp, to: tell("icmp", icmp.type, icmp.code, icmp.offender, to is not None and to.port == dead),
    )
    try:
        for round_ in range(3):
            for send in (
                lambda: sock.send(b"x", Endpoint(LOCAL, dead)),
                lambda: peer.sendto(str(round_).encode(), (LOCAL, sock.port)),  # noqa: B023
            ):
                done: Deferred[None] = Deferred()
                waiting.append(done)
                done.addTimeout(LIMIT, reactor)
                send()
                await done
    finally:
        sock.close()
        peer.close()
    return {"events": events, "readers": sock in reactor.getReaders()}


async def dials(reactor: Any) -> dict[str, Any]:
    """How a dial fails."""
    from emulator.net.dial import Attempt, DialFailed, dial

    async def ending(port: int, timeout: float, give_up: bool = False, address: str = LOCAL) -> list[Any]:
        attempt = Attempt()
        if give_up:
            reactor.callLater(0.05, attempt.give_up)
        try:
            link = await dial(reactor, address, port, timeout, attempt)
        except DialFailed as failed:
            return [failed.ending, failed.icmp]
        link.abort()
        return ["connected", None]

    full = socket.socket()
    full.bind((LOCAL, 0))
    full.listen(0)
    port = full.getsockname()[1]
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex((LOCAL, port))
    found = {
        "refused": await ending(closed_port(socket.SOCK_STREAM), LIMIT),
        "silent": await ending(port, 0.2),
        "given up": await ending(port, LIMIT, give_up=True),
        "open": await ending(server(silent), LIMIT),
        "no such name": await ending(80, LIMIT, address="no-such-host.invalid"),
    }
    for sock in (full, *fillers):
        sock.close()
    return found


async def links(reactor: Any) -> dict[str, Any]:
    """How a stream ends, before and inside TLS."""
    from OpenSSL import SSL

    from emulator.net.dial import dial
    from emulator.net.link import LinkEnded
    from emulator.wire.errors import WireError
    from emulator.wire.talk import Exactly, Send, Talk

    def talk() -> Talk[bytes]:
        yield Send(b"first")
        return (yield Exactly(11))

    async def run(behave: Callable[[socket.socket], None]) -> str:
        link = await dial(reactor, LOCAL, server(behave), LIMIT)
        call = reactor.callLater(0.2, link.fail, LinkEnded("silence", ""))
        try:
            conversation = await link.run(talk())
            return f"result {conversation.result!r}"
        except LinkEnded as ended:
            return ended.how
        except WireError:
            assert link.ended is not None
            return f"wire error, {link.ended.how}"
        finally:
            if call.active():
                call.cancel()
            link.abort()

    async def handshake(behave: Callable[[socket.socket], None]) -> str:
        link = await dial(reactor, LOCAL, server(behave), LIMIT)
        call = reactor.callLater(0.2, link.fail, LinkEnded("silence", ""))
        try:
            await link.start_tls(SSL.Context(SSL.TLS_CLIENT_METHOD), "login.live.com")
            return "done"
        except LinkEnded as ended:
            return ended.how
        finally:
            if call.active():
                call.cancel()
            link.abort()

    return {
        "answer": await run(answer),
        "fin": await run(fin),
        "rst": await run(rst),
        "silent": await run(silent),
        "tls fin": await handshake(fin),
        "tls rst": await handshake(rst),
        "tls garbage": await handshake(garbage),
        "tls silent": await handshake(silent),
    }


TRIALS: dict[str, Callable[[Any], Coroutine[Any, Any, dict[str, Any]]]] = {
    "datagrams": datagrams,
    "dials": dials,
    "links": links,
}


def main(kind: str) -> None:
    import warnings

    loop = None
    if kind == "asyncio":
        import asyncio

        from twisted.internet import asyncioreactor

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)
    else:
        from twisted.internet import epollreactor

        epollreactor.install()
    warnings.simplefilter("error")
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred, ensureDeferred
    from twisted.internet.task import deferLater

    reactor: Any = installed
    found: dict[str, Any] = {"reactor": type(reactor).__name__}

    async def work() -> None:
        for name, trial in TRIALS.items():
            found[name] = await trial(reactor)
        await deferLater(reactor, 0.05, lambda: None)  # what was aborted is closed in the next turns
        found["left"] = [str(call) for call in reactor.getDelayedCalls()]

    def finish(result: Any) -> None:
        if result is not None:
            found["failure"] = result.getTraceback()
        reactor.stop()

    def begin() -> None:
        done: Deferred[None] = ensureDeferred(work())
        done.addBoth(finish)

    reactor.callWhenRunning(begin)
    reactor.run()
    print(json.dumps(found))
    if loop is not None:
        loop.close()


if __name__ == "__main__":
    main(sys.argv[1])
