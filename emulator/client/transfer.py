"""Files and pictures between peers who met at a switchboard: offered, taken, asked for and served.

Not chunks (`peers`), nor the negotiation (`calls`, `direct_bridge`). Source: media.md 1.2 to 1.6, msnp.md 2.11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client.board import Board
from emulator.client.calls import Calls
from emulator.client.direct import Direct
from emulator.client.direct_bridge import DirectBridge, Limits, NoWay
from emulator.client.direct_passage import Passage
from emulator.client.direct_session import Session, failing, nothing, passage_of
from emulator.client.direct_ways import Ways
from emulator.client.network import ClientError, Network, StreamEnded, Unexpected
from emulator.client.peers import Hashed, Kept, Peers, Sink, expected
from emulator.wire import msnobject, p2p, slp
from emulator.wire.errors import WireError
from emulator.wire.msnobject import MsnObject
from emulator.wire.p2p import Header
from emulator.wire.slp import FileContext, Slp

SESSIONS = 64  # sessions that may be open at once; the oldest is forgotten first
LARGE = 32 * 1024  # bytes from which a picture is worth a direct connection
FAREWELL = 5.0  # seconds after BYE in which the peer may close the connection itself


class Sent(msgspec.Struct, frozen=True):
    """A file that the peer has acknowledged; `sha1` in hexadecimal."""

    name: str
    size: int
    sha1: str
    passage: Passage = Passage()


class Received(msgspec.Struct, frozen=True):
    """A file that has arrived; `data` is b"" unless it was to be kept."""

    name: str
    size: int
    sha1: str
    data: bytes = b""
    passage: Passage = Passage()


class Incoming:
    """A file that is offered. Accept or decline it, once."""

    def __init__(self, transfers: Transfers, invitation: Slp, context: FileContext) -> None:
        self._transfers = transfers
        self._invitation = invitation
        self.sender = invitation.caller
        self.name = context.name
        self.size = context.size
        self.preview = context.preview

    def accept(self, *, keep: bool = True) -> Deferred[Received]:
        """Take it; the Deferred has it when all bytes are there. Fails with ClientError when it is broken off."""
        return self._transfers._receive(self._invitation, self.name, self.size, keep=keep)

    def decline(self) -> None:
        """603."""
        self._transfers._calls.decline(self._invitation)


class Transfers:
    """Transfers of one account on one board; they go on while people chat.

    `on_file` is called with each file that is offered (declined when nobody sets it). `on_blob` gets complete messages
    in sessions that were never agreed on (moves of games). `objects` are what peers may ask for. With `ways`, files and
    large objects go over direct connections where one comes up within the limits, else over the switchboard.
    """

    def __init__(self, board: Board, network: Network, ways: Ways | None = None, limits: Limits = Limits()) -> None:
        self._me = board.me
        self._network = network
        self._bridge: DirectBridge | None = None
        self._peers = Peers(board, network, self._sink)
        self._calls = Calls(self._peers, board.me, network.entropy)
        self._calls.invited, self._calls.ended = self._invited, self._bye
        self._sessions: dict[int, Session] = {}
        self._objects: dict[str, bytes] = {}
        self.on_file: Callable[[Incoming], None] = Incoming.decline
        self.on_blob: Callable[[str, int, bytes], None] = lambda sender, session, data: None
        self.on_invited: Callable[[Slp], None] = self._calls.decline  # to anything that is neither file nor object
        self.sessions_ended = 0  # by BYE
        if ways is not None:
            self.connect_directly(ways, limits)
        board.at_end(self._end)

    def connect_directly(self, ways: Ways, limits: Limits = Limits()) -> None:
        """From now on use direct connections."""
        self._bridge = self._calls.bridge = DirectBridge(
            self._calls,
            self._network,
            ways,
            limits,
            number=self._peers.number,
            known=lambda request: self._of(request.call_id, request.caller) is not None,
            opened=self._opened,
        )

    @property
    def calls(self) -> Calls:
        """The negotiation, for other kinds of sessions and for bridges."""
        return self._calls

    # files

    async def send_file(self, to: str, name: str, data: bytes, *, preview: bytes = b"") -> Sent:
        """Offer a file, send it when it is accepted, close the session.

        Raises Unexpected (`code` 603: declined), ClientError when the session ends before.
        """
        session = self._new_session()
        body = (
            ("EUF-GUID", slp.FILE_TRANSFER),
            ("SessionID", str(session)),
            ("AppID", str(p2p.FILE)),
            ("Context", slp.file_context(name, len(data), preview)),
        )
        invitation = await self._calls.invite(to, body)
        passage = await self._deliver(invitation, to, data)
        return Sent(name, len(data), hashlib.sha1(data).hexdigest(), passage)

    async def _deliver(self, invitation: Slp, to: str, data: bytes) -> Passage:
        """A file's bytes, until the peer has acknowledged them or closed the session; then BYE."""
        reasons: list[ClientError] = []
        session = Session(invitation, None, lambda error: None)
        self._sessions[invitation.session] = session
        sending = Deferred.fromCoroutine(self._pass(session, to, data, p2p.FILE_DATA, p2p.FILE))

        def stop(error: ClientError) -> None:
            reasons.append(error)
            sending.cancel()

        session.stop = stop
        try:
            passage = await sending
        except CancelledError:
            self._part(session)
            raise reasons[0] if reasons else CancelledError() from None
        except ClientError:
            self._part(session)
            raise
        finally:
            self._sessions.pop(invitation.session, None)
        self._close(session)
        return passage

    async def _pass(self, session: Session, to: str, data: bytes, flags: int, app: int) -> Passage:
        """Data of a session by the best way there is: a connection of its own, else the switchboard."""
        assert session.call is not None
        why, direct = "", None
        if self._bridge is not None:
            try:
                direct = await self._bridge.connect(session.call)
                self._opened(session.call, direct)
            except NoWay as none:
                why = str(none)
        started = self._network.now()
        try:
            await self._peers.send(to, data, session=session.call.session, flags=flags, app=app, carrier=direct)
        except StreamEnded as problem:
            if direct is None:
                raise
            raise StreamEnded(f"the direct connection ended early: {problem}") from problem
        return passage_of(direct, self._network.now() - started, why)

    def _close(self, session: Session) -> None:
        """BYE, on the session's connection if it has one, which is closed then."""
        if session.call is not None:
            direct = session.direct
            said = self._calls.bye(session.call, direct)
            if direct is not None:
                direct.close_later(FAREWELL)
                said.addCallback(lambda _: direct.close())

    def _part(self, session: Session) -> None:
        """Without a word: the session's connection and listener are closed."""
        if session.direct is not None:
            session.direct.close()
        if session.call is not None and self._bridge is not None:
            self._bridge.closed(session.call)

    def _opened(self, call: Slp, direct: Direct) -> None:
        """A connection came up for a call."""
        session = self._of(call.call_id, "")
        if session is None or direct.over is not None:
            direct.close()
            return
        if session.direct is not None:
            session.direct.close()
        session.direct = direct
        peer = self._calls.peer(session.call or call).partition(";")[0]
        direct.deliver = lambda header, piece, by: self._peers.take(
            peer, header, piece, p2p.FILE if header.is_data else p2p.NEGOTIATION, by
        )
        direct.on_ended = lambda error: self._lost(direct, error)

    def _lost(self, direct: Direct, error: ClientError) -> None:
        self._peers.lost(direct, error)
        for number, session in tuple(self._sessions.items()):
            if session.direct is direct:
                self._sessions.pop(number).stop(StreamEnded(f"the direct connection ended early: {error}"))

    def _of(self, call_id: str, peer: str) -> Session | None:
        """The open session of a call; with `peer` only if it is with that account."""
        for session in self._sessions.values():
            if session.has(call_id) and session.call is not None:
                other = self._calls.peer(session.call).partition(";")[0]
                return session if not peer or other.lower() == peer.lower() else None
        return None

    def _receive(self, invitation: Slp, name: str, size: int, *, keep: bool) -> Deferred[Received]:
        done: Deferred[Received] = Deferred()
        session = Session(invitation, None, failing(done))

        def complete(file: Hashed) -> None:
            session.sink, session.stop = None, nothing  # it stays known until BYE, which closes its connection
            if done.called:
                return
            direct = session.direct if session.direct is not None and session.direct.received >= file.size else None
            passage = passage_of(direct, self._network.now() - (session.started or self._network.now()), "")
            if file.size != size:
                done.errback(Unexpected(f"{file.size} bytes arrived, {size} were offered"))
            else:
                done.callback(Received(name, file.size, file.sha1, file.data, passage))

        session.sink = Hashed(keep=keep, then=complete)
        self._open(invitation.session, session)
        self._calls.accept(invitation)
        return done

    # objects

    def serve(self, *described: tuple[MsnObject, bytes]) -> None:
        """Let peers ask for these objects."""
        for one, data in described:
            self._objects[one.data_digest] = data

    async def fetch(self, to: str, wanted: MsnObject, *, app: int = p2p.PICTURE) -> bytes:
        """The bytes of an object that the peer described. Raises Unexpected: declined, or other bytes."""
        session = self._new_session()
        done: Deferred[bytes] = Deferred()
        body = (
            ("EUF-GUID", slp.MSN_OBJECT),
            ("SessionID", str(session)),
            ("AppID", str(app)),
            ("Context", slp.object_context(msnobject.encode(wanted))),
        )
        sink = Kept(lambda header, data: None if done.called else done.callback(data))
        opened = Session(None, sink, failing(done))
        self._open(session, opened)  # the data may come right behind the acceptance
        try:
            await self._calls.invite(to, body, opening=lambda sent: setattr(opened, "call", sent))
            data = await done
        except (ClientError, CancelledError):
            self._part(opened)
            raise
        finally:
            self._sessions.pop(session, None)
            done.addErrback(lambda failure: None)
        self._close(opened)
        if not wanted.matches(data):
            raise Unexpected(f"{len(data)} bytes arrived that are not the described object")
        return data

    async def _give(self, invitation: Slp, data: bytes) -> None:
        """Data preparation, then the object, in the session and for the application that were asked for."""
        to, number = invitation.caller, invitation.session
        app = int(invitation.field("AppID")) if invitation.field("AppID") in _OBJECT_APPS else p2p.OBJECT
        if len(data) < LARGE or self._bridge is None:
            await self._peers.send(to, p2p.PREPARATION, session=number, app=app)
            await self._peers.send(to, data, session=number, flags=p2p.OBJECT_DATA, app=app)
            return
        session = Session(invitation, None, nothing)
        self._open(number, session)  # until the peer's BYE
        await self._peers.send(to, p2p.PREPARATION, session=number, app=app)
        await self._pass(session, to, data, p2p.OBJECT_DATA, app)

    # what peers say

    def _invited(self, invitation: Slp) -> None:
        handler = self._KINDS.get(invitation.field("EUF-GUID").upper(), Transfers._other)
        try:
            handler(self, invitation)
        except WireError:
            self._calls.decline(invitation)

    def _file(self, invitation: Slp) -> None:
        self.on_file(Incoming(self, invitation, slp.read_file_context(invitation.field("Context"))))

    def _object(self, invitation: Slp) -> None:
        wanted = msnobject.read(slp.read_object_context(invitation.field("Context")))
        data = self._objects.get(wanted.data_digest)
        if data is None:
            self._calls.decline(invitation)
            return
        self._calls.accept(invitation)
        Deferred.fromCoroutine(self._give(invitation, data)).addErrback(expected)

    def _other(self, invitation: Slp) -> None:
        self.on_invited(invitation)

    _KINDS: dict[str, Callable[[Transfers, Slp], None]] = {slp.FILE_TRANSFER: _file, slp.MSN_OBJECT: _object}

    def _sink(self, sender: str, header: Header, app: int) -> Sink:
        """Who takes a message: the negotiation, a session's data, or whoever wants blobs."""
        if header.session == 0:
            return Kept(lambda last, text: self._calls.take(sender, text))
        session = self._sessions.get(header.session)
        data = header.is_data or app == p2p.FILE
        if session is not None and session.sink is not None and data:
            session.started = self._network.now()
            return session.sink
        return Kept(lambda last, blob: self.on_blob(sender, header.session, blob))

    def _bye(self, bye: Slp) -> None:
        self.sessions_ended += 1
        closed = [number for number, one in self._sessions.items() if one.has(bye.call_id)]
        for number in closed:
            session = self._sessions.pop(number)
            self._part(session)
            session.stop(StreamEnded("the peer closed the session"))

    def _open(self, number: int, session: Session) -> None:
        self._sessions[number] = session
        while len(self._sessions) > SESSIONS:
            oldest = self._sessions.pop(next(iter(self._sessions)))
            self._part(oldest)
            oldest.stop(StreamEnded("too many sessions"))

    def _new_session(self) -> int:
        number = self._peers.number()
        while number in self._sessions:
            number = number % 0x7FFFFFFF + 1
        return number

    def _end(self, error: ClientError) -> None:
        self._peers.end(error)
        self._calls.end(error)
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            self._part(session)
            session.stop(error)
        if self._bridge is not None:
            self._bridge.end()


_OBJECT_APPS = {str(app) for app in (p2p.OBJECT, p2p.EMOTICON, p2p.PICTURE)}
