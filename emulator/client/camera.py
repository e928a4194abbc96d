"""A webcam between two peers: agreed on by blobs in a session, shown over a direct connection or through a reflector.

Frames carry filler: nothing here encodes pictures. Not the frames' form (`wire.webcam`) and no sockets.
Source: dossier media.md 4.5, 4.6.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any, Generic, TypeVar, cast

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client.channel import Channel
from emulator.client.direct_bridge import NoWay
from emulator.client.direct_ways import Listening, PeerStream, Ways
from emulator.client.network import CallLater, ClientError, Network, Stream, StreamEnded, Unexpected, Web
from emulator.client.sessions import Sessions
from emulator.wire import http, p2p, reflector_http, slp, webcam, webcam_words
from emulator.wire.errors import WireError
from emulator.wire.slp import Slp
from emulator.wire.talk import Conversation, Peek, Talk
from emulator.wire.webcam import Frame
from emulator.wire.webcam_words import Party, Role, Tunnel

T = TypeVar("T")
FRAMES = 256  # that a viewer takes
FAREWELL = 1.0  # seconds in which connections that nobody needs end by themselves


class Shown(msgspec.Struct, frozen=True):
    """What was shown, at either end: frames, bytes of their payloads, SHA-1 over all frames as they travel."""

    frames: int
    size: int
    sha1: str
    way: str

    @property
    def words(self) -> str:
        """For a chat, or a record."""
        return f"{self.frames} frames, {self.size} bytes, SHA-1 {self.sha1}, {self.way}"


class Camera:
    """One end of a session. `role`: it produces, or it views; `ways` None: nothing direct is tried."""

    def __init__(self, channel: Channel, network: Network, role: Role, ways: Ways | None) -> None:
        self.channel = channel
        self._network = network
        self._ways = ways
        self._role = role
        self._listening: Listening | None = None
        self._came: list[PeerStream] = []  # connections of a peer that was faster than our description
        self._accept: Callable[[PeerStream], None] = self._came.append
        self.mine: Party
        self.theirs: Party

    async def agree(self) -> None:
        """syn and ack both ways, then who is where. Raises ClientError, WireError."""
        await self._listen()
        await self._say(webcam_words.SYN)
        heard = {webcam_words.SYN: False, webcam_words.ACK: False}
        while not all(heard.values()):
            text = await self._hear()
            if text not in heard:
                raise Unexpected(f"the peer's camera says {text[:40]!r}")
            heard[text] = True
            if text == webcam_words.SYN:
                await self._say(webcam_words.ACK)
        if self._role == "producer":
            await self._say(webcam_words.describe(self.mine))
            self.theirs = self._other(webcam_words.read(await self._hear()))
            await self._say(webcam_words.RECEIVED)
            return
        self.theirs = self._other(webcam_words.read(await self._hear()))
        self.mine = msgspec.structs.replace(self.mine, session=self.theirs.session)
        await self._say(webcam_words.describe(self.mine))
        if (text := await self._hear()) != webcam_words.RECEIVED:
            raise Unexpected(f"the producer confirmed with {text[:40]!r}")

    async def direct(self, seconds: float, frames: list[Frame] | None = None) -> Shown:
        """Both listen and both dial; the first connection wins. The viewer's value is what it saw.

        Raises NoWay when none came up in so many seconds.
        """
        meeting = _Meeting(self, frames, seconds, self._network.call_later)
        self._accept = meeting.came
        for stream in self._came:
            meeting.came(stream)
        dials: list[Deferred[None]] = []
        for address in self.theirs.addresses if self._ways is not None and self.theirs.port else ():
            assert self._ways is not None
            dial = self._ways.dial(self.channel.peer, address, self.theirs.port, seconds)
            dials.append(Deferred.fromCoroutine(dial).addCallback(meeting.reached).addErrback(_unreached))
        try:
            return await meeting.done
        finally:
            for one in dials:
                one.cancel()
            if self._listening is not None:
                self._listening.close()
                self._listening = None

    async def tell(self, tunnel: Tunnel) -> None:
        """Producer: nothing direct came up; meet at a reflector."""
        await self._say(webcam_words.reflected(tunnel))

    async def told(self) -> Tunnel:
        """Viewer: where to meet. Raises ClientError, WireError."""
        return webcam_words.read_reflected(await self._hear())

    def close(self) -> None:
        """The session is over: BYE, and nobody is let in any more; safe to call twice."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        self.channel.close()

    async def _listen(self) -> None:
        port, addresses = 0, tuple[str, ...]()
        if self._ways is not None:
            try:
                self._listening = await self._ways.listen(lambda stream: self._accept(stream))
            except ClientError:
                pass  # nobody can come: the peer may be reached all the same
            else:
                public = self._ways.standing.public
                port = self._listening.port
                addresses = tuple(one for one in (self._listening.address, public) if one)
        rid, session = (int.from_bytes(self._network.entropy(4), "big") & 0x7FFFFFFF for _ in range(2))
        self.mine = Party(role=self._role, rid=rid, session=session, port=port, addresses=addresses)

    def _other(self, party: Party) -> Party:
        if party.role == self._role:
            raise Unexpected(f"both ends want to be the {self._role}")
        return party

    async def _say(self, text: str) -> None:
        await self.channel.send(webcam_words.blob(text, self._network.entropy(3)))

    async def _hear(self) -> str:
        return webcam_words.read_blob(await self.channel.message())

    @property
    def produces(self) -> bool:
        """This end shows."""
        return self._role == "producer"


