"""Direct connections of a journey: dialled as legs, or listened for on this machine, with the evidence of either.

Not the negotiation, nor what is said: that is `emulator.client.direct` and `legacy_file`. The first words are the tag.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred

from emulator.client import direct_sockets
from emulator.client.channel import Channel
from emulator.client.direct_bridge import Limits, NoWay
from emulator.client.direct_passage import Passage
from emulator.client.direct_sockets import Watch
from emulator.client.direct_ways import Accept, Guest, Listening, PeerStream, Standing
from emulator.client.network import Data, Ended, StreamEnded, Unexpected
from emulator.client.opening import Opening
from emulator.client.sessions import Sessions
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.route import source_for
from emulator.net.tally import Tally
from emulator.probe.journeys.legs import Leg, LinkStream
from emulator.probe.journeys.travel import Travel
from emulator.probe.place import Place
from emulator.probe.recorder import Recorder
from emulator.wire import p2p
from emulator.wire.receipt import Endpoint

PEER = "peer"
END = 1.0  # seconds for the contact to close what it opened


class JourneyWays:
    """`Ways` of a person on a journey. `local` is the address it listens on, `seen` the one the service sees."""

    def __init__(self, travel: Travel, local: str, seen: str) -> None:
        self._travel = travel
        self._local = local
        self.places: list[Listening] = []
        translated = bool(seen) and seen != local
        self.standing = Standing(conn_type="Port-Restrict-NAT", public=seen) if translated else Standing()

    async def listen(self, accept: Accept, ports: tuple[int, ...] = (0,), guest: Guest | None = None) -> Listening:
        if not self._local:
            raise Unexpected("no way to the contact from here: nobody can come from there either")

        def came(link: PeerStream) -> None:
            legs.pop().take(link, accept)

        legs: list[InwardLeg] = []

        def watch() -> Watch:
            legs.append(InwardLeg(self._travel))
            return legs[-1]

        place: Listening | None = None
        if guest is not None and self._travel.place.shared is not None:
            place = self._travel.place.shared.listen(self._local, came, ports, guest, watch=watch)
        if place is None:
            place = direct_sockets.listen(self._travel.place.reactor, self._local, came, ports, watch)
        self.places.append(place)
        return place

    def explained(self, passage: Passage) -> Passage:
        """Why what came from the contact went over the switchboard, where this end listened for it in vain."""
        if passage.direct or passage.why or not self.places:
            return passage
        return replace(passage, why=f"nobody came to port {self.places[-1].port}")

    async def dial(self, peer: str, address: str, port: int, seconds: float) -> DirectStream:
        """To the contact, which is where the join file says: between here and there addresses may be translated."""
        if address != self._travel.place.join.address(PEER):
            raise Unexpected(f"{address} is not the contact's address")
        leg = self._travel.leg(PEER, port, b"", tls=False, raw=True)
        try:
            await leg.open()
        except StreamEnded:
            self._travel.put_aside(leg)
            raise
        except CancelledError:
            leg.cancel("another way was faster")
            self._travel.put_aside(leg, forget=True)
            raise
        return DirectStream(leg, self._travel)


def journey_ways(travel: Travel, seen: str) -> JourneyWays:
    """The ways of a person whom the service sees at `seen`."""
    return JourneyWays(travel, source_for(travel.place.join.address(PEER)), seen)


def limits_of(place: Place) -> Limits:
    """How long a journey waits for a connection that does not come up."""
    return Limits(whole=1.5 * place.timeout, dial=place.timeout, handshake=place.timeout)


class Went(Protocol):
    """What became of data that went both ways over one channel: how, and how much."""

    @property
    def passage(self) -> Passage: ...

    @property
    def size(self) -> int: ...


W = TypeVar("W", bound=Went)


async def each_listens(
    travel: Travel,
    seen: str,
    sessions: Sessions,
    channel: Channel,
    there: Callable[[], Awaitable[W]],
    back: Callable[[], Awaitable[W]],
) -> tuple[W, W, str]:
    """`there` once this end has asked for a connection on the channel, then `back` in a session that the contact opens.

    Where none comes up data go over the switchboard, as clients do. Both, and how they went, in words. Raises NoWay
    when neither went directly.
    """
    ways, why = journey_ways(travel, seen), ""
    sessions.connect_directly(ways, limits_of(travel.place))
    try:
        await channel.connect()
    except NoWay as none:
        why = str(none)
    first = await there()
    channel.close()
    second = await back()
    passages = first.passage, ways.explained(second.passage)
    if not any(passage.direct for passage in passages):
        raise NoWay(f"no direct connection came up: {why}")
    words = (travel.carried("there", passages[0], first.size), travel.carried("back", passages[1], second.size))
    return first, second, "; ".join(words)


class DirectStream(LinkStream):
    """A leg as a stream to a peer."""

    def __init__(self, leg: Leg, travel: Travel) -> None:
        super().__init__(leg)
        self._leg = leg
        self._travel = travel
        self._opening = Opening()

    def attach(self, data: Data, ended: Ended) -> None:
        def heard(piece: bytes) -> None:
            self._look(piece, opener=False)
            data(piece)

        super().attach(heard, ended)

    def send(self, data: p2p.Bytes) -> None:
        self._look(data, opener=True)
        super().send(bytes(data))

    def _look(self, data: p2p.Bytes, *, opener: bool) -> None:
        if self._opening.said(data, opener=opener):
            self._leg.tag = self._opening.tag

    def room(self) -> None:
        """What a journey sends is small."""

    def abandon(self, problem: Exception) -> None:
        self._leg.end(problem)
        self._travel.put_aside(self._leg)


class InwardLeg:
    """A connection that the contact opened. Its flow is named by the port from which the contact came."""

    flow: Flow

    def __init__(self, travel: Travel) -> None:
        self._travel = travel
        self._recorder: Recorder | None = None
        self._sent, self._received = Tally(), Tally()
        self._link: PeerStream | None = None
        self._opening = Opening()
        self._over: Deferred[None] = Deferred()
        self._problem = ""
        self._cancelled = ""
        self.tag = b""

    def take(self, link: PeerStream, accept: Accept) -> None:
        """Somebody came: perhaps the contact, which its first words will show."""
        self._link = link
        accept(Guarded(link, lambda: self._travel.put_aside(self, forget=True)))

    # what the socket tells

    def opened(self, local: Endpoint, peer: Endpoint, *, dialled: bool) -> None:
        self.flow = self._travel.flow(PEER, peer.port, inward=True)
        self._recorder = Recorder(self.flow, self._travel.place.clock)
        self._recorder.local, self._recorder.remote = local, peer
        self._recorder.enter("exchange")
        self._travel.adopt(self)

    def sent(self, data: p2p.Bytes) -> None:
        self._sent.add(bytes(data))
        self._look(data, opener=False)

    def received(self, data: bytes) -> None:
        self._received.add(data)
        self._look(data, opener=True)

    def ended(self, how: str, problem: str) -> None:
        self._problem = problem or ("the connection was reset" if how == "rst" else "")
        if not self._over.called:
            self._over.callback(None)

    def _look(self, data: p2p.Bytes, *, opener: bool) -> None:
        if self._opening.said(data, opener=opener):
            self.tag = self._opening.tag

    # what the journey asks

    @property
    def failed(self) -> bool:
        return self._over.called and bool(self._problem)

    def end(self, problem: Exception | None = None) -> None:
        self._problem = self._problem or str(problem or "")
        if self._link is not None:
            self._link.close()
        elif not self._over.called:
            self._over.callback(None)

    def cancel(self, why: str) -> None:
        self._cancelled = why
        self.end()

    async def finished(self) -> Observation:
        assert self._recorder is not None
        if not self._over.called:
            timer = self._travel.place.reactor.callLater(END, self.end)
            await self._over
            if timer.active():
                timer.cancel()
        self._recorder.sent, self._recorder.received = self._sent.digest(), self._received.digest()
        if self._cancelled:
            return self._recorder.finish("cancelled", self._cancelled)
        if self._problem:
            return self._recorder.finish("closed", self._problem)
        return self._recorder.finish("completed")


class Guarded:
    """An accepted stream that tells when it was a stranger's."""

    def __init__(self, link: PeerStream, stranger: Callable[[], None]) -> None:
        self._link = link
        self._stranger = stranger

    def attach(self, data: Data, ended: Ended) -> None:
        self._link.attach(data, ended)

    def send(self, data: p2p.Bytes) -> None:
        self._link.send(data)

    def room(self) -> Deferred[None] | None:
        return self._link.room()

    def close(self) -> None:
        self._link.close()

    def abandon(self, problem: Exception) -> None:
        self._link.abandon(problem)
        self._stranger()
