"""Files and pictures between peers who met at a switchboard: offered, taken, asked for and served.

Not chunks (`peers`), nor the negotiation (`calls`, `direct_bridge`). Source: media.md 1.2 to 1.6, msnp.md 2.11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client.board import Board
from emulator.client.direct_bridge import Limits
from emulator.client.direct_passage import Passage
from emulator.client.direct_session import Session, failing, nothing, passage_of
from emulator.client.direct_ways import Ways
from emulator.client.network import ClientError, Network, Unexpected
from emulator.client.peers import Hashed, Kept, expected
from emulator.client.sessions import Sessions
from emulator.wire import msnobject, p2p, slp
from emulator.wire.errors import WireError
from emulator.wire.msnobject import MsnObject
from emulator.wire.slp import FileContext, Slp

LARGE = 32 * 1024  # bytes from which a picture is worth a direct connection


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


class Transfers(Sessions):
    """Transfers of one account on one board; they go on while people chat.

    `on_file` is called with each file that is offered (declined when nobody sets it). With `ways`, files and large
    objects go over direct connections where one comes up within the limits, else over the switchboard.
    """

    def __init__(self, board: Board, network: Network, ways: Ways | None = None, limits: Limits = Limits()) -> None:
        super().__init__(board, network, ways, limits)
        self._objects: dict[str, bytes] = {}
        self.on_file: Callable[[Incoming], None] = Incoming.decline

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
        handler = self._KINDS.get(invitation.field("EUF-GUID").upper())
        try:
            if handler is None:
                self.on_invited(invitation)
            else:
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

    _KINDS: dict[str, Callable[[Transfers, Slp], None]] = {slp.FILE_TRANSFER: _file, slp.MSN_OBJECT: _object}


_OBJECT_APPS = {str(app) for app in (p2p.OBJECT, p2p.EMOTICON, p2p.PICTURE)}
