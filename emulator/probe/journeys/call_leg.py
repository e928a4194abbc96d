"""The media of one call as a flow: to the contact's ports or through the relay, with what both ends measured.

Not the signalling (`calls`).
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from emulator.client import call_stream
from emulator.client.call_line import Line
from emulator.client.call_ports import Port, Receive
from emulator.client.call_relay import Credentials, RelayedPort
from emulator.client.network import Unexpected
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.datagrams import BoundDatagrams
from emulator.net.link import LinkEnded
from emulator.net.route import source_for
from emulator.probe.journeys.travel import Travel
from emulator.probe.place import Place
from emulator.probe.recorder import Recorder
from emulator.wire.receipt import Endpoint

T = TypeVar("T")
PEER = "peer"
ANY = "0.0.0.0"
LOW, HIGH = 30000, 65000  # UDP ports that clients take for media
TRIES = 64


class Media:
    """One stream of a call: its line, the contact's port; `relayed`: its own RTP port at the relay."""

    def __init__(self, line: Line, *, checks: bool) -> None:
        self.line = line
        self.checks = checks
        self.port = 0
        self.relayed: RelayedPort | None = None


def opened(place: Place, kind: call_stream.Kind, *, checks: bool) -> Media:
    """Two ports for a stream. Where no checks are made its SSRC is the tag. Raises Unexpected without ports."""
    ssrc = 0 if checks else int.from_bytes(place.entropy(4), "big") or 1
    line = Line(
        place.reactor,
        lambda rtp, rtcp: _pair(place, rtp, rtcp),
        now=place.now,
        entropy=place.entropy,
        ssrc=ssrc,
        kind=kind,
    )
    return Media(line, checks=checks)


def any_port(place: Place, receive: Receive) -> BoundDatagrams:
    """A port whose number nobody is told."""
    return BoundDatagrams(place.reactor, place.source or ANY, 0, receive)


class MediaLeg:
    """A stream as a flow; with `relay` through it, else to the contact's own ports."""

    def __init__(self, travel: Travel, media: Media, host: str, relay: Credentials | None) -> None:
        self._travel = travel
        self._host = host
        self._media = media
        self._relay = relay
        self.line = media.line
        self.tag = self.line.check_id if media.checks else self.line.out.ssrc.to_bytes(4, "big")
        if relay is not None and media.relayed is not None:
            self.tag = media.relayed.id
        self.flow: Flow
        self._recorder: Recorder | None = None
        self._observation: Observation | None = None
        self._problem: Exception | None = None

    async def talk(self, seconds: float) -> str:
        """Checks where they are made, media for so long, then the reports. Raises LinkEnded in silence."""
        travel, line, relay = self._travel, self.line, self._relay
        place = travel.place
        port = self._media.port if relay is None else relay.relay.port
        self.flow = replace(travel.flow(self._host, port), transport="udp", via="", credentials=False)
        recorder = self._recorder = Recorder(self.flow, place.clock)
        recorder.enter("exchange")
        there = place.join.address(PEER)
        recorder.remote = Endpoint(there, port) if relay is None else relay.relay
        number = line.ports[0].number
        if relay is not None:
            if self._media.relayed is None:
                raise Unexpected("nothing was allocated at the relay")
            number = self._media.relayed.local
        recorder.local = Endpoint(place.source or source_for(recorder.remote.address) or ANY, number)
        words = ""
        if self._media.checks:
            checking = line.check(there) if relay is None else line.check(relayed=True)
            mapped = await self._within(checking, place.timeout)
            recorder.facts["mapped"] = [mapped.address, mapped.port]
            recorder.step("checked")
            words = f"seen from {mapped.address}:{mapped.port}; "
        line.start()
        line.control()
        await deferLater(place.reactor, seconds, lambda: None)
        await line.settle()
        facts = recorder.facts["media"] = line.measured()
        if not facts["received"] or "reported" not in facts:
            raise LinkEnded("silence", f"{facts['sent']} packets were sent, {facts['received']} came, no report")
        reported = facts["reported"]
        return (
            f"{words}{facts['sent']} packets out, {reported['lost']} lost, jitter {reported['jitter_ms']} ms; "
            f"{facts['received']} back, {facts['lost']} lost, {facts['reordered']} overtaken, "
            f"jitter {facts['jitter_ms']} ms"
        )

    # what the journey asks

    @property
    def failed(self) -> bool:
        return self._problem is not None

    def end(self, problem: Exception | None = None) -> None:
        self._problem = self._problem or problem
        if self._recorder is not None:
            self._recorder.facts.setdefault("media", self.line.measured())
        self.line.stop()

    def cancel(self, why: str) -> None:
        self._problem = LinkEnded("cancelled", why)
        self.line.close()

    async def finished(self) -> Observation:
        assert self._recorder is not None
        problem = self._problem
        if self._observation is None:
            self._recorder.facts.setdefault("media", self.line.measured())
            how = "completed"
            if isinstance(problem, LinkEnded) and problem.how in ("silence", "cancelled"):
                how = problem.how
            elif problem is not None:
                how = "differs"
            self._observation = self._recorder.finish(how, str(problem or ""))  # type: ignore[arg-type]
        return self._observation

    # pieces

    async def _within(self, work: Awaitable[T], seconds: float) -> T:
        whole = Deferred.fromCoroutine(_coroutine(work))
        ended = LinkEnded("silence", f"nothing came within {seconds:g} s")
        timer = self._travel.place.reactor.callLater(seconds, whole.cancel)
        try:
            return await whole
        except CancelledError as problem:
            if timer.active():
                raise
            raise ended from problem
        finally:
            if timer.active():
                timer.cancel()


def _pair(place: Place, rtp: Receive, rtcp: Receive) -> tuple[Port, Port]:
    bind = place.source or ANY
    for _ in range(TRIES):
        port = LOW + 2 * (int.from_bytes(place.entropy(2), "big") % ((HIGH - LOW) // 2))
        try:
            first = BoundDatagrams(place.reactor, bind, port, rtp)
        except OSError:
            continue
        try:
            return first, BoundDatagrams(place.reactor, bind, port + 1, rtcp)
        except OSError:
            first.close()
    raise Unexpected(f"this machine: no two UDP ports free in {TRIES} tries")


async def _coroutine(work: Awaitable[T]) -> T:
    return await work