class _Meeting:
    """All connections that two ends try at once; `done` has what the first one showed.

    The others are closed when their handshake is done, so that either end has said and heard all of it.
    """

    def __init__(self, camera: Camera, frames: list[Frame] | None, seconds: float, call_later: CallLater) -> None:
        self._camera = camera
        self._frames = frames or []
        self._open: dict[int, TalkOn[Shown | None]] = {}
        self._count = 0
        self._won = 0  # number of the connection that is used, 0 while none is
        self._call_later = call_later
        self._timer = call_later(seconds, self._late)
        self.done: Deferred[Shown] = Deferred(lambda gone: self._finish())

    def came(self, stream: PeerStream) -> None:
        """The peer connected to us."""
        self._begin(stream, webcam.listen(self._camera.mine.tag), "this end listened")

    def reached(self, stream: PeerStream) -> None:
        """We connected to the peer."""
        self._begin(stream, webcam.dial(self._camera.theirs.tag), "the other end listened")

    def _begin(self, stream: PeerStream, handshake: Talk[Any], way: str) -> None:
        self._count += 1
        talk = self._produced if self._camera.produces else self._viewed
        one = TalkOn(stream, talk(self._count, handshake, f"directly, {way}"))
        self._open[self._count] = one
        one.done.addCallbacks(self._over, lambda failure: failure.trap(ClientError, WireError) and None)

    def _produced(self, number: int, handshake: Talk[Any], way: str) -> Talk[Shown | None]:
        yield from handshake
        if not self._used(number):
            return None
        yield from webcam.produce(self._frames)
        return shown(self._frames, way)

    def _viewed(self, number: int, handshake: Talk[Any], way: str) -> Talk[Shown | None]:
        yield from handshake
        frames: list[Frame] = []
        while (yield Peek()) and self._used(number):
            frames.append((yield from webcam.read_frame()))
            if frames[-1].paused or len(frames) == FRAMES:
                break
        return shown(frames, way) if frames else None

    def _used(self, number: int) -> bool:
        """This connection is the one that is used: the first, and from then on the only one."""
        if not self.done.called:
            self._won = self._won or number
        return self._won == number

    def _over(self, seen: Shown | None) -> None:
        if seen is not None and not self.done.called:
            self._finish()
            self.done.callback(seen)

    def _late(self) -> None:
        self._finish()
        if not self.done.called:
            self.done.errback(NoWay("no connection came up between the two ends"))

    def _finish(self) -> None:
        if self._timer.active():
            self._timer.cancel()
        if not all(one.over for one in self._open.values()):
            self._call_later(FAREWELL, self._close)

    def _close(self) -> None:
        for one in self._open.values():
            one.stop()


