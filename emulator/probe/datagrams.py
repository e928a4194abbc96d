"""Tries one flow over UDP: asks until answered or time is up, keeps ICMP errors as evidence.

Not the protocols: those are datagram talks from `wire`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from emulator.judge.flow import Flow
from emulator.judge.observation import IcmpError, Observation
from emulator.net.datagrams import DatagramSocket
from emulator.net.route import NOWHERE, source_for
from emulator.probe.place import Place
from emulator.probe.recorder import Recorder
from emulator.wire import echo
from emulator.wire.context import ClientContext
from emulator.wire.datagram import Ask, DatagramTalk, Tell
from emulator.wire.errors import WireError
from emulator.wire.exchanges import DATAGRAM_CLIENTS
from emulator.wire.receipt import Endpoint

SECOND_WAIT = 1.0  # seconds at most for the second server's answer: `detection` looks longer, and better
FIRST_WAIT = 0.25  # seconds before a question is repeated; doubled each time
DISCARDS = 3  # empty datagrams, spread over a third of the time-out
Facts = dict[str, object]
Client = Callable[[ClientContext], DatagramTalk[Facts]]


class Silent(Exception):
    """No answer within the time-out."""


class Rejected(Exception):
    """An ICMP error came for our datagram."""

    def __init__(self, icmp: IcmpError) -> None:
        super().__init__(f"ICMP {icmp.type}/{icmp.code} from {icmp.offender}")
        self.icmp = icmp


class Cancelled(Exception):
    """Given up from outside."""


class DatagramAttempt:
    """One attempt with a socket of its own; `run` never raises, `cancel` ends it at once.

    `client`: what is said, where that is not what every flow of the exchange says.
    """

    def __init__(self, place: Place, flow: Flow, tag: bytes, client: Client | None = None) -> None:
        self._client = client or DATAGRAM_CLIENTS[flow.exchange]
        self._place = place
        self._flow = flow
        self._tag = tag
        self._socket: DatagramSocket | None = None
        self._waiting: Deferred[bytes] | None = None
        self._cancelled: Cancelled | None = None
        self._ask: Ask | None = None
        self._last = b""

    def cancel(self, why: str) -> None:
        """Give up now, and begin nothing more."""
        self._cancelled = Cancelled(why)
        self._fail(self._cancelled)

    def _check(self) -> None:
        """Raises Cancelled: the end may have been asked for between two waits."""
        if self._cancelled is not None:
            raise self._cancelled

    async def run(self) -> Observation:
        """Try it and say what was seen."""
        return (await self._guard(self._flow, self._speak))[0]

    async def _guard(self, flow: Flow, speak: Any) -> tuple[Observation, ...]:
        recorder = Recorder(flow, self._place.clock)
        try:
            self._open(recorder)
            await speak(recorder)
            return (recorder.finish("completed"),)
        except Silent:
            return (recorder.finish("silence", f"nothing came within {self._place.timeout:g} s"),)
        except Rejected as rejected:
            recorder.icmp = rejected.icmp
            return (recorder.finish("icmp", str(rejected)),)
        except Cancelled as cancelled:
            return (recorder.finish("cancelled", str(cancelled)),)
        except WireError as error:
            return (recorder.finish("differs", str(error)),)
        except OSError as error:
            return (recorder.finish("own-fault", f"this machine: {error}"),)
        finally:
            self._close()

    async def _speak(self, recorder: Recorder) -> None:
        recorder.facts.update(await self.drive(self._client(self._context()), recorder))

    async def drive(self, talk: DatagramTalk[Facts], recorder: Recorder) -> Facts:
        """Run a datagram talk on the socket."""
        try:
            effect = next(talk)
            while True:
                if isinstance(effect, Tell):
                    self._send(effect.data, self._target(effect.to, effect.port))
                    effect = talk.send(b"")
                else:
                    answer = await self._answered(effect)
                    recorder.pair(effect.data, answer)
                    recorder.step("answered")
                    self._last = answer
                    effect = talk.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    async def _answered(self, ask: Ask) -> bytes:
        self._check()
        self._ask = ask
        self._waiting = Deferred()
        waiting = self._waiting
        deadline = self._place.reactor.callLater(self._patience(ask), self._fail, Silent())
        again = _Repeat(self, ask)
        try:
            return await waiting
        finally:
            again.stop()
            if deadline.active():
                deadline.cancel()
            self._ask = self._waiting = None

    def _patience(self, ask: Ask) -> float:
        """Seconds until silence is silence."""
        return self._place.timeout if ask.source == "peer" else min(self._place.timeout, SECOND_WAIT)

    def repeat(self, ask: Ask) -> None:
        """Send a question (again)."""
        try:
            self._send(ask.data, self._target(ask.to, ask.port))
        except OSError as error:
            self._fail(error)

    def _send(self, data: bytes, to: Endpoint) -> None:
        assert self._socket is not None
        self._socket.send(data, to)

    def _target(self, where: str, port: int) -> Endpoint:
        host = "second" if where == "second" else self._flow.host
        return Endpoint(self._place.join.address(host), port or self._flow.port)

    def _open(self, recorder: Recorder) -> None:
        if self._socket is None:
            self._socket = DatagramSocket(self._place.reactor, self._received, self._icmp, self._place.source)
        recorder.enter("exchange")
        recorder.remote = self._target("peer", 0)
        recorder.local = Endpoint(source_for(recorder.remote.address) or NOWHERE, self._socket.port)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _received(self, data: bytes, source: Endpoint) -> None:
        ask, waiting = self._ask, self._waiting
        if ask is None or waiting is None or waiting.called:
            return
        if source.address == self._target(ask.source, ask.port).address and ask.match(data):
            waiting.callback(data)

    def _icmp(self, icmp: IcmpError, destination: Endpoint | None) -> None:
        ask = self._ask
        if ask is None or (destination is not None and destination != self._target(ask.to, ask.port)):
            return
        self._fail(Rejected(icmp))

    def _fail(self, reason: Exception) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(reason)

    def _context(self) -> ClientContext:
        assert self._socket is not None
        remote = self._target("peer", 0)
        return ClientContext(
            tag=self._tag,
            host=self._flow.host,
            local=Endpoint(source_for(remote.address) or NOWHERE, self._socket.port),
            remote=remote,
            relay_key=self._place.relay_key,
            entropy=self._place.entropy,
            now=self._place.now,
        )


class DetectionAttempt(DatagramAttempt):
    """Network detection: the echo flow and its sibling, the datagram to UDP 9, share one socket (media.md 2.4)."""

    def __init__(self, place: Place, flow: Flow, tag: bytes, discard: Flow) -> None:
        super().__init__(place, flow, tag)
        self._discard = discard
        self._discard_icmp: IcmpError | None = None
        self._discarding = False

    async def run_both(self) -> tuple[Observation, Observation]:
        """Observations of the echo flow and of the discard flow."""
        discard = Recorder(self._discard, self._place.clock)
        try:
            echoed = (await self._guard(self._flow, self._phase_one))[0]
            self._check()
            self._open(discard)
            await self._tell(discard, echoed)
            if echoed.ending == "completed":
                facts = dict(echoed.facts)
                second = (await self._guard(self._flow, self._phase_two))[0]
                facts["second"] = "answered" if second.ending == "completed" else second.ending
                echoed = _with_facts(echoed, facts)
        except Cancelled as cancelled:
            return echoed, discard.finish("cancelled", str(cancelled))
        except OSError as error:
            return echoed, discard.finish("own-fault", f"this machine: {error}")
        finally:
            self._really_close()
        if self._discard_icmp is not None:
            discard.icmp = self._discard_icmp
            icmp = self._discard_icmp
            return echoed, discard.finish("icmp", f"ICMP {icmp.type}/{icmp.code} from {icmp.offender}")
        return echoed, discard.finish("completed")

    def _close(self) -> None:
        """The socket outlives each phase."""

    def _really_close(self) -> None:
        super()._close()

    async def _phase_one(self, recorder: Recorder) -> None:
        recorder.facts.update(await self.drive(echo.udp_client(self._context()), recorder))

    async def _phase_two(self, recorder: Recorder) -> None:
        recorder.facts.update(await self.drive(echo.udp_second(self._context(), self._last), recorder))

    async def _tell(self, recorder: Recorder, echoed: Observation) -> None:
        """Send the empty datagrams; listen for an ICMP error in between."""
        mapped = echoed.facts.get("mapped")
        recorder.facts["sibling"] = self._flow.id
        if isinstance(mapped, list | tuple) and len(mapped) == 2:
            recorder.local = Endpoint(str(mapped[0]), int(mapped[1]))  # as the far end sees this socket
        self._discarding = True
        for count in range(DISCARDS):
            await self.drive(echo.discard_client(self._context()), recorder)
            if self._discard_icmp is not None or count == DISCARDS - 1:
                break
            await self._pause(self._place.timeout / 10)

    async def _pause(self, seconds: float) -> None:
        self._check()
        self._waiting = Deferred()
        waiting = self._waiting
        call = self._place.reactor.callLater(seconds, waiting.callback, b"")
        try:
            await waiting
        finally:
            if call.active():
                call.cancel()
            self._waiting = None

    def _icmp(self, icmp: IcmpError, destination: Endpoint | None) -> None:
        if self._discarding and destination == self._target("second", self._discard.port):
            self._discard_icmp = icmp
            return
        super()._icmp(icmp, destination)


class _Repeat:
    """Repeats a question at growing intervals until it is stopped."""

    def __init__(self, attempt: DatagramAttempt, ask: Ask) -> None:
        self._attempt = attempt
        self._ask = ask
        self._wait = FIRST_WAIT
        self._call: Any = None
        self._go()

    def _go(self) -> None:
        self._attempt.repeat(self._ask)
        self._call = self._attempt._place.reactor.callLater(self._wait, self._go)
        self._wait *= 2

    def stop(self) -> None:
        """No more repeats."""
        if self._call.active():
            self._call.cancel()


def _with_facts(observation: Observation, facts: dict[str, object]) -> Observation:
    return msgspec.structs.replace(observation, facts=facts)
