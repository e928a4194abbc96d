"""The way of a call's media at one end: its ports, checks, who is the peer, and the clock that sends.

Media goes to nobody but the peer: the source of an authentic check that answered ours, or, where the peer knows no
checks, the address that the signalling came from. What strangers send is counted and dropped. Not the signalling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from emulator.client import call_checks, call_stream
from emulator.client.call_checks import Secrets
from emulator.client.call_ports import Address, OpenPair, Port, Receive, RelayPort, Witness
from emulator.client.call_stream import Kind
from emulator.client.network import StreamEnded
from emulator.wire import rtp, sdp
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint

AGAIN = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds between tries of a check
CONSENT = 10.0  # seconds without anything from the peer, then nothing is sent any more
REPORTS = 5.0  # seconds between own reports (RFC 3550 6.2)
CONTROLS = 0.1  # seconds between checks beside the stream: the control against which its loss is held
QUIET = 0.02  # seconds in which one sender report at most is answered


class Line:
    """RTP and RTCP of one stream. Sides 0 and 1 are its own ports, 2 and 3 those at a relay.

    `reactor` has `seconds` and `callLater`; `now` gives seconds since 1970.

    `answering`: the end that was called; it answers every sender report at once. Raises what `open_pair` raises.
    """

    def __init__(
        self,
        reactor: Any,
        open_pair: OpenPair,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        ssrc: int = 0,
        kind: Kind = call_stream.AUDIO,
        answering: bool = False,
        witness: Witness = Witness(),
    ) -> None:
        self._reactor = reactor
        self._now = now
        self._entropy = entropy
        self._witness = witness
        self._answering = answering
        self.secrets: Secrets = call_checks.new_secrets(entropy)
        self.out = call_stream.Outgoing(
            ssrc or int.from_bytes(entropy(4), "big") or 1, kind, int.from_bytes(entropy(2), "big")
        )
        self.incoming = call_stream.Incoming(kind)
        self.check_id = entropy(16)  # transaction id of the first check
        self.strangers = 0
        self.peers: list[Address | None] = [None, None]
        self.checks = [0, 0]  # beside the stream: asked, answered
        self.mapped: Endpoint | None = None
        self._remote: sdp.Media | None = None
        self._signalled = ""
        self._pending: dict[bytes, _Asked] = {}
        self._sides = [0, 1]  # by component: on which side the peer is
        self._heard = 0.0
        self._answered = 0.0
        self._timers: dict[str, Any] = {}
        self._told: Deferred[None] | None = None
        self._sighted: set[str] = set()
        self.closed = False
        self.ports: list[Port] = list(open_pair(self.receiver(0), self.receiver(1)))

    def relay(self, ports: tuple[RelayPort, RelayPort]) -> None:
        """Ports at a relay, allocated, which hand over what arrives to `receiver(2)` and `receiver(3)`."""
        if not self.closed:
            self.ports += ports

    def description(self, address: str, codec: str = "", *, checks: bool = True) -> sdp.Media:
        """This end as it stands in an offer or answer."""
        kind = self.out.kind
        ports = [port.number for port in self.ports[:2]]
        own = tuple(self.secrets.candidate(at, address, port) for at, port in enumerate(ports, 1)) if checks else ()
        relayed: Any = self.ports[2:] if checks else ()
        own += tuple(
            self.secrets.candidate(at, port.address.address, port.address.port, sdp.RELAYED)
            for at, port in enumerate(relayed, 1)
        )
        return sdp.Media(
            kind=kind.name,
            port=ports[0],
            formats=(codec or str(kind.format),),
            address=address,
            rtcp=ports[1],
            candidates=own,
            attributes=("encryption:rejected",),
        )

    def connect(self, remote: sdp.Media, signalled: str, *, send: bool = True) -> None:
        """The peer's description is known, and the address its signalling came from.

        Without candidates media goes to the described address if that is where the signalling came from; else to
        whatever port of that address sends first.
        """
        self._remote, self._signalled = remote, signalled
        self._heard = self._reactor.seconds()
        if not remote.candidates and remote.address == signalled and remote.port:
            self.peers = [(signalled, remote.port), (signalled, remote.rtcp_port)]
            if send:
                self.start()
        for side in range(2, len(self.ports) if self._answering else 0):
            candidate = remote.candidate(side - 1, relayed=True)
            if candidate is not None:  # a relay lets nobody in to whom nothing was sent
                to = (candidate.address, candidate.port)
                self._ask(_Asked(candidate, to, side, None, opens=True), self._entropy(16), 0)

    async def check(self, address: str = "", *, relayed: bool = False) -> Endpoint:
        """Ask the peer's best candidates (at `address` instead of theirs, if given) until both answer.

        `relayed`: those at a relay, through one's own ports there. Returns where the peer saw our RTP come from.
        Whoever waits sets the time limit.
        """
        assert self._remote is not None
        waiting = []
        for component in (1, 2):
            candidate = self._remote.candidate(component, relayed=relayed)
            side = component - 1 + (2 if relayed else 0)
            if candidate is None or side >= len(self.ports):
                whose = "the peer has" if candidate is None else "here is"
                raise WireError(f"{whose} no {'relayed ' if relayed else ''}candidate for component {component}")
            answered: Deferred[Endpoint] = Deferred()
            to = (address or candidate.address, candidate.port)
            id = self._entropy(16) if self.check_id in self._pending or component == 2 else self.check_id
            self._ask(_Asked(candidate, to, side, answered), id, 0)
            waiting.append(answered)
        self.mapped = await waiting[0]
        await waiting[1]
        return self.mapped

    def start(self) -> None:
        """Send, until `stop`, `close` or the peer's long silence."""
        if not self.closed and "stream" not in self._timers:
            self._heard = self._reactor.seconds()
            self._tick()
            self._later("report", REPORTS, self._report_again)

    def stop(self) -> None:
        """Send no more media."""
        self._cancel("stream", "report", "control")

    def control(self) -> None:
        """Ask the peer beside the stream, until it stops."""
        candidate = self._remote.candidate(2) if self._remote is not None else None
        to = self.peers[1]
        if candidate is not None and to is not None and not self.closed:
            self.checks[0] += 1
            id = self._entropy(16)
            self._pending[id] = _Asked(candidate, to, self._sides[1], None)
            self._send(self._sides[1], call_checks.question(id, candidate, self.secrets), to)
            self._later("control", CONTROLS, self.control)

    async def settle(self) -> None:
        """Stop, and wait until the peer's report speaks of our last packet, at most through four questions."""
        self.stop()
        for wait in AGAIN[:4]:
            self._told = Deferred()
            self._report()
            self._later("settle", wait, self._give_up)
            await self._told
            self._cancel("settle")
            told = self.incoming.told
            if told is not None and (told.block.highest + 1) & 0xFFFF == self.out.sequence:
                return

    def close(self) -> None:
        """Say goodbye and close both ports; safe to call twice."""
        if not self.closed:
            self._report(goodbye=True)
            self.closed = True
            self._cancel(*self._timers)
            self._give_up()
            for asked in self._pending.values():
                if asked.answered is not None and not asked.answered.called:
                    asked.answered.errback(StreamEnded("the call is over"))
            self._pending.clear()
            for port in self.ports:
                port.close()
            self._witness.ended(self.measured())

    def measured(self) -> dict[str, Any]:
        """Facts of both directions, strangers and control checks."""
        facts = call_stream.measured(self.out, self.incoming)
        facts["strangers"] = self.strangers
        if self.checks[0]:
            facts["control"] = {"asked": self.checks[0], "answered": self.checks[1]}
        return facts

    # what arrives

    def receiver(self, side: int) -> Receive:
        """Takes what arrives on a side."""
        return lambda data, source: self._received(side, data, source)

    def _received(self, side: int, data: bytes, source: Address) -> None:
        if self.closed or len(data) < 8:
            return
        if data[0] < 4:
            self._checked(side, data, source)
            return
        if not self._is_peer(side, source) and not self._latches(side, source):
            self.strangers += 1
            return
        now = self._heard = self._reactor.seconds()
        self._witness.received(self.ports[side], source, data)
        if data[0] & 0xC0 != 0x80:
            self.incoming.malformed += 1
        elif data[1] in rtp.RTCP_TYPES:
            asked = self.incoming.note(data, self.out.ssrc, now)
            if asked and self._answering and now - self._answered > QUIET:
                self._answered = now
                self._report()
            self._give_up()
        elif self.incoming.take(data, now):
            self._sight(side, source, "rtp", f"{self.incoming.ssrc:08x}", b"", b"")

    def _is_peer(self, side: int, source: Address) -> bool:
        return source == self.peers[side & 1] and side == self._sides[side & 1]

    def _latches(self, side: int, source: Address) -> bool:
        """Where no checks are made the first port of the right address is the peer's."""
        remote = self._remote
        if remote is None or remote.candidates or source[0] != self._signalled or side > 1 or self.peers[side]:
            return False
        self.peers[side] = source
        if side == 0 and self._answering:
            self.start()
        return True

    def _checked(self, side: int, data: bytes, source: Address) -> None:
        pending = self._pending.get(data[4:20])
        if pending is not None and data[:2] != b"\0\1":
            self._granted(side, pending, data, source)
            return
        component = (side & 1) + 1
        remote = self._remote.candidate(component) if self._remote is not None else None
        try:
            name = remote.name if remote is not None else None
            reply, authentic = call_checks.answer(data, Endpoint(*source), self.secrets, name, component)
        except WireError:
            self.strangers += 1
            return
        if not authentic:
            self.strangers += 1
        if not reply:
            return
        self._witness.received(self.ports[side], source, data)
        self._send(side, reply, source)
        self._sight(side, source, "stun", data[4:20].hex(), data, reply)
        if authentic and remote is not None:
            self._heard = self._reactor.seconds()
            asking = any((one.to, one.side, one.opens) == (source, side, False) for one in self._pending.values())
            if not self._is_peer(side, source) and self._answering and not asking:
                # so that nobody is set upon somebody else
                self._ask(_Asked(remote, source, side, None), self._entropy(16), 0)

    def _granted(self, side: int, asked: _Asked, data: bytes, source: Address) -> None:
        mapped = call_checks.granted(data, asked.candidate)
        if mapped is None or (source, side) != (asked.to, asked.side):
            return
        del self._pending[data[4:20]]
        if asked.opens:
            return
        if asked.answered is None and not self._answering:
            self.checks[1] += 1
        self._heard = self._reactor.seconds()
        component = side & 1
        self.peers[component], self._sides[component] = source, side
        if side > 1:
            relayed: Any = self.ports[side]
            relayed.activate(source)
        if asked.answered is not None and not asked.answered.called:
            asked.answered.callback(mapped)
        if component == 0 and self._answering:
            self.start()

    # what is sent

    def _ask(self, asked: _Asked, id: bytes, tries: int) -> None:
        if tries and id not in self._pending:
            return
        if len(self._pending) > 256:  # a peer that asks and never answers
            self._pending.clear()
        self._pending[id] = asked
        self._send(asked.side, call_checks.question(id, asked.candidate, self.secrets), asked.to)
        if tries < len(AGAIN):
            self._later(f"check{id.hex()}", AGAIN[tries], lambda: self._ask(asked, id, tries + 1))
        elif asked.answered is None:
            self._pending.pop(id)

    def _tick(self) -> None:
        peer, now = self.peers[0], self._reactor.seconds()
        if peer is not None and now - self._heard < CONSENT:
            for packet in self.out.due(now):
                self._send(self._sides[0], packet, peer)
            self._later("stream", self.out.wait(now), self._tick)

    def _report_again(self) -> None:
        self._report()
        self._later("report", REPORTS, self._report_again)

    def _report(self, *, goodbye: bool = False) -> None:
        to = self.peers[1]
        if to is not None and not self.closed:
            clock = self._reactor.seconds()
            name = f"{self.out.ssrc:08x}"
            data = call_stream.report(
                self.out, self.incoming, clock=clock, epoch=self._now(), name=name, goodbye=goodbye
            )
            self._send(self._sides[1], data, to)

    def _send(self, side: int, data: bytes, to: Address) -> None:
        self.ports[side].send(data, to)
        self._witness.sent(self.ports[side], to, data)

    def _sight(self, side: int, source: Address, protocol: str, tag: str, request: bytes, response: bytes) -> None:
        key = f"{side}{protocol}{tag}"
        if key not in self._sighted and len(self._sighted) < 16:
            self._sighted.add(key)
            self._witness.sight(self.ports[side], source, protocol, tag, request, response)

    def _give_up(self) -> None:
        if self._told is not None and not self._told.called:
            self._told.callback(None)

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.pop(name, None)
            call()

        self._cancel(name)
        self._timers[name] = self._reactor.callLater(seconds, due)

    def _cancel(self, *names: str) -> None:
        for name in names or ():
            timer = self._timers.pop(name, None)
            if timer is not None and timer.active():
                timer.cancel()


class _Asked(msgspec.Struct, frozen=True):
    """A check under way: of which candidate, where to, from which side; `answered` None where nobody waits.

    `opens`: it is only to be let in; which way media take is for the caller to say.
    """

    candidate: sdp.Candidate
    to: Address
    side: int
    answered: Deferred[Endpoint] | None
    opens: bool = False
