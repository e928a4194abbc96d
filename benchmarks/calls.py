"""`python -m benchmarks.calls [CALLS]`: 200 calls at once, 50 packets a second each way, losses and jitter made here.

Loopback, server and callers on a core of their own where there are two. Some calls lose every 50th packet, of others
every second one leaves 4 ms late; what the far end reports is held against that. Printed, never asserted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.internet.defer import Deferred

from benchmarks.rows import Row, say
from benchmarks.served import ADDRESS, Served
from emulator.client.call_dialog import Call
from emulator.client.call_line import Line
from emulator.client.call_ports import Address, Receive
from emulator.client.call_telephone import Telephone
from emulator.net.datagrams import BoundDatagrams
from emulator.wire import sdp, tags
from emulator.wire.receipt import Endpoint

CALLS = int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 200
SECONDS = 10.0
NEAR = "127.0.0.63"
LOW = 20000
EVERY = 50  # one in so many is lost
LATE = 0.004  # seconds
LIMIT = 120.0  # seconds for everything
CAST = (Path(__file__).parent.parent / "scenarios/casts/default.toml").read_text()


class Kind(msgspec.Struct, frozen=True):
    """Calls of one kind: packets each way, losses made and told of, jitter in milliseconds, sorted."""

    calls: int
    sent: int
    made: int
    reported: int
    wrong: int
    received: int
    lost: int
    jitter_out: list[float]
    jitter_back: list[float]


class Found(msgspec.Struct, frozen=True):
    """One run. `callers`, `emulator`: share of a core."""

    callers: float
    emulator: float
    load: float
    kinds: dict[str, Kind]


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
        self.tail = 0  # lost after the last one that left: no report can know of them

    def send(self, data: bytes, to: Address) -> None:
        """Send, lose or delay."""
        if data[0] != 0x80:
            self._port.send(data, to)
            return
        self._count += 1
        if self._how == "lossy" and self._count % EVERY == EVERY // 2:
            self.lost += 1
            self.tail += 1
            return
        self.tail = 0
        if self._how == "shaken" and self._count % 2:
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


async def measure(served: Served) -> Found:
    """All calls, at once for `SECONDS`."""
    callers = [Caller(number) for number in range(CALLS)]
    for start in range(0, CALLS, 20):
        await defer.gatherResults([Deferred.fromCoroutine(one.begin()) for one in callers[start : start + 20]])
    before, busy = time.process_time(), served.busy
    await task.deferLater(reactor, SECONDS, lambda: None)
    used, far = time.process_time() - before, served.busy - busy
    found = await defer.gatherResults([Deferred.fromCoroutine(one.end()) for one in callers])
    kinds = {}
    for how in ("plain", "lossy", "shaken"):
        rows = [(one, facts) for one, facts in zip(callers, found, strict=True) if one.how == how]
        made = [one.shaken.lost - one.shaken.tail if one.shaken else 0 for one, _ in rows]
        said = [facts.get("reported", {}).get("lost", -1) for _, facts in rows]
        kinds[how] = Kind(
            calls=len(rows),
            sent=sum(facts["sent"] for _, facts in rows),
            made=sum(made),
            reported=sum(said),
            wrong=sum(one != other for one, other in zip(made, said, strict=True)),
            received=sum(facts["received"] for _, facts in rows),
            lost=sum(facts["lost"] for _, facts in rows),
            jitter_out=sorted(facts["reported"]["jitter_ms"] for _, facts in rows if "reported" in facts),
            jitter_back=sorted(facts["jitter_ms"] for _, facts in rows),
        )
    return Found(used / SECONDS, far / SECONDS, os.getloadavg()[0], kinds)


def show(found: Found) -> None:
    """The table of one run."""
    print(f"{CALLS} calls, {SECONDS:g} s of all of them together; callers' process {found.callers:.0%} of a core,")
    print(f"emulator {found.emulator:.0%} of a core; load of the machine {found.load:.1f}\n")
    head = ("calls", "sent", "we lost", "reported", "wrong", "back", "lost", "jitter out ms", "jitter back ms")
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for how, kind in found.kinds.items():
        cells = (
            f"{kind.calls} {how}",
            *(kind.sent, kind.made, kind.reported, kind.wrong, kind.received, kind.lost),
            *(f"{middle(one):.2f} (to {one[-1]:.2f})" for one in (kind.jitter_out, kind.jitter_back)),
        )
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


def middle(values: list[float]) -> float:
    """The median of sorted values."""
    return values[len(values) // 2]


def rows() -> list[Row]:
    """The row of the table; measured in a process of its own, which has the reactor to itself."""
    say(f"{CALLS} calls at once")
    command = [sys.executable, "-m", "benchmarks.calls", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LIMIT, check=True)
    found = msgspec.json.decode(done.stdout, type=Found)
    kinds = found.kinds.values()
    wrong, lost, received = (sum(getattr(kind, name) for kind in kinds) for name in ("wrong", "lost", "received"))
    shaken, plain = (middle(found.kinds[how].jitter_out) for how in ("shaken", "plain"))
    counted = f"{wrong} wrong loss reports, {lost} of {received + lost} lost on the way back"
    jitter = f"jitter {shaken:.1f} ms where {LATE * 1000:.0f} were made, {plain:.1f} where none were"
    return [
        (
            f"{CALLS} calls at once, {SECONDS:g} s, 50 packets a second each way",
            f"{counted}, {jitter}",
            f"0 wrong, 0 lost, {LATE * 1000:.0f} ms",
            f"emulator {found.emulator:.0%} of a core",
        )
    ]


def main(*, as_json: bool) -> int:
    """Serve, call, print; 1 when something failed."""
    done: list[Found] = []
    with tempfile.TemporaryDirectory() as place, Served(Path(place), CAST) as served:
        problems: list[Any] = []
        work = Deferred.fromCoroutine(measure(served))
        work.addCallbacks(done.append, problems.append)
        work.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]
        reactor.run()  # type: ignore[attr-defined]
    for problem in problems:
        print(problem.getTraceback(), file=sys.stderr)
    for found in done:
        print(msgspec.json.encode(found).decode()) if as_json else show(found)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(as_json="json" in sys.argv))
