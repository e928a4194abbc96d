"""How two peers agree on a direct connection: who listens, where, with which nonces; and what to do when none comes up.

Not the connection itself (`direct`). TRUDPv1 is declined by choosing TCPv1. Source: media.md 1.5, 1.6, 1.8.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client.calls import Calls, Reply, not_listening
from emulator.client.direct import HANDSHAKE, Direct, Nonces
from emulator.client.direct_ways import Listening, PeerStream, Standing, Ways
from emulator.client.network import ClientError, Network, StreamEnded, Unexpected
from emulator.client.peers import expected
from emulator.wire import p2p, slp
from emulator.wire.errors import WireError
from emulator.wire.slp import BridgeAnswer, BridgeRequest, Slp

CANDIDATES = 4  # connections that may be in their handshake at one listener; more are closed at once
DOORS = 16  # listeners of one account on one board
T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `whole`: from the first word to the open connection, as clients give up after 17; then the switchboard.

    `dial`: one address (5 s in clients), `handshake`: from the connection to the nonce. [B]
    """

    whole: float = 17.0
    dial: float = 5.0
    handshake: float = HANDSHAKE


class NoWay(ClientError):
    """No direct connection came up; the data goes over the switchboard."""


class DirectBridge:
    """Bridges of one account on one board.

    `known` tells whether a request belongs to a session that is open; `opened` gets each connection that the peer's
    request led to, with the call that it is for.
    """

    def __init__(
        self,
        calls: Calls,
        network: Network,
        ways: Ways,
        limits: Limits,
        *,
        number: Callable[[], int],
        known: Callable[[Slp], bool],
        opened: Callable[[Slp, Direct], None],
    ) -> None:
        self._calls = calls
        self._network = network
        self._ways = ways
        self._limits = limits
        self._number = number
        self._known = known
        self._opened = opened
        self._doors: dict[str, _Door] = {}

    async def connect(self, call: Slp) -> Direct:
        """A connection to the other end of a call, whoever of the two listens. Raises NoWay with the reason."""
        try:
            return await self._within(self._limits.whole, self._connect(call))
        except NoWay:
            raise
        except (ClientError, WireError) as problem:
            raise NoWay(str(problem)) from problem
        finally:
            self._forget(call)

    def asked(self, request: Slp, reply: Reply) -> None:
        """The peer asks for a bridge, or says where it listens."""
        if not self._known(request):
            reply(slp.answer(request, slp.NO_SUCH_CALL, content_type=slp.SESSION_FAILURE))
            return
        work = self._invited if request.content_type == slp.BRIDGE_REQUEST else self._told
        Deferred.fromCoroutine(work(request, reply)).addErrback(expected)

    def closed(self, call: Slp) -> None:
        """A session is over: nobody is let in for it any more."""
        self._forget(call)

    def end(self) -> None:
        """The board is over."""
        doors, self._doors = self._doors, {}
        for door in doors.values():
            door.close("the conversation is over")

    # the one who asks

    async def _connect(self, call: Slp) -> Direct:
        secret, standing = self._network.entropy(16), self._ways.standing
        asked = BridgeRequest(
            net_id=slp.net_id(standing.public) if standing.public else "0",
            conn_type=standing.conn_type,
            upnp=standing.upnp,
            icf=standing.icf,
            nonce=p2p.published(secret),
        )
        session = call.field("SessionID")
        answer = await self._calls.negotiate(call, slp.BRIDGE_REQUEST, slp.bridge_request(asked, session))
        if answer.status != 200:
            raise NoWay(f"the peer answered {answer.start[:40]}")
        told = slp.read_bridge_answer(answer)
        if told.bridge != slp.TCP:
            raise NoWay(f"the peer chose the bridge {told.bridge[:20] or 'of no name'}")
        if told.listening:
            return await self._reach(call, told, _agreed(secret, told))
        return await self._turned_round(call, told, secret)

    async def _turned_round(self, call: Slp, told: BridgeAnswer, secret: bytes) -> Direct:
        """The peer cannot listen: this end does, and says where."""
        # plain: the listener chooses it; a digest of the peer's is known only if it gave one
        hashed = told.hashed and told.nonce != slp.NO_NONCE
        nonces = Nonces(secret, told.nonce, True) if hashed else _plain(secret)
        door = await self._listen(call, nonces)
        given = self._described(door.place, nonces.mine, hashed=nonces.hashed)
        body = slp.bridge_answer(given, call.field("SessionID"))
        answer = await self._calls.negotiate(call, slp.BRIDGE_RESPONSE, body)
        if answer.status != 200:
            raise NoWay(f"neither end listens: the peer answered {answer.start[:40]}")
        return await door.wait()

    # the one who is asked

    async def _invited(self, request: Slp, reply: Reply) -> None:
        asked = slp.read_bridge_request(request)
        standing = self._ways.standing
        if slp.TCP not in asked.bridges or _weight(standing) < asked.weight:
            reply(not_listening(request))
            return
        secret = self._network.entropy(16)
        nonces = Nonces(secret, asked.nonce, True) if asked.hashed and asked.nonce else _plain(secret)
        try:
            door = await self._listen(request, nonces)
        except ClientError:
            reply(not_listening(request))
            return
        given = self._described(door.place, nonces.mine, hashed=nonces.hashed)
        body = slp.bridge_answer(given, request.field("SessionID"))
        reply(slp.answer(request, slp.OK, content_type=slp.BRIDGE_RESPONSE, body=body))
        try:
            direct = await self._within(self._limits.whole, door.wait())
        except ClientError:
            door.close("nobody connected in time")
            return
        self._opened(request, direct)

    async def _told(self, request: Slp, reply: Reply) -> None:
        """Roles reversed: the peer listens. It is answered first, because a digest may be in the answer."""
        told = slp.read_bridge_answer(request)
        if request.content_type != slp.BRIDGE_RESPONSE or not told.listening or told.bridge != slp.TCP:
            reply(slp.answer(request, slp.DECLINE))
            return
        secret = self._network.entropy(16)
        shown = p2p.published(secret) if told.hashed else slp.NO_NONCE
        body = slp.bridge_answer(
            BridgeAnswer(listening=False, nonce=shown, hashed=told.hashed), request.field("SessionID")
        )
        reply(slp.answer(request, slp.OK, content_type=slp.BRIDGE_RESPONSE, body=body))
        self._opened(request, await self._within(self._limits.whole, self._reach(request, told, _agreed(secret, told))))

    # connections

    async def _reach(self, call: Slp, told: BridgeAnswer, nonces: Nonces) -> Direct:
        """Dial what the peer named, internal addresses first, each once. Raises NoWay."""
        problem: ClientError = NoWay("the peer listens and names no address")
        peer = self._calls.peer(call).partition(";")[0]
        for address, port in dict.fromkeys((*told.internal, *told.external)):
            try:
                stream = await self._ways.dial(peer, address, port, self._limits.dial)
                direct = self._greeting(stream, lambda: nonces, connects=True)
                await _or_close(direct)
                return direct
            except ClientError as failed:
                problem = failed
        raise NoWay(str(problem)) from problem

    async def _listen(self, call: Slp, nonces: Nonces) -> _Door:
        self._forget(call)
        if len(self._doors) >= DOORS:
            raise Unexpected("too many listeners")
        door = _Door(lambda stream: self._greeting(stream, lambda: nonces, connects=False))
        door.place = await self._ways.listen(door.accept)
        self._doors[call.call_id.upper()] = door
        return door

    def _greeting(self, stream: PeerStream, nonces: Callable[[], Nonces], *, connects: bool) -> Direct:
        return Direct(
            stream,
            nonces,
            connects=connects,
            identifier=self._number(),
            call_later=self._network.call_later,
            limit=self._limits.handshake,
        )

    def _described(self, place: Listening, secret: bytes, *, hashed: bool) -> BridgeAnswer:
        public = self._ways.standing.public
        return BridgeAnswer(
            listening=True,
            nonce=p2p.published(secret) if hashed else p2p.plain(secret),
            hashed=hashed,
            internal=((place.address, place.port),),
            external=((public, place.port),) if public and public != place.address else (),
        )

    def _forget(self, call: Slp) -> None:
        door = self._doors.pop(call.call_id.upper(), None)
        if door is not None:
            door.close("the session is over")

    async def _within(self, seconds: float, work: Awaitable[T]) -> T:
        waiting = Deferred.fromCoroutine(_coroutine(work))
        timer = self._network.call_later(seconds, waiting.cancel)
        try:
            return await waiting
        except CancelledError:
            raise NoWay(f"no direct connection within {seconds:g} s") from None
        finally:
            if timer.active():
                timer.cancel()


