"""A relay of ours alone in a process, for programs that are not ours. Run it: prints `ready`, ends with its input.

Arguments: reactor (`epoll` or `asyncio`), address, port, relay key (hex), limits as JSON. Holds no test.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import msgspec
from OpenSSL import SSL
from twisted.internet import asyncioreactor, epollreactor

NAMES = ("second", "echo.edge.messenger.live.com", "relay.voice.messenger.msn.com")


def main(kind: str, address: str, port: str, key: str, limits: str) -> None:
    {"epoll": epollreactor, "asyncio": asyncioreactor}[kind].install()
    from twisted.internet import reactor as installed
    from twisted.internet import stdio
    from twisted.internet.protocol import Protocol, connectionDone

    from emulator.services.datagrams import FarDatagrams
    from emulator.services.journal import Journal
    from emulator.services.relay import Relay
    from emulator.services.stream import FarEndFactory
    from emulator.services.surroundings import Surroundings
    from emulator.wire.allocation import Limits
    from emulator.wire.receipt import Endpoint

    reactor: Any = installed
    surroundings = Surroundings(
        addresses=dict.fromkeys(NAMES, address),
        relay_port=int(port),
        echo_port=7001,
        relay_key=bytes.fromhex(key),
        now=time.time,
        entropy=os.urandom,
    )
    relay = Relay(reactor, now=time.time, entropy=os.urandom, limits=msgspec.json.decode(limits, type=Limits))
    local = Endpoint(address, int(port))
    journal = Journal(time.time)
    far = FarDatagrams(journal, relay, surroundings, local, {})
    streams = FarEndFactory(reactor, journal, {"pseudo-tls": relay.leg}, surroundings, SSL.Context(SSL.TLS_METHOD))
    reactor.listenTCP(local.port, streams, interface=address)
    reactor.listenUDP(local.port, far, interface=address, maxPacketSize=65535)

    class UntilInputEnds(Protocol):
        def connectionMade(self) -> None:
            print("ready", flush=True)

        def connectionLost(self, reason: Any = connectionDone) -> None:
            print(msgspec.json.encode({"held": len(relay.allocations)}).decode(), flush=True)
            relay.close()
            reactor.stop()

    keep = stdio.StandardIO(UntilInputEnds())
    reactor.run()
    del keep


if __name__ == "__main__":
    main(*sys.argv[1:])