class TalkOn(Generic[T]):
    """A talk on a stream. `done` has its result, or fails with WireError or StreamEnded; then the stream is closed."""

    def __init__(self, stream: Stream | PeerStream, talk: Talk[T]) -> None:
        self._stream = stream
        self.over = False
        self.done: Deferred[T] = Deferred(lambda gone: self.stop())
        self._talk: Conversation[T] = Conversation(talk, output=self._out)
        self._turn(self._talk.start())
        if not self.over:
            stream.attach(self._data, self._ended)

    def stop(self) -> None:
        """Close it; nobody waits any more."""
        if not self.over:
            self.over = True
            self._stream.close()

    def _out(self, data: bytes) -> None:
        if data and not self.over:
            self._stream.send(data)

    def _data(self, data: bytes) -> None:
        if not self.over:
            self._turn(self._talk.feed(data))

    def _turn(self, out: bytes) -> None:
        self._out(out)
        if self._talk.finished and not self.over:
            self.stop()
            if self._talk.error is not None:
                self.done.errback(self._talk.error)
            else:
                self.done.callback(cast(T, self._talk.result))

    def _ended(self, error: Exception) -> None:
        if self.over:
            return
        self._turn(self._talk.end())
        if not self.over:
            self.stop()
            self.done.errback(StreamEnded(str(error)))


def _unreached(failure: Any) -> None:
    failure.trap(ClientError, CancelledError)


def shown(frames: list[Frame], way: str) -> Shown:
    """What these frames are, for a comparison."""
    whole = b"".join(webcam.pack(one) for one in frames)
    return Shown(len(frames), sum(len(one.payload) for one in frames), sha1(whole).hexdigest(), way)


async def invite(sessions: Sessions, network: Network, to: str, role: Role, ways: Ways | None) -> Camera:
    """Invite somebody to see one's webcam, or to show its own. Raises Unexpected (`code` 603: declined)."""
    guid = slp.SHOW_WEBCAM if role == "producer" else slp.VIEW_WEBCAM
    channel = await sessions.open_channel(to, guid, webcam_words.CONTEXT, app=p2p.ACTIVITY)
    return Camera(channel, network, role, ways)


def accept(sessions: Sessions, network: Network, invitation: Slp, ways: Ways | None) -> Camera:
    """Accept an invitation to a webcam. Raises WireError: it is to something else."""
    roles: dict[str, Role] = {slp.SHOW_WEBCAM: "viewer", slp.VIEW_WEBCAM: "producer"}
    role = roles.get(invitation.field("EUF-GUID").upper())
    if role is None or invitation.field("Context") != webcam_words.CONTEXT:
        raise WireError("an invitation to something else than a webcam")
    return Camera(sessions.admit(invitation, app=p2p.ACTIVITY), network, role, ways)


async def tunnel(web: Web) -> Tunnel:
    """A session at the reflector, by its two HTTP calls. Raises Unexpected, ClientError."""
    session = reflector_http.read_session(await _got(web, reflector_http.CREATE_SESSION))
    query = f"?sid={session.sid}&a={reflector_http.proof(session)}"
    tid, url = reflector_http.read_tunnel(await _got(web, reflector_http.CREATE_TUNNEL + query))
    return Tunnel(url, tid)


async def _got(web: Web, target: str) -> bytes:
    response = await web.ask(http.Request("GET", target, (("Host", reflector_http.HOST),)))
    if response.status != 200:
        raise Unexpected(f"{target.partition('?')[0]} was answered {response.status}", status=response.status)
    return response.body