class _Door:
    """One listener, for one connection: who is first to say the right nonce is let in, everybody else is closed."""

    place: Listening

    def __init__(self, greet: Callable[[PeerStream], Direct]) -> None:
        self._greet = greet
        self._candidates: list[Direct] = []
        self._over = False
        self._why = ""
        self.opened: Deferred[Direct] = Deferred()

    def accept(self, stream: PeerStream) -> None:
        """Somebody connects."""
        if self._over or len(self._candidates) >= CANDIDATES:
            stream.abandon(Unexpected("a connection too many"))
            return
        direct = self._greet(stream)
        self._candidates.append(direct)
        direct.ready.addCallbacks(lambda _: self._let_in(direct), lambda failure: self._turn_away(direct, failure))

    async def wait(self) -> Direct:
        """The connection. Raises StreamEnded once the door is closed."""
        if self._why:
            raise StreamEnded(self._why)
        return await self.opened

    def close(self, why: str) -> None:
        """Nobody else is let in."""
        if self._over:
            return
        self._why = why
        self._shut()
        self.opened.addErrback(lambda failure: None)  # may be waited for by nobody
        self.opened.errback(StreamEnded(why))

    def _let_in(self, direct: Direct) -> None:
        self._candidates.remove(direct)
        if self._over:
            direct.close()
            return
        self._shut()
        self.opened.callback(direct)

    def _shut(self) -> None:
        self._over = True
        self.place.close()
        for one in tuple(self._candidates):
            one.close()

    def _turn_away(self, direct: Direct, failure: object) -> None:
        if direct in self._candidates and not self._over:
            self._candidates.remove(direct)


def _agreed(secret: bytes, told: BridgeAnswer) -> Nonces:
    """What the one who connects sends and expects, after the listener's answer. Raises WireError."""
    return Nonces(secret, told.nonce, True) if told.hashed else _plain(p2p.read_plain(told.nonce))


def _plain(secret: bytes) -> Nonces:
    return Nonces(secret, p2p.plain(secret), False)


def _weight(standing: Standing) -> int:
    return BridgeRequest(conn_type=standing.conn_type, upnp=standing.upnp, icf=standing.icf).weight


async def _or_close(direct: Direct) -> None:
    try:
        await direct.ready
    except CancelledError:
        direct.close()
        raise


async def _coroutine(work: Awaitable[T]) -> T:
    return await work
