"""Files and pictures between peers in a switchboard session: offered, taken, asked for and served.

Not chunks (`peers`) and not the negotiation's text (`calls`). Source: media.md 1.2 to 1.5, msnp.md 2.11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client.board import Board
from emulator.client.calls import Calls
from emulator.client.network import ClientError, Network, StreamEnded, Unexpected
from emulator.client.peers import Hashed, Kept, Peers, Sink, expected
from emulator.wire import msnobject, p2p, slp
from emulator.wire.errors import WireError
from emulator.wire.msnobject import MsnObject
from emulator.wire.p2p import Header
from emulator.wire.slp import FileContext, Slp

SESSIONS = 64  # sessions that may be open at once; the oldest is forgotten first


class Sent(msgspec.Struct, frozen=True):
    """A file that the peer has acknowledged; `sha1` in hexadecimal."""

    name: str
    size: int
    sha1: str


class Received(msgspec.Struct, frozen=True):
    """A file that has arrived; `data` is b"" unless it was to be kept."""

    name: str
    size: int
    sha1: str
    data: bytes = b""


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


Stop = Callable[[ClientError], None]


class _Session(msgspec.Struct, frozen=True):
    """An open session: its call, who takes its data, and what breaks it off."""

    call_id: str
    sink: Sink | None
    stop: Stop


class Transfers:
    """Transfers of one account on one board; they go on while people chat.

    `on_file` is called with each file that is offered (declined when nobody sets it). `on_blob` gets complete messages
    in sessions that were never agreed on (moves of games). `objects` are what peers may ask for.
    """

    def __init__(self, board: Board, network: Network) -> None:
        self._me = board.me
        self._peers = Peers(board, network, self._sink)
        self._calls = Calls(self._peers, board.me, network.entropy)
        self._calls.invited, self._calls.ended = self._invited, self._bye
        self._sessions: dict[int, _Session] = {}
        self._objects: dict[str, bytes] = {}
        self.on_file: Callable[[Incoming], None] = Incoming.decline
        self.on_blob: Callable[[str, int, bytes], None] = lambda sender, session, data: None
        self.on_invited: Callable[[Slp], None] = self._calls.decline  # to anything that is neither file nor object
        self.sessions_ended = 0  # by BYE
        board.at_end(self._end)

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
        await self._deliver(invitation, to, data)
        self._calls.bye(invitation)
        return Sent(name, len(data), hashlib.sha1(data).hexdigest())

    async def _deliver(self, invitation: Slp, to: str, data: bytes) -> None:
        """A file's bytes, until the peer has acknowledged them or closed the session."""
        reasons: list[ClientError] = []
        sending = Deferred.fromCoroutine(
            self._peers.send(to, data, session=invitation.session, flags=p2p.FILE_DATA, app=p2p.FILE)
        )

        def stop(error: ClientError) -> None:
            reasons.append(error)
            sending.cancel()

        self._sessions[invitation.session] = _Session(invitation.call_id, None, stop)
        try:
            await sending
        except CancelledError:
            raise reasons[0] if reasons else CancelledError() from None
        finally:
            self._sessions.pop(invitation.session, None)

    def _receive(self, invitation: Slp, name: str, size: int, *, keep: bool) -> Deferred[Received]:
        done: Deferred[Received] = Deferred()

        def complete(file: Hashed) -> None:
            self._sessions.pop(invitation.session, None)
            if done.called:
                return
            if file.size != size:
                done.errback(Unexpected(f"{file.size} bytes arrived, {size} were offered"))
            else:
                done.callback(Received(name, file.size, file.sha1, file.data))

        self._open(invitation.session, _Session(invitation.call_id, Hashed(keep=keep, then=complete), _failing(done)))
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
        self._open(session, _Session("", sink, _failing(done)))  # the data may come right behind the acceptance
        try:
            invitation = await self._calls.invite(to, body)
            if session in self._sessions:
                self._sessions[session] = _Session(invitation.call_id, sink, _failing(done))
            data = await done
        finally:
            self._sessions.pop(session, None)
            done.addErrback(lambda failure: None)
        self._calls.bye(invitation)
        if not wanted.matches(data):
            raise Unexpected(f"{len(data)} bytes arrived that are not the described object")
        return data

    async def _give(self, invitation: Slp, data: bytes) -> None:
        """Data preparation, then the object, in the session and for the application that were asked for."""
        to, session = invitation.caller, invitation.session
        app = int(invitation.field("AppID")) if invitation.field("AppID") in _OBJECT_APPS else p2p.OBJECT
        await self._peers.send(to, p2p.PREPARATION, session=session, app=app)
        await self._peers.send(to, data, session=session, flags=p2p.OBJECT_DATA, app=app)

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
            return session.sink
        return Kept(lambda last, blob: self.on_blob(sender, header.session, blob))

    def _bye(self, bye: Slp) -> None:
        self.sessions_ended += 1
        closed = [number for number, one in self._sessions.items() if one.call_id == bye.call_id]
        for number in closed:
            self._sessions.pop(number).stop(StreamEnded("the peer closed the session"))

    def _open(self, number: int, session: _Session) -> None:
        self._sessions[number] = session
        while len(self._sessions) > SESSIONS:
            self._sessions.pop(next(iter(self._sessions))).stop(StreamEnded("too many sessions"))

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
            session.stop(error)


_OBJECT_APPS = {str(app) for app in (p2p.OBJECT, p2p.EMOTICON, p2p.PICTURE)}


def _failing(waiting: Deferred[Any]) -> Stop:
    """Breaks a wait off, unless it is over."""

    def stop(error: ClientError) -> None:
        if not waiting.called:
            waiting.errback(error)

    return stop
