"""`python -m benchmarks.calls [CALLS]`: 200 calls at once, 50 packets a second each way, losses and jitter made here.

Loopback, server and callers on a core of their own where there are two. Some calls lose every 50th packet, of others
every second one leaves 4 ms late; what the far end reports is held against that. Printed, never asserted.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.internet.defer import Deferred

from benchmarks.served import ADDRESS, Served
from emulator.client.call_dialog import Call
from emulator.client.call_line import Line
from emulator.client.call_ports import Address, Receive
from emulator.client.call_telephone import Telephone
from emulator.net.datagrams import BoundDatagrams
from emulator.wire import sdp, tags
from emulator.wire.receipt import Endpoint

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
SECONDS = 10.0
NEAR = "127.0.0.63"
LOW = 20000
EVERY = 50  # one in so many is lost
LATE = 0.004  # seconds
CAST = (Path(__file__).parent.parent / "scenarios/casts/default.toml").read_text()


class Wire(protocol.Protocol):
    """A connection to the call service as the client's stream."""

    data: Any = staticmethod(lambda data: None)
    ended: Any = staticmethod(lambda error: None)

    def attach(self, data: Any, ended: Any) -> None:
        """Where bytes go."""
        self.data, self.ended = data, ended

    def dataReceived(self, data: bytes) -> None:
        self.data(data)

    def send(self, data: bytes) -> None:
        """Put bytes on the wire."""
        self.transport.write(data)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Close."""
        self.transport.loseConnection()  # type: ignore[attr-defined]


class Shaken:
    """A port whose RTP is thinned, or shaken: every second packet leaves late."""

    def __init__(self, port: BoundDatagrams, how: str) -> None:
        self.number = port.number
        self._port = port
        self._how = how
        self._count = 0
        self.lost = 0

    def send(self, data: bytes, to: Address) -> None:
        """Send, lose or delay."""
        if data[0] != 0x80:
            self._port.send(data, to)
            return
        self._count += 1
        if self._how == "lossy" and self._count % EVERY == EVERY // 2:
            self.lost += 1
        elif self._how == "shaken" and self._count % 2:
            reactor.callLater(LATE, self._port.send, data, to)  # type: ignore[attr-defined]
        else:
            self._port.send(data, to)

    def close(self) -> None:
        """Close."""
        self._port.close()


class Caller:
    """One call."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.how = ("lossy", "shaken", "plain", "plain")[number % 4]
        self.call: Call | None = None
        self.shaken: Shaken | None = None

    async def begin(self) -> None:
        """Register, call, check; media go on from here."""
        endpoint = endpoints.TCP4ClientEndpoint(reactor, ADDRESS, 5061)  # clear: TLS is not the question here
        wire = await endpoints.connectProtocol(endpoint, Wire())
        later: Any = reactor.callLater  # type: ignore[attr-defined]
        tag = os.urandom(16)
        account = tags.account(tag)
        self.telephone = Telephone(wire, account, Endpoint(NEAR, 5061), call_later=later, entropy=os.urandom)
        await self.telephone.register(tags.ticket(tag), tag.hex())
        self.line = Line(reactor, self._pair, now=time.time, entropy=os.urandom)
        offer = sdp.encode(sdp.Session(NEAR, (self.line.description(NEAR),)))
        self.call = await self.telephone.call("voice@example.com", offer, os.urandom(16).hex())
        self.line.connect(sdp.decode(self.call.answer).audio, ADDRESS)
        await self.line.check()
        self.line.start()

    async def end(self) -> dict[str, Any]:
        """The last reports, BYE."""
        await self.line.settle()
        facts = self.line.measured()
        assert self.call is not None
        await self.call.hang_up()
        self.telephone.close()
        self.line.close()
        return facts

    def _pair(self, rtp: Receive, rtcp: Receive) -> tuple[Any, Any]:
        port = LOW + 2 * self._number
        self.shaken = Shaken(BoundDatagrams(reactor, NEAR, port, rtp), self.how)
        return self.shaken, BoundDatagrams(reactor, NEAR, port + 1, rtcp)


async def measure(served: Served) -> None:
    """All calls, and the table."""
    callers = [Caller(number) for number in range(CALLS)]
    for start in range(0, CALLS, 20):
        await defer.gatherResults([Deferred.fromCoroutine(one.begin()) for one in callers[start : start + 20]])
    before, busy = time.process_time(), served.busy
    await task.deferLater(reactor, SECONDS, lambda: None)
    used, far = time.process_time() - before, served.busy - busy
    found = await defer.gatherResults([Deferred.fromCoroutine(one.end()) for one in callers])
    print(f"{CALLS} calls, {SECONDS:g} s of all of them together; callers' process {used / SECONDS:.0%} of a core,")
    print(f"emulator {far / SECONDS:.0%} of a core; load of the machine {os.getloadavg()[0]:.1f}\n")
    head = ("calls", "sent", "we lost", "reported", "wrong", "back", "lost", "jitter out ms", "jitter back ms")
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for how in ("plain", "lossy", "shaken"):
        rows = [(one, facts) for one, facts in zip(callers, found, strict=True) if one.how == how]
        made = [one.shaken.lost if one.shaken else 0 for one, _ in rows]
        said = [facts.get("reported", {}).get("lost", -1) for _, facts in rows]
        wrong = sum(one != other for one, other in zip(made, said, strict=True))
        out = sorted(facts["reported"]["jitter_ms"] for _, facts in rows if "reported" in facts)
        back = sorted(facts["jitter_ms"] for _, facts in rows)
        cells = (
            f"{len(rows)} {how}",
            sum(facts["sent"] for _, facts in rows),
            sum(made),
            sum(said),
            wrong,
            sum(facts["received"] for _, facts in rows),
            sum(facts["lost"] for _, facts in rows),
            f"{out[len(out) // 2]:.2f} (to {out[-1]:.2f})",
            f"{back[len(back) // 2]:.2f} (to {back[-1]:.2f})",
        )
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


def main() -> int:
    """Serve, call, print; 1 when something failed."""
    with tempfile.TemporaryDirectory() as place, Served(Path(place), CAST) as served:
        problems: list[Any] = []
        work = Deferred.fromCoroutine(measure(served))
        work.addErrback(problems.append)
        work.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]
        reactor.run()  # type: ignore[attr-defined]
    for problem in problems:
        print(problem.getTraceback(), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
