"""Journey `call`: a call to the voice contact through TLS 443 with media over UDP, then a telephone call by 5061.

The telephone part is emulated (the dialect of Windows Live Call is not known). Source: dossier media.md 4.1, 4.2, 7.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from emulator.catalog.model import Path
from emulator.client.call_dialog import Call
from emulator.client.call_line import Line, Port, Receive
from emulator.client.call_telephone import Telephone
from emulator.client.network import Unexpected
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.datagrams import BoundDatagrams
from emulator.net.link import LinkEnded
from emulator.net.route import source_for
from emulator.probe.journeys.legs import LinkStream
from emulator.probe.journeys.person import Person
from emulator.probe.journeys.travel import Travel
from emulator.probe.recorder import Recorder
from emulator.wire import sdp, tags
from emulator.wire.receipt import Endpoint

T = TypeVar("T")
VOICE = "voice@example.com"
NUMBER = "sip:+14255550100@call.example.test;user=phone"
SECONDS = 0.4  # of media in each call: twenty packets each way
PEER = "peer"
ANY = "0.0.0.0"
LOW, HIGH = 30000, 65000  # UDP ports that clients take for media
TRIES = 64


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Caller(journey)
    try:
        await _to_the_contact(journey, person)
    finally:  # a telephone call needs nothing of the other one
        try:
            if await journey.step("dial", person.dial):
                await journey.step("phone-media", person.phone_media)
                await journey.step("phone-hang-up", person.hang_up)
        finally:
            person.close()


async def _to_the_contact(journey: Travel, person: _Caller) -> None:
    await journey.step("register", person.register)
    await journey.step("ring", person.ring)
    try:
        await journey.step("media", person.media)
    finally:  # it rings, and is silent: whoever called hangs up
        await journey.step("hang-up", person.hang_up)


class _Caller:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._telephones: list[Telephone] = []
        self._calls: list[Call] = []
        self._legs: list[MediaLeg] = []

    async def register(self, path: Path) -> str:
        telephone, expires = await self._registered(path, self._journey.port(path), self._journey.tag)
        seen = telephone.mapped
        return f"registered for {expires} s" + (f", seen from {seen.address}:{seen.port}" if seen else "")

    async def ring(self, path: Path) -> str:
        return await self._call(VOICE, checks=True)

    async def media(self, path: Path) -> str:
        return await self._talk()

    async def dial(self, path: Path) -> str:
        await self._registered(path, self._journey.port(path), self._journey.new_tag())
        return await self._call(NUMBER, checks=False)

    async def phone_media(self, path: Path) -> str:
        return await self._talk()

    async def hang_up(self, path: Path) -> str:
        call, leg = self._calls[-1], self._legs[-1]
        leg.line.stop()
        await call.hang_up()
        leg.line.close()
        self._telephones[-1].rest()
        return "BYE was answered"

    def close(self) -> None:
        """The journey is over: ports and connections that are still open are closed."""
        for leg in self._legs:
            leg.line.close()
        for telephone in self._telephones:
            telephone.rest()

    async def _registered(self, path: Path, port: int, tag: bytes) -> tuple[Telephone, int]:
        exchange, place = self._journey.exchange(path), self._journey.place
        leg = await self._journey.open(exchange.host, port, tag, tls=True, raw=False)
        telephone = Telephone(
            LinkStream(leg),
            tags.account(tag),
            leg.local or Endpoint(ANY, port),
            call_later=place.reactor.callLater,
            entropy=place.entropy,
        )
        self._telephones.append(telephone)
        return telephone, await telephone.register(tags.ticket(tag), tag.hex())

    async def _call(self, to: str, *, checks: bool) -> str:
        """Ring, and be taken. The ports are open before, because the offer names them."""
        place = self._journey.place
        leg = MediaLeg(self._journey, checks=checks)
        self._legs.append(leg)
        here = place.source or source_for(place.join.address(PEER)) or ANY
        offer = sdp.Session(here, (leg.line.description(here, checks=checks),))
        call = await self._telephones[-1].call(to, sdp.encode(offer), place.entropy(16).hex())
        self._calls.append(call)
        remote = sdp.decode(call.answer).audio
        if checks and remote.candidate(1) is None:
            raise Unexpected("the call was taken without candidates")
        there = place.join.address(PEER)
        leg.line.connect(replace(remote, address=there), there, send=False)
        leg.port = remote.port
        return f"{', '.join(call.heard)}; media at port {remote.port}"

    async def _talk(self) -> str:
        leg = self._legs[-1]
        self._journey.adopt(leg)
        return await leg.talk(SECONDS)


class MediaLeg:
    """The media of one call as a flow: over UDP to the contact's ports, with what both ends measured."""

    def __init__(self, travel: Travel, *, checks: bool) -> None:
        self._travel = travel
        self._checks = checks
        ssrc = travel.place.entropy(4) if not checks else b""
        self.line = Line(
            travel.place.reactor,
            self._pair,
            now=travel.place.now,
            entropy=travel.place.entropy,
            ssrc=int.from_bytes(ssrc, "big"),
        )
        self.tag = ssrc or self.line.check_id
        self.port = 0
        self.flow: Flow
        self._recorder: Recorder | None = None
        self._observation: Observation | None = None
        self._problem: Exception | None = None

    async def talk(self, seconds: float) -> str:
        """Checks where they are made, then media for so long, then the reports. Raises LinkEnded in silence."""
        travel, line = self._travel, self.line
        place = travel.place
        self.flow = replace(travel.flow(PEER, self.port), transport="udp", via="", credentials=False)
        recorder = self._recorder = Recorder(self.flow, place.clock)
        recorder.enter("exchange")
        there = place.join.address(PEER)
        recorder.remote = Endpoint(there, self.port)
        recorder.local = Endpoint(place.source or source_for(there) or ANY, line.ports[0].number)
        words = ""
        if self._checks:
            mapped = await self._within(line.check(there), place.timeout)
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
        lost, reported = facts["lost"], facts["reported"]
        return (
            f"{words}{facts['sent']} packets out, {reported['lost']} lost, jitter {reported['jitter_ms']} ms; "
            f"{facts['received']} back, {lost} lost, jitter {facts['jitter_ms']} ms"
        )

    # what the journey asks

    @property
    def failed(self) -> bool:
        return self._problem is not None

    def end(self, problem: Exception | None = None) -> None:
        self._problem = self._problem or problem
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

    def _pair(self, rtp: Receive, rtcp: Receive) -> tuple[Port, Port]:
        place = self._travel.place
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
